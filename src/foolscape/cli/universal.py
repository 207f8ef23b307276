"""The commands for universal perturbations: `foolscape universal` and `apply`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from foolscape.cli import options as o
from foolscape.cli.console import SOME_FAILED, close, err_console, listener, out_console, told_of_interruption


def universal(
    model: Annotated[str, typer.Option(help="Spec of a segmentation model.")],
    data: Annotated[str, typer.Option(help="Spec of the images, such as camvid:DIR.")],
    target: Annotated[
        str, typer.Option(help="hide:CLASS[->CLASS], text:WORD:CLASS[:CLASS] or static:FILE:CLASS[:CLASS].")
    ],
    train_split: Annotated[str, typer.Option(help="Split to learn on.")],
    test_split: Annotated[str, typer.Option(help="Split to measure on.")],
    out: Annotated[Path, typer.Option(help="Directory for everything the run writes.")],
    preset: Annotated[str | None, typer.Option(help="ours, paper or notebook.")] = None,
    eps: o.Eps = None,
    step: o.Step = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    omega: Annotated[float | None, typer.Option(help="What hiding weighs against preserving, 0 to 1.")] = None,
    tile: Annotated[str | None, typer.Option(help="HEIGHTxWIDTH of the tile; an image's by default.")] = None,
    size: o.Size = None,
    train_limit: Annotated[int | None, typer.Option(help="Only the first N training images.")] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N test images.")] = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
) -> None:
    """Learn one pattern that makes any image segment as a fixed picture, or hides a class while the rest stays.

    It is learnt on one split and measured on another. The same command again goes on where it was stopped.
    """
    given = {name: value for name, value in locals().items() if value is not None and name != "out"}
    from foolscape.report.universal import print_universal, write_universal_report
    from foolscape.run.universal import universal as learn_and_measure
    from foolscape.run.universal_config import make_universal_config

    with told_of_interruption():
        summary = learn_and_measure(make_universal_config(given), out, ["foolscape", *sys.argv[1:]], listener())
    write_universal_report(out)
    print_universal(out, out_console)
    close(out, len(summary["failures"]) + len(summary["training"]["failures"]))


def apply(
    perturbation: Annotated[Path, typer.Argument(help="A perturbation.safetensors of `foolscape universal`.")],
    images: Annotated[Path, typer.Option(help="Folder of images.")],
    out: Annotated[Path, typer.Option(help="Folder for the images with the pattern added, as PNG.")],
) -> None:
    """Add a universal perturbation to every image of a folder, quantised inside its bound."""
    from foolscape.run.tile_file import read_tile
    from foolscape.run.universal_apply import apply_to_folder

    written, failures = apply_to_folder(read_tile(perturbation), images, out)
    for name, reason in failures:
        err_console.print(f"left out {name}: {reason}", markup=False, soft_wrap=True)
    out_console.print(f"{written} images written to {out}", markup=False, soft_wrap=True)
    if failures:
        raise typer.Exit(SOME_FAILED)
