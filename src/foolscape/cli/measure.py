"""The commands that measure: `foolscape run`, `transfer` and `demo`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Final

import typer

from foolscape.cli.console import tell
from foolscape.cli.flag import Flag
from foolscape.cli.flags import INPUT, KEEP, RETRY, SLICES, CommandArguments, attack_flags, flags_of
from foolscape.cli.manners import AttackedScores, JobOutcome, Manners, verdict_of
from foolscape.cli.measuring import Job, carry_out, free_of_files, out_of
from foolscape.cli.resources import SHARD_FLAGS, WORKER_FLAGS, as_shard, refuse_of_whole
from foolscape.models.sources.names import check_names
from foolscape.paths import run_folder_of
from foolscape.run.settings.attack_options import options_in, origins_of, over, spelled_out
from foolscape.run.settings.config import RunConfig, make_config, read_settings
from foolscape.run.settings.given_resources import resources_of, shard_place
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.keep import keep_of
from foolscape.run.settings.resources import ALONE, Resources
from foolscape.run.settings.shown import DATA
from foolscape.run.slices.table import SliceTable, table_of

if TYPE_CHECKING:
    from foolscape.records.run import Keep
    from foolscape.records.types import Object

DEMO_SEGMENTERS = ("bundled:scenes-unet", "bundled:scenes-dilated")
DEMO_DETECTORS = ("bundled:scenes-detector",)
DEMO_SCENES = 5
"""Both runs together stay under three minutes on two cores."""


def run(arguments: CommandArguments) -> None:
    """Attack one or more models on images and measure them: table, pictures, artefacts, report.

    The same command again goes on where the run was stopped.
    """
    _carry_out(arguments, "run", run_job)


def transfer(arguments: CommandArguments) -> None:
    """Add the change made for each model to the images of every other: who is fooled by whose, alone and summed.

    Models of different tasks may be mixed. The same command again goes on where it was stopped.
    """
    _carry_out(arguments, "transfer", transfer_job)


def run_flags() -> list[Flag]:
    """The options of `run`."""
    return [*flags_of(RunConfig), INPUT, *attack_flags(), SLICES, KEEP, RETRY, *SHARD_FLAGS, *WORKER_FLAGS]


def transfer_flags() -> list[Flag]:
    """The options of `transfer`: those of `run`, but for what each network has of its own."""
    return [*(flag for flag in run_flags() if flag.name not in ("task", "compile")), _ENSEMBLE]


_ENSEMBLE: Final = Flag(
    "ensembles", str, "Networks to fool by one change, as A+B or all, by spec or short name; repeat for several.", DATA,
    "ensemble", metavar="A+B", several=True,
)  # fmt: skip


def demo(
    out: Annotated[str, typer.Option(help="Directory for everything the two runs write.", metavar="DIR")] = "demo-run",
    limit: Annotated[int, typer.Option(help="How many scenes.")] = DEMO_SCENES,
) -> None:
    """Fool the bundled networks, two that segment and one that detects, on the bundled street; needs no download."""
    scenes: dict[str, object] = {"data": "scenes:", "split": "test", "attack": "dag", "limit": limit}
    place = free_of_files(run_folder_of(out))
    # Steps of a level: by the paper's half level the segmenters are not done after its 200 steps.
    for name, own in (
        ("segmentation", {"models": DEMO_SEGMENTERS, "step": "1/255"}),
        ("detection", {"models": DEMO_DETECTORS}),
    ):
        carry_out(partial(run_job, scenes | own, {}), place / name, Manners())


def _carry_out(arguments: CommandArguments, command: str, settle: Callable[..., Job]) -> None:
    """Do the job that `settle` makes of the settings, with what the command was given to do it with."""
    settings, origins = _settings(arguments, command)
    out, beside = out_of(arguments.out, settings), beside_of(settings)
    manners = replace(arguments.manners, retry=bool(settings.pop("retry_failed", False)))
    shard = beside.resources.shard
    if shard is not None:
        refuse_of_whole(beside.keep, manners)

    def job() -> Job:
        whole = settle(settings, origins, beside)
        return whole if shard is None else as_shard(whole)

    carry_out(job, shard_place(out, shard), manners)


def _settings(arguments: CommandArguments, command: str) -> tuple[dict[str, object], dict[str, str]]:
    """The settings of the file that was given, and over them the options; and where those of the attack come from."""
    check_names(arguments.settings.get("models"))
    base = spelled_out({} if arguments.config is None else read_settings(arguments.config, command))
    settings = wired(over(base, arguments.settings))
    if lost := options_in(base).keys() - options_in(settings).keys():
        tell(
            f"note: {', '.join(sorted(lost))} of {arguments.config} left out, which {settings['attack']} does not have"
        )
    check_names(settings.get("models"))
    return settings, origins_of(base, arguments.settings, arguments.config)


@dataclass(frozen=True)
class Beside:
    """What changes no figure.

    Attributes:
        table: what is known of the images.
        keep: which pictures stay; None: all, or as the run was begun.
        resources: with what it is carried out.
    """

    table: SliceTable | None = None
    keep: Keep | None = None
    resources: Resources = ALONE


_NOTHING: Final = Beside()


def beside_of(settings: dict[str, object]) -> Beside:
    """What the settings say of it, taken out of them."""
    table, keep = table_of(settings.pop("slices", None)), keep_of(settings.pop("keep", None))
    return Beside(table, keep, resources_of(settings))


def run_job(settings: dict[str, object], origins: Mapping[str, str], beside: Beside = _NOTHING) -> Job:
    """What `foolscape run` does with these settings.

    Args:
        settings: by name, not checked yet.
        origins: by option of the attack, where its value comes from.
        beside: what changes no figure.
    """
    from foolscape.data.load import check_data_name

    config = make_config(settings)
    check_data_name(config.data)
    # What needs torch comes after the settings: a mistyped value is answered at once.
    from foolscape.metrics.score import scores_of
    from foolscape.records.summary import RunSummary
    from foolscape.records.types import read
    from foolscape.report.tables.bounds import model_at
    from foolscape.run.directory.place import PlannedRun, models_name, name_of
    from foolscape.run.execute import execute
    from foolscape.run.preview import preview_run
    from foolscape.run.settings.choice import with_attack
    from foolscape.run.settings.task_of import with_task

    config = with_task(config)
    resolved, _ = with_attack(config)
    keys = scores_of(str(config.task)).keys_of(config.options.get("only_class"))
    condition = "adversarial" if resolved.attacks else "clean"

    def outcome(document: Object) -> JobOutcome:
        summary = read(RunSummary, document)
        attacked = [
            AttackedScores(model.model, keys, model_at(model).conditions.get(condition, {})) for model in summary.models
        ]
        return JobOutcome(attacked, len(summary.failures), verdict_of(summary.trust))

    return Job(
        command="run",
        planned_run=PlannedRun(
            name_of(models_name(config.models), str(resolved.attack)),
            {"kind": None, "config": resolved.model_dump(mode="json")},
        ),
        keys=lambda: keys,
        work=partial(execute, config, table=beside.table, keep=beside.keep, resources=beside.resources),
        outcome=outcome,
        preview=partial(preview_run, config, origins),
    )


def transfer_job(settings: dict[str, object], origins: Mapping[str, str], beside: Beside = _NOTHING) -> Job:
    """What `foolscape transfer` does with these settings; see `run_job`."""
    from foolscape.data.load import check_data_name
    from foolscape.run.transfer.settings import make_transfer_config, recorded_settings

    config = recorded_settings(settings)
    check_data_name(config["data"])
    from foolscape.metrics.score import scores_of
    from foolscape.records.places import MATRIX
    from foolscape.records.transfer_summary import TransferSummary
    from foolscape.records.types import read
    from foolscape.run.directory.place import PlannedRun, models_name, name_of
    from foolscape.run.preview import preview_transfer
    from foolscape.run.settings.task_of import task_of
    from foolscape.run.transfer.execute import transfer as measure

    def outcome(document: Object) -> JobOutcome:
        """Of every network the score under the change that was made for it."""
        matrix = read(TransferSummary, document)
        own = {line.sources[0]: line for line in matrix.lines if len(line.sources) == 1 and not line.permuted}
        attacked = [
            AttackedScores(column.model, [column.score], {column.score: own[column.slug].scores[column.slug]})
            for column in matrix.columns
        ]
        return JobOutcome(attacked, len({failure.id for failure in matrix.failures}), verdict_of(matrix.trust))

    return Job(
        command="transfer",
        planned_run=PlannedRun(
            name_of("transfer", models_name(config["models"]), str(config["attack"] or "default")),
            {"kind": "transfer", "config": config},
            MATRIX,
        ),
        keys=lambda: [scores_of(task_of(model)).default.headline for model in config["models"]],
        work=partial(measure, settings, table=beside.table, keep=beside.keep, resources=beside.resources),
        outcome=outcome,
        preview=partial(preview_transfer, *make_transfer_config(settings), origins),
    )
