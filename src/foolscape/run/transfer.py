"""Transfer: the perturbations of every network on every network, alone and summed, across tasks too.

A run per network makes the perturbations (run/execute.py); what is added here is measuring every network on the 8-bit
images of the others. Xie et al. (2017), section 5, measure transfer across networks, training sets and tasks, and sum
perturbations of different networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.controls import shuffled
from foolscape.errors import DataError, ModelError, SampleError, SettingError
from foolscape.metrics.distortion import distortion
from foolscape.pixels import to_image
from foolscape.report.transfer import MATRIX, write_transfer_report
from foolscape.run.bench import Entry, open_bench
from foolscape.run.config import RunConfig, make_config
from foolscape.run.evaluate import CLEAN
from foolscape.run.execute import Listener, execute, ready_device, recorded_attack
from foolscape.run.scoring import SCORING
from foolscape.run.store import FAILED, Record, RunStore, open_run, read_image, safe_name
from foolscape.run.tasks import task_of
from foolscape.seeds import generator_for

HEADLINE = {"segmentation": "mIoU", "detection": "AP50", "video": "J&F"}
"""The score of each task that stands in the matrix."""

_DETECTORS, _CLIPS = ("goal", "victim", "refresh"), ("window", "sampling", "supervision")
FOREIGN = {
    "segmentation": (*_DETECTORS, *_CLIPS),
    "detection": ("memory_format", *_CLIPS),
    "video": ("precision", "memory_format", "classes", "batch", *_DETECTORS),
}
"""Settings that are for other tasks: a network's own run does without them."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Disturbance:
    """A line of the matrix.

    Attributes:
        name: as it is printed, such as `scenes-unet + scenes-detector, PERM`.
        sources: slugs of the networks whose perturbations are added up; none for the clean images.
        permuted: whether the pixels of the sum are in random order.
    """

    name: str
    sources: tuple[str, ...]
    permuted: bool


@dataclass(frozen=True)
class Network:
    """A network of the matrix: the settings of its own run, what was opened for them, whether its data have labels."""

    config: RunConfig
    entry: Entry
    labelled: bool

    @property
    def slug(self) -> str:
        """Its short name."""
        return self.entry.subject.slug

    @property
    def task(self) -> str:
        """Its task."""
        return str(self.config.task)


def transfer(settings: Mapping[str, object], out: Path, command: Sequence[str], listener: Listener) -> Record:
    """Attack every network of `settings` and measure every network on all that came of it.

    Args:
        settings: as of `make_config`, with two models or more; `task` is left out, for each model tells its own.
            `goal`, `victim` and `refresh` are for the detectors among them.
        out: the directory; each network's own run goes to `runs/SLUG` in it.
        command, listener: as of `execute`.

    Returns:
        What transfer.json holds.

    Raises:
        FoolscapeError: as of `execute`; what is in `out` can be continued by the same call.
    """
    networks, ids = _open(make_config(dict(settings)))
    disturbances = _disturbances([network.slug for network in networks])
    with open_run(out, _record(networks, ids, command), [d.name for d in disturbances]) as store:
        for network in networks:
            execute(network.config, _place(out, network.slug), command, listener)
        for network in networks:
            spec = network.entry.subject.spec
            settled = store.settled(spec)
            with listener.progress(f"transfer to {spec}", len(ids), len(settled)) as tick:
                for name in ids:
                    if name not in settled:
                        store.append(_rows(name, network, disturbances, out))
                        tick(name)
        matrix = summarise(store, networks, disturbances)
        store.save_json(MATRIX, matrix)
        write_transfer_report(out)
    return matrix


def _open(config: RunConfig) -> tuple[list[Network], tuple[str, ...]]:
    """The networks, and the images: those that the data set has for the task of every one."""
    if len(config.models) < 2:
        raise SettingError(f"models: expected two or more to transfer between, got {config.models[0]} alone")
    if config.task is not None:
        raise SettingError(
            "task: each model tells its own here, if need be by ?task=detection in its spec; leave it out"
        )
    if config.compile:
        raise SettingError("compile: is for foolscape run alone; leave it out")
    if not config.attacks:
        raise SettingError(f"attack: expected one whose changes can be transferred, got {config.attack}")
    device = ready_device(config.device)
    configs = [_own(config, spec) for spec in config.models]
    _refuse_idle(config, {str(own.task) for own in configs})
    benches = [open_bench(own.model_copy(update={"limit": None}), device) for own in configs]
    everywhere = set[str].intersection(*(set(bench.ids) for bench in benches))
    shared = [name for name in benches[0].ids if name in everywhere][: config.limit]
    if not shared:
        raise SettingError(f"data: expected images that every model's task can use, got none in {config.data}")
    chosen = {"ids": tuple(shared), "limit": None}
    return [
        Network(own.model_copy(update=chosen), bench.entries[0], bench.data.classes is not None)
        for own, bench in zip(configs, benches, strict=True)
    ], tuple(shared)


def _own(config: RunConfig, spec: str) -> RunConfig:
    """The settings of one network's own run, without those that are for another task."""
    task = task_of(spec)
    fields = RunConfig.model_fields
    return config.model_copy(
        update={"models": (spec,), "task": task, **{name: fields[name].default for name in FOREIGN[task]}}
    )


def _refuse_idle(config: RunConfig, tasks: set[str]) -> None:
    """`SettingError` if a setting is for a task that none of the models has."""
    for task, names in FOREIGN.items():
        for name in names:
            if tasks == {task} and getattr(config, name) != RunConfig.model_fields[name].default:
                raise SettingError(f"{name}: expected a model that takes it, got models for {task} alone; leave it out")


def _place(out: Path, slug: str) -> Path:
    return out / "runs" / slug


def _disturbances(slugs: Sequence[str]) -> list[Disturbance]:
    """Clean images, each network's perturbation, each sum of two, and every one of them shuffled."""
    sums = [(slug,) for slug in slugs] + list(combinations(slugs, 2))
    plain = [Disturbance(" + ".join(group), group, False) for group in sums]
    control = [Disturbance(f"{' + '.join(group)}, PERM", group, True) for group in sums]
    return [Disturbance(CLEAN, (), False), *plain, *control]


def _record(networks: Sequence[Network], ids: Sequence[str], command: Sequence[str]) -> Record:
    return {
        "schema": 1,
        "kind": "transfer",
        "foolscape": version("foolscape"),
        "command": list(command),
        "configs": [network.config.model_dump(mode="json") for network in networks],
        "weights_sha256": [network.entry.sha256 for network in networks],
        "samples": list(ids),
    }


def _rows(name: str, network: Network, disturbances: Sequence[Disturbance], out: Path) -> list[Record]:
    """One network on one image under every disturbance."""
    subject = network.entry.subject
    common: Record = {"model": subject.spec, "slug": subject.slug, "id": name}
    try:
        case = subject.load(name)
        images = list(_disturbed(case.image, name, disturbances, out, network.config.seed))
    except (SampleError, ModelError) as error:
        return [{**common, "condition": FAILED, "reason": str(error)}]
    rows = []
    for disturbance, image in zip(disturbances, images, strict=True):
        try:
            prediction = subject.predict(case, image) if disturbance.sources else case.prediction
        except ModelError as error:
            return [{**common, "condition": FAILED, "reason": str(error)}]
        rows.append(
            {
                **common,
                "condition": disturbance.name,
                "distortion": distortion(case.image, image).to_json() if disturbance.sources else None,
                **subject.measured(case, prediction),
            }
        )
    return rows


def _disturbed(clean: Pixels, name: str, disturbances: Sequence[Disturbance], out: Path, seed: int) -> Iterator[Pixels]:
    """The 8-bit image of every disturbance; sums are clipped to the pixel range."""
    slugs = {slug for disturbance in disturbances for slug in disturbance.sources}
    changes = {slug: _change(out, slug, name, clean) for slug in slugs}
    for disturbance in disturbances:
        change = sum((changes[slug] for slug in disturbance.sources), np.zeros(clean.shape, np.int16))
        image = np.clip(clean + change, 0, 255).astype(np.uint8)
        if disturbance.permuted:
            # A network's own change is shuffled as in its own run, so that both say the same.
            used_for = ("transfer", *disturbance.sources) if len(disturbance.sources) > 1 else ("permuted",)
            generator = generator_for(seed, *used_for, name)
            image = to_image(shuffled(_planes(clean), _planes(image), generator))
        yield image


def _change(out: Path, slug: str, name: str, clean: Pixels) -> NDArray[np.int16]:
    """What the attack on the network `slug` changed in an image, in levels."""
    run, file = _place(out, slug), f"{safe_name(name)}.png"
    path = run / "images" / slug / file
    if not path.exists():
        raise SampleError(f"expected the image that {slug} was attacked on, got none: its own run gave it up")
    if not np.array_equal(read_image(run / "clean" / file), clean):
        raise SampleError(f"expected the same pixels for every network, got others for {slug}; give one --size")
    return read_image(path).astype(np.int16) - clean


def _planes(image: Pixels) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1).contiguous()


def summarise(store: RunStore, networks: Sequence[Network], disturbances: Sequence[Disturbance]) -> Record:
    """The matrix: a line per disturbance with its size, a column per network with its headline score.

    Only images on which every network could be measured count, so that all figures are of the same images.
    """
    failed = {row["id"] for row in store.rows if row["condition"] == FAILED}
    order = {name: i for i, name in enumerate(store.record["samples"])}
    rows = sorted((row for row in store.rows if row["id"] not in failed), key=lambda row: order[row["id"]])
    if not rows:
        reasons = "; ".join(sorted({row["reason"] for row in store.rows})[:2])
        raise DataError(f"expected an image that every network could be measured on, got none: {reasons}")
    columns = [
        {
            "model": network.entry.subject.spec,
            "slug": network.slug,
            "task": network.task,
            "score": HEADLINE[network.task],
        }
        for network in networks
    ]
    plans = {network.slug: recorded_attack(network.config, network.entry.plan) for network in networks}
    return {
        "schema": 1,
        "reference": "truth" if all(network.labelled for network in networks) else "clean prediction",
        "attacks": plans,
        "data": {"spec": networks[0].config.data, "samples": len(order) - len(failed)},
        "columns": columns,
        "lines": [_line(disturbance, rows, networks) for disturbance in disturbances],
        "failures": [
            {"id": row["id"], "model": row["model"], "reason": row["reason"]}
            for row in store.rows
            if row["condition"] == FAILED
        ],
    }


def _line(disturbance: Disturbance, rows: Sequence[Record], networks: Sequence[Network]) -> Record:
    found = [row for row in rows if row["condition"] == disturbance.name]
    scores: dict[str, float | None] = {}
    intervals: dict[str, list[float | None]] = {}
    for network in networks:
        own = [row for row in found if row["model"] == network.entry.subject.spec]
        scored = SCORING[network.task].score(own, network.entry.classes, network.config.seed, None)
        scores[network.slug] = scored[HEADLINE[network.task]]
        intervals[network.slug] = scored["ci95"][HEADLINE[network.task]]
    # Every network saw the same pixels: the sizes are those that the first one's rows give.
    sizes = [row["distortion"] for row in found if row["model"] == networks[0].entry.subject.spec]
    return {
        **asdict(disturbance),
        "scores": scores,
        "ci95": intervals,
        "distortion": {key: float(np.mean([size[key] for size in sizes])) for key in sizes[0]}
        if disturbance.sources
        else None,
    }
