"""The kinds of directories that a report can be made of, by what their run.json says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console

from foolscape.errors import RunError
from foolscape.records.places import MATRIX, PARTIAL, RUN, SUMMARY
from foolscape.records.reader import read_json, read_record, require_finished
from foolscape.records.sweep import SWEEP
from foolscape.report import print_tables, write_report, write_texts
from foolscape.report.form import of_a_run
from foolscape.report.pages import harden, parts, sweep, transfer, universal


class Printer(Protocol):
    """Prints the tables of a directory, with their footnotes or without."""

    def __call__(self, directory: Path, /, console: Console, *, footnotes: bool = False) -> None: ...


@dataclass(frozen=True)
class RunKind:
    """How a directory of one kind is reported.

    Attributes:
        result: the file that is there when all is measured.
        write_page: writes report.html; its path.
        write_texts: writes report.md and report.tex; the texts by suffix.
        print_tables: prints the tables.
        no_panel: where no panel can be drawn, what the directory is and where pictures are; else empty.
    """

    result: str
    write_page: Callable[[Path], Path]
    write_texts: Callable[[Path], dict[str, str]]
    print_tables: Printer
    no_panel: str = ""


_KINDS: Final[dict[str | None, RunKind]] = {
    None: RunKind(SUMMARY, write_report, write_texts, print_tables),
    "transfer": RunKind(
        MATRIX,
        transfer.write_transfer_report,
        transfer.write_transfer_texts,
        transfer.print_transfer,
        "a transfer; name the run of one of its models, runs/MODEL in it",
    ),
    universal.KIND: RunKind(
        SUMMARY,
        universal.write_universal_report,
        universal.write_universal_texts,
        universal.print_universal,
        "a universal perturbation; its page shows the images",
    ),
    harden.KIND: RunKind(
        SUMMARY,
        harden.write_hardening_report,
        harden.write_hardening_texts,
        harden.print_hardening,
        "a hardening; name one of its runs, before or after in it",
    ),
}
"""By `kind` of run.json; a run has none."""

_SWEEP: Final = RunKind(
    SWEEP,
    sweep.write_sweep_report,
    sweep.write_sweep_texts,
    sweep.print_sweep,
    "a sweep; name one of its runs, runs/NAME in it",
)
"""How a sweep is reported, finished or not; it has a sweep.json where runs have a run.json."""

_PARTS: Final = RunKind(PARTIAL, parts.write_page, parts.write_texts, parts.print_parts, "an unfinished command")
"""How all but a run are reported that have not finished."""


def is_sweep(directory: Path) -> bool:
    """Whether a sweep is in `directory`, and no run."""
    return (directory / SWEEP).exists() and not (directory / RUN).exists()


def unfinished(directory: Path) -> bool:
    """Whether a run of a kind that we know was begun in `directory` and has no result yet."""
    try:
        name = read_json(directory / RUN).get("kind")
    except RunError:
        return False
    return isinstance(name, str | None) and name in _KINDS and not (directory / _KINDS[name].result).exists()


@of_a_run
def kind_of(directory: Path) -> RunKind:
    """The kind of what is in `directory`; of an unfinished run only where there is a `partial.json` to report.

    Raises:
        RunError: nothing that we know, or nothing to report.
    """
    if is_sweep(directory):
        return _SWEEP
    record = read_record(directory)
    name = getattr(record, "kind", None)
    if name not in _KINDS:
        raise RunError(
            f"{directory}: expected a run, a transfer, a universal perturbation or a hardening, got {name!r}: name the "
            "transfer that it is part of"
        )
    if unfinished(directory) and (directory / PARTIAL).exists():
        return _KINDS[name] if name is None else _PARTS
    require_finished(directory, record, _KINDS[name].result)
    return _KINDS[name]
