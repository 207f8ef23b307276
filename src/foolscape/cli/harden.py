"""The command that trains: `foolscape harden`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from foolscape.cli.flag import Flag
from foolscape.cli.flags import INPUT, SLICES, CommandArguments, flags_of
from foolscape.cli.manners import AttackedScores, JobOutcome, verdict_of
from foolscape.cli.measuring import Job, carry_out, out_of
from foolscape.cli.resources import WORKER_FLAGS
from foolscape.models.sources.names import check_names
from foolscape.run.harden.config import HardenConfig, make_harden_config
from foolscape.run.settings.attack_options import origins_of, spelled_out
from foolscape.run.settings.given_resources import resources_of
from foolscape.run.settings.inputs import wired
from foolscape.run.settings.recorded import settings_of_file
from foolscape.run.settings.resources import Resources
from foolscape.run.slices.table import SliceTable, table_of

if TYPE_CHECKING:
    from foolscape.records.types import Object


def harden(arguments: CommandArguments) -> None:
    """Train a segmentation network on attacked images, and measure it before and after.

    The network is saved after every epoch; the same command again goes on where it was stopped.
    """
    from foolscape.data.load import check_data_name

    base = {} if arguments.config is None else settings_of_file(arguments.config, "harden")
    settings = wired(base | arguments.settings)
    check_names([settings.get("model")])
    out, table = out_of(arguments.out, settings), table_of(settings.pop("slices", None))
    resources = resources_of(settings)
    config = make_harden_config(settings)
    check_data_name(config.data)
    origins = origins_of(spelled_out(base), arguments.settings, arguments.config)
    carry_out(partial(_job, config, origins, table, resources), out, arguments.manners)


if TYPE_CHECKING:
    from foolscape.records.types import Object


def harden_flags() -> list[Flag]:
    """The options of `harden`."""
    return [*flags_of(HardenConfig), INPUT, SLICES, *WORKER_FLAGS]


def _job(config: HardenConfig, origins: Mapping[str, str], table: SliceTable | None, resources: Resources) -> Job:
    """What `foolscape harden` does with these settings."""
    from foolscape.metrics.tasks.segmentation import SEGMENTATION
    from foolscape.records.harden_summary import HardenSummary
    from foolscape.records.types import read
    from foolscape.report.pages.harden import write_hardening_report
    from foolscape.run.directory.place import PlannedRun, model_name, name_of
    from foolscape.run.harden.execute import harden as train_and_measure
    from foolscape.run.preview import preview_harden

    keys = SEGMENTATION.keys_of()

    def outcome(document: Object) -> JobOutcome:
        """Of the network that comes out of it, which is what there is to judge."""
        summary = read(HardenSummary, document)
        attacked = AttackedScores(summary.hardened, keys, summary.after.conditions.get("adversarial", {}))
        failures = len(summary.failures) + len(summary.training.failures)
        return JobOutcome([attacked], failures, verdict_of(summary.trust))

    return Job(
        command="harden",
        planned_run=PlannedRun(
            name_of(model_name(config.model), "harden"),
            {"kind": "harden", "config": config.model_dump(mode="json")},
        ),
        keys=lambda: keys,
        work=partial(train_and_measure, config, table=table, resources=resources),
        outcome=outcome,
        preview=partial(preview_harden, config, origins),
        page=write_hardening_report,
    )
