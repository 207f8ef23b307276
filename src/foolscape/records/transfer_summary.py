"""transfer.json of `foolscape transfer`."""

from __future__ import annotations

from dataclasses import dataclass, field

from foolscape.records.subjects import Reference
from foolscape.records.summary import LostImage, Trust
from foolscape.records.types import CLOSED, Object, Text


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
class MatrixData:
    """The data set of a transfer, and on how many of its images every network could be measured."""

    __pydantic_config__ = CLOSED

    spec: Text
    samples: int


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
        schema, reference, trust, failures: as of a run.
        data: what it is measured on.
        attacks: the settings of each network's own attack, by slug.
        ensembles: each change for several networks.
        columns, lines: of the matrix.
        eval_classes: the classes that its scores are over; none: all.
    """

    __pydantic_config__ = CLOSED

    schema: int
    reference: Reference
    attacks: dict[str, Object]
    ensembles: tuple[EnsembleSummary, ...]
    data: MatrixData
    columns: tuple[MatrixColumn, ...]
    lines: tuple[MatrixLine, ...]
    trust: Trust | None = None
    failures: tuple[LostImage, ...]
    eval_classes: tuple[Text, ...] = ()
