"""The driver: gradient ascent in pixel space over a stream of images, with continuous batching.

An image that is done leaves the batch at once and the next one takes its place. Every call of the model has the same
batch width (gaps are filled with copies), so the arithmetic for an image does not depend on who shares its batch: a run
that was killed and resumed meets other neighbours and still gives the same bytes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import Entrant, Flight, Queue, board, join, renewed
from foolscape.attacks.engine.smallest import SMALLEST, sizes_of
from foolscape.attacks.engine.step import Look, gradient_of, left_in, look_at, recounted
from foolscape.attacks.parts.objectives import Seen
from foolscape.attacks.parts.updates import Here
from foolscape.pixels import WHITE

LOOKAHEAD = 4
"""How many batches are read ahead to find images of the same size."""


@dataclass(frozen=True)
class Candidate:
    """One of several results for an image.

    Attributes:
        name: of what found it.
        adversarial: (1, 3, H, W) in [0, 1].
        left: active targets in it.
    """

    name: str
    adversarial: Tensor
    left: int


@dataclass(frozen=True)
class Outcome:
    """What became of one image.

    Attributes:
        key: the entrant's name.
        clean: (1, 3, H, W) in [0, 1], as it came in.
        adversarial: (1, 3, H, W) in [0, 1]: the last iterate if the attack reached its goal, else the iterate with the
            fewest targets left (of equals the latest). Not yet rounded to 8 bits.
        claimed: whether the attack reached its own goal; before rounding, unless it is a rounded one.
        iterations: steps taken.
        left: active targets in `adversarial`.
        targets: targets that count.
        seconds: this image's share of the time.
        failure: why the attack had to be given up (NaN scores or gradient), else None.
        candidates: of an attack that made several, all of them, `adversarial` among them.
        within: of an attack that looks for the smallest change, the best image within each smaller bound (its name).
    """

    key: str
    clean: Tensor
    adversarial: Tensor
    claimed: bool
    iterations: int
    left: int
    targets: int
    seconds: float
    failure: str | None = None
    candidates: tuple[Candidate, ...] = ()
    within: tuple[Candidate, ...] = ()

    @property
    def perturbation(self) -> Tensor:
        """(1, 3, H, W): adversarial minus clean."""
        return self.adversarial - self.clean


def ascend(entrants: Iterable[Entrant], attack: Ascent, *, width: int = 1) -> Iterator[Outcome]:
    """Attack every entrant; outcomes come in the order in which the images are done.

    Args:
        entrants: read lazily, a few batches ahead. Images of different sizes may be mixed; those that share a size
            share a batch.
        attack: the settings.
        width: images per call of the model. It is constant: with fewer images left, copies fill the batch.

    Yields:
        One `Outcome` per entrant.
    """
    if width < 1:
        raise ValueError(f"width: expected at least 1, got {width}")
    queue = Queue(entrants, LOOKAHEAD * width)
    flight: Flight | None = None
    while True:
        boarding = [] if flight is None else [flight]
        while sum(len(f.keys) for f in boarding) < width:
            entrant = queue.next(boarding[0].problem if boarding else None)
            if entrant is None:
                break
            boarding.append(board(entrant, attack))
        if not boarding:
            return
        flight, landed = _iterate(join(boarding) if len(boarding) > 1 else boarding[0], attack, width)
        yield from landed


def _iterate(flight: Flight, attack: Ascent, width: int) -> tuple[Flight | None, list[Outcome]]:
    """Look at the current iterates, let those that are done land, and take one step with the others."""
    begin = time.perf_counter()
    flight, failures = renewed(flight, attack)
    look = look_at(flight, attack, width)
    left = left_in(flight, look, attack, width)
    flight, done = _keep_smallest(flight, look, left, attack) if attack.ladder else _keep_best(flight, left, attack)
    failures |= {i: "the model's scores are not finite" for i in done if not _finite(look.scores[i].detach())}
    stepped = flight
    if len(done) < len(flight.keys):
        stepped, lost = _step(flight, look, attack)
        failures |= {i: "the gradient to the input is not finite" for i in lost if i not in done}
    ended = recounted(flight, done, attack, width)
    share = (time.perf_counter() - begin) / len(flight.keys)
    landed = [_land(ended, i, share, failures.get(i)) for i in sorted({*done, *failures})]
    staying = [i for i in range(len(flight.keys)) if i not in done and i not in failures]
    if not staying:
        return None, landed
    stepped = replace(stepped, seconds=tuple(s + share for s in stepped.seconds))
    return (stepped.take(staying) if landed else stepped), landed


def _keep_best(flight: Flight, left: list[int], attack: Ascent) -> tuple[Flight, list[int]]:
    """The flight with its best iterates brought up to date, and which of its images are done.

    `left` are the active targets in the current iterates.
    """
    inside = [taken >= attack.free for taken in flight.taken]
    reached = [ok and now <= allowed for ok, now, allowed in zip(inside, left, flight.allowed, strict=True)]
    # The start is no result: unless it is already fooled, only images that were stepped on compete.
    better = [
        at_goal or (ok and taken > 0 and now <= before)
        for at_goal, ok, taken, now, before in zip(reached, inside, flight.taken, left, flight.best_left, strict=True)
    ]
    done = [i for i, taken in enumerate(flight.taken) if reached[i] or taken >= attack.steps]
    if not any(better):
        return flight, done
    best_left = tuple(now if won else old for won, now, old in zip(better, left, flight.best_left, strict=True))
    return replace(flight, best=_chosen(better, flight.images, flight.best), best_left=best_left), done


def _keep_smallest(flight: Flight, look: Look, left: list[int], attack: Ascent) -> tuple[Flight, list[int]]:
    """As `_keep_best`, where the best iterate is the smallest change that reached the goal, as the model saw it."""
    assert flight.found is not None
    count, taken = len(flight.keys), flight.taken
    looked_at = look.images[:count]
    sizes = sizes_of(looked_at, flight.problem.images).tolist()
    ranks = list(flight.found.ranked(left, sizes, flight.allowed))
    better = [
        (at_goal or steps > 0) and (order < 0 or (order == 0 and now <= before))
        for (at_goal, order), steps, now, before in zip(ranks, taken, left, flight.best_left, strict=True)
    ]
    found = flight.found.with_looks(looked_at, left, sizes, ranks, taken)
    done = [i for i in range(count) if taken[i] >= attack.steps or (ranks[i][0] and sizes[i] <= SMALLEST)]
    if any(better):
        best_left = tuple(now if won else old for won, now, old in zip(better, left, flight.best_left, strict=True))
        flight = replace(flight, best=_chosen(better, flight.images, flight.best), best_left=best_left)
    return replace(flight, found=found), done


def _chosen(mask: list[bool], images: Tensor, others: Tensor) -> Tensor:
    """Image i of `images` where mask[i], else of `others`."""
    if all(mask):
        return images
    return torch.where(torch.tensor(mask, device=images.device)[:, None, None, None], images, others)


def _step(flight: Flight, look: Look, attack: Ascent) -> tuple[Flight, list[int]]:
    """The flight one step on, and which of its images have a gradient that is not finite."""
    count = len(flight.keys)
    seen = Seen(look.seen.value.detach()[:count], look.seen.active[:count])
    weights, state = attack.update.weighed(seen, flight.taken, flight.state)
    gradient, remembered = gradient_of(flight, look, attack, weights)
    lost = [] if _finite(gradient) else [i for i in range(count) if not _finite(gradient[i])]
    here = Here(flight.images, flight.problem.images, gradient, seen, flight.taken, flight.generators)
    moved, state = attack.update.moved(here, attack.constraint, attack.step, state)
    taken = tuple(n + 1 for n in flight.taken)
    return replace(flight, images=moved, state=state, remembered=remembered, taken=taken), lost


def _finite(values: Tensor) -> bool:
    # A sum is cheap and finite only if every value is; one that overflowed needs the closer look.
    return math.isfinite(values.sum().item()) or bool(torch.isfinite(values).all())


def _land(flight: Flight, i: int, share: float, failure: str | None) -> Outcome:
    left = flight.best_left[i]
    return Outcome(
        key=flight.keys[i],
        clean=flight.problem.images[i : i + 1],
        adversarial=flight.best[i : i + 1],
        claimed=failure is None and left <= flight.allowed[i],
        iterations=flight.taken[i],
        left=left,
        targets=int(flight.problem.counted[i].sum()),
        seconds=flight.seconds[i] + share,
        failure=failure,
        within=()
        if flight.found is None
        else tuple(Candidate(f"{bound}/{WHITE}", image, n) for bound, image, n in flight.found.below(i)),
    )
