"""The command line: `foolscape run`, `report`, `check`, `list`, `demo`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from foolscape.errors import FoolscapeError, SettingError

DONE, ERROR, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes: all well; an error; a wrong setting; finished, but some images could not be used; Ctrl-C."""

DEMO_MODELS = ("bundled:scenes-unet", "bundled:scenes-dilated")
DEMO_IMAGES = 5

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="How easily can a segmentation model be fooled, where does it break, and can you trust the answer?",
    epilog="Exit codes: 0 done, 1 error, 2 wrong setting, 3 done but some images could not be used, 130 interrupted.",
)
out_console = Console()
err_console = Console(stderr=True)


class Form(StrEnum):
    """How `foolscape report` prints its tables."""

    TERMINAL = "terminal"
    MARKDOWN = "markdown"
    LATEX = "latex"


class Kind(StrEnum):
    """What `foolscape list` lists."""

    MODELS = "models"
    ATTACKS = "attacks"
    DATA = "data"


@app.command()
def run(
    out: Annotated[Path | None, typer.Option(help="Directory for everything the run writes.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Spec of a model; repeat for several.")] = None,
    data: Annotated[str | None, typer.Option(help="Spec of the images, such as folder:DIR or camvid:DIR.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file of settings; options given here win.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the data set.")] = None,
    size: Annotated[str | None, typer.Option(help="HEIGHTxWIDTH to resize to; attack and metric work there.")] = None,
    attack: Annotated[str | None, typer.Option(help="An attack of `foolscape list attacks`, or none.")] = None,
    variant: Annotated[str | None, typer.Option(help="Another published form of the attack.")] = None,
    eps: Annotated[str | None, typer.Option(help="Bound on the change, such as 8/255.")] = None,
    step: Annotated[str | None, typer.Option(help="Size of a step, such as 0.5/255.")] = None,
    steps: Annotated[int | None, typer.Option(help="Most steps.")] = None,
    norm: Annotated[str | None, typer.Option(help="Norm of the bound: linf or l2.")] = None,
    stop: Annotated[float | None, typer.Option(help="Share of pixels that may be left when an image is done.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N images.")] = None,
    ids: Annotated[str | None, typer.Option(help="Only these images, separated by commas.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per call of the model.")] = None,
    memory_format: Annotated[str | None, typer.Option(help="contiguous or channels_last.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of everything random.")] = None,
    device: Annotated[str | None, typer.Option(help="Device as PyTorch names it, or auto.")] = None,
    classes: Annotated[Path | None, typer.Option(help="File with the names of the output channels.")] = None,
    task: Annotated[str | None, typer.Option(help="segmentation.")] = None,
) -> None:
    """Attack one or more models on images and measure them: table, pictures, artefacts, report.

    The same command again goes on where the run was stopped.
    """
    given: dict[str, object] = {
        "models": model or None, "data": data, "split": split, "size": size, "attack": attack, "variant": variant,
        "eps": eps, "step": step, "steps": steps, "norm": norm, "stop": stop, "limit": limit,
        "ids": None if ids is None else [name.strip() for name in ids.split(",")], "batch": batch,
        "memory_format": memory_format, "seed": seed, "device": device, "classes": classes, "task": task,
    }  # fmt: skip
    from foolscape.run.config import read_settings

    settings = {} if config is None else read_settings(config)
    settings |= {name: value for name, value in given.items() if value is not None}
    place = out or settings.pop("out", None)
    settings.pop("out", None)
    if place is None:
        raise SettingError("out: is needed and was not given; add --out DIR")
    _run(settings, Path(str(place)))


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Directory for everything the run writes.")] = Path("demo-run"),
    limit: Annotated[int, typer.Option(help="How many scenes.")] = DEMO_IMAGES,
) -> None:
    """Fool the two bundled networks on the bundled street with DAG; needs no download."""
    _run({"models": DEMO_MODELS, "data": "scenes:", "split": "test", "attack": "dag", "limit": limit}, out)


@app.command()
def report(
    directory: Annotated[Path, typer.Argument(help="Directory of a finished run.")],
    form: Annotated[Form, typer.Option("--format", help="How to print the tables.")] = Form.TERMINAL,
    panel: Annotated[
        str | None, typer.Option(help="Also write panel.png, six pictures of the image with this id.")
    ] = None,
) -> None:
    """Print the tables of a finished run and write report.html, report.md and report.tex beside it."""
    from foolscape.report import print_tables, write_panel, write_report, write_texts

    page = write_report(directory)
    texts = write_texts(directory)
    if form is Form.TERMINAL:
        print_tables(directory, out_console)
    else:
        sys.stdout.write(texts[".md" if form is Form.MARKDOWN else ".tex"])
    err_console.print(f"report: {escape(str(page))}", soft_wrap=True)
    if panel is not None:
        picture, factor = write_panel(directory, panel)
        err_console.print(f"panel: {escape(str(picture))}, change magnified {factor:.3g} times", soft_wrap=True)


@app.command()
def check(
    model: Annotated[str, typer.Option(help="Spec of a model.")],
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the images it will see.")] = "160x256",
    batch: Annotated[int, typer.Option(help="Batch size to check besides 1.")] = 2,
    classes: Annotated[Path | None, typer.Option(help="File with the names of the output channels.")] = None,
    device: Annotated[str, typer.Option(help="Device as PyTorch names it, or auto.")] = "auto",
) -> None:
    """Check that a model keeps its side of the contract, above all that its input gradient is right."""
    from foolscape.models.load import load_model
    from foolscape.run.config import make_config
    from foolscape.run.execute import choose_device
    from foolscape.testing import check_segmenter

    settings = make_config({"models": [model], "data": "scenes:", "size": size, "batch": batch})
    assert settings.size is not None
    height, width = settings.size
    where = choose_device(device)
    loaded = load_model(model, image_size=(height, width), device=where, classes_file=classes)
    sizes = ((height, width), (height - 3, width - 5))
    verdict = check_segmenter(loaded.segmenter, sizes=sizes, batch=batch, device=where)
    for line in verdict.lines():
        out_console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(DONE if verdict.ok else ERROR)


@app.command(name="list")
def list_(kind: Annotated[Kind, typer.Argument(help="What to list.")]) -> None:
    """List the models, attacks or data sets that can be named."""
    table = Table(box=None, pad_edge=False)
    for column in ("name", "what it is"):
        table.add_column(column, no_wrap=column == "name")
    for name, about in _catalog(kind):
        table.add_row(Text(name), Text(about))
    out_console.print(table)


def _catalog(kind: Kind) -> list[tuple[str, str]]:
    if kind is Kind.MODELS:
        from foolscape.models.load import list_models

        own = [("path/to/file.py:factory", "your nn.Module"), ("package.module:factory", "your nn.Module")]
        return [(listed.name, listed.about) for listed in list_models()] + own
    if kind is Kind.ATTACKS:
        from foolscape.attacks.catalog import CATALOG as ATTACKS
        from foolscape.attacks.catalog import NONE

        attacks = [(a.name, f"{a.summary} [{a.source}; variants: {', '.join(a.variants)}]") for a in ATTACKS]
        return [*attacks, (NONE, "measure the clean model alone")]
    from foolscape.data.load import CATALOG as DATA

    return [(d.form, d.description + (f" (splits: {', '.join(d.splits)})" if d.splits else "")) for d in DATA]


def _run(settings: dict[str, object], out: Path) -> None:
    from foolscape.report import print_tables
    from foolscape.run.config import make_config
    from foolscape.run.execute import Listener, execute

    listener = Listener(say=lambda text: err_console.print(f"note: {text}", markup=False), progress=_progress)
    try:
        summary = execute(make_config(settings), out, ["foolscape", *sys.argv[1:]], listener)
    except KeyboardInterrupt:
        err_console.print("interrupted; the same command again goes on from here")
        raise typer.Exit(INTERRUPTED) from None
    print_tables(out, out_console)
    err_console.print(f"report: {escape(str(out / 'report.html'))}", soft_wrap=True)
    failures = len(summary["failures"])
    if failures:
        err_console.print(f"[yellow]{failures} image(s) could not be used; the report says why[/yellow]")
        raise typer.Exit(SOME_FAILED)


class _Speed(ProgressColumn):
    """Images per second so far."""

    def render(self, task: Task) -> Text:
        """The column's text."""
        return Text("- images/s" if task.speed is None else f"{task.speed:.2f} images/s")


@contextmanager
def _progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Speed(), TimeRemainingColumn())
    with Progress(*columns, console=err_console) as progress:
        task = progress.add_task(escape(title), total=total, completed=done)
        yield lambda _: progress.advance(task)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; errors meant for people are printed without a traceback."""
    try:
        app(args=None if arguments is None else list(arguments))
    except FoolscapeError as error:
        err_console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        sys.exit(USAGE if isinstance(error, SettingError) else ERROR)
