"""Adversarial training: every batch is attacked as the network stands, and the network takes a step on what comes out.

Madry et al. 2018 (Towards Deep Learning Models Resistant to Adversarial Attacks), eq. 2.1; with SegPGD for the attack
as Gu et al. 2022 (SegPGD, arXiv 2207.12391) do it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from foolscape.attacks.engine.ascent import Ascent
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import last_iterates
from foolscape.errors import ModelError
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.problem import IGNORE, Problem, likeliest
from foolscape.run.harden.loss import entropy_and_dice
from foolscape.run.harden.pictures import TrainingImages, stacked
from foolscape.seeds import generator_for, seed_of

WARM = 0.05
"""The part of the training in which the learning rate rises."""

DECAY = 1e-3
"""Weight decay of AdamW."""


@dataclass(frozen=True)
class TrainConfig:
    """How a network is trained.

    Attributes:
        attack: what every batch is attacked with.
        epochs, batch, rate, crop, mirror, seed: as of `HardenConfig`.
        clean: images of a batch that are left clean.
    """

    attack: Ascent
    epochs: int
    batch: int
    clean: int
    rate: float
    crop: tuple[int, int] | None
    mirror: bool
    seed: int


@dataclass(frozen=True)
class Epoch:
    """What became of an epoch: the mean loss, and the percentage of attacked pixels that were still right."""

    loss: float
    right: float


Craft = Callable[[Tensor, Tensor, Sequence[str], int], Tensor]
"""From images (B, 3, H, W) in [0, 1], their labels (B, H, W), ids and the epoch to attacked ones (B, 3, H, W)."""


def attack_generator(seed: int, epoch: int, name: str) -> torch.Generator:
    """Of the attack on the image `name` in an epoch."""
    return generator_for(seed, "attack", str(epoch), name)


class Trainer:
    """A network in training, on images that `craft` attacks, by default here, as one batch.

    `segmenter.module` itself is changed, and is in eval mode and frozen between epochs.
    """

    def __init__(self, segmenter: ModuleSegmenter, course: TrainConfig, craft: Craft | None = None) -> None:
        self.segmenter = segmenter
        self._craft = craft or crafting(segmenter, course)
        self.course = course
        self.epochs: list[Epoch] = []
        self._parameters = [p for p in segmenter.module.parameters() if p.is_floating_point()]
        self.optimiser = torch.optim.AdamW(self._parameters, course.rate, weight_decay=DECAY)

    def epoch(self, names: Sequence[str], pictures: TrainingImages, tick: Callable[[str], None]) -> None:
        """One pass over the images `names`, in an order that follows from the seed and the epoch's number alone.

        Raises:
            ModelError: the network's loss is not finite.
        """
        course, number = self.course, str(len(self.epochs))
        generator = generator_for(course.seed, "epoch", number)
        order = torch.randperm(len(names), generator=generator).tolist()
        per_epoch = len(names) // course.batch
        losses, right = [], []
        # A network with dropout draws from the global generators: a resumed training must find them as this one did.
        with torch.random.fork_rng([self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(seed_of(course.seed, "network", number))
            for turn in range(per_epoch):
                batch = [names[i] for i in order[turn * course.batch : (turn + 1) * course.batch]]
                parts = [pictures(name).part(course.crop, course.mirror, generator) for name in batch]
                images, labels = stacked(parts, self._device)
                images = self._attacked(images, labels, batch, len(self.epochs))
                loss, share = self._step(images, labels, len(self.epochs) * per_epoch + turn, course.epochs * per_epoch)
                losses.append(loss)
                right.append(share)
                for name in batch:
                    tick(name)
        self.epochs.append(Epoch(math.fsum(losses) / per_epoch, 100 * math.fsum(right) / per_epoch))

    @property
    def _device(self) -> torch.device:
        return self._parameters[0].device

    def _attacked(self, images: Tensor, labels: Tensor, names: Sequence[str], epoch: int) -> Tensor:
        """The images (B, 3, H, W) of a batch, all but the last `clean` of them attacked."""
        count = len(images) - self.course.clean
        hurt = self._craft(images[:count], labels[:count], names[:count], epoch)
        return torch.cat([hurt, images[count:]])

    def _step(self, images: Tensor, labels: Tensor, step: int, total: int) -> tuple[float, float]:
        """Step `step` of `total`; the loss, and the share of labelled pixels of the attacked images that is right."""
        module, attacked = self.segmenter.module, len(images) - self.course.clean
        for group in self.optimiser.param_groups:
            group["lr"] = rate_at(step, total, self.course.rate)
        module.train()
        for parameter in self._parameters:
            parameter.requires_grad_(True)
        scores = self.segmenter.logits(images)
        loss = entropy_and_dice(scores, labels)
        if not bool(torch.isfinite(loss)):
            raise ModelError(f"expected a finite loss while training, got {loss.item()}; try a lower --rate")
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        self.optimiser.step()
        # The attack takes no gradient to the weights, and leaves running statistics alone.
        module.eval().requires_grad_(False)
        counted = labels[:attacked] != IGNORE
        right = (likeliest(scores.detach()[:attacked]) == labels[:attacked]) & counted
        return loss.item(), int(right.sum()) / max(int(counted.sum()), 1)


def crafted(
    segmenter: ModuleSegmenter,
    images: Tensor,
    labels: Tensor,
    attack: Ascent,
    generators: Sequence[torch.Generator],
) -> Tensor:
    """The last iterates of `attack` on a batch: (B, 3, H, W) in [0, 1], inside its constraint.

    Args:
        segmenter: frozen, in eval mode.
        images: (B, 3, H, W) in [0, 1].
        labels: (B, H, W) int64.
        attack: its `stop` and `resample_targets` are not looked at.
        generators: one per image.
    """
    items = [
        AttackItem(str(i), Problem(images[i : i + 1], labels[i : i + 1], segmenter.logits), generator)
        for i, generator in enumerate(generators)
    ]
    return last_iterates(items, attack)


def crafting(segmenter: ModuleSegmenter, course: TrainConfig, *, apart: bool = False) -> Craft:
    """Attacks the images of a batch in this process: together, or each by itself, as workers do."""

    def craft(images: Tensor, labels: Tensor, names: Sequence[str], epoch: int) -> Tensor:
        step = 1 if apart else len(names)
        parts = []
        for begin in range(0, len(names), step):
            part = slice(begin, begin + step)
            generators = [attack_generator(course.seed, epoch, name) for name in names[part]]
            parts.append(crafted(segmenter, images[part], labels[part], course.attack, generators))
        return torch.cat(parts)

    return craft


def rate_at(step: int, total: int, highest: float) -> float:
    """The learning rate of step `step` of `total`: up in a line, then down along half a cosine."""
    warm = max(int(WARM * total), 1)
    if step < warm:
        return highest * (step + 1) / warm
    return highest * (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1))) / 2
