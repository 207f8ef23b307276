"""What a run tries beside its attack, which its verdict reads: wiring/MODEL.json and probes/MODEL.json."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.records.types import CLOSED, Object, Text


@dataclass(frozen=True, kw_only=True)
class NotTried:
    """Why nothing could be tried."""

    __pydantic_config__ = CLOSED

    failed: Text


@dataclass(frozen=True, kw_only=True)
class ConstantAnswer:
    """One answer for every image, what it scores, and what the model gains over it, from `low` to `high`."""

    __pydantic_config__ = CLOSED

    name: Text
    score: float
    gain: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class OnOtherImages:
    """The model's answers held against the truth of other images.

    Attributes:
        score: of them.
        alike: what the truth of an image scores on another.
        gain, low, high: what the model gains over them on its own images.
    """

    __pydantic_config__ = CLOSED

    score: float
    alike: float
    gain: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, kw_only=True)
class RivalScore:
    """A likely mistake of wiring without which the model scores more.

    Attributes:
        id, says: for programs, for readers.
        rank: how much it changes; the simpler, the less.
        score: of the model without the mistake.
        gain, low, high: over the model as it is, and the interval of that.
        least: the least gain on an image.
        part: whether it was judged on a part of every sample.
        advice: what to do about it.
    """

    __pydantic_config__ = CLOSED

    id: str
    says: Text
    rank: int
    score: float
    gain: float
    low: float | None
    high: float | None
    least: float | None
    part: bool
    advice: Text


@dataclass(frozen=True, kw_only=True)
class WiringRecord:
    """wiring/MODEL.json: the clean model against its rivals.

    Attributes:
        score: which is compared, in percent.
        images: how many.
        clean: what the model scores as it is.
        floor: the best constant answer; absent on a single image.
        elsewhere: absent where there are no other images.
        rivals: that score more.
    """

    __pydantic_config__ = CLOSED

    score: str
    images: int
    clean: float
    floor: ConstantAnswer | None = None
    elsewhere: OnOtherImages | None = None
    rivals: tuple[RivalScore, ...]


@dataclass(frozen=True, kw_only=True)
class WiringHints:
    """wiring/MODEL.json where data have no labels: what was `seen` of the predictions, and what is odd about them."""

    __pydantic_config__ = CLOSED

    seen: Text
    hints: tuple[Text, ...]


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a probe leaves of an image at 8 bits.

    Attributes:
        right: the share of the targets that are still right; null where there are none.
        left: the share by the attack's own count.
        smallest: of a probe that looks for the smallest change, its levels; null where nothing fooled the image.
    """

    __pydantic_config__ = CLOSED

    right: float | None
    left: float
    smallest: int | None = None


@dataclass(frozen=True, kw_only=True)
class ProbesRecord:
    """probes/MODEL.json: attacks that were tried beside the run's own.

    Attributes:
        probes: by what it is for the `attack` and its options.
        images: by id what each probe leaves; null where the attack or the model gave up.
    """

    __pydantic_config__ = CLOSED

    probes: dict[str, Object]
    images: dict[Text, dict[str, ProbeResult | None]]


AnyWiring = WiringRecord | WiringHints | NotTried
AnyProbes = ProbesRecord | NotTried
