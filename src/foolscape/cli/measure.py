"""The commands that measure: `foolscape run`, `transfer` and `demo`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from foolscape.cli import options as o
from foolscape.cli.console import close, listener, out_console, place_of, told_of_interruption

DEMO_SEGMENTERS = ("bundled:scenes-unet", "bundled:scenes-dilated")
DEMO_DETECTORS = ("bundled:scenes-detector",)
DEMO_SCENES = 5
"""Both runs together stay under three minutes on two cores."""


def run(
    out: o.Out = None,
    model: o.Model = None,
    data: o.Data = None,
    config: o.Config = None,
    split: o.Split = None,
    size: o.Size = None,
    attack: o.Attack = None,
    variant: o.Variant = None,
    objective: o.Objective = None,
    schedule: o.Schedule = None,
    budget: o.Budget = None,
    boost: o.Boost = None,
    eps: o.Eps = None,
    step: o.Step = None,
    steps: o.Steps = None,
    norm: o.Norm = None,
    stop: o.Stop = None,
    limit: o.Limit = None,
    ids: o.Ids = None,
    batch: o.Batch = None,
    precision: o.Precision = None,
    memory_format: o.MemoryFormat = None,
    compile: o.Compile = None,  # noqa: A002 - the option's name
    probes: o.Probes = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    goal: o.Goal = None,
    victim: o.Victim = None,
    rounded: o.Rounded = None,
    refresh: o.Refresh = None,
    window: o.Window = None,
    sampling: o.Sampling = None,
    supervision: o.Supervision = None,
    against: o.Against = None,
    task: o.Task = None,
) -> None:
    """Attack one or more models on images and measure them: table, pictures, artefacts, report.

    The same command again goes on where the run was stopped.
    """
    settings = _settings(locals())
    _run(settings, place_of(out, settings))


def transfer(
    out: o.Out = None,
    model: o.Model = None,
    ensemble: o.Ensemble = None,
    data: o.Data = None,
    config: o.Config = None,
    split: o.Split = None,
    size: o.Size = None,
    attack: o.Attack = None,
    variant: o.Variant = None,
    objective: o.Objective = None,
    schedule: o.Schedule = None,
    budget: o.Budget = None,
    boost: o.Boost = None,
    eps: o.Eps = None,
    step: o.Step = None,
    steps: o.Steps = None,
    norm: o.Norm = None,
    stop: o.Stop = None,
    limit: o.Limit = None,
    ids: o.Ids = None,
    batch: o.Batch = None,
    precision: o.Precision = None,
    memory_format: o.MemoryFormat = None,
    probes: o.Probes = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    goal: o.Goal = None,
    victim: o.Victim = None,
    rounded: o.Rounded = None,
    refresh: o.Refresh = None,
    window: o.Window = None,
    sampling: o.Sampling = None,
    supervision: o.Supervision = None,
    against: o.Against = None,
) -> None:
    """Add the change made for each model to the images of every other: who is fooled by whose, alone and summed.

    Models of different tasks may be mixed. The same command again goes on where it was stopped.
    """
    settings = _settings(locals())
    from foolscape.report.transfer import print_transfer
    from foolscape.run.transfer import transfer as measure

    place = place_of(out, settings)
    with told_of_interruption():
        matrix = measure(settings, place, ["foolscape", *sys.argv[1:]], listener())
    print_transfer(place, out_console)
    close(place, len({failure["id"] for failure in matrix["failures"]}))


def demo(
    out: Annotated[Path, typer.Option(help="Directory for everything the two runs write.")] = Path("demo-run"),
    limit: Annotated[int, typer.Option(help="How many scenes.")] = DEMO_SCENES,
) -> None:
    """Fool the bundled networks, two that segment and one that detects, on the bundled street; needs no download."""
    for name, models in (("segmentation", DEMO_SEGMENTERS), ("detection", DEMO_DETECTORS)):
        _run({"models": models, "data": "scenes:", "split": "test", "attack": "dag", "limit": limit}, out / name)


def _settings(given: dict[str, Any]) -> dict[str, object]:
    """The settings of the YAML file `config` in the options `given`, and over them the other options."""
    from foolscape.run.config import read_settings
    from foolscape.run.inputs import wired

    options = {name: value for name, value in given.items() if value is not None and name not in ("config", "out")}
    if "ids" in options:
        options["ids"] = [name.strip() for name in options["ids"].split(",")]
    if models := options.pop("model", None):
        options["models"] = models
    if ensembles := options.pop("ensemble", None):
        options["ensembles"] = ensembles
    return wired(({} if given["config"] is None else read_settings(given["config"])) | options)


def _run(settings: dict[str, object], out: Path) -> None:
    from foolscape.report import print_tables
    from foolscape.run.config import make_config
    from foolscape.run.execute import execute

    with told_of_interruption():
        summary = execute(make_config(settings), out, ["foolscape", *sys.argv[1:]], listener())
    print_tables(out, out_console)
    close(out, len(summary["failures"]))
