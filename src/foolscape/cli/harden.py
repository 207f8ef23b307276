"""The command that trains: `foolscape harden`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from foolscape.cli import options as o
from foolscape.cli.manners import Attacked, take_manners
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.models.sources.names import check_names

if TYPE_CHECKING:
    from foolscape.run.harden.config import HardenConfig


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
    attention: o.Attention = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    new: o.New = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    footnotes: o.Footnotes = False,
    strict: o.Strict = False,
    fail_under: o.FailUnder = None,
    fail_on: o.FailOn = None,
) -> None:
    """Train a segmentation network on attacked images, and measure it before and after.

    The network is saved after every epoch; the same command again goes on where it was stopped.
    """
    given = locals()
    manners = take_manners(given)
    from foolscape.data.load import check_data_name
    from foolscape.run.harden.config import make_harden_config
    from foolscape.run.settings.inputs import wired
    from foolscape.run.settings.yaml_file import read_mapping

    chosen = {name: value for name, value in given.items() if value is not None and name not in ("out", "config")}
    settings = wired(({} if config is None else read_mapping(config)) | chosen)
    check_names([settings.get("model")])
    out = out_of(out, settings)
    made = make_harden_config(settings)
    check_data_name(made.data)
    carry_out(partial(_job, made), out, manners)


def _job(config: HardenConfig) -> Job:
    """What `foolscape harden` does with these settings."""
    from foolscape.metrics.tasks.segmentation import SEGMENTATION
    from foolscape.report.pages.harden import write_hardening_report
    from foolscape.run.directory.place import Wanted, model_name, name_of
    from foolscape.run.harden.execute import harden as train_and_measure

    keys = SEGMENTATION.keys_of()
    return Job(
        wanted=Wanted(
            name_of(model_name(config.model), "harden"),
            {"kind": "harden", "config": config.model_dump(mode="json")},
        ),
        keys=lambda: keys,
        work=partial(train_and_measure, config),
        # The network that comes out of it is what there is to judge.
        attacked=lambda summary: [
            Attacked(summary["hardened"], keys, summary["after"]["conditions"].get("adversarial", {}))
        ],
        failures=lambda summary: len(summary["failures"]) + len(summary["training"]["failures"]),
        page=write_hardening_report,
    )
