"""Universal perturbations: one tile, repeated over every image, that makes a network see what the attacker wants.

Metzen, Kumar, Brox, Fischer: Universal Adversarial Perturbations Against Semantic Image Segmentation, ICCV 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from foolscape.attacks.parts.objectives import Objective
from foolscape.problem import IGNORE, Problem, likeliest

_MEMORY = 0.99
"""Of the running mean of squares."""
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class UniversalLoss:
    """The loss of a tile on one image: an objective, and how much each target (pixel, box) weighs in it.

    Attributes:
        objective: what is wanted of a target.
        omega: weight of the targets that are to change; those that are to stay have 1 - omega (the paper's w).
        balance: None, as in the paper: every target weighs the same but for omega, and rare classes are given up first.
            Else, from 0 to 1: all changing targets together weigh as much as all that are to stay but for omega,
            however few they are; and of the latter a class of n targets weighs in proportion to n ** (1 - balance), so
            that at 1 all classes weigh the same.
    """

    objective: Objective
    omega: float
    balance: float | None

    def __call__(self, scores: Tensor, problem: Problem) -> Tensor:
        """The loss, a scalar to be made small.

        Args:
            scores: (1, C, *N) on the perturbed image.
            problem: of one image; its labels are the clean prediction. Where the target equals the label, the answer is
                to stay; without a target it is to change everywhere.
        """
        objective = self.objective(scores, problem, torch.zeros(1, device=scores.device))
        return -(objective.value * self._weights(problem)).sum()

    def _weights(self, problem: Problem) -> Tensor:
        """(1, *N): how much each target weighs; in all about 1."""
        labels, counted, moving = problem.labels, problem.counted, problem.moving
        if problem.target is None:
            return _shares(labels, counted, self.balance or 0.0)
        staying = counted & ~moving
        if self.balance is None:
            share = torch.where(moving, self.omega, 1 - self.omega)
            return share * counted / counted.sum().clamp(min=1)
        return self.omega * _shares(labels, moving, 0.0) + (1 - self.omega) * _shares(labels, staying, self.balance)


def _shares(labels: Tensor, chosen: Tensor, balance: float) -> Tensor:
    """(1, *N): a weight for each of the `chosen` targets, 1 in all; see `UniversalLoss.balance`."""
    sizes = torch.bincount(labels[chosen], minlength=int(labels.max().clamp(min=0)) + 1).float()
    wholes = torch.where(sizes > 0, sizes ** (1 - balance), 0)
    each = wholes / wholes.sum().clamp(min=1) / sizes.clamp(min=1)
    return each[labels.clamp(min=0)] * chosen


def spread(tile: Tensor, size: tuple[int, int], shift: tuple[int, int] = (0, 0)) -> Tensor:
    """(1, K, H, W): the `tile` (K, h, w) repeated over an image of `size` (H, W), moved `shift` pixels down and right.

    Differentiable: the gradient at the tile is the sum of those at its copies.
    """
    height, width = tile.shape[-2:]
    moved = torch.roll(tile, shift, dims=(-2, -1))
    copies = (1, -(-size[0] // height), -(-size[1] // width))
    return moved.repeat(copies)[None, :, : size[0], : size[1]]


@dataclass(frozen=True, kw_only=True)
class LearnConfig:
    """How a tile is learnt.

    Attributes:
        pull: the loss.
        eps: bound on the change of any channel, in [0, 1].
        step: size of a step, in [0, 1]; with `batch` it shrinks linearly to a tenth until the end.
        epochs: passes over the training images.
        batch: images per step; None: all of them, one step per epoch, as in the paper.
        momentum: of the accumulated gradient; 0 in the paper.
        adaptive: divide the accumulated gradient by its running root mean square (Adam, Kingma and Ba 2015), so that a
            pixel on which the images disagree moves less; if not, its sign is taken, as in the paper.
        shifts: move the tile at random for every image, so that it works at every offset.
    """

    pull: UniversalLoss
    eps: float
    step: float
    epochs: int
    batch: int | None
    momentum: float
    adaptive: bool
    shifts: bool


@dataclass(frozen=True)
class UniversalEpoch:
    """Means over the training images of an epoch, each under the tile as it was then.

    Attributes:
        loss: its mean.
        moved: share of the targets to change that were predicted as wanted (without a target, as anything else).
        stayed: share of the targets to stay that did; nan where there were none.
    """

    loss: float
    moved: float
    stayed: float


@dataclass(frozen=True)
class TrainingState:
    """A tile in training, and the state of its optimiser.

    Attributes:
        tile: (3, h, w) float, in [-eps, eps].
        velocity, square: (3, h, w), running means of the gradient and of its square.
        steps: taken.
        epochs: those done.
    """

    tile: Tensor
    velocity: Tensor
    square: Tensor
    steps: int
    epochs: tuple[UniversalEpoch, ...]

    def to(self, device: torch.device) -> TrainingState:
        """The same on another device."""
        tile, velocity, square = (tensor.to(device) for tensor in (self.tile, self.velocity, self.square))
        return replace(self, tile=tile, velocity=velocity, square=square)


@dataclass(frozen=True)
class TrainingSample:
    """A training image.

    Attributes:
        problem: of one image, see `UniversalLoss`.
        wanted: (h, w) int64, of the size of the tile, for a target that is repeated and moves with it; the problem's
            own target is then ignored.
    """

    problem: Problem
    wanted: Tensor | None = None


def begin(tile: Tensor) -> TrainingState:
    """Learning that starts from `tile` (3, h, w); the paper starts from zeros."""
    return TrainingState(tile, torch.zeros_like(tile), torch.zeros_like(tile), 0, ())


@dataclass(frozen=True)
class Turn:
    """A training image's turn in an epoch: its place among the lessons, and how far the tile is moved for it."""

    lesson: int
    shift: tuple[int, int]


@dataclass(frozen=True)
class SampleResult:
    """The result on one image: the loss, and how many targets were to move and did, to stay and did."""

    loss: float
    moving: int
    moved: int
    staying: int
    stayed: int


Gradients = Callable[[Tensor, Sequence[Turn]], Iterable[tuple[Tensor, SampleResult]]]
"""From a tile (3, h, w) and turns to the gradient at the tile (3, h, w) and the result of each, in their order."""


def learn(
    learning: TrainingState,
    config: LearnConfig,
    lessons: Sequence[Callable[[], TrainingSample]],
    generator: torch.Generator,
) -> TrainingState:
    """One more epoch.

    Args:
        learning: what there is.
        config: the settings.
        lessons: give the training images one by one; they are asked in random order, and none is kept.
        generator: of the order and the shifts of this epoch.
    """

    def gradients(tile: Tensor, turns: Sequence[Turn]) -> Iterator[tuple[Tensor, SampleResult]]:
        return (on_sample(tile, lessons[turn.lesson](), config, turn.shift) for turn in turns)

    return learn_by(learning, config, len(lessons), gradients, generator)


def learn_by(
    learning: TrainingState, config: LearnConfig, lessons: int, gradients: Gradients, generator: torch.Generator
) -> TrainingState:
    """`learn`, with gradients from wherever they come: they are added in the order of the turns."""
    order = torch.randperm(lessons, generator=generator).tolist()
    batch = config.batch or lessons
    total = config.epochs * -(-lessons // batch)
    results: list[SampleResult] = []
    for first in range(0, len(order), batch):
        turns = [Turn(place, _shift(learning.tile, config, generator)) for place in order[first : first + batch]]
        gradient = torch.zeros_like(learning.tile)
        for slope, result in gradients(learning.tile, turns):
            gradient += slope / len(turns)
            results.append(result)
        rate = config.step if config.batch is None else config.step * (1 - 0.9 * learning.steps / total)
        learning = _step(learning, gradient, config, rate)
    return replace(learning, epochs=(*learning.epochs, _epoch(results)))


def _shift(tile: Tensor, config: LearnConfig, generator: torch.Generator) -> tuple[int, int]:
    """How far the tile (3, h, w) is moved for the next image."""
    if not config.shifts:
        return 0, 0
    drawn = torch.randint(1 << 30, (2,), generator=generator)
    return int(drawn[0]) % tile.shape[1], int(drawn[1]) % tile.shape[2]


def on_sample(
    tile: Tensor, lesson: TrainingSample, config: LearnConfig, shift: tuple[int, int]
) -> tuple[Tensor, SampleResult]:
    """The gradient of one image at the tile (3, h, w), and the result on it."""
    problem = lesson.problem
    size = (problem.images.shape[2], problem.images.shape[3])
    if lesson.wanted is not None:
        target = spread(lesson.wanted[None], size, shift)[:, 0]
        problem = replace(problem, target=torch.where(problem.counted, target, IGNORE))
    inputs = tile.detach().requires_grad_(True)
    images = (problem.images + spread(inputs, size, shift)).clamp(0, 1)
    scores = problem.scores(images, *problem.context)
    loss = config.pull(scores, problem)
    (slope,) = torch.autograd.grad(loss, inputs)
    predicted, moving = likeliest(scores.detach()), problem.moving
    staying = problem.counted & ~moving
    parts = (moving, moving & problem.won(predicted), staying, staying & (predicted == problem.labels))
    return slope, SampleResult(float(loss.detach()), *(int(part.sum()) for part in parts))


def _epoch(results: Sequence[SampleResult]) -> UniversalEpoch:
    moving, staying = sum(result.moving for result in results), sum(result.staying for result in results)
    return UniversalEpoch(
        sum(result.loss for result in results) / len(results),
        sum(result.moved for result in results) / moving if moving else math.nan,
        sum(result.stayed for result in results) / staying if staying else math.nan,
    )


def _step(learning: TrainingState, gradient: Tensor, config: LearnConfig, rate: float) -> TrainingState:
    """Against the accumulated gradient, back into the bound."""
    steps = learning.steps + 1
    velocity = config.momentum * learning.velocity + (1 - config.momentum) * gradient
    square = _MEMORY * learning.square + (1 - _MEMORY) * gradient**2
    if config.adaptive:
        mean, spread_ = velocity / (1 - config.momentum**steps), square / (1 - _MEMORY**steps)
        direction = mean / (spread_.sqrt() + _TINY)
    else:
        direction = velocity.sign()
    tile = (learning.tile - rate * direction).clamp(-config.eps, config.eps)
    return replace(learning, tile=tile, velocity=velocity, square=square, steps=steps)
