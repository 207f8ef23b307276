"""The commands for universal perturbations: `foolscape universal` and `apply`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from foolscape.cli.console import SOME_FAILED, out_console, tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import INPUT, SLICES, CommandArguments, flags_of
from foolscape.cli.manners import AttackedScores, JobOutcome, verdict_of
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.cli.resources import WORKER_FLAGS
from foolscape.models.sources.names import check_names
from foolscape.paths import folder_of, path_of
from foolscape.printable import printable
from foolscape.run.settings.given_resources import resources_of
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.recorded import settings_of_file
from foolscape.run.settings.resources import Resources
from foolscape.run.slices.table import SliceTable, table_of
from foolscape.run.universal.config import UniversalConfig, make_universal_config

if TYPE_CHECKING:
    from foolscape.records.types import Object


def universal(arguments: CommandArguments) -> None:
    """Learn one pattern that fools a model on every image: it sees a fixed picture, or a class is hidden.

    It is learnt on one split and measured on another. The same command again goes on where it was stopped.
    """
    from foolscape.data.load import check_data_name

    settings = wired(
        ({} if arguments.config is None else settings_of_file(arguments.config, "universal")) | arguments.settings
    )
    check_names([settings.get("model")])
    check_names(settings.get("transfer_to"))
    out, table = out_of(arguments.out, settings), table_of(settings.pop("slices", None))
    resources = resources_of(settings)
    config = make_universal_config(settings)
    check_data_name(config.data)
    carry_out(partial(_job, config, table, resources), out, arguments.manners)


def universal_flags() -> list[Flag]:
    """The options of `universal`."""
    return [*flags_of(UniversalConfig), INPUT, SLICES, *WORKER_FLAGS]


def _job(config: UniversalConfig, table: SliceTable | None, resources: Resources) -> Job:
    """What `foolscape universal` does with these settings."""
    from foolscape.metrics.score import scores_of
    from foolscape.records.types import read
    from foolscape.records.universal_summary import OtherModel, UniversalSummary
    from foolscape.report.pages.universal import write_universal_report
    from foolscape.run.directory.place import PlannedRun, model_name, name_of
    from foolscape.run.preview import preview_universal
    from foolscape.run.settings.task_of import task_of
    from foolscape.run.universal.execute import universal as learn_and_measure
    from foolscape.run.universal.universal_task import HIDING_KEYS, SUCCESS_KEYS

    target_keys = HIDING_KEYS if config.target.startswith("hide:") else SUCCESS_KEYS

    def keys() -> list[str]:
        specs = (config.model, *config.transfer_to)
        return [*(key for spec in specs for key in scores_of(config.task or task_of(spec)).keys_of()), *target_keys]

    def outcome(document: Object) -> JobOutcome:
        summary = read(UniversalSummary, document)
        models: list[UniversalSummary | OtherModel] = [summary, *summary.transfer]
        attacked = [
            AttackedScores(
                one.model, (*scores_of(one.task).keys_of(), *target_keys), one.conditions.get("adversarial", {})
            )
            for one in models
        ]
        failures = len(summary.failures) + len(summary.training.failures)
        return JobOutcome(attacked, failures, verdict_of(summary.trust))

    return Job(
        command="universal",
        planned_run=PlannedRun(
            name_of(model_name(config.model), "universal", config.target),
            {"kind": "universal", "config": config.model_dump(mode="json")},
        ),
        keys=keys,
        work=partial(learn_and_measure, config, table=table, resources=resources),
        outcome=outcome,
        preview=partial(preview_universal, config),
        page=write_universal_report,
    )


def apply(
    perturbation: Annotated[
        str, typer.Argument(help="A perturbation.safetensors of `foolscape universal`.", metavar="FILE")
    ],
    images: Annotated[str, typer.Option(help="Folder of images.", metavar="DIR")],
    out: Annotated[str, typer.Option(help="Folder for the images with the pattern added, as PNG.", metavar="DIR")],
) -> None:
    """Add a universal perturbation to every image of a folder, quantised inside its bound."""
    from foolscape.run.universal.apply import apply_to_folder
    from foolscape.run.universal.tile_file import read_tile

    written, failures = apply_to_folder(read_tile(path_of(perturbation)), path_of(images), folder_of(out))
    for name, reason in failures:
        tell(f"left out {name}: {reason}")
    out_console.print(printable(f"{written} images written to {out}"), markup=False, soft_wrap=True)
    if failures:
        raise typer.Exit(SOME_FAILED)
