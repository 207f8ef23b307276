"""The driver: gradient ascent in pixel space over a stream of images, with continuous batching.

An image that is done leaves the batch at once and the next one takes its place. Every call of the model has the same
batch size (gaps are filled with copies), so the arithmetic for an image does not depend on the rest of its batch: a run
that was killed and resumed meets other neighbours and still gives the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import AttackItem, BatchState, Queue, join, renewed, start
from foolscape.attacks.engine.smallest import SMALLEST
from foolscape.attacks.engine.step import (
    Evaluation,
    Reading,
    evaluate,
    exact,
    finite,
    gradient_of,
    of_images,
    read,
    recounted,
)
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.parts.updates import State, StepContext
from foolscape.pixels import WHITE
from foolscape.sending import numbers_on

LOOKAHEAD = 4
"""How many batches are read ahead to find images of the same size."""


@dataclass(frozen=True)
class Candidate:
    """One of several results for an image.

    Attributes:
        name: of the attack or bound that made it.
        adversarial: (1, 3, H, W) in [0, 1].
        remaining: active targets in it.
    """

    name: str
    adversarial: Tensor
    remaining: int


@dataclass(frozen=True)
class Outcome:
    """The result of an attack on one image.

    Attributes:
        key: the item's name.
        clean: (1, 3, H, W) in [0, 1], as it came in.
        adversarial: (1, 3, H, W) in [0, 1]: the last iterate if the attack reached its goal, else the iterate with the
            fewest targets left (of equals the latest). Not yet rounded to 8 bits.
        claimed: whether the attack reached its own goal; before rounding, unless its steps are quantised.
        iterations: steps taken.
        remaining: active targets in `adversarial`.
        targets: targets that count.
        seconds: this image's share of the time.
        failure: why the attack had to be given up (NaN scores or gradient), else None.
        candidates: of an attack that made several, all of them, `adversarial` among them.
        within: of an attack that searches for the smallest change, the best image within each smaller bound (its name).
    """

    key: str
    clean: Tensor
    adversarial: Tensor
    claimed: bool
    iterations: int
    remaining: int
    targets: int
    seconds: float
    failure: str | None = None
    candidates: tuple[Candidate, ...] = ()
    within: tuple[Candidate, ...] = ()

    @property
    def perturbation(self) -> Tensor:
        """(1, 3, H, W): adversarial minus clean."""
        return self.adversarial - self.clean


def ascend(items: Iterable[AttackItem], attack: Ascent, *, batch_size: int = 1) -> Iterator[Outcome]:
    """Attack every item; outcomes come in the order in which the images finish.

    Args:
        items: read lazily, a few batches ahead. Images of different sizes may be mixed; those that share a size
            share a batch.
        attack: the settings.
        batch_size: images per call of the model. It is constant: with fewer images left, copies fill the batch.

    Yields:
        One `Outcome` per item.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: expected at least 1, got {batch_size}")
    queue = Queue(items, LOOKAHEAD * batch_size)
    batch: BatchState | None = None
    while True:
        members = [] if batch is None else [batch]
        while sum(len(f.keys) for f in members) < batch_size:
            item = queue.next(members[0].problem if members else None)
            if item is None:
                break
            members.append(start(item, attack))
        if not members:
            return
        batch, finished = _iterate(join(members) if len(members) > 1 else members[0], attack, batch_size)
        yield from finished


def last_iterates(items: Sequence[AttackItem], attack: Ascent) -> Tensor:
    """(B, 3, H, W) in [0, 1]: where a batch of images of one size is after all steps, whatever they reached before.

    `ascend` also finds the best iterate, at the cost of one more evaluation, which adversarial training,
    that only wants a hard image, can do without. Targets are not resampled, and values are not tested for being finite.
    """
    batch = join([start(item, attack) for item in items])
    for _ in range(attack.steps):
        evaluation = evaluate(batch, attack, len(items))
        slope = _slope(batch, evaluation, attack)
        reading = read(batch, evaluation, slope.gradient, attack) if attack.ladder else None
        batch = _step(batch, slope, reading, attack)
    return batch.images.detach()


def _iterate(batch: BatchState, attack: Ascent, batch_size: int) -> tuple[BatchState | None, list[Outcome]]:
    """Evaluate the current iterates, finish the images that are done, and step on the others."""
    begin = time.perf_counter()
    batch, failures = renewed(batch, attack)
    evaluation = evaluate(batch, attack, batch_size)
    # Before it is known whether any image goes on: one that is done too early has cost a gradient more than it took.
    slope = None if min(batch.taken) >= attack.steps else _slope(batch, evaluation, attack)
    reading = read(batch, evaluation, None if slope is None else slope.gradient, attack)
    reading = exact(reading, batch, attack, batch_size)
    batch, done = (
        _keep_smallest(batch, evaluation, reading, attack) if attack.ladder else _keep_best(batch, reading, attack)
    )
    failures |= _unsound(evaluation, slope, reading, done)
    stepped = batch
    if slope is not None and len(done) < len(batch.keys):
        stepped = _step(batch, slope, reading, attack)
    ended = recounted(batch, done, reading.allowed, attack, batch_size)
    share = (time.perf_counter() - begin) / len(batch.keys)
    finished = [_finish(ended, i, reading, share, failures.get(i)) for i in sorted({*done, *failures})]
    staying = [i for i in range(len(batch.keys)) if i not in done and i not in failures]
    if not staying:
        return None, finished
    stepped = replace(stepped, seconds=tuple(s + share for s in stepped.seconds))
    return (stepped.take(staying) if finished else stepped), finished


def _unsound(evaluation: Evaluation, slope: _Slope | None, reading: Reading, done: list[int]) -> dict[int, str]:
    """Why images must be given up: scores of what is done, or the gradient of what goes on, are no numbers."""
    failures = {}
    for i in (i for i, sound in enumerate(reading.sound) if not sound):
        if i in done:
            if not finite(evaluation.scores[i].detach()):
                failures[i] = "the model's scores are not finite"
            elif not all(finite(part[i]) for part in evaluation.problem.context if part.is_floating_point()):
                failures[i] = "the boxes of the model's new candidates are not finite"
        elif slope is not None and not finite(slope.gradient[i]):
            failures[i] = "the gradient to the input is not finite"
    return failures


def _keep_best(batch: BatchState, reading: Reading, attack: Ascent) -> tuple[BatchState, list[int]]:
    """The batch with its best iterates brought up to date, and which of its images are done."""
    remaining = reading.remaining
    inside = [taken >= attack.free for taken in batch.taken]
    reached = [ok and now <= allowed for ok, now, allowed in zip(inside, remaining, reading.allowed, strict=True)]
    # The start is no result: unless it is already fooled, only images that were stepped on compete.
    better = [
        at_goal or (ok and taken > 0 and now <= before)
        for at_goal, ok, taken, now, before in zip(
            reached, inside, batch.taken, remaining, batch.best_remaining, strict=True
        )
    ]
    done = [i for i, taken in enumerate(batch.taken) if reached[i] or taken >= attack.steps]
    if not any(better):
        return batch, done
    best_remaining = tuple(
        now if won else old for won, now, old in zip(better, remaining, batch.best_remaining, strict=True)
    )
    return replace(batch, best=_chosen(better, batch.images, batch.best), best_remaining=best_remaining), done


def _keep_smallest(
    batch: BatchState, evaluation: Evaluation, reading: Reading, attack: Ascent
) -> tuple[BatchState, list[int]]:
    """As `_keep_best`, where the best iterate is the smallest change that reached the goal, as the model saw it."""
    assert batch.search is not None
    count, taken, remaining, (_, sizes) = len(batch.keys), batch.taken, reading.remaining, reading.sizes
    inputs = of_images(evaluation.images, count)
    ranks = list(batch.search.ranked(remaining, sizes, reading.allowed))
    better = [
        (at_goal or steps > 0) and (order < 0 or (order == 0 and now <= before))
        for (at_goal, order), steps, now, before in zip(ranks, taken, remaining, batch.best_remaining, strict=True)
    ]
    search = batch.search.updated(inputs, remaining, sizes, ranks, taken)
    done = [i for i in range(count) if taken[i] >= attack.steps or (ranks[i][0] and sizes[i] <= SMALLEST)]
    if any(better):
        best_remaining = tuple(
            now if won else old for won, now, old in zip(better, remaining, batch.best_remaining, strict=True)
        )
        batch = replace(batch, best=_chosen(better, batch.images, batch.best), best_remaining=best_remaining)
    return replace(batch, search=search), done


def _chosen(mask: list[bool], images: Tensor, others: Tensor) -> Tensor:
    """Image i of `images` where mask[i], else of `others`."""
    if all(mask):
        return images
    return torch.where(numbers_on(images.device, mask, torch.bool).view(-1, 1, 1, 1), images, others)


@dataclass(frozen=True)
class _Slope:
    """The gradient of a step, (B, 3, H, W), and what update and transforms remember of it."""

    gradient: Tensor
    objective: ObjectiveValue
    state: State
    remembered: State


def _slope(batch: BatchState, evaluation: Evaluation, attack: Ascent) -> _Slope:
    count = len(batch.keys)
    objective = ObjectiveValue(
        of_images(evaluation.objective.value.detach(), count), of_images(evaluation.objective.active, count)
    )
    weights, state = attack.update.target_weights(objective, batch.taken, batch.state)
    gradient, remembered = gradient_of(batch, evaluation, attack, weights)
    return _Slope(gradient, objective, state, remembered)


def _step(batch: BatchState, slope: _Slope, reading: Reading | None, attack: Ascent) -> BatchState:
    """The batch after one step; `reading` may be None for an attack without a `ladder`."""
    context = StepContext(
        images=batch.images,
        clean=batch.problem.images,
        gradient=slope.gradient,
        objective=slope.objective,
        taken=batch.taken,
        generators=batch.generators,
        fooled=() if reading is None else reading.fooled,
        sizes=() if reading is None else tuple(reading.sizes[0]),
    )
    moved, state = attack.update.step(context, attack.constraint, attack.step, slope.state)
    taken = tuple(n + 1 for n in batch.taken)
    return replace(batch, images=moved, state=state, remembered=slope.remembered, taken=taken)


def _finish(batch: BatchState, i: int, reading: Reading, share: float, failure: str | None) -> Outcome:
    remaining = batch.best_remaining[i]
    return Outcome(
        key=batch.keys[i],
        clean=batch.problem.images[i : i + 1],
        adversarial=batch.best[i : i + 1],
        claimed=failure is None and remaining <= reading.allowed[i],
        iterations=batch.taken[i],
        remaining=remaining,
        targets=reading.targets[i],
        seconds=batch.seconds[i] + share,
        failure=failure,
        within=()
        if batch.search is None
        else tuple(Candidate(f"{bound}/{WHITE}", image, n) for bound, image, n in batch.search.below(i)),
    )
