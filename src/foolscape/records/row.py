"""A line of rows.jsonl: what one model made of one image under one condition, or why it could not be measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from foolscape.metrics.distortion import Distortion
from foolscape.metrics.sample import Sample
from foolscape.records.types import CLOSED, ConditionText, Files, Text

T = TypeVar("T")
M = TypeVar("M")


@dataclass(frozen=True, kw_only=True)
class AttackResult:
    """What an attack did to an image.

    Attributes:
        success: whether the model is fooled at 8 bits, by the task's rule; None where there was nothing to fool.
        claimed: whether the attack reached its own stopping rule.
        iterations: steps taken.
        remaining: targets that are not fooled by the attack's own count.
        targets: how many there were.
        smallest_eps: of an attack for the smallest change: levels of the 8-bit image; None where it did not succeed.
        fell_back: the attack is in float32, for it broke in bfloat16.
        queries: of a black box: how often the attack asked it, the clean image included.
    """

    __pydantic_config__ = CLOSED

    success: bool | None
    claimed: bool
    iterations: int
    remaining: int
    targets: int
    smallest_eps: int | None = None
    fell_back: bool = False
    queries: int | None = None


@dataclass(frozen=True, kw_only=True)
class Control:
    """How large a control is beside the attack.

    Attributes:
        kind: `permuted` or `noise`.
        l2: of its change.
        of_attack: that over the L2 of the attack's change; None where the attack changed nothing.
        apart: how far the two changes lie from each other, in L2 of the attack's; None where nobody looked.
    """

    __pydantic_config__ = CLOSED

    kind: ConditionText
    l2: float
    of_attack: float | None
    apart: float | None = None


@dataclass(frozen=True, kw_only=True)
class Tried(Generic[M]):
    """Another result of the attack for the image, at 8 bits: of one objective, or within a smaller bound.

    Attributes:
        name: of the objective, or the bound, such as `4/255`.
        measured: as of the row.
    """

    __pydantic_config__ = CLOSED

    name: str
    measured: M


@dataclass(frozen=True, kw_only=True)
class Moved:
    """What became of the clean prediction under a universal perturbation, in pixels or in detected objects.

    Attributes:
        moving: that were to change.
        left: of these, no longer what they were.
        reached: of these, what was wanted.
        staying: that were to stay as they were.
        stayed: of these, that did.
        invented: detections on none of them; None for pixels.
    """

    __pydantic_config__ = CLOSED

    moving: int
    left: int
    reached: int
    staying: int
    stayed: int
    invented: int | None = None


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Of a clip: the names of its frames, and the index of every frame that scores count."""

    __pydantic_config__ = CLOSED

    names: tuple[Text, ...]
    judged: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Row(Generic[T, M]):
    """One image, one model, one condition.

    Attributes:
        model: its spec.
        id: of the image.
        condition: what was done to the image.
        size: (height, width) at which the model saw it.
        measured: what the task measured of the prediction.
        in_float: the same for the attacked image before rounding to 8 bits.
        distortion: how far the image is from the clean one.
        attack: what it did; on the attacked image.
        control: how large it is; on a control.
        candidates: what each objective of the attack came to, where it tried several.
        within: the best image within each smaller bound, of an attack for the smallest change.
        universal: what became of the clean prediction, in a run of a universal perturbation.
        frames: of a clip; on the clean row.
        notes: what had to be done to read the image; on the clean row.
        lost: those of the notes that tell of something left out.
        files: of this image and model; on the first row of the two.
        learnt: what the attack had learnt after this image. It goes when later ones are there.
        truth: what it was measured against, in the model's classes. It stands in no row: it is read from the file of
            the image, which all models and conditions share, or is the clean prediction where there are no labels.
    """

    __pydantic_config__ = CLOSED

    model: Text
    id: Text
    condition: ConditionText
    size: tuple[int, int]
    measured: M
    in_float: M | None = None
    distortion: Distortion | None = None
    attack: AttackResult | None = None
    control: Control | None = None
    candidates: tuple[Tried[M], ...] = ()
    within: tuple[Tried[M], ...] = ()
    universal: Moved | None = None
    frames: Frames | None = None
    notes: tuple[Text, ...] = ()
    lost: tuple[Text, ...] = ()
    files: Files = field(default_factory=dict)
    learnt: Files = field(default_factory=dict)
    truth: Annotated[T | None, Field(exclude=True)] = None

    def against(self, truth: T | None) -> Row[T, M]:
        """The row with the truth; `dataclasses.replace` takes twenty times as long, and a run has a million rows."""
        found: Row[T, M] = object.__new__(type(self))
        own = vars(found)
        own.update(vars(self), truth=truth)
        for name in ("sample", "float_sample"):  # which hold the other truth, where somebody asked for them
            own.pop(name, None)
        return found

    @cached_property
    def sample(self) -> Sample[Any, M]:
        """What scores are counted from."""
        return Sample(self.id, self.truth, self.measured)

    @cached_property
    def float_sample(self) -> Sample[Any, Any]:
        """The same of the attacked image before rounding to 8 bits."""
        return Sample(self.id, self.truth, self.in_float)

    def sample_of(self, measured: M) -> Sample[Any, M]:
        """The same of another prediction for the image, such as `in_float`."""
        return Sample(self.id, self.truth, measured)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an image could not be measured.

    Attributes:
        model: that it failed with; None: it failed whatever the model.
        id: of the image.
        reason: in a sentence.
        files: those that were written before it failed.
        learnt: as of a `Row`.
    """

    __pydantic_config__ = CLOSED

    model: Text | None
    id: Text
    condition: Literal["failed"]
    reason: Text
    files: Files = field(default_factory=dict)
    learnt: Files = field(default_factory=dict)


AnyRow = Row[Any, Any]
Line = AnyRow | Failure


def failure(model: str | None, name: str, reason: str) -> Failure:
    """That the image `name` could not be measured with `model` (None: with any)."""
    return Failure(model=model, id=name, condition="failed", reason=reason)


def reasons_of(line: Line) -> tuple[str, ...]:
    """What a line says of something left out: all of the image, or a part of what was read."""
    return (line.reason,) if isinstance(line, Failure) else line.lost


def rows_of(lines: Any, model: str | None = None, condition: str | None = None) -> list[AnyRow]:
    """The measured ones of `lines`, of one model and condition where these are given."""
    return [
        line
        for line in lines
        if isinstance(line, Row) and model in (None, line.model) and condition in (None, line.condition)
    ]


def failures_of(lines: Any) -> list[Failure]:
    """Those of `lines` that say why an image could not be measured."""
    return [line for line in lines if isinstance(line, Failure)]
