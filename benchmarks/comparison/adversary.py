"""DAG over many images of differing difficulty: the time of adv-lib's, and of ours in both ways of batching.

The two libraries mean different things by DAG: ours pushes towards a permuted class, as the paper does, adv-lib's away
from the label to whichever class is nearest. So ours is measured with adv-lib's objective too, which is our `margin`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import Tensor

from comparison.cost import clock
from comparison.stand import Picture, Stand
from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.objectives import margin
from foolscape.pixels import WHITE, Levels
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for


@dataclass(frozen=True)
class Goal:
    """When an image counts as fooled, and how far a try may go.

    Attributes:
        left: the share of labelled pixels that may still be right.
        steps: at most this many.
        step: the largest change of a step.
        width: images per call.
    """

    left: float
    steps: int
    step: Levels
    width: int


@dataclass(frozen=True)
class Pass:
    """All images attacked once.

    Attributes:
        way: which DAG.
        seconds: of each repetition, see `cost.clock`.
        fooled: share of images with at most `Goal.left` of their pixels right, in float, judged alike for all.
        forwards: images through the network, per image attacked.
        linf, l2: mean change of the fooled images: largest in levels, Euclidean length in [0, 1].
        iterations: of each image, where they are known.
    """

    way: str
    seconds: tuple[float, ...]
    fooled: float
    forwards: float
    linf: float
    l2: float
    iterations: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)


Way = Callable[[Stand, Goal], tuple[list[Tensor], tuple[int, ...]]]
"""All images attacked, in order, and the steps each took, where they are known."""


def compare(stand: Stand, goal: Goal, repetitions: int) -> list[Pass]:
    """Every way in turn, as often as asked for; adv-lib's is left out where it is not installed."""
    ways: dict[str, Way] = {
        "foolscape DAG, images leave and join": partial(_ours, fixed=False, permute=True),
        "foolscape DAG, fixed batches": partial(_ours, fixed=True, permute=True),
        "foolscape DAG to any class, images leave and join": partial(_ours, fixed=False, permute=False),
        "foolscape DAG to any class, fixed batches": partial(_ours, fixed=True, permute=False),
        "adv-lib DAG, fixed batches": _adv_lib,
    }
    if find_spec("adv_lib") is None:
        del ways["adv-lib DAG, fixed batches"]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, Pass] = {}
    now = clock(stand.network.anchor.device)
    for i in range(repetitions):
        for name in ways if i % 2 == 0 else reversed(ways):
            before, begin = stand.network.forwards, now()
            images, iterations = ways[name](stand, goal)
            seconds[name].append(now() - begin)
            found[name] = _judged(stand, goal, name, images, stand.network.forwards - before, iterations)
    return [replace(found[name], seconds=tuple(seconds[name])) for name in ways]


def _ours(stand: Stand, goal: Goal, *, fixed: bool, permute: bool) -> tuple[list[Tensor], tuple[int, ...]]:
    """DAG that looks at float images, as adv-lib's does."""
    options = {"stop": goal.left, "steps": goal.steps, "step": goal.step, "quantise_steps": False}
    settled = plan("dag", options, stand.classes)
    ascent = settled.ascent if permute else replace(settled.ascent, objective=margin)
    entrants = []
    for picture in stand.pictures:
        generator = generator_for(0, "attack", picture.name)
        target = settled.target(picture.labels.cpu(), [generator]) if permute and settled.target else None
        target = None if target is None else target.to(picture.labels.device)
        view = Problem(picture.image, picture.labels, stand.network, target)
        entrants.append(AttackItem(picture.name, view, generator))
    length = goal.width if fixed else len(entrants)
    batches = [entrants[i : i + length] for i in range(0, len(entrants), length)]
    done = {outcome.key: outcome for batch in batches for outcome in ascend(batch, ascent, batch_size=goal.width)}
    in_order = [done[picture.name] for picture in stand.pictures]
    return [outcome.adversarial for outcome in in_order], tuple(outcome.iterations for outcome in in_order)


def _adv_lib(stand: Stand, goal: Goal) -> tuple[list[Tensor], tuple[int, ...]]:
    """Batches of images in their order; those that are done leave, none joins."""
    dag = import_module("adv_lib.attacks.segmentation").dag
    attacked: list[Tensor] = []
    for i in range(0, len(stand.pictures), goal.width):
        some = stand.pictures[i : i + goal.width]
        labels = torch.cat([picture.labels for picture in some])
        images = dag(
            stand.network,
            inputs=torch.cat([picture.image for picture in some]),
            labels=labels.clamp(min=0),
            masks=labels != IGNORE,
            adv_threshold=1 - goal.left,
            max_iter=goal.steps + 1,  # it looks before each step, and not after the last one
            γ=goal.step.unit,
        )
        attacked += images.split(1)
    return attacked, ()


def _judged(
    stand: Stand, goal: Goal, name: str, images: Sequence[Tensor], forwards: int, iterations: tuple[int, ...]
) -> Pass:
    pairs = list(zip(stand.pictures, images, strict=True))
    fooled = [_left(stand, picture, image) <= goal.left for picture, image in pairs]
    changes = [image - picture.image for (picture, image), ok in zip(pairs, fooled, strict=True) if ok]
    count = len(pairs)
    return Pass(
        way=name,
        seconds=(),
        fooled=sum(fooled) / count,
        forwards=forwards / count,
        linf=float(np.mean([WHITE * float(change.abs().max()) for change in changes])) if changes else 0.0,
        l2=float(np.mean([float(change.norm()) for change in changes])) if changes else 0.0,
        iterations=iterations,
    )


def _left(stand: Stand, picture: Picture, image: Tensor) -> float:
    """The share of labelled pixels that are still right."""
    labels = picture.labels[0].cpu().numpy()
    counted = labels != IGNORE
    right = (stand.network.prediction(image) == labels) & counted
    return float(right.sum() / counted.sum())
