"""The attacks of the catalogue on a detector at equal gradients, beside PGD on its own training loss (TOG).

    python benchmarks/detectors.py [--model bundled:scenes-detector] [--data scenes:] [--skip 0] [--limit 10]
        [--gradients 60] [--eps 1/255,2/255] [--only worst-case,annealed,tog] [--json FILE]

TOG's untargeted form (Chow et al. 2020) makes the training loss large, with the clean detections as truth: boxes,
objectness and classes at once. Every attack is measured on 8-bit images: AP50 of all of them, and how many objects are
kept by detections with a score of at least 0.3.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from detection.losses import training_loss
from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.plan import Plan
from foolscape.errors import SettingError
from foolscape.metrics.box_counts import READABLE
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.tasks.detection import DETECTION
from foolscape.models.common.wrappers import modules_of
from foolscape.pixels import Levels, to_image, to_unit
from foolscape.problem import Problem
from foolscape.run.settings.config import make_config
from foolscape.run.setup import open_setup
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.seeds import generator_for
from foolscape.tasks.detection import Detections

TOG: Final = "tog"
ATTACKS: Final = ("pgd", "mi-fgsm", "annealed", "apgd", "dag", TOG, "worst-case")

Boxed = EvalSample[Truth, Detected]


@dataclass(frozen=True)
class Line:
    """A row of the table; `objects` are those kept."""

    attack: str
    eps: str
    ap50: float
    objects: float

    def __str__(self) -> str:
        return f"{self.attack:>12} {self.eps:>8} {self.ap50:8.2f} {self.objects:8.1f}"


def loss_problem(network: nn.Module, images: Tensor, truth: Detections) -> Problem:
    """The training loss as one target with one score, so that the driver runs TOG as it does any attack."""
    loss = training_loss(network, truth)
    labels = torch.zeros(1, 1, dtype=torch.int64)
    return Problem(images, labels, lambda moved: loss(moved).view(1, 1, 1))


def largest_loss(scores: Tensor, problem: Problem, progress: Tensor) -> ObjectiveValue:
    """The objective of `loss_problem`, which is never done."""
    del progress
    return ObjectiveValue(scores[:, 0], problem.counted)


def attacked(subject: DetectionSubject, case: Boxed, plan: Plan, *, tog: bool) -> Outcome:
    """One image attacked by `plan`, on the network's training loss where `tog` says so."""
    if not tog:
        (outcome,) = plan.run([subject.attack_item(case, plan, 0)], batch_size=1, memory=_Nothing())
        return outcome
    (network,) = modules_of(subject.detector)
    images = to_unit(case.image)
    (found,) = subject.detector.detect(images, READABLE)
    entrant = AttackItem(case.id, loss_problem(network, images, found), generator_for(0, "attack", case.id))
    (outcome,) = ascend([entrant], replace(plan.ascent, objective=largest_loss))
    return outcome


class _Nothing:
    """A keeper of nothing."""

    def load(self) -> None: ...

    def save(self, key: str, network: object) -> None: ...


def plan_of(name: str, eps: Levels, gradients: int, classes: tuple[str, ...]) -> Plan:
    """The attack called `name` with so many gradients."""
    if name == "worst-case":
        return plan(name, {"eps": eps, "budget": gradients}, classes, "detection")
    return plan("pgd" if name == TOG else name, {"eps": eps, "steps": gradients}, classes, "detection")


def table(
    subject: DetectionSubject, cases: Sequence[Boxed], names: Sequence[str], bounds: Sequence[Levels], gradients: int
) -> Iterator[Line]:
    """A line per attack and bound, the clean images first."""
    scored = _scorer(subject, cases)
    yield Line("clean", "", *scored([case.prediction for case in cases]))
    for eps in bounds:
        for name in names:
            plan = plan_of(name, eps, gradients, subject.detector.classes)
            found = []
            for case in cases:
                outcome = attacked(subject, case, plan, tog=name == TOG)
                levels = plan.ascent.constraint.quantise(outcome.adversarial, outcome.clean)
                found.append(subject.predict(case, to_image(levels[0])))
            yield Line(name, str(eps), *scored(found))


def _scorer(subject: DetectionSubject, cases: Sequence[Boxed]) -> Callable[[Sequence[Detected]], tuple[float, float]]:
    def scored(found: Sequence[Detected]) -> tuple[float, float]:
        rows = [subject.measured(case, one) for case, one in zip(cases, found, strict=True)]
        scores: dict[str, Any] = DETECTION.score(rows, subject.detector.classes, 0, None)
        return scores["AP50"], scores["boxes"]["kept"] * len(cases)

    return scored


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--model", default="bundled:scenes-detector", help="any spec of a detector; TOG knows three kinds of them")
    add("--data", default="scenes:")
    add("--split")
    add("--size", help="HEIGHTxWIDTH to resize to")
    add("--skip", type=int, default=0, help="images to leave out first")
    add("--limit", type=int, default=10, help="images")
    add("--gradients", type=int, default=60, help="per image, for every attack")
    add("--eps", default="1/255,2/255")
    add("--only", default=",".join(ATTACKS))
    add("--json", type=Path, help="a file for the figures")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table that the options ask for."""
    given = parsed(arguments)
    names = given.only.split(",")
    if strange := [name for name in names if name not in ATTACKS]:
        raise SettingError(f"only: expected some of {', '.join(ATTACKS)}, got {', '.join(strange)}")
    settings = {
        "models": [given.model], "data": given.data, "split": given.split, "size": given.size, "attack": "pgd",
        "task": "detection", "limit": given.skip + given.limit, "device": "cpu",
    }  # fmt: skip
    bench = open_setup(make_config(settings), torch.device("cpu"))
    subject = bench.entries[0].subject
    assert isinstance(subject, DetectionSubject)
    cases = [subject.load(name) for name in bench.ids[given.skip :]]
    print(f"{given.model}, {len(cases)} images, {given.gradients} gradients each")
    print(f"{'attack':>12} {'eps':>8} {'AP50':>8} {'kept':>8}")
    lines = []
    bounds = [Levels.parse(text, "eps") for text in given.eps.split(",")]
    for line in table(subject, cases, names, bounds, given.gradients):
        print(line, flush=True)
        lines.append(vars(line))
    if given.json:
        given.json.write_text(json.dumps(lines, indent=1) + "\n")


if __name__ == "__main__":
    main()
