"""With what a command is carried out: `--shard 3/16`, `--shard-costs`, `--workers`, `--devices`, `--cluster`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foolscape.carriers import shown_as
from foolscape.cli.console import tell
from foolscape.cli.flags import Flag
from foolscape.cli.manners import JobOutcome, Manners
from foolscape.cli.measuring import Job, page_of_part
from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.records.places import SHARD, SHARDS
from foolscape.run.settings.resources import Resources, Shard
from foolscape.run.settings.shown import RESOURCES
from foolscape.verdict import Verdict

if TYPE_CHECKING:
    from foolscape.records.run import Keep
    from foolscape.records.types import Object

SHARD_FLAGS: Final = (
    Flag("shard", str, "Measure part 3 of 16 alone, into --out/shards; each part is a process of its own, on any "
         "machine, and foolscape merge makes a whole of them.", RESOURCES, metavar="PART/PARTS", default="all"),
    Flag("shard_costs", Path, "A run with the seconds of these images, to divide them by into parts that take as long.",
         RESOURCES, metavar="DIR", default="clips by their length, images alike"),
)  # fmt: skip
"""Of commands whose images can be divided."""

WORKER_FLAGS: Final = (
    Flag("workers", int, "Processes that measure, each with the model and its share of the threads; the result is that "
         "of one process with as many threads.", RESOURCES, metavar="N", default="none but the command itself"),
    Flag("cluster", str, "Workers on the nodes of a Ray cluster: ray for the one that this machine belongs to, "
         "ray:HOST:PORT, or ray:local for one of this machine.", RESOURCES, metavar="ray[:ADDRESS]"),
    Flag("devices", str, "Devices, a worker for each unless --workers says more: 0,1,2,3 or cuda:0,cuda:1.", RESOURCES,
         metavar="DEVICE,DEVICE", default="that of --device", commas=True),
)  # fmt: skip
"""Of commands whose images can be measured by others."""


def resources_of(settings: dict[str, object]) -> Resources:
    """What the settings say of shards and workers, which are taken out of them.

    Raises:
        SettingError: one is no part of several, or costs are given for none; there is no worker, or a device twice.
    """
    shard, costs = settings.pop("shard", None), settings.pop("shard_costs", None)
    if shard is None and costs is not None:
        raise SettingError("shard_costs: is for --shard, by which images are divided; leave it out")
    devices, cluster = _devices(settings.pop("devices", None)), _cluster(settings.pop("cluster", None))
    if devices and cluster is not None:
        raise SettingError("devices: are those of this machine, got --cluster, too, whose nodes have their own; leave "
                           "one of them out")  # fmt: skip
    return Resources(
        shard=None if shard is None else Shard.parse(str(shard)),
        shard_costs=None if costs is None else path_of(str(costs)),
        workers=_count(settings.pop("workers", None)),
        devices=devices,
        cluster=cluster,
    )


def _count(value: object) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise SettingError(f"workers: expected a number from 1 on, got {value!r}")
    return value


def _cluster(value: object) -> str | None:
    """The address behind `ray:`; `ray` alone is `auto`."""
    if value is None:
        return None
    engine, _, address = str(value).partition(":")
    if engine != "ray":
        raise SettingError(f"cluster: expected ray, ray:HOST:PORT or ray:local, got {value!r}")
    return address or "auto"


def _devices(value: object) -> tuple[str, ...]:
    """Devices as PyTorch names them; a number is that of a GPU."""
    names = [value] if isinstance(value, int | str) else value
    if names is None:
        return ()
    if not isinstance(names, list | tuple) or not names:
        raise SettingError(f"devices: expected devices such as 0,1 or cuda:0,cuda:1, got {value!r}")
    devices = tuple(f"cuda:{name}" if str(name).isdecimal() else str(name) for name in names)
    if len(set(devices)) < len(devices):
        raise SettingError(f"devices: expected each once, got {', '.join(devices)}; --workers says how many share them")
    return devices


def shard_place(out: Path | None, shard: Shard | None) -> Path | None:
    """Where a shard is written, below the directory `out` of the whole, so that all shards may be given the same.

    Raises:
        SettingError: there is no such directory, and others would not know where this one went.
    """
    if shard is None:
        return out
    if out is None:
        raise SettingError("shard: expected --out DIR, the same for all parts, which go to DIR/shards, got none")
    return out / SHARDS / shard.folder


def refuse_of_whole(keep: Keep | None, manners: Manners) -> None:
    """`SettingError` where a part is asked for what is for the whole."""
    asked = [
        ("fail-under", bool(manners.floors)),
        ("fail-on", manners.fail_on is not None),
        ("keep", keep not in (None, "all")),
    ]
    if names := [name for name, is_asked in asked if is_asked]:
        raise SettingError(f"{names[0]}: is for the whole, not for a part of it; give it to foolscape merge")


def as_shard(job: Job) -> Job:
    """`job` for one part: no verdict, and a page of what is there."""

    def outcome(document: Object) -> JobOutcome:
        return JobOutcome([], len(document["failures"]), str(Verdict.NOT_DECIDED))

    return replace(job, planned_run=replace(job.planned_run, result=SHARD), outcome=outcome, page=_end_part)


def _end_part(place: Path) -> None:
    """The page of a part that is done, and what is to be done when all are."""
    page_of_part(place)
    tell(f"when all parts are done: foolscape merge {shown_as(place).parent.parent}")
