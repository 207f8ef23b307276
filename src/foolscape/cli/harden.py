"""The command that trains: `foolscape harden`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from foolscape.cli import options as o
from foolscape.cli.console import close, listener, out_console, place_of, told_of_interruption


def harden(
    model: Annotated[str | None, typer.Option(help="Spec of the segmentation network to train.")] = None,
    data: o.Data = None,
    train_split: Annotated[
        str | None, typer.Option(help="Split to train on; a part of one is written val[:80%].")
    ] = None,
    test_split: Annotated[str | None, typer.Option(help="Split to measure on, before and after.")] = None,
    config: o.Config = None,
    out: o.Out = None,
    attack: Annotated[str | None, typer.Option(help="What is trained on: segpgd or pgd.")] = None,
    eps: o.Eps = None,
    step: o.Step = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the attack on every batch.")] = None,
    clean_share: Annotated[float | None, typer.Option(help="Part of every batch that is left clean, 0 to 1.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    batch: Annotated[int | None, typer.Option(help="Images per step of the network.")] = None,
    rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    size: o.Size = None,
    crop: Annotated[
        str | None, typer.Option(help="HEIGHTxWIDTH of the part of each image, drawn at random, to train on.")
    ] = None,
    mirror: Annotated[
        bool | None, typer.Option(help="Train on mirror images too; not where left and right matter.")
    ] = None,
    train_limit: Annotated[int | None, typer.Option(help="Only the first N training images.")] = None,
    test_limit: Annotated[int | None, typer.Option(help="Only the first N test images.")] = None,
    memory_format: o.MemoryFormat = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
) -> None:
    """Train a segmentation network on attacked images, and measure it before and after.

    The network is saved after every epoch; the same command again goes on where it was stopped.
    """
    given = {name: value for name, value in locals().items() if value is not None and name not in ("out", "config")}
    from foolscape.report.harden import print_hardening, write_hardening_report
    from foolscape.run.config import read_mapping
    from foolscape.run.harden.config import make_harden_config
    from foolscape.run.harden.execute import harden as train_and_measure
    from foolscape.run.inputs import wired

    settings = wired(({} if config is None else read_mapping(config)) | given)
    place = place_of(out, settings)
    with told_of_interruption():
        summary = train_and_measure(make_harden_config(settings), place, ["foolscape", *sys.argv[1:]], listener())
    write_hardening_report(place)
    print_hardening(place, out_console)
    close(place, len(summary["failures"]) + len(summary["training"]["failures"]))
