"""A run from its settings to its report: load, check, attack, measure, sum up."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

from foolscape.attacks.catalog import NONE
from foolscape.attacks.plan import Plan
from foolscape.errors import GradientError, SettingError
from foolscape.models.gradient import check_gradient, raise_unless_ok
from foolscape.pixels import to_unit
from foolscape.report import write_report
from foolscape.run.bench import Bench, open_bench
from foolscape.run.colours import colours
from foolscape.run.config import RunConfig
from foolscape.run.evaluate import CLEAN, CONDITIONS, Setting, evaluate
from foolscape.run.store import Record, RunStore, open_run, safe_name
from foolscape.run.summary import summarise
from foolscape.run.tasks import with_task
from foolscape.run.trust import probe_stored

ACCELERATOR_BATCH = 8

_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "faster-coco-eval", "transformers")
"""Packages that figures depend on; the last is optional."""


@dataclass(frozen=True)
class Listener:
    """Whom a run tells of its progress.

    Attributes:
        say: takes a remark, one line.
        progress: (title, total, done) -> a context that gives the function to call for every sample settled.
    """

    say: Callable[[str], None]
    progress: Callable[[str, int, int], AbstractContextManager[Callable[[str], None]]]


def execute(config: RunConfig, out: Path, command: Sequence[str], listener: Listener) -> Record:
    """Do or finish the run that `config` describes in the directory `out`, and write its report.

    Returns:
        The summary; its `failures` are the samples that could not be used.

    Raises:
        FoolscapeError: nothing was measured that should not have been; what is in `out` can be continued.
    """
    device = ready_device(config.device)
    config = with_task(config)
    bench = open_bench(config, device)
    for note in (*bench.data.notes, *(f"{e.subject.spec}: {n}" for e in bench.entries for n in e.notes)):
        listener.say(note)
    batch = width_of(config, device)
    record = _record(config, bench, device, batch, command)
    with open_run(out, record, CONDITIONS if config.attacks else (CLEAN,)) as store:
        if config.attacks and "gradient" not in store.record:
            _check_gradients(bench, config.seed, batch, device, store, listener)
        for entry in bench.entries:
            subject, setting = entry.subject, Setting(entry.plan, batch, config.seed)
            done = len((store.settled(subject.spec) | store.settled(None)) & set(bench.ids))
            with listener.progress(f"{config.attack} on {subject.spec}", len(bench.ids), done) as tick:
                evaluate(subject, bench.ids, setting, store, tick)
            probe_stored(subject, config.probes, entry.probes, store, config.seed)
        probed = {e.subject.slug: store.load_json(f"probes/{e.subject.slug}.json") for e in bench.entries}
        summary = summarise(store.record, store.rows, probed)
        store.save_json("summary.json", summary)
        write_report(out)
    return summary


def width_of(config: RunConfig, device: torch.device) -> int:
    """Images per call of the model: what the user says, else as many as pay on the device.

    Clips are followed one by one on every device: what a tracker made of the later frames belongs to one clip.
    """
    return config.batch or (1 if device.type == "cpu" or config.task == "video" else ACCELERATOR_BATCH)


def ready_device(name: str) -> torch.device:
    """The device called `name`, and PyTorch made ready for it; `auto` is an accelerator where there is one.

    Numbers too small for full precision become 0 from here on. On a CPU they cost a hundred times as much as others,
    and trained networks are full of them: ESPNet's forward and backward pass take 0.33 s instead of 0.95 s, and give
    the same to the last bit.
    """
    torch.set_flush_denormal(True)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(f"device: expected one that PyTorch can use here, got {name!r}: {reason}") from error
    return device


def _record(config: RunConfig, bench: Bench, device: torch.device, batch: int, command: Sequence[str]) -> Record:
    """What run.json holds: everything that is needed to repeat the run."""
    data = bench.data
    digest = hashlib.sha256("\n".join(f"{i} {data.fingerprint(i)}" for i in bench.ids).encode()).hexdigest()
    settled = bench.entries[0].plan
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
                "model": entry.subject.spec,
                "slug": entry.subject.slug,
                "classes": list(entry.classes),
                "colours": [list(colour) for colour in colours(entry.classes)],
                "weights_sha256": entry.sha256,
                "notes": list(entry.notes),
            }
            for entry in bench.entries
        ],
        "data": {
            "spec": data.spec,
            "split": data.split,
            "classes": None if data.classes is None else list(data.classes),
            "samples": len(bench.ids),
            "sha256": digest,
            "notes": list(data.notes),
        },
        "samples": [{"id": name, "name": safe_name(name)} for name in bench.ids],
        "attack": recorded_attack(config, settled),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in _PACKAGES if name == "pillow" or find_spec(name.replace("-", "_"))},
        },
    }


def recorded_attack(config: RunConfig, settled: Plan | None) -> Record:
    """The attack's settings; the victim by name, for models may number their classes differently."""
    if settled is None:
        return {"name": NONE}
    return settled.settings | ({} if settled.goal is None else {"victim": config.victim})


def _check_gradients(
    bench: Bench, seed: int, batch: int, device: torch.device, store: RunStore, listener: Listener
) -> None:
    """Refuse models whose input gradient is wrong: they would look robust. The verdicts go into run.json.

    An attack that takes no gradient needs none that is right.
    """
    images = to_unit(bench.first).to(device).expand(batch, -1, -1, -1).contiguous()
    verdicts: Record = {}
    for entry in bench.entries:
        if entry.plan is not None and entry.plan.ascent.blind:
            continue
        verdict = check_gradient(entry.scorer, images, seed=seed, clamps=store.record["task"] == "video")
        try:
            raise_unless_ok(verdict)
        except GradientError as error:
            raise GradientError(f"{error}. Or attack it without: --attack square") from error
        listener.say(f"{entry.subject.spec}: {verdict.message}")
        verdicts[entry.subject.spec] = asdict(verdict)
    store.record["gradient"] = verdicts
    store.save_json("run.json", store.record)
