"""Shards of a command, and their merge: `--shard 3/16`, `--shard-costs` and `foolscape merge`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

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


def resources_of(settings: dict[str, object]) -> Resources:
    """What the settings say of shards, which are taken out of them.

    Raises:
        SettingError: one is no part of several, or costs are given for none.
    """
    shard, costs = settings.pop("shard", None), settings.pop("shard_costs", None)
    if shard is None:
        if costs is not None:
            raise SettingError("shard_costs: is for --shard, by which images are divided; leave it out")
        return Resources()
    return Resources(Shard.parse(str(shard)), None if costs is None else path_of(str(costs)))


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
    tell(f"when all parts are done: foolscape merge {place.parent.parent}")
