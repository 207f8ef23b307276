"""What a run works on: data and models, opened as `run.opening` says of each task, and the attacks settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.catalog import plan
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.by_name import record_of
from foolscape.class_names import only
from foolscape.data.boxes import DetectionData
from foolscape.data.clips import ClipData
from foolscape.data.drawing import Drawn, chosen
from foolscape.data.mapped import Mapped, without_classes
from foolscape.data.part import Part
from foolscape.data.sample import Data, SegmentationData
from foolscape.errors import SettingError
from foolscape.extras import need
from foolscape.metrics.eval_classes import indices_of
from foolscape.models.common.class_map import shortly
from foolscape.models.common.class_match import ClassMatch, meet
from foolscape.records.subjects import CLEAN_PREDICTION, TRUTH, ModelRecord
from foolscape.records.types import Object
from foolscape.run.known import Known
from foolscape.run.settings.bounds import at_largest
from foolscape.run.settings.choice import plans_of, refuse_gradients
from foolscape.run.settings.config import FLOAT32, RunConfig
from foolscape.run.settings.user_data import enter_data
from foolscape.run.tasks.base import TaskRunner
from foolscape.run.tasks.colours import colours
from foolscape.run.trust.probes import Probe, probes
from foolscape.spec import is_black_box
from foolscape.tasks.base import task_named

S = TypeVar("S")


@dataclass(frozen=True)
class LoadedModel:
    """A model in a run.

    Attributes:
        subject: what is measured.
        plans: the attack, at each of its bounds, rising; none: the clean model alone.
        match: how its classes meet those of the data; None where either has none.
        probes: other attacks that are tried beside it at its largest bound, to see whether to trust it.
        classes, notes: of the model.
        sha256: of its weights, where they are known.
        identity: what else makes it the one it is; see `models.common.identity`.
        scorer: what the check of the input gradient takes: anything with `logits(images)`.
        known: what checks have found of it.
    """

    subject: TaskRunner[Any, Any]
    plans: tuple[Plan, ...]
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str | None
    scorer: Any
    identity: Object
    probes: Mapping[str, Probe] = field(default_factory=dict)
    match: ClassMatch | None = None
    known: Known = field(default_factory=Known)

    @property
    def plan(self) -> Plan | None:
        """The attack at its largest bound, which the headline is about; None: the clean model alone."""
        return self.plans[-1] if self.plans else None

    def record(self, task: str, truth: str | None) -> ModelRecord:
        """What run.json says of it: for this task, with the folder of the truth, None on data without labels."""
        return ModelRecord(
            model=self.subject.spec,
            slug=self.subject.slug,
            task=task,
            classes=tuple(self.classes),
            channels=self.subject.channels,
            truth=truth,
            colours=tuple(colours(self.classes)),
            reference=CLEAN_PREDICTION if truth is None else TRUTH,
            weights_sha256=self.sha256,
            identity=self.identity,
            notes=tuple(self.notes),
        )


def said_of(entry: LoadedModel) -> tuple[str, ...]:
    """What is told of a model before it is measured: its notes, and how its classes meet those of the data."""
    match = entry.match
    return entry.notes if match is None else (*entry.notes, match.line, *match.notes)


@dataclass(frozen=True)
class Setup:
    """Everything loaded and settled before the first image is attacked.

    Attributes:
        data: the data set.
        ids: of the samples to measure.
        first: (H, W, 3) uint8, the first image that can be read and that all models answer, at the working size.
        entries: the models.
        beside: (H, W, 3) uint8, another image of that size, where one of the next few has it; of clips None.
        why: why the attack is this one; None where the user named it.
    """

    data: SegmentationData | DetectionData | ClipData
    ids: tuple[str, ...]
    first: NDArray[np.uint8]
    entries: tuple[LoadedModel, ...]
    beside: NDArray[np.uint8] | None = None
    why: str | None = None

    @property
    def remembers(self) -> bool:
        """Whether clean predictions are kept for the runs that follow on it."""
        return any(entry.subject.clean.are_kept for entry in self.entries)

    def remembering(self) -> Setup:
        """The same, with models that do."""
        return replace(self, entries=tuple(replace(one, subject=one.subject.remembering()) for one in self.entries))


def open_setup(config: RunConfig, device: torch.device) -> Setup:
    """Data and models of a run, whose task and attack are settled."""
    need("report", *task_named(str(config.task)).extras)
    enter_data(config.data)
    return record_of("foolscape.run.opening", str(config.task), TaskOpening).open(config, device)


def notes_on_data(setup: Setup) -> tuple[str, ...]:
    """Those of the data, and which of its classes each model calls otherwise.

    The latter are no notes of the model: a run that began before they were made goes on.
    """
    matches = [(entry.subject.spec, entry.match) for entry in setup.entries if entry.match is not None]
    return (*setup.data.notes, *(f"{spec}: {note}" for spec, match in matches for note in match.notes))


@dataclass(frozen=True)
class TaskOpening:
    """How data and models of a task are opened; the constant `RECORD` of its module in `run.opening`."""

    open: Callable[[RunConfig, torch.device], Setup]


def noted(setup: Setup, drawn: Drawn) -> Setup:
    """`setup` with the ids that were drawn, and the remarks on how."""
    data: Any = setup.data
    if drawn.remarks:
        data = Part(data, data.split, tuple(data.ids), drawn.remarks)
    return replace(setup, data=data, ids=drawn.ids)


def with_chosen(data: Data[S], config: RunConfig, unit: str = "image") -> tuple[Data[S], tuple[str, ...]]:
    """The ids to measure, and `data` with a note on how they were drawn where they were."""
    drawn = chosen(data, config.ids, config.limit, config.sample, seed=config.seed, unit=unit)
    return (Part(data, data.split, tuple(data.ids), drawn.remarks) if drawn.remarks else data), drawn.ids


def matched(config: RunConfig, classes: tuple[str, ...], data: Data[Any]) -> ClassMatch | None:
    """How the classes of a model meet those of the data; None for data without.

    Raises:
        ClassMatchError: the model lacks one of the data's.
        SettingError: a class that scores are to be over is none of the model's, or none of the data's.
    """
    wanted = indices_of(config.eval_classes or (), classes)
    if data.classes is None:
        return None
    match = meet(classes, data.classes, data.renamed if isinstance(data, Mapped) else ())
    if absent := [classes[index] for index in sorted(wanted - set(match.channels))]:
        raise SettingError(
            f"eval_classes: expected classes that the data have, got {', '.join(absent)}; they have "
            f"{shortly(data.classes)}"
        )
    return match


def over_evaluated(
    config: RunConfig, models: Sequence[Sequence[str]], data: Data[Any], drawn: Data[Any]
) -> tuple[Data[Any], Data[Any]]:
    """`data`, and as its sample was `drawn`, without the classes that no score is over and one of the models lacks.

    They count nowhere, for all `models` (the names of their classes) alike, so that figures are of the same pixels and
    objects: a model that is made for the classes of `--eval-classes` alone need not know the others.
    """
    if config.eval_classes is None or data.classes is None:
        return data, drawn
    left_out = {
        name
        for classes in models
        for name in meet(classes, data.classes).missing
        if not any(only(wanted, (name,)) for wanted in config.eval_classes)
    }
    narrowed = without_classes(data, left_out)
    remarks = drawn.remarks if isinstance(drawn, Part) and drawn is not data else ()
    return narrowed, Part(narrowed, narrowed.split, tuple(narrowed.ids), remarks) if remarks else narrowed


def plans_and_probes(
    config: RunConfig, spec: str, classes: tuple[str, ...]
) -> tuple[tuple[Plan, ...], dict[str, Probe]]:
    """The attack on the model `spec` at each of its bounds, rising, and what is tried beside it at the largest."""
    if not config.attacks:
        return (), {}

    def planned(name: str, options: Settings) -> Plan:
        return plan(name, options, classes, str(config.task)).at_precision(bf16=config.precision != FLOAT32)

    plans = plans_of(str(config.attack), config.options, planned)
    refuse_gradients(spec, str(config.attack), plans[-1])
    beside = probes(plans[-1], at_largest(config.options), planned)
    if is_black_box(spec):
        beside = {what: probe for what, probe in beside.items() if probe.plan.ascent.blind}
    return plans, beside
