"""Foolscape's attacks as contenders."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from comparison.contender import Contender, Task
from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome
from foolscape.attacks.registry import Settings
from foolscape.problem import Problem
from foolscape.seeds import generator_for

LIBRARY = "foolscape"

ENSEMBLE = ("masked-ce", "js", "balanced-ce")
"""SEA's objectives."""

WORST_CASE = "foolscape worst-case"


class _Forgetful:
    """A `Keeper` for attacks that carry nothing from image to image."""

    def load(self) -> None:
        return None

    def save(self, key: str, network: object) -> None:
        raise NotImplementedError(key, network)


def outcomes(task: Task, attack: str, options: Settings) -> list[Outcome]:
    """What the attack makes of every image, in their order."""
    settled = plan(attack, options, task.classes)
    entrants = []
    for i, name in enumerate(task.names):
        generator = generator_for(task.seed, "attack", name)
        labels = task.labels[i : i + 1]
        target = None if settled.target is None else settled.target(labels.cpu(), [generator]).to(labels.device)
        entrants.append(AttackItem(name, Problem(task.images[i : i + 1], labels, task.network, target), generator))
    done = {o.key: o for o in settled.run(entrants, batch_size=len(entrants), memory=_Forgetful())}
    failed = [o.failure for o in done.values() if o.failure is not None]
    if failed:
        raise RuntimeError(failed[0])
    return [done[name] for name in task.names]


def _by_steps(attack: str, objective: str | None = None) -> Callable[[Task], Tensor]:
    def run(task: Task) -> Tensor:
        options = {"eps": task.eps, "steps": task.budget, "loss": objective}
        return torch.cat([outcome.adversarial for outcome in outcomes(task, attack, options)])

    return run


def _worst_case(task: Task) -> tuple[Tensor, ...]:
    """Every objective's image; where an image was done before one had its turn, the best stands for it."""
    done = outcomes(task, "worst-case", {"eps": task.eps, "budget": task.budget})
    most = max(len(outcome.candidates) for outcome in done)
    of_image = [
        [outcome.adversarial] * (most - len(outcome.candidates)) + [one.adversarial for one in outcome.candidates]
        for outcome in done
    ]
    return tuple(torch.cat(column) for column in zip(*of_image, strict=True))


def _ensemble(task: Task) -> tuple[Tensor, ...]:
    """SEA's protocol by its paper: APGD with a shrinking bound per objective, an image for each."""
    steps = task.budget // len(ENSEMBLE)
    tried = [
        outcomes(task, "apgd", {"eps": task.eps, "steps": steps, "loss": objective, "schedule": "shrinking"})
        for objective in ENSEMBLE
    ]
    return tuple(torch.cat([outcome.adversarial for outcome in of_objective]) for of_objective in tried)


def contenders() -> list[Contender]:
    """The rows of foolscape."""
    return [
        Contender("foolscape pgd", LIBRARY, _by_steps("pgd")),
        Contender("foolscape segpgd", LIBRARY, _by_steps("segpgd")),
        Contender("foolscape cospgd", LIBRARY, _by_steps("pgd", "cospgd"), note="pgd --loss cospgd"),
        Contender("foolscape annealed", LIBRARY, _by_steps("annealed", "masked-ce"), note="--loss masked-ce"),
        Contender("foolscape apgd", LIBRARY, _by_steps("apgd", "masked-ce"), note="--loss masked-ce"),
        Contender("foolscape dag", LIBRARY, _by_steps("dag"), note="--eps; the paper's step of half a level"),
        Contender(
            "foolscape fixed ensemble",
            LIBRARY,
            _ensemble,
            note="SEA's protocol: a third of the budget for each of " + ", ".join(ENSEMBLE),
        ),
        Contender(WORST_CASE, LIBRARY, _worst_case, note="--budget"),
    ]
