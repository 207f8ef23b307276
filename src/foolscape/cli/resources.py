"""With what a command is carried out: `--shard 3/16`, `--shard-costs`, `--workers`, `--devices`, `--cluster`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from foolscape.carriers import shown_as
from foolscape.cli.console import tell
from foolscape.cli.flag import Flag
from foolscape.cli.manners import JobOutcome, Manners
from foolscape.cli.measuring import Job
from foolscape.errors import SettingError
from foolscape.records.places import SHARD
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
    from foolscape.run.partial import page_of_part

    page_of_part(place)
    words = ["foolscape", "merge", str(shown_as(place).parent.parent)]
    tell(f"when all parts are done: {shlex.join(words)}")
