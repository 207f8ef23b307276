"""summary.json of `foolscape universal`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from foolscape.records.summary import LostImage, Scores, Trust
from foolscape.records.training import LeftOut
from foolscape.records.types import CLOSED, Object, Text


@dataclass(frozen=True, kw_only=True)
class MeasuredImages:
    """Test images of a universal perturbation: how many, and how many of them could be measured."""

    __pydantic_config__ = CLOSED

    samples: int
    measured: int


@dataclass(frozen=True, kw_only=True)
class PatternTraining:
    """How a pattern was learnt.

    Attributes:
        epochs: how many; losses: the mean loss of each.
        moved, stayed: percentage of the targets of each epoch that were as wanted; null where there were none.
        images: that it was learnt from; showing: on how many of them something was to change.
        gradient_evaluations: of the main pattern; gradient_evaluations_of_all_tiles: with those of the curves.
        failures: images that could not be used.
    """

    __pydantic_config__ = CLOSED

    epochs: int
    losses: tuple[float, ...]
    moved: tuple[float | None, ...]
    stayed: tuple[float | None, ...]
    images: int
    showing: int | None
    gradient_evaluations: int
    gradient_evaluations_of_all_tiles: int = 0
    failures: tuple[LeftOut, ...]


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """A pattern learnt at another bound or weight, and what it scores; absent where no image could be measured."""

    __pydantic_config__ = CLOSED

    eps: str
    omega: float
    adversarial: Scores = field(default_factory=dict)
    noise: Scores = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PatternCurves:
    """The main pattern among others, against eps and against omega; none where there is no other."""

    __pydantic_config__ = CLOSED

    eps: tuple[CurvePoint, ...] = ()
    omega: tuple[CurvePoint, ...] = ()


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
        test: the images it was measured on.
        training: how it was learnt.
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
    test: MeasuredImages
    training: PatternTraining
    conditions: dict[str, Scores]
    controls: Object = field(default_factory=dict)
    curves: PatternCurves
    transfer: tuple[OtherModel, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]
