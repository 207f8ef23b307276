"""A run from its settings to its report: load, check, attack, measure, sum up."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from foolscape.attacks.catalog import NONE, Plan, plan
from foolscape.data.load import open_data, select
from foolscape.data.sample import Sample, SegmentationData
from foolscape.errors import DataError, ModelError, SampleError, SettingError
from foolscape.models.adapter import match_classes
from foolscape.models.gradient import check_gradient, raise_unless_ok
from foolscape.models.load import Loaded, load_model
from foolscape.models.wrappers import with_channels_last
from foolscape.pixels import to_unit
from foolscape.report import write_report
from foolscape.run.colours import colours
from foolscape.run.config import RunConfig
from foolscape.run.evaluate import CLEAN, CONDITIONS, Setting, Subject, evaluate, load_at
from foolscape.run.store import Record, RunStore, open_run, safe_name
from foolscape.run.summary import summarise

MOST_CLASSES = 254
"""Class maps are kept in 8 bits; 255 is void."""

ACCELERATOR_BATCH = 8


@dataclass(frozen=True)
class Listener:
    """Whom a run tells of its progress.

    Attributes:
        say: takes a remark, one line.
        progress: (title, total, done) -> a context that gives the function to call for every sample settled.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], AbstractContextManager[Callable[[str], None]]]


@dataclass(frozen=True)
class _Scene:
    """Everything loaded and settled before the first image is attacked."""

    config: RunConfig
    data: SegmentationData
    ids: tuple[str, ...]
    first: Sample
    subjects: tuple[tuple[Subject, Plan | None], ...]
    device: torch.device
    batch: int
    record: Record


def execute(config: RunConfig, out: Path, command: Sequence[str], listener: Listener) -> Record:
    """Do or finish the run that `config` describes in the directory `out`, and write its report.

    Returns:
        The summary; its `failures` are the samples that could not be used.

    Raises:
        FoolscapeError: nothing was measured that should not have been; what is in `out` can be continued.
    """
    scene = _set_up(config, command, listener)
    expected = CONDITIONS if config.attacks else (CLEAN,)
    with open_run(out, scene.record, expected) as store:
        if config.attacks and "gradient" not in store.record:
            _check_gradients(scene, store, listener)
        for subject, attack in scene.subjects:
            setting = Setting(attack, config.size, scene.batch, config.seed, scene.device)
            done = len((store.settled(subject.spec) | store.settled(None)) & set(scene.ids))
            with listener.progress(f"{config.attack} on {subject.spec}", len(scene.ids), done) as tick:
                evaluate(subject, scene.data, scene.ids, setting, store, tick)
        summary = summarise(store.record, store.rows)
        store.save_json("summary.json", summary)
        write_report(out)
    return summary


def _set_up(config: RunConfig, command: Sequence[str], listener: Listener) -> _Scene:
    device = choose_device(config.device)
    data = open_data(config.data, split=config.split)
    first = first_usable(data, select(data, config.ids, config.limit), config.size)
    loaded = [_load(spec, config, first, data, device) for spec in config.models]
    # COCO's labels depend on which classes the model knows.
    data = open_data(config.data, split=config.split, classes=loaded[0].segmenter.classes)
    ids = select(data, config.ids, config.limit)
    first = first_usable(data, ids, config.size)
    subjects = tuple((subject := _subject(model, data), _plan(config, subject)) for model in loaded)
    for note in (*data.notes, *(f"{m.spec}: {n}" for m in loaded for n in m.segmenter.notes)):
        listener.say(note)
    batch = config.batch or (1 if device.type == "cpu" else ACCELERATOR_BATCH)
    record = _record(config, data, ids, loaded, subjects, device, batch, command)
    return _Scene(config, data, ids, first, subjects, device, batch, record)


def choose_device(name: str) -> torch.device:
    """The device called `name`; `auto` is an accelerator where there is one."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(f"device: expected one that PyTorch can use here, got {name!r}: {reason}") from error
    return device


def first_usable(data: SegmentationData, ids: Sequence[str], size: tuple[int, int] | None) -> Sample:
    """The first sample that can be read, at the working size."""
    reason = "no images"
    for name in ids:
        try:
            return load_at(data, name, size)
        except SampleError as error:
            reason = str(error)
    raise DataError(f"expected at least one usable image in {data.spec}, got none of {len(ids)}; the last: {reason}")


def _load(spec: str, config: RunConfig, first: Sample, data: SegmentationData, device: torch.device) -> Loaded:
    loaded = load_model(
        spec,
        image_size=(first.image.shape[0], first.image.shape[1]),
        device=device,
        classes_file=config.classes,
        data_classes=data.classes,
    )
    if len(loaded.segmenter.classes) > MOST_CLASSES:
        raise ModelError(f"expected at most {MOST_CLASSES} classes, got {len(loaded.segmenter.classes)} from {spec}")
    if config.memory_format == "contiguous":
        return loaded
    return Loaded(loaded.spec, loaded.slug, with_channels_last(loaded.segmenter), loaded.sha256)


def _subject(model: Loaded, data: SegmentationData) -> Subject:
    classes = model.segmenter.classes
    channels = None if data.classes is None else match_classes(classes, data.classes)
    return Subject(model.spec, model.slug, model.segmenter, colours(classes), channels)


def _plan(config: RunConfig, subject: Subject) -> Plan | None:
    if not config.attacks:
        if any(value is not None for value in asdict(config.options).values()):
            raise SettingError(f"expected no settings of an attack beside --attack {NONE}, got {config.options}")
        return None
    return plan(config.attack, config.options, subject.segmenter.classes)


def _record(
    config: RunConfig,
    data: SegmentationData,
    ids: Sequence[str],
    loaded: Sequence[Loaded],
    subjects: Sequence[tuple[Subject, Plan | None]],
    device: torch.device,
    batch: int,
    command: Sequence[str],
) -> Record:
    """What run.json holds: everything that is needed to repeat the run."""
    digest = hashlib.sha256("\n".join(f"{i} {data.fingerprint(i)}" for i in ids).encode()).hexdigest()
    settled = subjects[0][1]
    return {
        "schema": 1,
        "foolscape": version("foolscape"),
        "command": list(command),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.model_dump(mode="json"),
        "device": device.type,
        "batch": batch,
        "task": config.task,
        "reference": "truth" if data.classes is not None else "clean prediction",
        "seed": config.seed,
        "models": [
            {
                "model": model.spec,
                "slug": model.slug,
                "classes": list(model.segmenter.classes),
                "colours": [list(colour) for colour in colours(model.segmenter.classes)],
                "weights_sha256": model.sha256,
                "notes": list(model.segmenter.notes),
            }
            for model in loaded
        ],
        "data": {
            "spec": data.spec,
            "split": data.split,
            "classes": None if data.classes is None else list(data.classes),
            "samples": len(ids),
            "sha256": digest,
            "notes": list(data.notes),
        },
        "samples": [{"id": name, "name": safe_name(name)} for name in ids],
        "attack": {"name": NONE} if settled is None else settled.settings,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("torch", "torchvision", "numpy", "pillow")},
        },
    }


def _check_gradients(scene: _Scene, store: RunStore, listener: Listener) -> None:
    """Refuse models whose input gradient is wrong: they would look robust. The verdicts go into run.json."""
    images = to_unit(scene.first.image).to(scene.device).expand(scene.batch, -1, -1, -1).contiguous()
    verdicts: Record = {}
    for subject, _ in scene.subjects:
        verdict = check_gradient(subject.segmenter, images, seed=scene.config.seed)
        raise_unless_ok(verdict)
        listener.say(f"{subject.spec}: {verdict.message}")
        verdicts[subject.spec] = asdict(verdict)
    store.record["gradient"] = verdicts
    store.save_json("run.json", store.record)
