"""The verdict on a universal perturbation: stronger than its controls on test images, and learnt to its end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, NOISE, PERMUTED, Condition
from foolscape.records.types import Object
from foolscape.run.checks.bounds import bound_reasons
from foolscape.run.scores.controls import ControlSizes, no_control, short_reason
from foolscape.run.trust.attack import gradient_reasons
from foolscape.run.trust.comparison import POINTS, compare, difference_words, mean_of, stronger
from foolscape.verdict import Reason

_OVERFIT: Final = 10.0
"""Points by which training images may do better than test images before the pattern counts as made for those alone."""


@dataclass(frozen=True)
class Learnt:
    """A pattern on the test images, and how it was learnt.

    Attributes:
        moved: on the model that it was learnt on, by condition and test image, the percentage of the targets that moved
            as was wanted, where an image has any.
        pooled: the percentage of all targets of the test images.
        controls: how large the controls are.
        epochs: `training` of summary.json: moved and stayed by epoch, in percent.
        gradient: the verdict on the input gradient in run.json.
        bound: `eps`, `norm` and `step` of its learning, as `bound_reasons` takes them.
        longer: the command that learns it for twice the epochs.
    """

    moved: Mapping[Condition, Mapping[str, float]]
    pooled: float | None
    controls: ControlSizes
    epochs: Object
    gradient: Object | None
    bound: Object
    longer: str


def universal_reasons(learnt: Learnt) -> Iterator[Reason]:
    """Every check of the pattern, in reading order."""
    yield from gradient_reasons(learnt.gradient)
    yield from bound_reasons(learnt.bound)
    yield short_reason(learnt.controls.sizes())
    yield _stronger(learnt, NOISE, "beats-noise", "stronger than noise of its bound")
    yield _stronger(learnt, PERMUTED, "beats-shuffled", "stronger than its own change, shuffled")
    if learnt.epochs["moved"]:
        yield _as_on_training_images(learnt)
        yield _learnt_to_its_end(learnt)


def _stronger(learnt: Learnt, control: Condition, name: str, check: str) -> Reason:
    """Whether the pattern moves more than the control, by an interval above 0 over test images."""
    own, other = learnt.moved.get(ADVERSARIAL, {}), learnt.moved.get(control, {})
    difference, images = compare(own, other)
    if not difference.above and (same := learnt.controls.again.get(control.name)):
        other = {image: value for image, value in other.items() if image not in same}
        if not other:
            return no_control(name, check)
        difference, images = compare(own, other)
    if difference.value is None:
        seen = "no clean prediction on a test image shows what is to change, so that nothing can be said"
        return Reason(id=name, check=check, ok=None, seen=seen, advice="give images that show it")
    more = f"{difference_words(difference)} than the control"
    seen = f"{mean_of(own, other):.1f} % moved as wanted on {images} test image(s), {more}"
    ok = stronger(difference, images)
    no = "learn from more images or for more --epochs"
    advice = {True: "", False: no, None: "too few images to tell: raise --limit"}[ok]
    return Reason(id=name, check=check, ok=ok, seen=seen, advice=advice)


def _as_on_training_images(learnt: Learnt) -> Reason:
    """Whether new images move about as much as those that the pattern was learnt on."""
    trained, tested = learnt.epochs["moved"][-1], learnt.pooled
    check = "as good on new images"
    if trained is None or tested is None:
        return Reason(id="generalises", check=check, ok=None, seen="nothing was to move", advice="give other images")
    seen = f"{tested:.1f} % moved on test images, {trained:.1f} % on the training images of the last epoch"
    ok = trained - tested < _OVERFIT
    advice = "" if ok else "it fits its training images: a pattern learnt from more of them would do more"
    return Reason(id="generalises", check=check, ok=ok, seen=seen, advice=advice)


def _learnt_to_its_end(learnt: Learnt) -> Reason:
    """Whether the last epoch still gained."""
    check, epochs = "learnt to its end", len(learnt.epochs["moved"])
    more = f"give it more: {learnt.longer}"
    if epochs < 2:
        return Reason(id="converged", check=check, ok=None, seen="a single epoch does not tell", advice=more)
    gains = {key: _gain(learnt.epochs[key]) for key in ("moved", "stayed")}
    gain = sum(gains.values())
    words = ", ".join(f"{name} {value:+.1f}" for name, value in gains.items())
    seen = f"the last of {epochs} epochs changed, in percentage points: {words}"
    ok = gain < POINTS
    return Reason(id="converged", check=check, ok=ok, seen=seen, advice="" if ok else more)


def _gain(values: Sequence[float | None]) -> float:
    """What the last epoch added."""
    before, after = (math.nan if value is None else value for value in values[-2:])
    return 0.0 if math.isnan(after - before) else after - before
