"""The commands that measure: `foolscape run`, `transfer` and `demo`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from foolscape.cli.console import tell
from foolscape.cli.flags import INPUT, Flag, Given, attack_flags, flags_of
from foolscape.cli.manners import Attacked, Manners
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.models.sources.names import check_names
from foolscape.paths import path_of
from foolscape.run.settings.attack_options import options_in, origins_of, over, spelled_out
from foolscape.run.settings.config import RunConfig, make_config, read_settings
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.shown import DATA

DEMO_SEGMENTERS = ("bundled:scenes-unet", "bundled:scenes-dilated")
DEMO_DETECTORS = ("bundled:scenes-detector",)
DEMO_SCENES = 5
"""Both runs together stay under three minutes on two cores."""


def run(given: Given) -> None:
    """Attack one or more models on images and measure them: table, pictures, artefacts, report.

    The same command again goes on where the run was stopped.
    """
    settings, origins = _settings(given, "run")
    out = out_of(given.out, settings)
    carry_out(partial(_run_job, settings, origins), out, given.manners)


def transfer(given: Given) -> None:
    """Add the change made for each model to the images of every other: who is fooled by whose, alone and summed.

    Models of different tasks may be mixed. The same command again goes on where it was stopped.
    """
    settings, origins = _settings(given, "transfer")
    out = out_of(given.out, settings)
    carry_out(partial(_transfer_job, settings, origins), out, given.manners)


def run_flags() -> list[Flag]:
    """The options of `run`."""
    return [*flags_of(RunConfig), INPUT, *attack_flags()]


def transfer_flags() -> list[Flag]:
    """The options of `transfer`: those of `run`, but for what each network has of its own."""
    return [*(flag for flag in run_flags() if flag.name not in ("task", "compile")), _ENSEMBLE]


_ENSEMBLE: Final = Flag(
    "ensembles", str, "Networks to fool by one change, as A+B or all, by spec or short name; repeat for several.", DATA,
    "ensemble", metavar="A+B", several=True,
)  # fmt: skip


def demo(
    out: Annotated[Path, typer.Option(help="Directory for everything the two runs write.")] = Path("demo-run"),
    limit: Annotated[int, typer.Option(help="How many scenes.")] = DEMO_SCENES,
) -> None:
    """Fool the bundled networks, two that segment and one that detects, on the bundled street; needs no download."""
    scenes: dict[str, object] = {"data": "scenes:", "split": "test", "attack": "dag", "limit": limit}
    out = path_of(out)
    # Steps of a level: by the paper's half level the segmenters are not done after its 200 steps.
    for name, own in (
        ("segmentation", {"models": DEMO_SEGMENTERS, "step": "1/255"}),
        ("detection", {"models": DEMO_DETECTORS}),
    ):
        carry_out(partial(_run_job, scenes | own, {}), out / name, Manners())


def _settings(given: Given, command: str) -> tuple[dict[str, object], dict[str, str]]:
    """The settings of the file that was given, and over them the options; and where those of the attack come from."""
    check_names(given.settings.get("models"))
    base = spelled_out({} if given.config is None else read_settings(given.config, command))
    settings = wired(over(base, given.settings))
    if lost := options_in(base).keys() - options_in(settings).keys():
        tell(f"note: {', '.join(sorted(lost))} of {given.config} left out, which {settings['attack']} does not have")
    check_names(settings.get("models"))
    return settings, origins_of(base, given.settings, given.config)


def _run_job(settings: dict[str, object], origins: Mapping[str, str]) -> Job:
    """What `foolscape run` does with these settings."""
    from foolscape.data.load import check_data_name

    config = make_config(settings)
    check_data_name(config.data)
    # What needs torch comes after the settings: a mistyped value is answered at once.
    from foolscape.metrics.score import scores_of
    from foolscape.report.tables.bounds import model_at
    from foolscape.run.directory.place import Wanted, models_name, name_of
    from foolscape.run.execute import execute
    from foolscape.run.preview import preview_run
    from foolscape.run.settings.choice import with_attack
    from foolscape.run.settings.task_of import with_task

    config = with_task(config)
    settled, _ = with_attack(config)
    keys = scores_of(str(config.task)).keys_of(config.options.get("only_class"))
    judged = "adversarial" if settled.attacks else "clean"
    return Job(
        wanted=Wanted(
            name_of(models_name(config.models), str(settled.attack)),
            {"kind": None, "config": settled.model_dump(mode="json")},
        ),
        keys=lambda: keys,
        work=partial(execute, config),
        attacked=lambda summary: [
            Attacked(model["model"], keys, model_at(model)["conditions"].get(judged, {})) for model in summary["models"]
        ],
        failures=lambda summary: len(summary["failures"]),
        preview=partial(preview_run, config, origins),
    )


def _transfer_job(settings: dict[str, object], origins: Mapping[str, str]) -> Job:
    """What `foolscape transfer` does with these settings."""
    from foolscape.data.load import check_data_name
    from foolscape.run.transfer.settings import make_transfer_config, recorded_settings

    config = recorded_settings(settings)
    check_data_name(config["data"])
    from foolscape.metrics.score import scores_of
    from foolscape.records.places import MATRIX
    from foolscape.run.directory.place import Wanted, models_name, name_of
    from foolscape.run.preview import preview_transfer
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
        preview=partial(preview_transfer, *make_transfer_config(settings), origins),
    )
