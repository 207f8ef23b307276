"""What run.json says of what a run is of: its models, its data, its samples and which of them are measured here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from foolscape.records.types import CLOSED, Object, Text

TRUTH: Final = "truth"
CLEAN_PREDICTION: Final = "clean prediction"
"""What scores are against."""

Reference = Literal["truth", "clean prediction"]
Colour = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ModelRecord:
    """A model of a run.

    Attributes:
        model: its spec, as the user wrote it; the name by which rows call it.
        slug: a short name of it that is safe in paths.
        task: what it is for.
        classes: its class names, by their index in its answers.
        channels: for each class of the data set the index of the model's; None where the data have no labels, and for
            a tracker.
        truth: the folder below `truth/` with the labels, in the data set's classes; models whose data have the same
            classes share it. None where the data have no labels.
        colours: of the classes, or of a tracker's objects, in every picture.
        reference: what its scores are against.
        weights_sha256: of its weights.
        identity: what makes it the one it is: its architecture's name, its settings, libraries, and a user's files.
        notes: what had to be done to adapt it.
    """

    __pydantic_config__ = CLOSED

    model: Text
    slug: str
    task: str
    classes: tuple[Text, ...]
    channels: tuple[int, ...] | None
    truth: str | None
    colours: tuple[Colour, ...] = ()
    reference: Reference
    weights_sha256: str | None
    identity: Object
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleRecord:
    """A sample of a run: its id, and the sha256 of its image and annotation."""

    __pydantic_config__ = CLOSED

    id: Text
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class DataRecord:
    """What a run is measured on.

    Attributes:
        spec, split: of the data set.
        classes: its class names; None without labels.
        samples: how many of it are used.
        sha256: of all of them.
        notes: what had to be done to read it.
    """

    __pydantic_config__ = CLOSED

    spec: Text
    split: str | None
    classes: tuple[Text, ...] | None
    samples: int
    sha256: str
    notes: tuple[Text, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Split:
    """Images that are learnt from or tested on: how many, the sha256 of all, and of each by its id."""

    __pydantic_config__ = CLOSED

    samples: int
    sha256: str
    images: dict[Text, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ShardRecord:
    """The part of a run that a directory holds: `number` of `of`, from 1 on, and the places of its `samples`."""

    __pydantic_config__ = CLOSED

    number: int
    of: int
    samples: tuple[int, ...]
