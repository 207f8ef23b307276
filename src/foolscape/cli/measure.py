"""The commands that measure: `foolscape run`, `transfer` and `demo`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from foolscape.cli import options as o
from foolscape.cli.manners import Attacked, Manners, take_manners
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of

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
    loss: o.Loss = None,
    schedule: o.Schedule = None,
    budget: o.Budget = None,
    transforms: o.Transforms = None,
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
    attention: o.Attention = None,
    compile: o.Compile = None,  # noqa: A002 - the option's name
    probes: o.Probes = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    goal: o.Goal = None,
    only_class: o.OnlyClass = None,
    quantise_steps: o.QuantiseSteps = None,
    resample_candidates: o.ResampleCandidates = None,
    window: o.Window = None,
    sampling: o.Sampling = None,
    labels_from: o.LabelsFrom = None,
    attack_pixels: o.AttackPixels = None,
    objective: o.FormerText = None,
    boost: o.FormerText = None,
    victim: o.FormerText = None,
    rounded: o.FormerSwitch = None,
    refresh: o.FormerNumber = None,
    supervision: o.FormerText = None,
    against: o.FormerText = None,
    task: o.Task = None,
    new: o.New = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    footnotes: o.Footnotes = False,
    strict: o.Strict = False,
    fail_under: o.FailUnder = None,
    fail_on: o.FailOn = None,
) -> None:
    """Attack one or more models on images and measure them: table, pictures, artefacts, report.

    The same command again goes on where the run was stopped.
    """
    given = locals()
    manners = take_manners(given)
    settings = _settings(given)
    _run(settings, out_of(out, settings), manners)


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
    loss: o.Loss = None,
    schedule: o.Schedule = None,
    budget: o.Budget = None,
    transforms: o.Transforms = None,
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
    attention: o.Attention = None,
    probes: o.Probes = None,
    seed: o.Seed = None,
    device: o.Device = None,
    classes: o.Classes = None,
    input: o.Input = None,  # noqa: A002 - the option's name
    goal: o.Goal = None,
    only_class: o.OnlyClass = None,
    quantise_steps: o.QuantiseSteps = None,
    resample_candidates: o.ResampleCandidates = None,
    window: o.Window = None,
    sampling: o.Sampling = None,
    labels_from: o.LabelsFrom = None,
    attack_pixels: o.AttackPixels = None,
    objective: o.FormerText = None,
    boost: o.FormerText = None,
    victim: o.FormerText = None,
    rounded: o.FormerSwitch = None,
    refresh: o.FormerNumber = None,
    supervision: o.FormerText = None,
    against: o.FormerText = None,
    new: o.New = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
    footnotes: o.Footnotes = False,
    strict: o.Strict = False,
    fail_under: o.FailUnder = None,
    fail_on: o.FailOn = None,
) -> None:
    """Add the change made for each model to the images of every other: who is fooled by whose, alone and summed.

    Models of different tasks may be mixed. The same command again goes on where it was stopped.
    """
    given = locals()
    manners = take_manners(given)
    settings = _settings(given)
    out = out_of(out, settings)
    carry_out(partial(_transfer_job, settings), out, manners)


def demo(
    out: Annotated[Path, typer.Option(help="Directory for everything the two runs write.")] = Path("demo-run"),
    limit: Annotated[int, typer.Option(help="How many scenes.")] = DEMO_SCENES,
) -> None:
    """Fool the bundled networks, two that segment and one that detects, on the bundled street; needs no download."""
    scenes: dict[str, object] = {"data": "scenes:", "split": "test", "attack": "dag", "limit": limit}
    out = path_of(out)
    # Steps of a level: by the paper's half level the segmenters are not done after its 200 steps.
    _run(scenes | {"models": DEMO_SEGMENTERS, "step": "1/255"}, out / "segmentation", Manners())
    _run(scenes | {"models": DEMO_DETECTORS}, out / "detection", Manners())


def _settings(given: dict[str, Any]) -> dict[str, object]:
    """The settings of the YAML file `config` in the options `given`, and over them the other options."""
    check_names(given["model"])
    from foolscape.run.settings.config import over, read_settings
    from foolscape.run.settings.inputs import wired

    options = {name: value for name, value in given.items() if value is not None and name not in ("config", "out")}
    if "ids" in options:
        options["ids"] = [name.strip() for name in options["ids"].split(",")]
    if models := options.pop("model", None):
        options["models"] = models
    if ensembles := options.pop("ensemble", None):
        options["ensembles"] = ensembles
    settings = wired(over({} if given["config"] is None else read_settings(given["config"]), options))
    check_names(settings.get("models"))
    return settings


def _run(settings: dict[str, object], out: Path | None, manners: Manners) -> None:
    carry_out(partial(_run_job, settings), out, manners)


def _run_job(settings: dict[str, object]) -> Job:
    """What `foolscape run` does with these settings."""
    from foolscape.data.load import check_data_name
    from foolscape.run.settings.config import make_config

    config = make_config(settings)
    check_data_name(config.data)
    # What needs torch comes after the settings: a mistyped value is answered at once.
    from foolscape.metrics.score import scores_of
    from foolscape.run.directory.place import Wanted, models_name, name_of
    from foolscape.run.execute import execute
    from foolscape.run.settings.choice import with_attack
    from foolscape.run.settings.task_of import with_task

    config = with_task(config)
    settled, _ = with_attack(config)
    keys = scores_of(str(config.task)).keys_of(config.only_class)
    judged = "adversarial" if settled.attacks else "clean"
    return Job(
        wanted=Wanted(
            name_of(models_name(config.models), str(settled.attack)),
            {"kind": None, "config": settled.model_dump(mode="json")},
        ),
        keys=lambda: keys,
        work=partial(execute, config),
        attacked=lambda summary: [
            Attacked(model["model"], keys, model["conditions"].get(judged, {})) for model in summary["models"]
        ],
        failures=lambda summary: len(summary["failures"]),
    )


def _transfer_job(settings: dict[str, object]) -> Job:
    """What `foolscape transfer` does with these settings."""
    from foolscape.data.load import check_data_name
    from foolscape.run.transfer.settings import asked

    config = asked(settings)
    check_data_name(config["data"])
    from foolscape.metrics.score import scores_of
    from foolscape.report.pages.transfer import MATRIX
    from foolscape.run.directory.place import Wanted, models_name, name_of
    from foolscape.run.settings.task_of import task_of
    from foolscape.run.transfer.execute import transfer as measure

    def left(matrix: dict[str, Any]) -> list[Attacked]:
        """The score of every network under the change that was made for it."""
        own = {
            line["sources"][0]: line for line in matrix["lines"] if len(line["sources"]) == 1 and not line["permuted"]
        }
        return [
            Attacked(one["model"], [one["score"]], {one["score"]: own[one["slug"]]["scores"][one["slug"]]})
            for one in matrix["columns"]
        ]

    return Job(
        wanted=Wanted(
            name_of("transfer", models_name(config["models"]), str(config["attack"] or "default")),
            {"kind": "transfer", "config": config},
            MATRIX,
        ),
        keys=lambda: [scores_of(task_of(model)).default.headline for model in config["models"]],
        work=partial(measure, settings),
        attacked=left,
        failures=lambda matrix: len({failure["id"] for failure in matrix["failures"]}),
    )
