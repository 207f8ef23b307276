"""`foolscape.load_run`: a run that is written, in a folder of this machine or in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import finalize

from foolscape.api.given import check_place
from foolscape.api.report import OwnedDirectory, Report
from foolscape.api.wording import in_its_words
from foolscape.carriers import begin, end
from foolscape.errors import RunError
from foolscape.records.places import RUNS
from foolscape.records.reader import Run, read_record, read_run
from foolscape.records.run import RunRecord
from foolscape.records.scan import whole_rows
from foolscape.records.summary import RunSummary
from foolscape.records.sweep import SWEEP
from foolscape.records.types import read
from foolscape.report.form import having_form
from foolscape.report.run_kinds import unfinished
from foolscape.run.elsewhere.door import come_down, workplace
from foolscape.run.partial import so_far
from foolscape.stores.path import StorePath


@in_its_words
def load_run(directory: str | Path) -> Report:
    """The run in a directory, as `foolscape run` or `foolscape.evaluate` wrote it; of an unfinished one what is there.

    Raises:
        SettingError: no path.
        RunError: nothing of the kind, or damaged.
    """
    place = check_place("directory", directory)
    if not isinstance(place, StorePath):
        return Report(read_files(place))
    kept = OwnedDirectory(place)
    reader = come_down(place, kept.path)
    begin(reader)
    finalize(kept, end, reader)
    return Report(read_files(reader.local), kept)


@contextmanager
def at_work_in(out: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """A folder of this machine to make the run at `out` in; at the end all of it is where it belongs.

    Args:
        out: a path of this machine or of a store.
        say: as of `Workplace.at_work`, which says what is raised.
    """
    with workplace(out) as made:
        assert made is not None
        with made.at_work(say) as place:
            yield place


def read_files(directory: Path) -> Run:
    """The files of a run; raises RunError."""
    if (directory / SWEEP).exists():
        raise RunError(
            f"{directory}: expected a run, got a sweep, whose runs lie in {RUNS}/NAME below it; load one of them"
        )
    with having_form(directory):
        record = read_record(directory)
        if not isinstance(record, RunRecord):
            raise RunError(
                f"{directory}: expected a run, got a directory of foolscape {record.kind}; its page is "
                "report.html, and the runs within it can be loaded"
            )
        if not unfinished(directory):
            return read_run(directory)
        rows = whole_rows(directory, record, record.conditions)
        document = so_far(directory, record)
        return Run(directory, record, read(RunSummary, document), document, rows)
