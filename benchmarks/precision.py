"""What bfloat16, channels_last and torch.compile bring, and what they cost in strength.

    python benchmarks/precision.py [--model SPEC] [--images 6] [--batch 1] [--rounds 3] [--steps 20]
        [--eps 8/255] [--compile] [--device auto] [--threads 1] [--json FILE]

PGD on scenes of the test split: time as a ratio to float32 in contiguous memory (the settings take turns within one
process, and the median of the rounds is printed), and the mIoU that is left at 8 bits, measured in float32. The
gradient's cosine is that of the first image with float32.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from foolscape.metrics.segmentation import mean_iou, total
from foolscape.metrics.tasks.segmentation import counts_of
from foolscape.models.common.bf16 import likeness
from foolscape.models.common.compiled import compile_networks
from foolscape.pixels import to_image, to_unit
from foolscape.run.settings.config import make_config
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import Setup, open_setup

WAYS = (("float32", "contiguous"), ("float32", "channels_last"), ("bf16", "contiguous"), ("bf16", "channels_last"))


class Forgetful:
    """A keeper for attacks that learn nothing."""

    def load(self) -> None:
        return None

    def save(self, key: str, network: object) -> None:
        del key, network


@dataclass(frozen=True)
class Way:
    """The same attack, calculated in one of the ways."""

    name: str
    bench: Setup
    batch: int
    device: torch.device

    def attacked(self) -> tuple[float, list[Any]]:
        """Seconds for all images, and the outcomes; reading and the clean predictions are not counted."""
        entry, bench = self.bench.entries[0], self.bench
        assert entry.plan is not None
        entrants = [entry.subject.attack_item(entry.subject.load(name), entry.plan, 0) for name in bench.ids]
        # One thread's own time, where there is no more: it does not count what else the machine does.
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        clock = time.process_time if alone else time.perf_counter
        begin = clock()
        outcomes = list(entry.plan.run(entrants, batch_size=self.batch, memory=Forgetful()))
        return clock() - begin, outcomes

    def score(self, outcomes: list[Any]) -> float:
        """mIoU on the 8-bit images."""
        entry = self.bench.entries[0]
        assert entry.plan is not None
        counts = []
        for outcome in outcomes:
            case = entry.subject.load(outcome.key)
            image = to_image(entry.plan.ascent.constraint.quantise(outcome.adversarial, outcome.clean)[0])
            measured = entry.subject.measured(case, entry.subject.predict(case, image))
            counts.append(counts_of(measured, len(entry.classes)))
        return float(mean_iou(total(counts)))


def opened(given: argparse.Namespace, device: torch.device, precision: str, layout: str, compiled: bool) -> Way:
    settings: dict[str, object] = {"models": [given.model], "data": "scenes:", "split": "test", "limit": given.images}
    settings |= {
        "attack": "pgd",
        "steps": given.steps,
        "eps": given.eps,
        "precision": precision,
        "memory_format": layout,
    }
    bench = open_setup(make_config(settings | {"task": "segmentation"}), device)
    way = Way(f"{precision}, {layout}{', compiled' if compiled else ''}", bench, given.batch, device)
    if compiled:
        print(f"{way.name}: {compile_networks(bench.entries[0].scorer, way.attacked)}")
    return way


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="bundled:scenes-unet")
    for name, default in (("images", 6), ("batch", 1), ("rounds", 3), ("steps", 20), ("threads", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--eps", default="8/255")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    device = ready_device(given.device)
    ways = [opened(given, device, *way, compiled) for compiled in (False, True)[: 1 + given.compile] for way in WAYS]
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    outcomes: dict[str, list[Any]] = {}
    for _ in range(given.rounds):
        for way in ways:
            spent, outcomes[way.name] = way.attacked()
            seconds[way.name].append(spent)
    first = to_unit(ways[0].bench.first).to(device)
    table = {}
    for way in ways:
        ratios = [one / base for one, base in zip(seconds[way.name], seconds[ways[0].name], strict=True)]
        cosine = likeness(way.bench.entries[0].scorer, first) if way.name.startswith("bf16") else None
        table[way.name] = {
            "time": statistics.median(ratios),
            "seconds": statistics.median(seconds[way.name]),
            "mIoU": way.score(outcomes[way.name]),
            "cosine": cosine,
        }
    print(f"{given.model}, PGD {given.eps}, {given.steps} steps, {given.images} scenes, batch {given.batch}, {device}")
    for name, found in table.items():
        print(f"{name:34} time {found['time']:.3f}  mIoU {found['mIoU']:.2f}  cosine {found['cosine'] or 1:.4f}")
    if given.json:
        given.json.write_text(json.dumps({"settings": {**vars(given), "json": None}, "ways": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
