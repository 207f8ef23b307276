"""The results of a run: summary.json. Scores are open, since measures and installed packages bring their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from foolscape.records.subjects import Reference
from foolscape.records.types import CLOSED, Object, Text

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
