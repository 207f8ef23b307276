"""The commands that look at what is there: `foolscape report`, `check` and `list`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from foolscape.carriers import shown_as
from foolscape.cli.check_data import Choice, look_at_data
from foolscape.cli.class_table import print_match, propose
from foolscape.cli.console import DONE, ERROR, err_console, out_console, tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import FOOTNOTES, INPUT, SLICES, flags_of
from foolscape.cli.outlet import STDOUT
from foolscape.errors import SettingError, UnwritableError
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of, run_folder_of
from foolscape.printable import printable
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.shown import MEASUREMENT, OUTPUT
from foolscape.run.slices.table import SliceTable, table_of

if TYPE_CHECKING:
    from foolscape.testing.verdicts import Check, ContractReport, OnCheck

AUTO: Final = "auto"


class TableFormat(StrEnum):
    """How `foolscape report` prints its tables."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"


class Listing(StrEnum):
    """What `foolscape list` lists."""

    MODELS = "models"
    ATTACKS = "attacks"
    DATA = "data"


def report(
    directory: Annotated[
        str,
        typer.Argument(
            help="Directory of a run, transfer, universal, harden or sweep; unfinished ones too.", metavar="DIR"
        ),
    ],
    form: Annotated[TableFormat, typer.Option("--format", help="How to print the tables.")] = TableFormat.TERMINAL,
    panel: Annotated[
        str | None, typer.Option(help="Also write panel.png, six pictures of the image with this id.")
    ] = None,
    footnotes: Annotated[bool, typer.Option("--footnotes", help=FOOTNOTES.help)] = False,
    slices: Annotated[str | None, typer.Option(help=SLICES.help, metavar=SLICES.metavar)] = None,
) -> None:
    """Print the tables of a run and write report.html, report.md and report.tex beside it.

    Of one that has not finished: of what is there, marked as unfinished.
    """
    from foolscape.run.elsewhere.door import visited

    table = table_of(slices)
    with visited(run_folder_of(directory), tell) as place:
        _report(place, table, form, panel, footnotes=footnotes)


def _report(
    directory: Path, table: SliceTable | None, form: TableFormat, panel: str | None, *, footnotes: bool
) -> None:
    """`report` of a directory of this machine."""
    from foolscape.report import write_report
    from foolscape.report.run_kinds import is_sweep
    from foolscape.run.slices.write import renew_slices

    swept = is_sweep(directory)
    if swept and table is not None:
        raise SettingError(
            "slices: expected the directory of a run, got a sweep; name one of its runs, runs/NAME in it"
        )
    try:
        for place in () if swept else renew_slices(directory, table, tell):
            write_report(place)
        page = _reported(directory, form, footnotes=footnotes, panel=panel is not None)
    except UnwritableError as error:
        _print_alone(directory, form, error, footnotes=footnotes)
    else:
        tell(f"report: {shown_as(page)}")
    if panel is not None:
        from foolscape.report import write_panel

        picture, factor = write_panel(directory, panel)
        tell(f"panel: {shown_as(picture)}, change magnified {factor:.3g} times")


def _reported(directory: Path, form: TableFormat, *, footnotes: bool, panel: bool = False) -> Path:
    """Write the reports of a directory and print its tables; the path of its page.

    Raises:
        UnwritableError: they cannot be written; nothing is printed yet.
        SettingError: it is to have a `panel`, and is no run.
    """
    from foolscape.report.run_kinds import kind_of, unfinished

    if unfinished(directory):
        from foolscape.run.partial import write_partial

        for inner in write_partial(directory)[:-1]:
            kind_of(inner).write_page(inner)
    kind = kind_of(directory)
    if panel and kind.no_panel:
        raise SettingError(f"panel: expected the directory of a run, got {kind.no_panel}")
    page = kind.write_page(directory)
    texts = kind.write_texts(directory)
    if form is TableFormat.TERMINAL:
        kind.print_tables(directory, out_console, footnotes=footnotes)
    else:
        STDOUT.write(texts[".md" if form is TableFormat.MARKDOWN else ".tex"])
    return page


def _print_alone(directory: Path, form: TableFormat, error: UnwritableError, *, footnotes: bool) -> None:
    """Print the tables of a directory that cannot be written to, and why there are no reports."""
    from foolscape.report.mirror import mirrored
    from foolscape.report.run_kinds import kind_of, unfinished

    if form is TableFormat.TERMINAL and not unfinished(directory):
        kind_of(directory).print_tables(directory, out_console, footnotes=footnotes)
    else:
        with mirrored(directory) as copy:
            _reported(copy, form, footnotes=footnotes)
    reason = str(error).partition("; ")[0]
    tell(f"no report.html, report.md and report.tex: {reason}")


def check_flags() -> list[Flag]:
    """The options of `check`."""
    shared = {flag.name: flag for flag in flags_of(RunConfig)}
    return [
        replace(shared["models"], name="model", help="Spec of a model.", several=False, required=False),
        replace(
            shared["data"],
            help="Spec of images: with a model, check on up to 16 that it is right; alone, say what they hold.",
            required=False,
        ),
        *(shared[name] for name in ("split", "limit", "sample", "seed")),
        replace(shared["size"], help="Size of the images it will see.", default="160x256"),
        *(shared[name] for name in ("classes", "class_map", "eval_classes", "task")),
        INPUT,
        Flag("batch", int, "Batch size to check besides 1.", MEASUREMENT, default="2", metavar="N"),
        *(shared[name] for name in ("attention", "device")),
        Flag(
            "write_class_map",
            Path,
            "With a model: write a class map to this new file, to be edited, and do no more.",
            OUTPUT,
            metavar="FILE",
        ),
        Flag("out", Path, "Where the page and the contact sheet of data alone go.", OUTPUT, default="runs/data-NAME"),
    ]


def check(
    *,
    model: str | None,
    data: str | None,
    split: str | None,
    limit: int | None,
    sample: int | None,
    seed: int | None,
    size: str | None,
    classes: str | None,
    class_map: str | None,
    eval_classes: str | None,
    task: str | None,
    input: str | None,  # noqa: A002 - the option's name
    batch: int | None,
    attention: str | None,
    device: str | None,
    write_class_map: str | None,
    out: str | None,
) -> None:
    """Check that a model keeps its side of the contract, or that a data set is what you take it for.

    Of a model above all that its input gradient is right; of data alone (--data without --model) how it was understood,
    with a contact sheet of images with their labels drawn over them.
    """
    if write_class_map is not None and (model is None or data is None):
        raise SettingError("write_class_map: expected --model and --data, whose classes it is to bring together")
    if model is None:
        if eval_classes is not None:
            raise SettingError("eval_classes: expected --model, whose scores are over them, got none; leave it out")
        if seed is not None and seed < 0:
            raise SettingError(f"seed: expected a whole number of at least 0, got {seed}")
        look_at_data(data, task, Choice(split, limit, sample, class_map, seed or 0), size, classes, out)
        return
    check_names([model])
    names, device = None if classes is None else path_of(classes), device or AUTO
    if input is not None:
        model = str(wired({"model": model, "input": input})["model"])
    on_data: dict[str, object] = {"models": [model], "data": data, "split": split, "limit": limit, "size": size}
    on_data |= {"classes": names, "device": device, "task": task, "sample": sample, "class_map": class_map}
    on_data |= {"seed": seed, "eval_classes": None if eval_classes is None else _parts_of(eval_classes)}
    if write_class_map is not None:
        propose(on_data, path_of(write_class_map))
        return
    settings: dict[str, object] = {"models": [model], "data": "scenes:", "size": size or "160x256"}
    settings["attention"] = attention or AUTO
    make_config(settings if task is None else settings | {"task": task})
    # What needs torch comes after the settings: a mistyped value is answered at once.
    from foolscape.models.common.attention import attention as kernels
    from foolscape.models.load import open_model
    from foolscape.run.settings.device import ready_device
    from foolscape.run.settings.task_of import task_of
    from foolscape.testing.command import check_made

    batch = 2 if batch is None else batch
    config = make_config(settings | {"task": task or task_of(model), "batch": batch})
    assert config.size is not None
    torch_device = ready_device(device)
    with kernels(config.attention), _printing() as on_check:
        opened = open_model(model, config.task, classes_file=names)
        verdict = check_made(opened, size=config.size, batch=batch, device=torch_device, on_check=on_check)
        _leave(verdict, on_data, on_check)


def _parts_of(text: str) -> list[str]:
    """What stands between commas."""
    return [part.strip() for part in text.split(",")]


def _leave(verdict: ContractReport, on_data: dict[str, object], on_check: OnCheck) -> NoReturn:
    """Make one more check, on data, where `on_data` names some, and leave with the status that all deserve."""
    ok = verdict.ok
    if on_data["data"] is not None:
        from foolscape.run.clean_check import check_on_data

        on_check("the model on the data", None)
        result = check_on_data(on_data, print_match)
        on_check(result.name, result)
        ok = ok and result.passed is not False
    raise typer.Exit(DONE if ok else ERROR)


@contextmanager
def _printing() -> Iterator[OnCheck]:
    """What prints every check when it is known, and meanwhile says on stderr what is being tried."""
    with err_console.status("loading") as status:

        def on_check(name: str, check: Check | None) -> None:
            if check is not None:
                out_console.print(printable(check.line), markup=False, soft_wrap=True)
            elif err_console.is_terminal:
                status.update(f"trying: {escape(name)}")
            else:
                tell(f"trying: {name}")

        yield on_check


def list_(kind: Annotated[Listing, typer.Argument(help="What to list.")]) -> None:
    """List the models, attacks or data sets that can be named."""
    if kind is Listing.MODELS:
        from foolscape.cli.list_models import print_models

        print_models()
        return
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is"):
        table.add_column(column, no_wrap=column == "name")
    for name, about in _catalog(kind):
        table.add_row(Text(name), Text(about))
    out_console.print(table)


def _catalog(kind: Listing) -> list[tuple[str, str]]:
    if kind is Listing.ATTACKS:
        from foolscape.attacks.listed import listed_attacks
        from foolscape.attacks.names import NONE

        attacks = [(a.name, f"{a.summary} [{a.source}; variants: {', '.join(a.variants)}]") for a in listed_attacks()]
        return [*attacks, (NONE, "measure the clean model alone")]
    from foolscape.data.load import catalog

    listed = []
    for kind_of_data in catalog():
        splits = f" (splits: {', '.join(kind_of_data.splits)})" if kind_of_data.splits else ""
        listed.append((kind_of_data.form, f"{', '.join(kind_of_data.tasks)}; {kind_of_data.description}{splits}"))
    places = "in place of any DIR or FILE: one in a store, or in a zip or tar archive (docs/your-own-data.md)"
    listed.append(("s3://.., gs://.., hf://.., FILE.zip/..", places))
    listed.append(("path/to/file.py:name", "your own class with __len__ and __getitem__, or what makes one"))
    return listed
