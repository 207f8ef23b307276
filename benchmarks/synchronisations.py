"""How often an attack's iteration makes the host wait for the device, and how many operations it dispatches.

    python benchmarks/synchronisations.py [--only NAME ...] [--batch 1,8] [--where] [--json FILE]

Counted, not timed, and without a GPU: see `counting`. An iteration is what the driver does between one call of the
network and the next; what an image costs when it comes in stands beside it. The networks are small, so that the
operations are mostly the attack's; a bare loop of forward pass and gradient is counted with them.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.nn import functional

from counting import DEVICE, Count, counted, moved
from foolscape.api.posing import of_boxes, of_frames, of_pixels
from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.engine import batch as engine_batch
from foolscape.attacks.engine import driver
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.plan import Plan
from foolscape.attacks.zoo.ara_released import ReleasedAra
from foolscape.models.bundled.detector import OBJECTS
from foolscape.models.bundled.load import bundled_tracker
from foolscape.models.load import load_detector
from foolscape.scenes import describe, render

CLASSES: Final = ("a", "b", "c", "d")
SIZE: Final = (32, 48)


@dataclass(frozen=True)
class Case:
    """An attack to be counted.

    Attributes:
        task: that it is for.
        attack: its name.
        options: of it.
    """

    task: str
    attack: str
    options: dict[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """As the table has it."""
        return " ".join((self.attack, *(f"--{k.replace('_', '-')} {v}" for k, v in self.options.items())))


@dataclass(frozen=True)
class Figures:
    """What a case gave.

    Attributes:
        name, task, batch: of it.
        iterations: of the driver.
        waits: synchronisations in them.
        most: in one of them.
        operations: dispatched in them.
        per_image: synchronisations when an image comes in.
        places: lines that asked for synchronisations, with how often.
    """

    name: str
    task: str
    batch: int
    iterations: int
    waits: int
    most: int
    operations: int
    per_image: float
    places: dict[str, int]


LENGTHS: Final[dict[str, dict[str, object]]] = {"worst-case": {"budget": 30}, "fgsm": {}, "alma-prox": {"steps": 24}}
"""How long an attack is let run, where that is not `STEPS`."""

STEPS: Final = 12

VARIANTS: Final = (
    Case("segmentation", "pgd", {"norm": "l2", "eps": "200/255"}),
    Case("segmentation", "pgd", {"stop": 0.1, "quantise_steps": True}),
    Case("segmentation", "mi-fgsm", {"transforms": "di,ti,si=2,vt=2"}),
    Case("segmentation", "dag", {"variant": "released"}),
    Case("segmentation", "apgd", {"schedule": "shrinking", "loss": "masked-ce", "steps": 12}),
    Case("segmentation", "worst-case", {"norm": "l2", "eps": "200/255", "budget": 30}),
    Case("detection", "pgd", {"resample_candidates": 1}),
    Case("detection", "pgd", {"goal": "vanish", "only_class": "car", "resample_candidates": 1}),
    Case("detection", "dag", {"resample_candidates": 1}),
    Case("detection", "dag", {"variant": "released"}),
    Case("video", "pgd", {"sampling": "random", "steps": 6}),
    Case("video", "ara", {"variant": "levelled", "steps": 6}),
    Case("video", "ara", {"variant": "released", "steps": 6}),
)


def cases() -> tuple[Case, ...]:
    """Every attack of the catalogue on every task that it is for, and what their options change."""
    plain = tuple(Case(task, attack.name) for attack in CATALOG for task in attack.tasks)
    losses = tuple(Case("segmentation", "pgd", {"loss": loss}) for loss in ("js", "soft-iou", "cospgd", "tsallis"))
    return plain + VARIANTS + losses


@cache
def images(count: int) -> Tensor:
    """(count, 3, H, W): scenes, made small."""
    drawn = [torch.from_numpy(render(describe(2, i)).image).permute(2, 0, 1)[None].float() / 255 for i in range(count)]
    small = functional.interpolate(torch.cat(drawn), SIZE, mode="area")
    return (small * 255).round() / 255


@dataclass(frozen=True)
class Pixels:
    """A segmenter of one convolution."""

    network: nn.Module
    classes: tuple[str, ...] = CLASSES
    notes: tuple[str, ...] = ()

    def logits(self, images: Tensor) -> Tensor:
        """(B, 4, H, W)."""
        scores: Tensor = self.network(images)
        return scores


def convolution() -> nn.Module:
    """A 3x3 convolution whose classes meet at mid-grey."""
    torch.manual_seed(3)
    network = nn.Conv2d(3, len(CLASSES), 3, padding=1)
    nn.init.normal_(network.weight, std=4.0)
    assert network.bias is not None
    network.bias.data = -network.weight.sum(dim=(1, 2, 3)) / 2
    return network


def items_of(case: Case, batch: int, network: Any) -> tuple[Plan, list[AttackItem]]:
    """The attack, and `batch` images for it on the device."""
    options = {**LENGTHS.get(case.attack, {"steps": STEPS}), **case.options}
    if case.task == "segmentation":
        made = plan(case.attack, options, CLASSES)
        return made, of_pixels(Pixels(network), images(batch).to(DEVICE), None, made, 0)
    if case.task == "detection":
        made = plan(case.attack, options, OBJECTS, "detection")
        return made, of_boxes(network, images(batch).to(DEVICE), None, made, 0)
    made = plan(case.attack, options, (), "video")
    frames = images(1).repeat(4, 1, 1, 1)
    mask = torch.zeros(SIZE, dtype=torch.int64)
    mask[8:20, 8:24] = 1
    chosen = [of_frames(network, frames.to(DEVICE), mask.to(DEVICE), made, 0)[0] for _ in range(batch)]
    return made, [replace(item, key=str(i)) for i, item in enumerate(chosen)]


class _Memory:
    """Of an attack that learns from clip to clip; here it forgets."""

    def load(self) -> None:
        return None

    def save(self, key: str, learnt: tuple[Tensor, Tensor]) -> None:
        del key, learnt


@contextmanager
def watched(count: Count) -> Iterator[tuple[list[Count], list[Count]]]:
    """What each iteration and each image that comes in cost, while attacks run within."""
    iterations: list[Count] = []
    starts: list[Count] = []

    def spied(function: Callable[..., Any], into: list[Count]) -> Callable[..., Any]:
        def spy(*arguments: Any, **named: Any) -> Any:
            before = Count(count.operations, Counter(count.waits))
            answer = function(*arguments, **named)
            into.append(Count(count.operations - before.operations, count.waits - before.waits))
            return answer

        return spy

    with (
        patch.object(driver, "_iterate", spied(driver._iterate, iterations)),
        patch.object(ReleasedAra, "_step", spied(ReleasedAra._step, iterations)),
        patch.object(driver, "start", spied(engine_batch.start, starts)),
    ):
        yield iterations, starts


def network_for(task: str) -> Any:
    """A network on the device. Within `counted`."""
    if task == "segmentation":
        return moved(convolution())
    if task == "video":
        tracker = bundled_tracker("scenes-tracker")
        assert isinstance(tracker.network, nn.Module)
        moved(tracker.network)
        return tracker
    detector = load_detector("bundled:scenes-detector", image_size=SIZE).model
    for part in vars(detector).values():
        if isinstance(part, nn.Module):
            moved(part)
    return detector


def measured(case: Case, batch: int, network: Any, count: Count) -> Figures:
    """The figures of a case at a batch size. Within `counted`."""
    made, items = items_of(case, batch, network)
    with watched(count) as (iterations, starts):
        outcomes = list(made.run(items, batch_size=batch, memory=_Memory()))
    broken = [outcome.failure for outcome in outcomes if outcome.failure]
    if broken:
        raise RuntimeError(f"{case.name} failed: {broken[0]}")
    places: Counter[str] = Counter()
    for one in iterations:
        places.update(one.waits)
    waits = [one.waits.total() for one in iterations]
    entered = sum(one.waits.total() for one in starts) / max(len(starts), 1)
    operations = sum(one.operations for one in iterations)
    return Figures(case.name, case.task, batch, len(waits), sum(waits), max(waits), operations, entered, dict(places))


def bare(network: Any, batch: int, count: Count) -> float:
    """Operations of a forward pass of the segmenter, a cross-entropy and the gradient. Within `counted`."""
    pictures = images(batch).to(DEVICE)
    labels = network(pictures).argmax(dim=1)
    before = count.operations
    inputs = pictures.detach().requires_grad_(True)
    torch.autograd.grad(functional.cross_entropy(network(inputs), labels, reduction="sum"), inputs)
    return count.operations - before


def line_of(one: Figures) -> str:
    """A line of the table."""
    return (
        f"{one.task:13} {one.name:62} batch {one.batch}  waits {one.waits / one.iterations:5.2f}, at most "
        f"{one.most:3}  operations {one.operations / one.iterations:6.1f}  waits to come in {one.per_image:4.1f}"
    )


def measure(chosen: Sequence[Case], batches: Sequence[int], say: Callable[[str], None]) -> list[Figures]:
    """The figures of every case at every batch size."""
    found = []
    with counted() as count:
        ready = {task: network_for(task) for task in {case.task for case in chosen}}
        for batch in batches:
            if "segmentation" in ready:
                alone = bare(ready["segmentation"], batch, count)
                say(f"bare forward pass and gradient of the segmenter, batch {batch}: {alone} operations")
            for case in chosen:
                one = measured(case, batch, ready[case.task], count)
                found.append(one)
                say(line_of(one))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="*", help="attacks by name")
    parser.add_argument("--task", choices=("segmentation", "detection", "video"))
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--where", action="store_true", help="name the lines that ask")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    chosen = [c for c in cases() if not options.only or c.attack in options.only]
    chosen = [c for c in chosen if options.task in (None, c.task)]
    found = measure(chosen, [int(b) for b in options.batch.split(",")], lambda line: print(line, flush=True))
    if options.where:
        for one in found:
            print(one.task, one.name, one.batch, one.places)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in found], indent=1))


if __name__ == "__main__":
    main()
