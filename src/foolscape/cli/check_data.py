"""`foolscape check --data SPEC`: what was understood of a data set, before any figure on it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from foolscape.cli.console import ERROR, listener, out_console, tell
from foolscape.cli.measuring import free_of_files
from foolscape.errors import DataError, SettingError
from foolscape.paths import folder_of, path_of
from foolscape.run.settings.config import refuse_sample_of_part

if TYPE_CHECKING:
    from foolscape.tasks.base import Task


@dataclass(frozen=True)
class Choice:
    """Which samples of a data set, by the options of these names, and what its classes are called.

    Attributes:
        seed: of the sample.
    """

    split: str | None
    limit: int | None
    sample: int | None
    class_map: str | None
    seed: int = 0


def look_at_data(
    spec: str | None, task: str | None, choice: Choice, size: str | None, classes: str | None, out: str | None
) -> None:
    """Print what the data set `spec` holds, and write its page and contact sheet.

    Raises:
        SettingError: no spec, or one that may be opened for several tasks and no `task`.
        DataError: it cannot be opened.
        typer.Exit: with status 1 where no sample can be used.
    """
    if spec is None:
        raise SettingError("expected --model SPEC, --data SPEC or both, got neither")
    if size is not None:
        raise SettingError(f"size: expected none for data alone, which is shown as it is, got {size}; leave it out")
    refuse_sample_of_part({"sample": choice.sample, "limit": choice.limit})
    directory = _directory(spec, out)
    # What reads images is imported after the settings: a mistake in them is answered at once.
    from foolscape.class_file import read_class_names
    from foolscape.data.drawing import chosen
    from foolscape.data.load import open_for
    from foolscape.data.mapped import with_class_map
    from foolscape.data.overview.look import LOOKED_AT, evenly_spread, look_over
    from foolscape.report.pages.overview import write_overview
    from foolscape.report.tables.overview import overview_tables
    from foolscape.report.tables.render import show
    from foolscape.run.settings.user_data import enter_data
    from foolscape.run.tasks.colours import colours

    enter_data(spec)
    wanted = _task(spec, task)
    names = None if classes is None else read_class_names(path_of(classes))
    data = open_for(wanted, spec, split=choice.split, classes=names)
    data = with_class_map(data, None if choice.class_map is None else path_of(choice.class_map))
    taken = chosen(data, None, choice.limit, choice.sample, seed=choice.seed, unit=wanted.unit)
    for remark in taken.remarks:
        tell(f"note: {remark}")
    ids = evenly_spread(taken.ids, LOOKED_AT) if choice.limit is choice.sample is None else taken.ids
    with listener().progress("reading", len(ids), 0) as advance:
        overview = look_over(data, wanted, ids, advance)
    show(overview_tables(overview), out_console)
    out_console.print()
    try:
        page, sheet = write_overview(directory, overview, colours(data.classes or ()), version("foolscape"))
    except OSError as error:
        raise DataError(f"expected a directory that can be written to, got {error}; choose another --out") from error
    if sheet is not None:
        tell(f"contact sheet: {sheet}")
    tell(f"page: {page}")
    if len(overview.failures) == len(ids):
        raise typer.Exit(ERROR)


def _task(spec: str, task: str | None) -> Task:
    """What the data is to be opened for: `task`, or the only one that it can be."""
    from foolscape.data.load import kind_of
    from foolscape.tasks.base import task_named

    if task is not None:
        return task_named(task)
    able = kind_of(spec).tasks
    if len(able) > 1:
        raise SettingError(
            f"{spec}: expected the task that it is for, since it may be opened for several, got none; add --task "
            f"{' or --task '.join(able)}"
        )
    return task_named(able[0])


def _directory(spec: str, out: str | None) -> Path:
    from foolscape.run.directory.place import RUNS, name_of

    return RUNS / name_of("data", spec.partition("?")[0]) if out is None else free_of_files(folder_of(out))
