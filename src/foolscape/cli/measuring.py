"""What all commands that measure have in common: a place, the work, the tables, the exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer
from rich.table import Table
from rich.text import Text

from foolscape.carriers import shown_as
from foolscape.cli.console import BELOW, DISTRUST, DONE, OUT_OF_TIME, SOME_FAILED, out_console, tell
from foolscape.cli.manners import JobOutcome, Manners, below, check_floors, fails
from foolscape.cli.outlet import STDOUT
from foolscape.cli.signals import code_of, signals_end_it, word_of
from foolscape.cli.watching import observed
from foolscape.errors import FoolscapeError, OutOfTimeError, RunError, SettingError
from foolscape.in_place import found_at
from foolscape.paths import run_folder_of
from foolscape.printable import printable_json
from foolscape.stores.path import StorePath
from foolscape.strict import strictly

if TYPE_CHECKING:
    from foolscape.records.types import Object
    from foolscape.run.directory.place import PlannedRun
    from foolscape.run.elsewhere.door import Workplace
    from foolscape.run.listener import Listener
    from foolscape.run.preview import Section


_RETRIED: Final = ("run", "transfer")
"""Commands with `--retry-failed`."""


@dataclass(frozen=True)
class Job:
    """A command that measures, with all its settings.

    Attributes:
        command: its name.
        planned_run: what is to be done, for a directory of its own.
        keys: gives the scores that its models have under attack; may have to make the models.
        work: does it in a directory, with the command line for run.json; its summary.
        outcome: from the summary, what the exit code depends on.
        preview: what it would do and cost, without doing it.
        page: writes the page; None where the work has done it.
    """

    command: str
    planned_run: PlannedRun
    keys: Callable[[], Sequence[str]]
    work: Callable[[Path, Sequence[str], Listener], Object]
    outcome: Callable[[Object], JobOutcome]
    preview: Callable[[], Sequence[Section]]
    page: Callable[[Path], object] | None = None


def carry_out(settle: Callable[[], Job], out: Path | None, manners: Manners) -> None:
    """Do a job in `out`, or in a place of its own, print what came of it, and leave with the exit code it deserves.

    Args:
        settle: makes the job of its settings; the models of a user may print when they are made.
        out: where, if that was said.
        manners: how.

    Raises:
        typer.Exit: interrupted, or done and not all is well.
        FoolscapeError: what is in the directory can be continued by the same command.
    """
    from foolscape.run.elsewhere.door import workplace

    aside = redirect_stdout(sys.stderr) if manners.json else nullcontext()
    with aside, signals_end_it(), _interruptions_told(), strictly(manners.strict), workplace(out) as made:
        job = settle()
        if manners.floors:
            check_floors(manners.floors, job.keys())
        if manners.dry_run:
            _foresee(job, out, manners)
            return
        with _place(job, made, manners) as place, _page_if_it_ends_early(place):
            result = _done(job, place, manners)
        if not (manners.json and manners.quiet):
            _show(place, manners)
        code = _judge(job.command, job.outcome(result), manners)
        tell(f"report: {(out or place) / 'report.html'}")
        result_text = (place / job.planned_run.result).read_text(encoding="utf-8") if manners.json else ""
    if manners.json:
        STDOUT.write(printable_json(result_text, STDOUT.encoding))
    if code != DONE:
        raise typer.Exit(code)


def _done(job: Job, place: Path, manners: Manners) -> Object:
    """The work and its page, in `place`, for others to watch."""
    with observed(job.command, place, manners) as (heard, finished):
        result = job.work(place, ["foolscape", *sys.argv[1:]], heard)
        if job.page is not None:
            heard.phase("page")
            job.page(place)
        finished(job.outcome(result))
    return result


def out_of(out: str | None, settings: dict[str, object]) -> Path | None:
    """Where the user wants it written, `out` or else what the settings say; taken out of `settings`.

    Raises:
        SettingError: it is a file, or the settings say something else than the name of a directory.
    """
    said = settings.pop("out", None)
    place = said if out is None else out
    if place is None:
        return None
    if not isinstance(place, str) or not place.strip() or "\0" in place:
        raise SettingError(f"out: expected the path of a directory, got {place!r:.60}")
    return free_of_files(run_folder_of(place))


def free_of_files(path: Path) -> Path:
    """`path`, where it is a directory or may become one; `SettingError` for one of this machine that cannot be one."""
    if not isinstance(path, StorePath) and (found := found_at(path)) not in ("a folder", "nothing there"):
        raise SettingError(f"out: expected a directory, or the name of a new one, got {path}: {found}")
    return path


def _foresee(job: Job, out: Path | None, manners: Manners) -> None:
    """Print what the job would do, and where."""
    from foolscape.run.directory.place import foreseen

    for section in job.preview():
        table = Table(title=section.title, title_justify="left", title_style="bold", box=None, show_header=False,
                      pad_edge=False)  # fmt: skip
        for name, text in section.lines:
            table.add_row(Text(f"  {name}"), Text(text))
        out_console.print(table)
    place = foreseen(job.planned_run, out, new=manners.new)
    there = place.continued or (place.directory / job.planned_run.result).exists()
    how = "resumes what is there" if there else "begins there"
    out_console.print(Text(f"output: {place.directory}, {how}; nothing was written"), soft_wrap=True)


@contextmanager
def _place(job: Job, made: Workplace | None, manners: Manners) -> Iterator[Path]:
    """Where to write: what is `made` in the place of --out, or `runs/NAME-N`, which is said before anything else."""
    from foolscape.run.directory.lock import reserved
    from foolscape.run.directory.place import placed
    from foolscape.run.directory.retry import forget_failures

    if manners.new and (made is not None or manners.retry):
        other = "runs without --out, which then take the next number" if made is not None else "what is begun anew"
        raise SettingError(f"new: is for {other}; leave one of them out")
    if made is not None:
        with made.at_work(tell) as folder, reserved(folder):
            if manners.retry:
                forget_failures(folder, tell)
            yield folder
        return
    with placed(job.planned_run, new=manners.new, done=manners.retry) as place:
        if manners.retry:
            forget_failures(place.directory, tell)
        if not manners.quiet:
            how = ", an unfinished run of the same settings goes on; --new begins another" if place.continued else ""
            tell(f"out: {place.directory}{how}")
        yield place.directory


@contextmanager
def _interruptions_told() -> Iterator[None]:
    """A signal is told, by its exit code, also before there is a place to write to, and when all is written."""
    try:
        yield
    except KeyboardInterrupt as error:
        tell(word_of(error))
        raise typer.Exit(code_of(error)) from None


@contextmanager
def _page_if_it_ends_early(place: Path) -> Iterator[None]:
    """What is there has a page, marked as unfinished, after signals and errors; a signal is told, by its exit code."""
    try:
        yield
    except OutOfTimeError as error:
        tell(str(error))
        _leave_page(place)
        raise typer.Exit(OUT_OF_TIME) from None
    except RunError:  # somebody else's directory, or one that cannot be written
        raise
    except KeyboardInterrupt as error:
        tell(f"{word_of(error)}; the same command again resumes it")
        _leave_page(place)
        raise typer.Exit(code_of(error)) from None
    except Exception:
        _leave_page(place)
        raise


def _leave_page(place: Path) -> None:
    """Write the page of an unfinished run as far as that can be done; it must not hide why the run has ended."""
    from foolscape.report.run_kinds import unfinished
    from foolscape.run.partial import page_of_part

    with suppress(FoolscapeError, OSError, ValueError, KeyError, KeyboardInterrupt):
        if unfinished(place):
            tell(f"report of what is there: {shown_as(page_of_part(place))}")


def _show(place: Path, manners: Manners) -> None:
    """Print the tables of what was measured."""
    from foolscape.report.run_kinds import kind_of

    kind_of(place).print_tables(place, out_console, footnotes=manners.footnotes)


def _judge(command: str, outcome: JobOutcome, manners: Manners) -> int:
    """The highest exit code that the result of a command deserves; what is wrong is said."""
    codes = [DONE]
    if outcome.failures:
        again = "; --retry-failed tries them again" if command in _RETRIED else ""
        tell(f"{outcome.failures} image(s) could not be used; the report says why{again}", "yellow")
        codes.append(SOME_FAILED)
    if outcome.failed:
        tell(f"{outcome.failed} cell(s) could not be measured; the page says why", "yellow")
        codes.append(SOME_FAILED)
    if outcome.left:
        tell(f"{outcome.left} cell(s) do not fit into the budget; a larger one goes on with them")
        codes.append(OUT_OF_TIME)
    if fails(outcome.verdict, manners.fail_on):
        tell(f"--fail-on {manners.fail_on}: the verdict is {outcome.verdict}")
        codes.append(DISTRUST)
    for sentence in below(manners.floors or {}, outcome.attacked):
        tell(f"--fail-under: {sentence}")
        codes.append(BELOW)
    return max(codes)
