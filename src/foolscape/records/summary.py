"""The results of a run: summary.json, and transfer.json of a transfer. What is written, and what is read, is checked
against these records; scores are open, since measures and installed packages bring their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

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

Scores = dict[str, Any]
"""What one condition scored: a number or null by the key of each score of the measure, what the scores are broken down
to (`per_class`, `per_object`, `boxes`), and under `ci95` the interval [low, high] of each, null where there is none."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whether figures can be trusted.

    Attributes:
        verdict: in a word.
        conditions: the assumptions that it rests on; the key is `if`.
        reasons: each a `foolscape.verdict.Reason`, with the slug of its model, and its bound where the run has several.
        models: the verdict on each model, by slug.
        bounds: the verdict at each bound, where the run has several; `verdict` is that at the largest.
    """

    __pydantic_config__ = CLOSED

    verdict: str
    conditions: Annotated[tuple[Text, ...], Field(alias="if")]
    reasons: tuple[Object, ...]
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
        bounds: by bound what the attack did there, where the run has several: `distortion`, `success_rate`,
            `claimed_rate`, `iterations`, `controls` and `several`, which beside it are those of the largest.
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
    minimum: Object = field(default_factory=dict)
    several: Object = field(default_factory=dict)
    bounds: dict[str, Object] = field(default_factory=dict)


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
    unfinished: tuple[Object, ...] = ()


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
class TransferSummary:
    """transfer.json: the matrix, of the images on which every network could be measured.

    Attributes:
        schema, reference, data, trust, failures: as of a run.
        attacks: the settings of each network's own attack, by slug.
        ensembles: `sources` and `attack` of each.
        columns, lines: of the matrix.
    """

    __pydantic_config__ = CLOSED

    schema: int
    reference: Reference
    attacks: dict[str, Object]
    ensembles: tuple[Object, ...]
    data: Object
    columns: tuple[MatrixColumn, ...]
    lines: tuple[MatrixLine, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


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
        transfer: `model`, `task` and `conditions` of every other model.
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
    transfer: tuple[Object, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


@dataclass(frozen=True, kw_only=True)
class HardenSummary:
    """summary.json of `foolscape harden`: the network `before` and `after` its training.

    Attributes:
        schema, conventions, trust, failures: as of a run.
        model: the network; `hardened` is the spec that loads the trained one.
        eps: the bound of both attacks; `trained_on` and `judged_by` are their settings.
        test: the `split` and its `samples`.
        training: the split, images, epochs, steps and failures.
        before, after: `conditions`, `success_rate` and `distortion` of the runs of these names.
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
    before: Object
    after: Object
    trust: Trust | None = None
    failures: tuple[LostImage, ...]


AnySummary = RunSummary | TransferSummary | UniversalSummary | HardenSummary

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
