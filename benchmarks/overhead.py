"""What an attack costs over the bare forward pass and gradient to the input.

    python benchmarks/overhead.py [--rounds 15] [--threads 1] [--only segmentation|detection|batching] [--json FILE]

Ratios, not seconds: within one process, bare loop and attack take turns, and the median of the rounds' ratios is
printed. Then DAG over images of differing difficulty, with finished images leaving the batch, against fixed batches
that wait for their slowest image.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.ascent import never
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.targets import permuted
from foolscape.models.bundled.detector import OBJECTS
from foolscape.models.bundled.load import bundled
from foolscape.models.load import load_detector
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE, Problem, cat
from foolscape.run.settings.device import ready_device
from foolscape.scenes import CLASSES, describe, render
from foolscape.seeds import generator_for
from foolscape.tasks.detection import Detector, problem

STEPS = 20  # as many as PGD takes by default


def light() -> nn.Module:
    """Four convolutions of width 16 and 21 classes: the network of the peers' figures."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for width in (3, 16, 16):
        layers += [nn.Conv2d(width, 16, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(16, 21, 3, padding=1)).eval().requires_grad_(False)


def heavier() -> nn.Module:
    """The bundled U-Net."""
    return bundled("scenes-unet").requires_grad_(False)


def bare(net: nn.Module, images: Tensor, labels: Tensor) -> None:
    """STEPS times forward pass and gradient to the input, and one forward pass to look at the result."""
    for _ in range(STEPS):
        inputs = images.clone().requires_grad_(True)
        loss = functional.cross_entropy(net(inputs), labels, reduction="sum")
        torch.autograd.grad(loss, inputs)
    net(images.clone().requires_grad_(True))


def attack(name: str, net: nn.Module, images: Tensor, labels: Tensor, classes: int) -> None:
    """STEPS iterations of the attack on one batch; nothing stops early."""
    settled = plan(name, {"steps": STEPS}, tuple(str(i) for i in range(classes)))
    ascent = replace(settled.ascent, stop=never)
    generators = [generator_for(0, str(i)) for i in range(len(images))]
    target = permuted(classes)(labels, generators) if settled.target else None
    whole = Problem(images, labels, net, target)
    entrants = [AttackItem(str(i), whole.take(torch.tensor([i])), g) for i, g in enumerate(generators)]
    assert all(outcome.iterations == STEPS for outcome in ascend(entrants, ascent, batch_size=len(images)))


def bare_detector(detector: Detector, entrants: list[AttackItem]) -> None:
    """As `bare`, on the candidates of a detector."""
    whole = cat([entrant.problem for entrant in entrants])
    for _ in range(STEPS):
        inputs = whole.images.clone().requires_grad_(True)
        scores = detector.candidates(inputs).scores
        loss = functional.cross_entropy(scores, whole.labels, ignore_index=IGNORE, reduction="sum")
        torch.autograd.grad(loss, inputs)
    detector.candidates(whole.images.clone().requires_grad_(True))


def attack_detector(entrants: list[AttackItem]) -> None:
    """STEPS iterations of PGD, untargeted, on one batch."""
    ascent = plan("pgd", {"steps": STEPS}, OBJECTS, "detection").ascent
    assert all(outcome.iterations == STEPS for outcome in ascend(entrants, ascent, batch_size=len(entrants)))


def detector_overheads(rounds: int) -> list[dict[str, object]]:
    """One record per batch size, of the bundled detector on scenes."""
    detector = load_detector("bundled:scenes-detector", image_size=(160, 256)).model
    records: list[dict[str, object]] = []
    for batch in (1, 4):
        entrants = []
        for i in range(batch):
            images = to_unit(render(describe(2, i)).image)
            with torch.no_grad():
                candidates = detector.candidates(images)
            labels = candidates.scores.argmax(1)
            labels = torch.where(labels == len(OBJECTS), IGNORE, labels)
            view = problem(detector, images, candidates.boxes, labels, None, 0.0)
            entrants.append(AttackItem(str(i), view, generator_for(0, str(i))))
        low, middle, high = ratio(
            lambda entrants=entrants: attack_detector(entrants),  # type: ignore[misc]
            lambda entrants=entrants: bare_detector(detector, entrants),  # type: ignore[misc]
            rounds,
        )
        print(f"detector batch {batch}  pgd  {middle:.3f}  (quartiles {low:.3f} to {high:.3f})", flush=True)
        records.append({"network": "detector", "batch": batch, "attack": "pgd", "ratio": middle})
    return records


def seconds(work: Callable[[], None]) -> float:
    """Process time, which another program's load disturbs less than the clock on the wall."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def ratio(one: Callable[[], None], other: Callable[[], None], rounds: int) -> tuple[float, float, float]:
    """Quartiles of the ratio of two pieces of work that take turns."""
    for work in (one, other):  # warm up
        work()
    ratios = []
    for i in range(rounds):
        first, second = (one, other) if i % 2 else (other, one)
        times = {first: seconds(first), second: seconds(second)}
        ratios.append(times[one] / times[other])
    low, middle, high = statistics.quantiles(ratios, n=4)
    return low, middle, high


def overheads(rounds: int) -> list[dict[str, object]]:
    """One record per network, batch size and attack."""
    records: list[dict[str, object]] = []
    for network, net, size, classes in (("light", light(), (128, 128), 21), ("heavier", heavier(), (160, 256), 9)):
        for batch in (1, 4):
            images = torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))
            with torch.no_grad():
                labels = net(images).argmax(1)
            for name in ("pgd", "dag"):
                low, middle, high = ratio(
                    lambda name=name, net=net, images=images, labels=labels, classes=classes: attack(  # type: ignore[misc]
                        name, net, images, labels, classes
                    ),
                    lambda net=net, images=images, labels=labels: bare(net, images, labels),  # type: ignore[misc]
                    rounds,
                )
                print(
                    f"{network:8} batch {batch}  {name}  {middle:.3f}  (quartiles {low:.3f} to {high:.3f})", flush=True
                )
                records.append({"network": network, "batch": batch, "attack": name, "ratio": middle})
    return records


def continuous(images: int = 16, width: int = 4) -> dict[str, object]:
    """DAG on scenes of differing difficulty, in both ways of batching, twice and interleaved.

    A scene is done when at most a twentieth of its pixels is still right: to the last pixel, all of them take every
    step, and there is nothing to compare.
    """
    net = heavier()
    ascent = plan("dag", {"stop": 0.05}, CLASSES).ascent
    entrants = []
    for i in range(images):
        frame = render(describe(2, i))
        labels = torch.from_numpy(frame.labels).long()[None]
        generator = generator_for(0, str(i))
        view = Problem(to_unit(frame.image), labels, net, permuted(len(CLASSES))(labels, [generator]))
        entrants.append(AttackItem(str(i), view, generator))
    steps: list[int] = []

    def flowing() -> None:
        steps[:] = [outcome.iterations for outcome in ascend(entrants, ascent, batch_size=width)]

    def fixed() -> None:
        for i in range(0, images, width):
            list(ascend(entrants[i : i + width], ascent, batch_size=width))

    times = {flowing: 0.0, fixed: 0.0}
    for work in (flowing, fixed, fixed, flowing):
        times[work] += seconds(work)
    gain = times[fixed] / times[flowing]
    budget = sum(steps) / (images * ascent.steps)
    print(f"DAG on {images} scenes, batch {width}: {min(steps)} to {max(steps)} iterations, {budget:.2f} of the budget")
    print(f"fixed batches take {gain:.2f} times as long as continuous ones")
    return {"fixed_over_continuous": gain, "share_of_budget": budget, "iterations": steps}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("segmentation", "detection", "batching"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ready_device("cpu")  # as every run does; the bare loop has the same of it
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; cost over forward + input gradient")
    parts: dict[str, Callable[[], object]] = {
        "segmentation": lambda: overheads(options.rounds),
        "detection": lambda: detector_overheads(options.rounds),
        "batching": continuous,
    }
    records = {name: part() for name, part in parts.items() if options.only in (None, name)}
    if options.json:
        options.json.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
