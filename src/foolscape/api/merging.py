"""`foolscape.merge`: the parts of a run become a whole."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Literal

from foolscape.api.evaluate import silent
from foolscape.api.given import check_place
from foolscape.api.report import Report
from foolscape.api.wording import in_its_words
from foolscape.api.written import at_work_in, load_run
from foolscape.errors import OutOfTimeError, RunError, SettingError
from foolscape.records.places import SHARDS
from foolscape.records.reader import read_record
from foolscape.records.run import RunRecord
from foolscape.report.run_kinds import unfinished
from foolscape.run.elsewhere.door import visited
from foolscape.run.execute import execute
from foolscape.run.merging.merge import merge as merge_parts
from foolscape.run.merging.parts import refuse_part, shards_in
from foolscape.run.partial import page_of_part
from foolscape.run.settings.config import make_config
from foolscape.run.settings.given_resources import seconds_of
from foolscape.run.settings.keep import keep_of
from foolscape.run.settings.recorded import settings_of_file
from foolscape.run.slices.table import table_of


@in_its_words
def merge(
    parts: str | Path | Sequence[str | Path],
    out: str | Path | None = None,
    *,
    slices: str | Path | None = None,
    keep: Literal["all", "shown", "none"] | None = None,
    time_budget: str | None = None,
    say: Callable[[str], None] | None = None,
) -> Report:
    """Make a whole of the parts of a run that `shard` made: what one process would have written, to the byte.

    Args:
        parts: the directory that all parts were given as `out`, or those of the parts.
        out: of the whole; None: the one that the parts lie in.
        slices, keep, time_budget, say: as of `evaluate`.

    Raises:
        RunError: they are not the parts of one run, or not all of them are there and done; which, is said.
        FoolscapeError: the model cannot be opened, which is asked once more, for the verdict.
    """
    named = [parts] if isinstance(parts, str | Path) else list(parts)
    directories = [check_place("parts", one) for one in named]
    places = shards_in(directories)
    place = _whole_of(directories) if out is None else check_place("out", out)
    refuse_part(places, place)
    table, kept, seconds = table_of(slices), keep_of(keep), seconds_of(time_budget, "time_budget")
    listener = silent(say).within(seconds)
    with ExitStack() as visits:
        shards = [visits.enter_context(visited(path, listener.say)) for path in places]
        record = read_record(shards[0])
        if not isinstance(record, RunRecord):
            raise RunError(
                f"{shards[0]}: expected the part of a run, got that of foolscape {record.kind}; on the command line: "
                + shlex.join(["foolscape", "merge", str(place)])
            )
        config = make_config(settings_of_file(shards[0], "run"))
        folder = visits.enter_context(at_work_in(place, listener.say))
        with suppress(OutOfTimeError):
            whole = merge_parts(shards, folder, listener)
            execute(config, folder, whole.command, listener, table=table, keep=kept)
        if unfinished(folder):
            page_of_part(folder)
    return load_run(place)


def _whole_of(directories: Sequence[Path]) -> Path:
    if len(directories) == 1 and (directories[0] / SHARDS).is_dir():
        return directories[0]
    raise SettingError("out: expected a directory for the whole, since the parts lie in directories of their own, got "
                       "none")  # fmt: skip
