"""Whether a model gives the same answer twice, and the same one alone and in a batch.

Dropout that stays on, noise drawn in the forward pass and batch norms in training mode make figures that depend on
chance, or on which images share a batch. A few forward passes tell.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from foolscape.memory import is_short
from foolscape.models.checks.choices import held, recorded
from foolscape.models.checks.suspects import suspects
from foolscape.models.common.black_boxes import asked_anew, is_black_box
from foolscape.models.common.guard import in_words, raised, where
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.problem import likeliest
from foolscape.tasks.segmentation import Segmenter
from foolscape.verdict import Reason

TWICE: Final = 1e-4
"""How far the scores of two calls may be apart, relative to the scores."""

COMPANY: Final = {"cpu": 1e-3}
"""The same for an image alone and in a batch, where a convolution may be another algorithm, by device."""

_COMPANY_ELSEWHERE: Final = 1e-2
"""On accelerators convolutions round to TF32, of which 10 bits are left."""

ENOUGH: Final = 0.999
"""The share of the targets that must agree."""


@dataclass(frozen=True)
class _Apart:
    """How far two answers are apart, in the worse of scores and boxes.

    Attributes:
        what: which of the two.
        agreeing: the share of the targets that agree within the tolerance.
        same: the share of the targets with the same prediction.
        difference: relative to the scores, that `ENOUGH` of the targets do not exceed.
        tolerance: of the difference.
        note: why there is nothing to compare, else empty.
    """

    what: str
    agreeing: float
    same: float
    difference: float
    tolerance: float
    note: str = ""

    @property
    def ok(self) -> bool:
        return self.agreeing >= ENOUGH

    def __str__(self) -> str:
        limit = "" if self.ok else f", where {self.tolerance:g} is right"
        equal = f"predictions equal on {100 * self.same:.4g} % of the targets"
        return self.note or f"{equal}, {self.what} apart by {self.difference:.1g} of their size{limit}"


def consistency(scorer: Segmenter, images: Tensor, batch: int) -> tuple[Reason, ...]:
    """`same_twice` and, but for trackers, which follow clips one by one, and black boxes, `same_in_company`.

    Args:
        scorer: anything with `logits(images)`; a `Scorer` of a detector, a `ClipScorer` of a tracker.
        images: (N, 3, H, W) in [0, 1], different ones; one is enough.
        batch: of the run.

    Raises:
        Exception: memory is short.
    """
    if isinstance(scorer, ClipScorer):
        return (same_twice(scorer, images[:1]),)
    if is_black_box(scorer):  # which gets its images one by one
        return (same_twice(scorer, images[:1]),)
    return same_twice(scorer, images[:batch]), same_in_company(scorer, images, batch)


def same_twice(scorer: Segmenter, images: Tensor, before: tuple[Tensor, ...] | None = None) -> Reason:
    """Whether two calls with the same `images` (N, 3, H, W) give the same answer; arguments as of `consistency`.

    `before` is what a first call gave, where there was one.
    """
    about = {"id": "same-twice", "check": "gives the same answer twice"}
    try:
        first = _answers(scorer, images) if before is None else before
        with asked_anew():
            again = _answers(scorer, images)
        apart = _apart(first, again, TWICE)
    except Exception as error:
        return _untried(error, about)
    if apart.ok:
        return Reason(**about, ok=True, seen=f"two calls with the same images: {apart}")
    cause = _cause(scorer, images) or "look for dropout, noise drawn in forward, or a memory that is kept between calls"
    observation = f"two calls with the same images differ: {apart}"
    return Reason(**about, ok=False, seen=observation, advice=f"switch off what is random in the network: {cause}")


def same_in_company(scorer: Segmenter, images: Tensor, batch: int) -> Reason:
    """Whether a batch of `batch` images, or as many as there are, gives each the answer that it has alone.

    One image alone gets the `other` of itself for company. Arguments as of `consistency`.
    """
    about = {"id": "same-in-company", "check": "gives the same answer alone and in company"}
    if len(images) == 1:
        images = torch.cat([images, other(images)])
    size = max(len(images), batch)
    rows = torch.arange(size, device=images.device) % len(images)
    tolerance = COMPANY.get(images.device.type, _COMPANY_ELSEWHERE)
    try:
        alone = [_answers(_alone(scorer, i), images[i : i + 1]) for i in range(len(images))]
    except Exception as error:
        return _untried(error, about)
    observation = ""
    try:
        apart = _beside(scorer, images[rows], alone, tolerance)
    except Exception as error:
        if is_short(error) and size == batch:
            raise
        observation = f"a batch of {size} is refused: {in_words(raised(error))}"
    # Only here the traceback is gone, and with it the tensors that its frames held.
    if observation and batch == 1:
        return Reason(**about, ok=True, seen=f"{observation}; every image goes alone")
    if observation and size > batch:
        return same_in_company(scorer, images[:batch], batch)
    if observation:
        return Reason(**about, ok=False, seen=observation, advice="give --batch 1")
    if apart.ok:
        return Reason(**about, ok=True, seen=f"a batch of {size} against its images one by one: {apart}")
    cause = _cause(scorer, images[rows]) or "look for batch norm in training mode, or statistics taken over the batch"
    observation = f"a batch of {size} differs from its images one by one: {apart}"
    return Reason(**about, ok=False, seen=observation, advice=f"make images independent of each other: {cause}")


def other(images: Tensor) -> Tensor:
    """Darkened mirror images of `images` (B, 3, H, W), so that statistics taken over a batch show."""
    return 0.6 * images.flip(3)


def _beside(scorer: Segmenter, images: Tensor, alone: Sequence[tuple[Tensor, ...]], tolerance: float) -> _Apart:
    """How far the answers for a batch are from those for its images `alone`, over and over again."""

    def against(ones: Sequence[tuple[Tensor, ...]]) -> _Apart:
        repeated = [torch.cat([ones[i % len(ones)][k] for i in range(len(images))]) for k in range(len(together))]
        return _apart(together, tuple(repeated), tolerance)

    with recorded() as picks:
        together = _answers(scorer, images)
    if any(one[0].shape[1:] != together[0].shape[1:] for one in alone):
        return _other_number(tolerance)
    apart = against(alone)
    if not picks or (apart.ok):
        return apart
    # What a query detector picks may hang on the last digit: compare the scores of the same places.
    same_picks = [_answers(_alone(scorer, i), images[i : i + 1], held(picks, (i,))) for i in range(len(alone))]
    return against(same_picks)


@torch.no_grad()
def _answers(
    scorer: Segmenter, images: Tensor, within: AbstractContextManager[None] | None = None
) -> tuple[Tensor, ...]:
    """Scores (B, C, *N), and of a detector boxes (B, 4, N); `images` are not written into."""
    images = images.clone()
    with within or nullcontext():
        if isinstance(scorer, ClipScorer):
            frames = torch.cat([images, scorer.later.to(images)])
            return (scorer.tracker.propagate(frames, scorer.mask.clone()),)
        if not isinstance(scorer, Scorer):
            return (scorer.logits(images),)
        candidates = scorer.candidates(images)
        return candidates.scores, candidates.boxes.transpose(1, 2)


def _alone(scorer: Segmenter, row: int) -> Segmenter:
    """`scorer` for the image `row` of the batch that its boxes are of."""
    if not isinstance(scorer, Scorer) or scorer.boxes is None:
        return scorer
    row %= len(scorer.boxes)
    return dataclasses.replace(scorer, boxes=scorer.boxes[row : row + 1])


def _apart(one: Sequence[Tensor], other: Sequence[Tensor], tolerance: float) -> _Apart:
    """How far two answers are apart.

    A target agrees if none of its scores differs by more than `tolerance` times its largest one, or times the largest
    that half of the targets have, if that is more: so neither one giant score nor one near zero decides. Two
    predictions may differ within that, where they are as good as tied.
    """
    if [part.shape for part in one] != [part.shape for part in other]:
        return _other_number(tolerance)
    same = float((likeliest(one[0]) == likeliest(other[0])).double().mean())
    distances = []
    for what, first, second in zip(("scores", "boxes"), one, other, strict=False):
        difference = _difference(first, second).flatten()
        limit = difference.kthvalue(max(1, math.ceil(ENOUGH * len(difference)))).values
        agreeing = (difference <= tolerance).double().mean()
        distances.append(_Apart(what, float(agreeing), same, float(limit), tolerance))
    return min(distances, key=lambda apart: apart.agreeing)


def _difference(first: Tensor, second: Tensor) -> Tensor:
    """(B, *N): how far (B, C, *N) are apart, relative to what is usual; NaN on one side is as far as can be."""
    # What is equal is equal, also where it is infinite or not a number in both.
    alike = (first == second) | (first.isnan() & second.isnan())
    apart = torch.where(alike, 0.0, (first - second).abs().nan_to_num(math.inf)).amax(dim=1)
    size = second.abs().amax(dim=1).nan_to_num(0.0, 0.0)
    return apart / size.clamp_min(size.flatten().median().clamp_min(1e-30))


def _other_number(tolerance: float) -> _Apart:
    return _Apart("scores", 0.0, 0.0, math.inf, tolerance, "another number of candidates")


def _cause(scorer: Segmenter, images: Tensor) -> str:
    """The parts of the network that may cause it, as far as they can be found."""
    parts = suspects(scorer, lambda: _answers(scorer, images))
    if not parts:
        return ""
    return f"{parts}; foolscape calls eval(), so look there for train(), training=True or random numbers"


def _untried(error: Exception, about: dict[str, str]) -> Reason:
    """The reason where the model gave no answer. Raises `error` where memory is short."""
    if is_short(error):
        raise error
    observation = f"not tried, for the model gave no answer: {in_words(raised(error))}{where(raised(error))}"
    return Reason(id=about["id"], check=about["check"], ok=None, seen=observation)
