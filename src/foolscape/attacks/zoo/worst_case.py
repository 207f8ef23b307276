"""The worst that several objectives do to an image, for a fixed number of gradients: SEA's idea, spent where it pays.

SEA (Croce, Singh, Hein, ECCV 2024, 2306.12941) runs APGD to its end with each of three losses and keeps, per image, the
result with the fewest pixels right. Here every objective goes on from the best image that those before it found: where
one gets stuck another moves on. An image without a target left leaves at once, but for detectors: candidates lost by
the attack's rule can still be found with low scores, which average precision counts, and are pushed on.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import Final

from foolscape.attacks.engine.ascent import Ascent, while_targets
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Candidate, Outcome, ascend
from foolscape.attacks.parts.nms_objective import AndAppearing
from foolscape.attacks.parts.objective_table import Persistent, objective_of
from foolscape.attacks.parts.objectives import Objective
from foolscape.attacks.plan import AttackMemory, Plan, Scope
from foolscape.attacks.registry import COMPARES, register
from foolscape.attacks.zoo import options as o
from foolscape.attacks.zoo.annealed import annealed
from foolscape.attacks.zoo.apgd import apgd
from foolscape.attacks.zoo.apgd_stages import FEWEST_STAGED
from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.tasks.base import DETECTION, SEGMENTATION, VIDEO

FEWEST_FIRST: Final = 5
"""Steps of the first objective; with fewer, APGD has no time to judge a step."""

APPEARING: Final = "masked-ce and boxes"
"""The last objective on detectors, see `AndAppearing`."""

TAKEN: Final[Mapping[str, Mapping[str, int]]] = {
    SEGMENTATION.name: {"js": 1, "cospgd": 1, "masked-ce": 1, "soft-iou": 2},
    DETECTION.name: {"js": 1, "cospgd": 2, APPEARING: 2},
    VIDEO.name: {"cospgd": 1, "ce": 4},
}
"""The objectives by task, and how many fifths of the budget each takes. Why these: docs/attacks.md."""

TAKEN_BY_OTHERS: Final = {"js": 1, "cospgd": 2, "masked-ce": 2}
"""The same for a task that nothing was measured for."""


@dataclass
class _ImageTrials:
    """An image and what was tried on it.

    Attributes:
        item: as it came in.
        tried: the outcome of each objective so far, by its number.
        remains: how much each left, see `AttackItem.remains`.
        iterations, seconds: spent in all.
        failure: why an attack had to be given up.
    """

    item: AttackItem
    tried: dict[int, Outcome] = field(default_factory=dict)
    remains: dict[int, float] = field(default_factory=dict)
    iterations: int = 0
    seconds: float = 0.0
    failure: str | None = None

    @property
    def best(self) -> int:
        """The number of the objective that left least; of equals the first."""
        return min(self.remains, key=self.remains.__getitem__)

    @property
    def finished(self) -> bool:
        """Whether there is nothing to be gained any more."""
        return self.failure is not None or any(outcome.claimed for outcome in self.tried.values())

    def add(self, objective: int, outcome: Outcome) -> None:
        """The outcome of one more attack."""
        self.iterations += outcome.iterations
        self.seconds += outcome.seconds
        self.failure = self.failure or outcome.failure
        self.tried[objective] = outcome
        judge = self.item.remains
        if outcome.failure is None and judge is not None:
            self.remains[objective] = judge(outcome.adversarial)
        else:
            self.remains[objective] = float(outcome.remaining) if judge is None else math.inf


@dataclass(frozen=True)
class BudgetPart:
    """A part of the budget.

    Attributes:
        ascent: the attack; all parts but the first begin at the best image so far.
        objective: the number of the one that it takes.
    """

    ascent: Ascent
    objective: int


@dataclass(frozen=True)
class WorstCase:
    """The attack.

    Attributes:
        names: of the objectives, the first of which wins a draw.
        parts: one for each of them, in the order in which they are taken.
    """

    names: tuple[str, ...]
    parts: tuple[BudgetPart, ...]

    def __call__(
        self, items: Iterable[AttackItem], ascent: Ascent, *, batch_size: int, memory: AttackMemory
    ) -> Iterator[Outcome]:
        """Attack every item; see `driver.ascend`. Of `ascent` the precision is taken."""
        del memory
        trials: Iterator[_ImageTrials] = (_ImageTrials(item) for item in items)
        for part in self.parts:
            trials = _tried(trials, replace(part, ascent=replace(part.ascent, bf16=ascent.bf16)), batch_size)
        return map(self._outcome, trials)

    def _outcome(self, trial: _ImageTrials) -> Outcome:
        best = trial.tried[trial.best]
        others = tuple(
            Candidate(self.names[n], outcome.adversarial, outcome.remaining)
            for n, outcome in sorted(trial.tried.items())
        )
        return replace(
            best, iterations=trial.iterations, seconds=trial.seconds, failure=trial.failure, candidates=others
        )


def _tried(trials: Iterator[_ImageTrials], part: BudgetPart, batch_size: int) -> Iterator[_ImageTrials]:
    """The trials after one more part of the budget on those that are not finished.

    It reads `trials` a few batches ahead, as the driver does: attacks that follow each other share their time, and all
    of them keep their batches full. `batch_size` is that of a batch.
    """
    waiting: dict[str, _ImageTrials] = {}
    passed: list[_ImageTrials] = []

    def items() -> Iterator[AttackItem]:
        for trial in trials:
            if trial.finished:
                passed.append(trial)
                continue
            waiting[trial.item.key] = trial
            begin = trial.tried[trial.best].adversarial if trial.tried else None
            yield replace(trial.item, start=begin)

    for outcome in ascend(items(), part.ascent, batch_size=batch_size):
        trial = waiting.pop(outcome.key)
        trial.add(part.objective, outcome)
        yield trial
        while passed:
            yield passed.pop(0)
    yield from passed


@register(
    "worst-case",
    source="after SEA: Croce, Singh, Hein, Towards Reliable Evaluation and Fast Training of Robust Semantic "
    "Segmentation Models, ECCV 2024",
    form="default",
    strength=4,
    compares=True,
    without={
        **COMPARES,
        **dict.fromkeys(("steps", "step"), "shares out a budget and finds its own steps; use --budget"),
    },
    attack_pixels="objects",
    title="Worst case",
    own_steps=True,
)
def worst_case(
    scope: Scope,
    *,
    eps: o.Eps = o.EPS,
    budget: o.Budget = 120,
    norm: o.Norm = "linf",
    stop: o.Stop | None = None,
    schedule: o.Schedule = "constant",
    quantise_steps: o.QuantiseSteps = False,
) -> Plan:
    """Several objectives, each from the best image found before, under one budget of gradients.

    The first is taken by APGD, the others by annealed steps that set out less and less far.
    """
    if scope.goal is not None and scope.goal.targeted:
        raise SettingError(f"attack: goal {scope.goal.name} has one objective, worst-case tries several; use apgd")
    taken = TAKEN.get(scope.task.name, TAKEN_BY_OTHERS)
    names, (first, second, *others) = tuple(taken), _shared(budget, taken.values())
    fewest = FEWEST_STAGED if schedule == "shrinking" else FEWEST_FIRST
    if first < fewest:
        raise SettingError(
            f"budget: a fifth of it is the part of {names[0]}, of at least {fewest} steps, which needs {5 * fewest}, "
            f"got {budget}"
        )
    remaining = 0.0 if stop is None else stop
    plan = _apgd(scope, eps, first, norm, remaining, schedule, quantise_steps)

    def onwards(steps: int, first: float) -> Ascent:
        """Steps from a given image that shrink from `first` times the bound; twice is enough to leave a maximum."""
        if norm == "l2":  # annealed steps have no form under this norm
            ascent = _apgd(scope, eps, steps, norm, remaining, "constant", quantise_steps).ascent
            return replace(ascent, step=ascent.step / 2)
        annealed_plan = annealed.build(scope, eps=eps, steps=steps, stop=remaining, quantise_steps=quantise_steps)
        assert isinstance(annealed_plan, Plan)
        return replace(annealed_plan.ascent, step=first * annealed_plan.ascent.step)

    ascents = [plan.ascent, onwards(second, 2), *(onwards(steps, 1) for steps in others)]
    if scope.goal is not None and stop is None:
        # Lost by the attack's rule is not yet unseen: see `Persistent`.
        plan = replace(plan, stop=None)
        ascents = [replace(ascent, stop=while_targets) for ascent in ascents]
    parts = tuple(
        BudgetPart(replace(ascent, objective=_objective(name, scope)), n)
        for n, (name, ascent) in enumerate(zip(names, ascents, strict=True))
    )
    objective = ", ".join(names)
    return replace(plan, steps=budget, budget=budget, loss=objective, runner=WorstCase(names, parts))


def _apgd(scope: Scope, eps: Levels, steps: int, norm: str, stop: float, schedule: str, quantise_steps: bool) -> Plan:
    plan = apgd.build(
        scope, eps=eps, steps=steps, norm=norm, stop=stop, schedule=schedule, quantise_steps=quantise_steps
    )
    assert isinstance(plan, Plan)
    return plan


def _objective(name: str, scope: Scope) -> Objective:
    """The objective called `name` of TAKEN; on a detector one that goes on when no candidate is right any more.

    With `only_class` nothing is asked of what is neither of it nor another object: only that class's are told apart.
    """
    if scope.goal is None:
        return objective_of(name, scope.task, scope.channels)
    if name != APPEARING:
        return Persistent(objective_of(name, scope.task, scope.channels))
    objects = Persistent(objective_of("masked-ce", scope.task, scope.channels))
    return objects if scope.only_class is not None else AndAppearing(objects, scope.goal.floor)


def _shared(budget: int, shares: Iterable[int]) -> list[int]:
    """The budget in parts of so many fifths, whole numbers that add up to it."""
    ends = [budget * end // 5 for end in accumulate(shares, initial=0)]
    return [after - before for before, after in pairwise(ends)]
