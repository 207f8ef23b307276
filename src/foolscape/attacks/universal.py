"""Universal perturbations: one tile, repeated over every image, that makes a network see what the attacker wants.

Metzen, Kumar, Brox, Fischer: Universal Adversarial Perturbations Against Semantic Image Segmentation, ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.problem import IGNORE


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What the perturbation is pulled by on one image: cross-entropy to the target, weighted.

    Attributes:
        omega: weight of the pixels that are to change; those that are to stay have 1 - omega (the paper's w).
        tau: a pixel predicted as its target with more confidence than this weighs nothing.
        balanced: whether every class that is to stay weighs the same, and all changing pixels together as much as they,
            however few they are. If not, as in the paper, every pixel weighs the same but for omega: rare classes are
            then given up first.
    """

    omega: float
    tau: float
    balanced: bool

    def __call__(self, scores: Tensor, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss, a scalar to be made small.

        Args:
            scores: (1, C, H, W) on the perturbed image.
            prediction: (1, H, W) int64, on the clean image, `IGNORE` where nothing counts.
            target: (1, H, W) int64; where it equals the prediction, the pixel is to stay.
        """
        log_p = functional.log_softmax(scores, dim=1)
        own = log_p.gather(1, target.clamp(min=0)[:, None]).squeeze(1)
        counted = prediction != IGNORE
        weighing = counted & (own.detach().exp() <= self.tau)
        weights = self._weights(prediction, target, counted)
        return -(own * weights * weighing).sum()

    def _weights(self, prediction: Tensor, target: Tensor, counted: Tensor) -> Tensor:
        """(1, H, W): how much each pixel weighs; in all about 1."""
        moving = counted & (prediction != target)
        staying = counted & ~moving
        if not self.balanced:
            share = torch.where(moving, self.omega, 1 - self.omega)
            return share * counted / counted.sum().clamp(min=1)
        sizes = torch.bincount(prediction[staying], minlength=int(prediction.max().clamp(min=0)) + 1)
        kinds = (sizes > 0).sum().clamp(min=1)
        per_class = 1 / (sizes.clamp(min=1) * kinds)
        stay = per_class[prediction.clamp(min=0)] * staying
        move = moving / moving.sum().clamp(min=1)
        if not bool(moving.any()):
            return stay * (1 - self.omega)
        return self.omega * move + (1 - self.omega) * stay


def spread(tile: Tensor, size: tuple[int, int], shift: tuple[int, int] = (0, 0)) -> Tensor:
    """(1, K, H, W): the `tile` (K, h, w) repeated over an image of `size` (H, W), moved `shift` pixels down and right.

    Differentiable: the gradient at the tile is the sum of those at its copies.
    """
    height, width = tile.shape[-2:]
    moved = torch.roll(tile, shift, dims=(-2, -1))
    copies = (1, -(-size[0] // height), -(-size[1] // width))
    return moved.repeat(copies)[None, :, : size[0], : size[1]]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a tile is learnt.

    Attributes:
        pull: the loss.
        eps: bound on the change of any channel, in [0, 1].
        step: size of a step, in [0, 1]; with `batch` it shrinks linearly to a tenth over the epochs.
        epochs: passes over the training images.
        batch: images per step; None: all of them, one step per epoch, as in the paper.
        momentum: of the accumulated gradient whose sign is taken; 0 in the paper.
        shifts: move the tile at random for every image, so that it works wherever it lands.
    """

    pull: Pull
    eps: float
    step: float
    epochs: int
    batch: int | None
    momentum: float
    shifts: bool


@dataclass(frozen=True)
class Learning:
    """How far a tile has come.

    Attributes:
        tile: (3, h, w) float, in [-eps, eps].
        velocity: (3, h, w), the accumulated gradient.
        epoch: epochs done.
        losses: mean loss of each.
    """

    tile: Tensor
    velocity: Tensor
    epoch: int
    losses: tuple[float, ...]

    def to(self, device: torch.device) -> Learning:
        """The same on another device."""
        return replace(self, tile=self.tile.to(device), velocity=self.velocity.to(device))


@dataclass(frozen=True)
class Lesson:
    """A training image.

    Attributes:
        image: (1, 3, H, W) in [0, 1].
        prediction, target: (1, H, W) int64, see `Pull`; the target as it is for a tile that is not shifted.
        tied: whether the target moves with the tile.
    """

    image: Tensor
    prediction: Tensor
    target: Tensor
    tied: bool


def begin(tile: tuple[int, int], device: torch.device | str = "cpu") -> Learning:
    """A tile of zeros (as in the paper) of `tile` (h, w)."""
    zeros = torch.zeros(3, *tile, device=device)
    return Learning(zeros, zeros.clone(), 0, ())


def learn(
    learning: Learning,
    recipe: Recipe,
    scores: Callable[[Tensor], Tensor],
    lessons: Sequence[Callable[[], Lesson]],
    generator: torch.Generator,
) -> Learning:
    """One more epoch.

    Args:
        learning: what there is.
        recipe: the settings.
        scores: (1, 3, H, W) in [0, 1] -> (1, C, H, W).
        lessons: give the training images one by one; they are asked in random order, and none is kept.
        generator: of the order and the shifts of this epoch.
    """
    order = torch.randperm(len(lessons), generator=generator).tolist()
    batch = recipe.batch or len(lessons)
    rate = recipe.step if recipe.batch is None else recipe.step * (1 - 0.9 * learning.epoch / max(recipe.epochs - 1, 1))
    losses: list[float] = []
    for first in range(0, len(order), batch):
        picked = [lessons[i] for i in order[first : first + batch]]
        gradient = torch.zeros_like(learning.tile)
        for lesson in picked:
            loss, slope = _look(learning.tile, lesson(), recipe, scores, generator)
            losses.append(loss)
            gradient += slope / len(picked)
        learning = _step(learning, gradient, recipe, rate)
    mean = sum(losses) / len(losses)
    return replace(learning, epoch=learning.epoch + 1, losses=(*learning.losses, mean))


def _look(
    tile: Tensor, lesson: Lesson, recipe: Recipe, scores: Callable[[Tensor], Tensor], generator: torch.Generator
) -> tuple[float, Tensor]:
    """Loss and gradient of one image at the tile."""
    size = (lesson.image.shape[2], lesson.image.shape[3])
    shift = (0, 0)
    if recipe.shifts:
        drawn = torch.randint(1 << 30, (2,), generator=generator)
        shift = (int(drawn[0]) % tile.shape[1], int(drawn[1]) % tile.shape[2])
    target = torch.roll(lesson.target, shift, dims=(1, 2)) if lesson.tied else lesson.target
    inputs = tile.detach().requires_grad_(True)
    loss = recipe.pull(scores((lesson.image + spread(inputs, size, shift)).clamp(0, 1)), lesson.prediction, target)
    (slope,) = torch.autograd.grad(loss, inputs)
    return float(loss.detach()), slope


def _step(learning: Learning, gradient: Tensor, recipe: Recipe, rate: float) -> Learning:
    """Against the sign of the accumulated gradient, back into the bound."""
    length = gradient.abs().mean().clamp(min=torch.finfo(gradient.dtype).tiny)
    velocity = recipe.momentum * learning.velocity + gradient / length
    tile = (learning.tile - rate * velocity.sign()).clamp(-recipe.eps, recipe.eps)
    return replace(learning, tile=tile, velocity=velocity)
