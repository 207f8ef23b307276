"""slices.json: how the models of a run do on parts of its images and of the objects in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from foolscape.records.summary import Scores
from foolscape.records.types import CLOSED, Text


@dataclass(frozen=True, kw_only=True)
class LossRecord:
    """A clean score less the attacked one, paired by image, with its 95 % interval; null where there is none."""

    __pydantic_config__ = CLOSED

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class ContrastRecord:
    """A slice beside the rest: means over images, in percent.

    Attributes:
        here: in the slice.
        elsewhere: in the other images of which the attribute is known; of objects, of the others in the same images.
        images: that `here` is a mean over.
        p: of the difference by chance alone; null where there are too few images, or no differences.
        p_adjusted: the same, corrected for all that was looked at.
        marked: whether it is more than chance.
    """

    __pydantic_config__ = CLOSED

    here: float
    elsewhere: float
    images: int
    p: float | None = None
    p_adjusted: float | None = None
    marked: bool = False


@dataclass(frozen=True, kw_only=True)
class SliceRecord:
    """One slice as one model did on it.

    Attributes:
        of: what it is a part of.
        attribute, value: which.
        images: that are in it, or show objects of it.
        objects: of it that count; null where objects are not counted one by one.
        few: whether there are too few images to compare it.
        scores: `clean` and, where there was an attack, `adversarial`, at the largest bound; as in summary.json.
        loss: by the key of the score.
        clean: what of the truth of an image is right on the clean image.
        lost: how much of that the attack takes.
    """

    __pydantic_config__ = CLOSED

    of: Literal["images", "objects"]
    attribute: Text
    value: Text
    images: int
    objects: int | None = None
    few: bool = False
    scores: dict[str, Scores]
    loss: dict[str, LossRecord] = field(default_factory=dict)
    clean: ContrastRecord | None = None
    lost: ContrastRecord | None = None

    @property
    def name(self) -> str:
        """Attribute and value."""
        return f"{self.attribute}: {self.value}"

    @property
    def behind(self) -> float | None:
        """Points by which less is right when clean than elsewhere."""
        return None if self.clean is None else self.clean.elsewhere - self.clean.here

    @property
    def more_lost(self) -> float | None:
        """Points by which the attack takes more than elsewhere."""
        return None if self.lost is None else self.lost.here - self.lost.elsewhere

    @property
    def worse_by(self) -> float:
        """The larger of the two; minus infinity where there is nothing to compare with."""
        return max((gap for gap in (self.behind, self.more_lost) if gap is not None), default=float("-inf"))

    @property
    def weak(self) -> bool:
        """Whether one of the two is more than chance."""
        pairs = ((self.clean, self.behind), (self.lost, self.more_lost))
        return any(one is not None and one.marked and gap is not None and gap > 0 for one, gap in pairs)


@dataclass(frozen=True, kw_only=True)
class ModelSlices:
    """The slices of one model, the worst first.

    Attributes:
        model: its spec; in a transfer with whose change it looked at.
        slug: the same as a short name.
        compared: how many comparisons were corrected for.
        task: of the model, in a directory of models of several tasks; empty: that of all of them.
    """

    __pydantic_config__ = CLOSED

    model: Text
    slug: str
    compared: int
    slices: tuple[SliceRecord, ...]
    task: str = ""


@dataclass(frozen=True, kw_only=True)
class SlicesRecord:
    """slices.json.

    Attributes:
        schema: `records.schema.SCHEMA`.
        task: of the run; of several the first model's.
        attributes: by image, those that a table or the data set gave; the others are found out from the run's files.
        notes: of these, what was odd or left out.
        conventions: how slices are made and compared, by key.
        models: of the run.
    """

    __pydantic_config__ = CLOSED

    schema: int
    task: str
    attributes: dict[Text, dict[Text, Text]]
    notes: tuple[Text, ...]
    conventions: dict[str, str]
    models: tuple[ModelSlices, ...]
