"""How much is left of the mIoU after every attack, at equal numbers of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from comparison.contender import Absent, Contender, Task
from comparison.own import LIBRARY
from comparison.stand import Picture, Stand
from foolscape.attacks.parts.constraints import Linf
from foolscape.metrics.segmentation import Counts, count, mean_iou, pixel_accuracy, stack, total
from foolscape.metrics.worst import worst_choice
from foolscape.pixels import WHITE, Levels
from foolscape.seeds import seed_of

TOLERANCE = 1e-6
"""How far rounding errors may take a float image beyond its bound."""


@dataclass(frozen=True)
class Score:
    """What an attack leaves at one bound.

    Attributes:
        attack, eps: which; eps in levels.
        miou, accuracy: percent, of the images rounded to 8 bits inside the bound.
        miou_float, accuracy_float: of the images as the attack returned them, cut to the bound.
        within: the share of images that the attack itself kept inside the bound.
        miou_within: of an attack without a bound, the clean image counted where its own change is larger; at 8 bits.
        forwards, backwards: images through the network and gradients back, per image attacked.
    """

    attack: str
    eps: float
    miou: float
    accuracy: float
    miou_float: float
    accuracy_float: float
    within: float
    miou_within: float
    forwards: float
    backwards: float

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


@dataclass(frozen=True)
class _Attacked:
    """One image, attacked, in float: the results, and what they took."""

    results: tuple[Tensor, ...]
    forwards: int
    backwards: int


def measure(
    stand: Stand, contenders: Sequence[Contender], bounds: Sequence[Levels], budget: int, seed: int
) -> Iterator[Score | Absent]:
    """A score per attack and bound; an attack without a bound is run once and judged at every bound.

    Another library's attack that breaks off is told as an absentee, and the rest goes on.
    """
    for contender in contenders:
        kept: list[_Attacked] | None = None
        for eps in bounds:
            if kept is None or contender.bounded:
                try:
                    kept = [_attacked(stand, picture, contender, eps, budget, seed) for picture in stand.pictures]
                except Exception as error:
                    if contender.library == LIBRARY:
                        raise
                    yield broken(contender, error)
                    break
            yield _score(stand, contender.name, kept, eps)


def clean(stand: Stand) -> tuple[float, float]:
    """mIoU and pixel accuracy of the images as they are, in percent."""
    return _judged(stand, lambda i: stand.pictures[i].image)


def task_of(stand: Stand, pictures: Sequence[Picture], eps: Levels, budget: int, seed: int) -> Task:
    """Some of the images, which have one size, as a batch."""
    images = torch.cat([picture.image for picture in pictures])
    labels = torch.cat([picture.labels for picture in pictures])
    names = tuple(picture.name for picture in pictures)
    return Task(stand.network, images, labels, names, stand.classes, eps, budget, seed)


def seeded(contender: Contender, task: Task) -> tuple[Tensor, ...]:
    """All results of the attack, run with all sources of randomness that the libraries draw from set by the seed."""
    number = seed_of(task.seed, contender.name, *task.names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(number)
        np.random.seed(number % 2**32)  # noqa: NPY002  # ART draws from the global generator
        found = contender.run(task)
    return tuple(one.detach() for one in ((found,) if isinstance(found, Tensor) else found))


def broken(contender: Contender, error: Exception) -> Absent:
    """An attack that broke off."""
    reason = str(error).splitlines()[0] if str(error) else ""
    return Absent(contender.name, f"broke off: {type(error).__name__}: {reason}")


def _attacked(stand: Stand, picture: Picture, contender: Contender, eps: Levels, budget: int, seed: int) -> _Attacked:
    network = stand.network
    before = network.forwards, network.backwards
    results = seeded(contender, task_of(stand, [picture], eps, budget, seed))
    return _Attacked(results, network.forwards - before[0], network.backwards - before[1])


def _score(stand: Stand, name: str, attacked: Sequence[_Attacked], eps: Levels) -> Score:
    bound, pictures = Linf(eps.unit), stand.pictures

    def written(i: int, result: Tensor) -> Tensor:
        return bound.quantise(result, pictures[i].image).float() / WHITE

    def cut(i: int, result: Tensor) -> Tensor:
        return bound.project(result, pictures[i].image)

    taken, in_float = (_taken(stand, attacked, shown) for shown in (written, cut))
    reach = [float((one - p.image).abs().max()) for one, p in zip(taken, pictures, strict=True)]
    inside = [far <= eps.unit + TOLERANCE for far in reach]
    miou, accuracy = _judged(stand, lambda i: written(i, taken[i]))
    miou_in_float, accuracy_in_float = _judged(stand, lambda i: cut(i, in_float[i]))
    own, _ = _judged(stand, lambda i: written(i, taken[i]) if inside[i] else pictures[i].image)
    images = len(pictures)
    return Score(
        attack=name,
        eps=float(eps.levels),
        miou=miou,
        accuracy=accuracy,
        miou_float=miou_in_float,
        accuracy_float=accuracy_in_float,
        within=sum(inside) / images,
        miou_within=own,
        forwards=sum(one.forwards for one in attacked) / images,
        backwards=sum(one.backwards for one in attacked) / images,
    )


def _taken(stand: Stand, attacked: Sequence[_Attacked], shown: Callable[[int, Tensor], Tensor]) -> list[Tensor]:
    """The result of each image that counts: of several SEA's greedy choice for a small mIoU of all, as `shown`."""
    if all(len(one.results) == 1 for one in attacked):
        return [one.results[0] for one in attacked]
    seen = [
        [_counts(stand, i, stand.network.prediction(shown(i, result))) for result in one.results]
        for i, one in enumerate(attacked)
    ]
    chosen = worst_choice([stack(of_image) for of_image in seen])
    return [one.results[k] for one, k in zip(attacked, chosen, strict=True)]


def _judged(stand: Stand, image: Callable[[int], Tensor]) -> tuple[float, float]:
    """mIoU and pixel accuracy, pooled, of what `image` gives for every picture."""
    pooled = total([_counts(stand, i, stand.network.prediction(image(i))) for i in range(len(stand.pictures))])
    return float(mean_iou(pooled)), float(pixel_accuracy(pooled))


def _counts(stand: Stand, i: int, prediction: NDArray[np.int64]) -> Counts:
    return count(prediction, stand.pictures[i].truth, len(stand.classes))


@dataclass(frozen=True)
class Verdict:
    """Whether foolscape's worst case leaves at most what every other library leaves at one bound.

    Attributes:
        eps: in levels.
        ours: what worst-case leaves.
        best, theirs: the other library's attack that leaves least, and how much; None where none took part.
        ours_best, least: the same among foolscape's own other attacks.
    """

    eps: float
    ours: float
    best: str | None
    theirs: float | None
    ours_best: str | None
    least: float | None

    @property
    def holds(self) -> bool:
        """At or below every other library's."""
        return self.theirs is None or self.ours <= self.theirs


def verdicts(scores: Sequence[Score], ours: str, field: str, own: Callable[[str], bool]) -> list[Verdict]:
    """One per bound at which `ours` was measured; `field` is miou or miou_float, `own` tells foolscape's attacks."""
    found = []
    for score in (s for s in scores if s.attack == ours):
        rest = [(getattr(s, field), s.attack) for s in scores if s.eps == score.eps and s.attack != ours]
        theirs = min((pair for pair in rest if not own(pair[1])), default=(None, None))
        others = min((pair for pair in rest if own(pair[1])), default=(None, None))
        found.append(Verdict(score.eps, getattr(score, field), theirs[1], theirs[0], others[1], others[0]))
    return found
