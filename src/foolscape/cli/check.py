"""`foolscape check`: whether a model keeps its contract, and whether data are what one takes them for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import typer
from rich.markup import escape

from foolscape.cli.check_data import Choice, look_at_data
from foolscape.cli.class_table import print_match, propose
from foolscape.cli.console import DONE, ERROR, err_console, out_console, tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import INPUT, flags_of
from foolscape.errors import SettingError
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of
from foolscape.printable import printable
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.shown import MEASUREMENT, OUTPUT

if TYPE_CHECKING:
    from foolscape.testing.verdicts import Check, ContractReport, OnCheck


AUTO: Final = "auto"


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
    else:
        _check_model(model, on_data, attention or AUTO, 2 if batch is None else batch)


def _check_model(model: str, on_data: dict[str, object], attention: str, batch: int) -> NoReturn:
    """Check a model with so many images per call, on data where `on_data` names some, and leave."""
    names, task = on_data["classes"], on_data["task"]
    settings: dict[str, object] = {"models": [model], "data": "scenes:", "size": on_data["size"] or "160x256"}
    settings["attention"] = attention
    make_config(settings if task is None else settings | {"task": task})
    # What needs torch comes after the settings: a mistyped value is answered at once.
    from foolscape.models.common.attention import attention as kernels
    from foolscape.models.load import open_model
    from foolscape.run.settings.device import ready_device
    from foolscape.run.settings.task_of import task_of
    from foolscape.testing.command import check_made

    config = make_config(settings | {"task": task or task_of(model), "batch": batch})
    assert config.size is not None
    torch_device = ready_device(str(on_data["device"]))
    with kernels(config.attention), _printing() as on_check:
        opened = open_model(model, config.task, classes_file=names if isinstance(names, Path) else None)
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
