"""The commands for universal perturbations: `foolscape universal` and `apply`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foolscape.cli import options as o
from foolscape.cli.console import SOME_FAILED, out_console, tell
from foolscape.cli.manners import Attacked, take_manners
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of
from foolscape.printable import printable

if TYPE_CHECKING:
    from foolscape.run.universal.config import UniversalConfig


def universal(
    model: Annotated[str | None, typer.Option(help="Spec of the model to fool.")] = None,
    transfer_to: Annotated[
        list[str] | None, typer.Option(help="Spec of another model to measure the pattern on; repeat for several.")
    ] = None,
    data: o.Data = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="hide:CLASS[->CLASS], hide:all (of a detector), text:WORD:CLASS[:CLASS], static:FILE:CLASS[:CLASS], "
            "scene:ID or untargeted."
        ),
    ] = None,
    train_split: Annotated[
        str | None, typer.Option(help="Split to learn on; a part of one is written val[:80%].")
    ] = None,
    test_split: Annotated[str | None, typer.Option(help="Split to measure on.")] = None,
    config: o.Config = None,
    out: o.Out = None,
    preset: Annotated[str | None, typer.Option(help="ours, paper or notebook.")] = None,
    eps: o.Eps = None,
    step: o.Step = None,
    start: Annotated[
        Path | None, typer.Option(help="A perturbation to begin from; --epochs 0 measures it as it is.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    omega: Annotated[float | None, typer.Option(help="What hiding weighs against preserving, 0 to 1.")] = None,
    sweep_eps: Annotated[
        str | None, typer.Option(help="Learn further patterns at these bounds, such as 2/255,5/255,20/255: a curve.")
    ] = None,
    sweep_omega: Annotated[
        str | None, typer.Option(help="Learn further patterns at these omegas, such as 0.3,0.7: a curve.")
    ] = None,
    tile: Annotated[
        str | None,
        typer.Option(help="HEIGHTxWIDTH of the tile; by default an image's, for hiding by ours an eighth as wide."),
    ] = None,
    shifts: Annotated[bool | None, typer.Option(help="Move the tile at random while learning.")] = None,
    mirror: Annotated[
        bool | None, typer.Option(help="Learn from mirror images too; not where left and right matter.")
    ] = None,
    showing: Annotated[bool | None, typer.Option(help="Learn only on images that show what is to be hidden.")] = None,
    size: o.Size = None,
    train_limit: Annotated[int | None, typer.Option(help="Only the first N training images.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N test images.")] = None,
    attention: o.Attention = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    task: o.Task = None,
    new: o.New = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    footnotes: o.Footnotes = False,
    strict: o.Strict = False,
    fail_under: o.FailUnder = None,
    fail_on: o.FailOn = None,
) -> None:
    """Learn one pattern that fools a model on every image: it sees a fixed picture, or a class is hidden.

    It is learnt on one split and measured on another. The same command again goes on where it was stopped.
    """
    given = locals()
    manners = take_manners(given)
    from foolscape.data.load import check_data_name
    from foolscape.run.settings.inputs import wired
    from foolscape.run.settings.yaml_file import read_mapping
    from foolscape.run.universal.config import make_universal_config

    chosen = {name: value for name, value in given.items() if value is not None and name not in ("out", "config")}
    for name in ("sweep_eps", "sweep_omega"):
        if name in chosen:
            chosen[name] = tuple(part.strip() for part in str(chosen[name]).split(","))
    settings = wired(({} if config is None else read_mapping(config)) | chosen)
    check_names([settings.get("model")])
    check_names(settings.get("transfer_to"))
    out = out_of(out, settings)
    made = make_universal_config(settings)
    check_data_name(made.data)
    carry_out(partial(_job, made), out, manners)


def _job(config: UniversalConfig) -> Job:
    """What `foolscape universal` does with these settings."""
    from foolscape.metrics.score import scores_of
    from foolscape.report.pages.universal import write_universal_report
    from foolscape.run.directory.place import Wanted, model_name, name_of
    from foolscape.run.settings.task_of import task_of
    from foolscape.run.universal.execute import universal as learn_and_measure
    from foolscape.run.universal.teaching import HIDING_KEYS, SUCCESS_KEYS

    moved = HIDING_KEYS if config.target.startswith("hide:") else SUCCESS_KEYS

    def keys() -> list[str]:
        specs = (config.model, *config.transfer_to)
        return [*(key for spec in specs for key in scores_of(config.task or task_of(spec)).keys_of()), *moved]

    def left(summary: dict[str, Any]) -> list[Attacked]:
        measured = ((one["model"], one["task"], one["conditions"]) for one in (summary, *summary["transfer"]))
        return [
            Attacked(model, (*scores_of(task).keys_of(), *moved), conditions.get("adversarial", {}))
            for model, task, conditions in measured
        ]

    return Job(
        wanted=Wanted(
            name_of(model_name(config.model), "universal", config.target),
            {"kind": "universal", "config": config.model_dump(mode="json")},
        ),
        keys=keys,
        work=partial(learn_and_measure, config),
        attacked=left,
        failures=lambda summary: len(summary["failures"]) + len(summary["training"]["failures"]),
        page=write_universal_report,
    )


def apply(
    perturbation: Annotated[Path, typer.Argument(help="A perturbation.safetensors of `foolscape universal`.")],
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the images with the pattern added, as PNG.")],
) -> None:
    """Add a universal perturbation to every image of a folder, quantised inside its bound."""
    from foolscape.run.universal.apply import apply_to_folder
    from foolscape.run.universal.tile_file import read_tile

    written, failures = apply_to_folder(read_tile(path_of(perturbation)), path_of(images), path_of(out))
    for name, reason in failures:
        tell(f"left out {name}: {reason}")
    out_console.print(printable(f"{written} images written to {out}"), markup=False, soft_wrap=True)
    if failures:
        raise typer.Exit(SOME_FAILED)
