"""summary.json of `foolscape harden`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from foolscape.records.summary import LostImage, Scores, Trust
from foolscape.records.training import LeftOut
from foolscape.records.types import CLOSED, Object, Text


@dataclass(frozen=True, kw_only=True)
class MeasuredSplit:
    """The images that a hardening is measured on: their split, and how many."""

    __pydantic_config__ = CLOSED

    split: str | None
    samples: int


@dataclass(frozen=True, kw_only=True)
class TrainingEpoch:
    """What became of an epoch: the mean loss, and the percentage of attacked pixels that were still right."""

    __pydantic_config__ = CLOSED

    loss: float
    right: float


@dataclass(frozen=True, kw_only=True)
class HardenTraining:
    """How a network was trained: on how many images of which split, its epochs, steps, and images left out."""

    __pydantic_config__ = CLOSED

    split: str | None
    images: int
    epochs: tuple[TrainingEpoch, ...]
    steps: int
    failures: tuple[LeftOut, ...]


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
        test: the images that it is measured on.
        training: how it was trained.
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
    test: MeasuredSplit
    training: HardenTraining
    before: HardenedSummary
    after: HardenedSummary
    trust: Trust | None = None
    failures: tuple[LostImage, ...]
