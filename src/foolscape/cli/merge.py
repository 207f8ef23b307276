"""`foolscape merge`: the parts of a run or transfer become a whole, with its verdict, tables and page."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foolscape.cli.console import tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import KEEP, SLICES, CommandArguments
from foolscape.cli.measure import Beside, beside_of, run_job, transfer_job
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.errors import RunError, SettingError
from foolscape.paths import run_folder_of
from foolscape.run.settings.recorded import settings_of_file
from foolscape.run.settings.shown import DATA

if TYPE_CHECKING:
    from foolscape.records.types import Object
    from foolscape.run.listener import Listener

_PARTS: Final = Flag(
    "parts", Path, "The directory that all parts were given as --out, or the directories of the parts.", DATA,
    metavar="DIR", several=True, required=True, positional=True,
)  # fmt: skip


def merge(arguments: CommandArguments) -> None:
    """Make a whole of the parts that `--shard` made of a run or transfer: what one process would have written.

    All must be there, be done, and be of the same command, version, weights and number of threads. The model is asked
    once more, for the verdict. The same command again goes on where it was stopped.
    """
    settings = dict(arguments.settings)
    from foolscape.run.elsewhere.door import visited
    from foolscape.run.merging.parts import refuse_part, shards_in

    named = [run_folder_of(path) for path in settings["parts"]]  # type: ignore[attr-defined]
    places = shards_in(named)
    out = out_of(arguments.out, settings) or _whole_of(named)
    refuse_part(places, out)
    beside = beside_of(settings)
    with ExitStack() as visits:
        directories = [visits.enter_context(visited(path, tell)) for path in places]
        carry_out(lambda: _job(directories, beside), out, arguments.manners)


def merge_flags() -> list[Flag]:
    """The arguments and options of `merge`."""
    return [_PARTS, SLICES, KEEP]


def _whole_of(named: Sequence[Path]) -> Path:
    """The directory whose parts lie in it; `SettingError` where it cannot be told."""
    from foolscape.records.places import SHARDS

    if len(named) == 1 and (named[0] / SHARDS).is_dir():
        return named[0]
    raise SettingError("out: expected --out DIR for the whole, since the parts lie in directories of their own, got "
                       "none")  # fmt: skip


def _job(directories: Sequence[Path], beside: Beside) -> Job:
    """What begins with the merge and goes on as the command that is merged, from where all is measured."""
    from foolscape.records.reader import read_record
    from foolscape.records.run import RunRecord, TransferRecord
    from foolscape.run.directory.lock import held
    from foolscape.run.merging.merge import merge as merge_parts

    record = read_record(directories[0])
    if isinstance(record, TransferRecord):
        job = transfer_job(settings_of_file(directories[0], "transfer"), {}, beside)
    elif isinstance(record, RunRecord):
        job = run_job(settings_of_file(directories[0], "run"), {}, beside)
    else:
        raise RunError(f"{directories[0]}: expected the part of a run or a transfer, got {record.kind}")

    def work(place: Path, command: Sequence[str], listener: Listener) -> Object:
        del command
        with held(place):  # while the models are opened, too
            whole = merge_parts(directories, place, listener)
            return job.work(place, whole.command, listener)

    def preview() -> Any:
        raise SettingError("dry_run: is for commands that attack; foolscape merge only puts together what they made")

    return replace(job, command="merge", work=work, preview=preview)
