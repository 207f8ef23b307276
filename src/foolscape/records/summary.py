"""The results of a run: summary.json, and transfer.json of a transfer. What is written, and what is read, is checked
against these records; scores are open, since measures and installed packages bring their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import Field

from foolscape.records.run import (
    AnyRecord,
    EnsembleRecord,
    HardenRecord,
    Reference,
    RunRecord,
    TransferRecord,
    UniversalRecord,
)
from foolscape.records.types import CLOSED, Object, Text, read

Interval = tuple[float | None, float | None] | None
"""The 95 % interval [low, high] of a score; null where none was looked for, its ends where there is none."""

Scores = dict[str, Any]
"""What one condition scored: a number or null by the key of each score of the measure, what the scores are broken down
to (`per_class`, `per_object`, `boxes`), and under `ci95` the interval [low, high] of each, null where there is none."""


@dataclass(frozen=True, kw_only=True)
class ReasonRecord:
    """A `foolscape.verdict.Reason`, with the slug of its model, and its bound where the run has several."""

    __pydantic_config__ = CLOSED

    model: Text = ""
    id: str
    check: str
    ok: bool | None
    seen: Text
    advice: Text = ""
    assumed: str = ""
    bound: str = ""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whether figures can be trusted.

    Attributes:
        verdict: in a word.
        conditions: the assumptions that it rests on; the key is `if`.
        reasons: the checks behind it.
        models: the verdict on each model, by slug.
        bounds: the verdict at each bound, where the run has several; `verdict` is that at the largest.
    """

    __pydantic_config__ = CLOSED

    verdict: str
    conditions: Annotated[tuple[Text, ...], Field(alias="if")]
    reasons: tuple[ReasonRecord, ...]
    models: dict[str, str] = field(default_factory=dict)
    bounds: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LostImage:
    """An image that could not be measured with a model (null: with any), and why."""

    __pydantic_config__ = CLOSED

    id: Text
    model: Text | None
    reason: Text


@dataclass(frozen=True, kw_only=True)
class SmallestCurve:
    """A score against the bound: every image counts with the best that was found within it.

    Attributes:
        score: which it is.
        levels: of the bounds, rising, in whole levels of 255, the first 0.
        values, ci95: the score at each, and its interval.
        fooled: percentage of the judged images; null where none was judged.
    """

    __pydantic_config__ = CLOSED

    score: str
    levels: tuple[int, ...]
    values: tuple[float | None, ...]
    ci95: tuple[Interval, ...]
    fooled: tuple[float | None, ...]


@dataclass(frozen=True, kw_only=True)
class Smallest:
    """The smallest changes that fooled the images, in whole levels of 255; null stands for more than any.

    Attributes:
        largest: the largest bound that was tried; null: there was none.
        median_levels, quartiles: of the judged images; ci95: the median's interval, null where there is none.
        judged: how many images had something to fool; unreached: how many of them nothing fooled.
        per_image: by id.
        curve: of the headline score.
    """

    __pydantic_config__ = CLOSED

    largest: str | None
    median_levels: int | None
    quartiles: tuple[int | None, int | None]
    ci95: tuple[int | None, int | None] | None
    judged: int
    unreached: int
    per_image: dict[Text, int | None] = field(default_factory=dict)
    curve: SmallestCurve


@dataclass(frozen=True, kw_only=True)
class SeveralObjectives:
    """What an attack that tries several objectives on every image came to.

    Attributes:
        objectives: by name the scores of each alone, and under `fewest` and `greedy` on how many images it is chosen.
        greedy: the scores of the greedy choice of one per image.
    """

    __pydantic_config__ = CLOSED

    objectives: dict[str, Scores]
    greedy: Scores


@dataclass(frozen=True, kw_only=True)
class BoundSummary:
    """What an attack did within one bound; the attributes are those of `ModelSummary`."""

    __pydantic_config__ = CLOSED

    distortion: dict[str, float]
    success_rate: float | None
    claimed_rate: float
    iterations: dict[str, float]
    controls: Object = field(default_factory=dict)
    several: SeveralObjectives | None = None


@dataclass(frozen=True, kw_only=True)
class ModelSummary:
    """What a model of a run came to.

    Attributes:
        model, slug: as in run.json.
        notes: on the model and on the run of it.
        samples: how many were measured.
        conditions: scores by condition; `adversarial_float` is the attacked image before rounding.
        distortion: means over the attacked images, by key of `metrics.distortion`.
        success_rate: percentage of the judged images that were fooled; null where none was judged.
        claimed_rate: percentage on which the attack reached its own stopping rule.
        iterations: `mean` and `max`.
        controls: by kind the size of a control beside the attack: `of_attack` in the mean, the `least`, the `worst`.
        minimum: the smallest changes, of an attack that looks for them.
        several: the scores of each objective, of an attack that tries several.
        bounds: by bound what the attack did there, where the run has several; what stands beside it is of the largest.
    """

    __pydantic_config__ = CLOSED

    model: Text
    slug: str
    notes: tuple[Text, ...] = ()
    samples: int
    conditions: dict[str, Scores]
    distortion: dict[str, float] = field(default_factory=dict)
    success_rate: float | None = None
    claimed_rate: float | None = None
    iterations: dict[str, float] = field(default_factory=dict)
    controls: Object = field(default_factory=dict)
    minimum: Smallest | None = None
    several: SeveralObjectives | None = None
    bounds: dict[str, BoundSummary] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PartDone:
    """How much of a part of an unfinished command is done: of how many images or epochs, as `unit` says."""

    __pydantic_config__ = CLOSED

    part: Text
    done: int
    of: int
    unit: str


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """summary.json of `foolscape run`; partial.json of one that has not finished.

    Attributes:
        schema: `records.schema.SCHEMA`.
        task, reference: of the run.
        conventions: how each figure is counted, a sentence by its key.
        data, attack: as in run.json.
        models: in the run's order.
        trust: whether the figures describe the models.
        failures: images that could not be used.
        unfinished: of partial.json alone: what is done of each part.
    """

    __pydantic_config__ = CLOSED

    schema: int
    task: str
    reference: Reference
    conventions: dict[str, str]
    data: Object
    attack: Object
    models: tuple[ModelSummary, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]
    unfinished: tuple[PartDone, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MatrixColumn:
    """A network of a transfer, and the `score` that its column holds."""

    __pydantic_config__ = CLOSED

    model: Text
    slug: str
    task: str
    score: str


@dataclass(frozen=True, kw_only=True)
class MatrixLine:
    """What was added to the images, and what came of it.

    Attributes:
        name: the condition of its rows.
        sources: slugs of the networks that it was made for; none for clean images.
        permuted: whether its pixels are in random order.
        joint: whether it was made for all of them at once.
        scores, ci95: by slug of the network that looked at them.
        distortion: means over images; null for clean images.
    """

    __pydantic_config__ = CLOSED

    name: str
    sources: tuple[str, ...]
    permuted: bool
    joint: bool
    scores: dict[str, float | None]
    ci95: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    distortion: dict[str, float] | None


@dataclass(frozen=True, kw_only=True)
class EnsembleSummary:
    """A change that was made for several networks at once: their slugs, and the settings of its attack."""

    __pydantic_config__ = CLOSED

    sources: tuple[str, ...]
    attack: Object


@dataclass(frozen=True, kw_only=True)
class TransferSummary:
    """transfer.json: the matrix, of the images on which every network could be measured.

    Attributes:
        schema, reference, data, trust, failures: as of a run.
        attacks: the settings of each network's own attack, by slug.
        ensembles: each change for several networks.
        columns, lines: of the matrix.
    """

    __pydantic_config__ = CLOSED

    schema: int
    reference: Reference
    attacks: dict[str, Object]
    ensembles: tuple[EnsembleSummary, ...]
    data: Object
    columns: tuple[MatrixColumn, ...]
    lines: tuple[MatrixLine, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


@dataclass(frozen=True, kw_only=True)
class OtherModel:
    """Another model under the pattern; the attributes are those of `UniversalSummary`."""

    __pydantic_config__ = CLOSED

    model: Text
    task: str
    conditions: dict[str, Scores]


@dataclass(frozen=True, kw_only=True)
class UniversalSummary:
    """summary.json of `foolscape universal`: what its main pattern did to the test images, and how it was learnt.

    Attributes:
        schema, task, conventions, conditions, controls, trust, failures: as of a run and its model.
        model: that the pattern was learnt on.
        target, eps, omega: of the main pattern.
        test: `samples` and how many were `measured`.
        training: epochs, what moved and what stayed in each, images, and gradient evaluations.
        curves: scores against eps and against omega.
        transfer: every other model.
    """

    __pydantic_config__ = CLOSED

    schema: int
    kind: Literal["universal"]
    model: Text
    task: str
    target: str
    eps: str
    omega: float
    conventions: dict[str, str]
    test: Object
    training: Object
    conditions: dict[str, Scores]
    controls: Object = field(default_factory=dict)
    curves: Object
    transfer: tuple[OtherModel, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


@dataclass(frozen=True, kw_only=True)
class HardenedSummary:
    """What a run of a hardening came to; the attributes are those of `ModelSummary`."""

    __pydantic_config__ = CLOSED

    conditions: dict[str, Scores]
    success_rate: float | None
    distortion: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class HardenSummary:
    """summary.json of `foolscape harden`: the network `before` and `after` its training.

    Attributes:
        schema, conventions, trust, failures: as of a run.
        model: the network; `hardened` is the spec that loads the trained one.
        eps: the bound of both attacks; `trained_on` and `judged_by` are their settings.
        test: the `split` and its `samples`.
        training: the split, images, epochs, steps and failures.
        before, after: the runs of these names.
    """

    __pydantic_config__ = CLOSED

    schema: int
    kind: Literal["harden"]
    conventions: dict[str, str]
    model: Text
    hardened: Text
    eps: str
    trained_on: Object
    judged_by: Object
    test: Object
    training: Object
    before: HardenedSummary
    after: HardenedSummary
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


AnySummary = RunSummary | TransferSummary | UniversalSummary | HardenSummary
S = TypeVar("S", RunSummary, TransferSummary, UniversalSummary, HardenSummary)

_KINDS: Final[Mapping[type[AnyRecord], type[AnySummary]]] = {
    RunRecord: RunSummary,
    TransferRecord: TransferSummary,
    UniversalRecord: UniversalSummary,
    HardenRecord: HardenSummary,
}


def checked(record: AnyRecord, result: Object) -> Object:
    """`result`, the result of the run that `record` is run.json of, if it has the form of one; else `ValueError`."""
    if not isinstance(record, EnsembleRecord):
        read(_KINDS[type(record)], result)
    return result
