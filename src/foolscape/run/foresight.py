"""What a run will take, before it is measured: from a gradient that is tried, and from what earlier runs have taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from foolscape.attacks.names import NONE
from foolscape.attacks.registry import REGISTRY
from foolscape.memory import is_short, needed
from foolscape.models.common.black_boxes import tally_of
from foolscape.pixels import to_unit
from foolscape.records.progress import Foreseen
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import LoadedModel, Setup
from foolscape.run.trust.probes import cost, probed_images
from foolscape.run.watching.history import Experience, Outcome, experience, remember
from foolscape.run.watching.process import most_memory
from foolscape.spec import LIBRARIES, parse

_PREDICTIONS: Final = 4
"""Of an image at one bound: attacked, before rounding, and the two controls; the clean one comes once."""

PER_GRADIENT: Final = 3
"""Predictions that cost about as much as one gradient."""


def units_of(entry: LoadedModel, images: int, probes: int | None) -> float:
    """Gradients that a model's images take at most, with those of the verdict; predictions count a third of one each.

    Args:
        entry: the model, with its attack.
        images: to be measured.
        probes: as `RunConfig.probes`.
    """
    _, share = probed_images(images, entry.plans, entry.probes, probes)
    gradients = images * sum(cost(plan) for plan in entry.plans) * (1 + share)
    return gradients + images * (1 + _PREDICTIONS * len(entry.plans)) / PER_GRADIENT


def gradient_seconds(entry: LoadedModel, image: torch.Tensor) -> float:
    """What a gradient of one image takes, the second time."""
    for _ in range(2):
        started = time.perf_counter()
        scores: Any = entry.scorer.logits(image.clone().requires_grad_(True))
        if scores.requires_grad:
            scores.sum().backward()
        if image.device.type == "cuda":
            torch.cuda.synchronize()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Estimate:
    """What a run takes.

    Attributes:
        kind: of the run, as `history.Outcome` has it.
        raw: seconds, as gradients say.
        foreseen: seconds, corrected by earlier runs, and memory.
    """

    kind: str
    raw: float
    foreseen: Foreseen


def foresee(
    config: RunConfig,
    setup: Setup,
    device: torch.device,
    remaining: Mapping[str, int],
    batch: int = 1,
    workers: int = 1,
) -> Estimate | None:
    """The estimate for a run; None of clips and of black boxes, of which a gradient says nothing, or asks for money.

    Args:
        config, setup, device: of the run.
        remaining: images that are to be measured yet, by the spec of the model.
        batch: images per call.
        workers: that measure; without any 1.
    """
    entries = [entry for entry in setup.entries if remaining[entry.subject.spec]]
    if not entries or any(entry.subject.task.clips or tally_of(entry.scorer) is not None for entry in entries):
        return None
    units = [(entry, units_of(entry, remaining[entry.subject.spec], config.probes)) for entry in entries]
    name = NONE if entries[0].plan is None else entries[0].plan.name
    what = name if name in (NONE, *REGISTRY) else "own"
    return estimate_of(units, what, to_unit(setup.first).to(device), batch, workers)


def estimate_of(
    units: Sequence[tuple[LoadedModel, float]], what: str, image: torch.Tensor, batch: int = 1, workers: int = 1
) -> Estimate | None:
    """The estimate for so many gradients of models, each of one image, of which one is tried; None without room for it.

    Args:
        units: models with their gradients.
        what: is done, such as an attack or a kind of command: whose estimates are wrong alike.
        image: (1, 3, H, W) in [0, 1], where the models are.
        batch: images per call.
        workers: that share the gradients.
    """
    entries = [entry for entry, _ in units]
    try:
        with torch.random.fork_rng(devices=[]):  # whoever draws random numbers draws the same ones afterwards
            raw = sum(gradient_seconds(entry, image) * count / workers for entry, count in units)
            memory = _memory(entries[0], image, batch)
    except Exception as error:
        if is_short(error):  # told, with what helps, by whoever measures
            return None
        raise
    kind = _kind_of(entries, what, image.device, workers)
    known = experience(kind, raw)
    return Estimate(kind, raw, _corrected(raw, memory, known))


def _corrected(raw: float, memory: int | None, known: Experience) -> Foreseen:
    return Foreseen(
        seconds=round(raw * known.ratio, 1),
        memory=memory,
        runs=len(known.shares),
        low=min(known.shares, default=None),
        high=max(known.shares, default=None),
    )


def _kind_of(entries: Sequence[LoadedModel], what: str, device: torch.device, workers: int) -> str:
    """Runs whose estimates are wrong alike; nothing in it is a name of the user's."""
    schemes = {parse(entry.subject.spec).scheme for entry in entries}
    sources = "+".join(sorted({scheme if scheme in LIBRARIES else "own" for scheme in schemes}))
    return f"{sources} {what} {device.type} {workers}"


def _memory(entry: LoadedModel, image: torch.Tensor, batch: int) -> int | None:
    """Bytes that an attack holds at once, beside what is there already; the host's, or a GPU's where that computes."""
    need = needed(entry.scorer.logits, image)
    if need is None:
        return None
    if image.device.type == "cuda":
        return torch.cuda.memory_allocated(image.device) + batch * need
    held, most = _held(), most_memory()
    return None if held is None or most is None else max(held + batch * need, most)


def _held() -> int | None:
    """Bytes of memory that this process holds now; None where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError):
        return None
    return pages * 4096


@contextmanager
def proven(estimate: Estimate | None, told: Callable[[Foreseen], None]) -> Iterator[None]:
    """What was estimated takes place within; `told` hears of the estimate and, if all is done, of what it took."""
    if estimate is None:
        yield
        return
    told(estimate.foreseen)
    begun = time.monotonic()
    yield
    took = round(time.monotonic() - begun, 1)
    told(replace(estimate.foreseen, took=took))
    remember(Outcome(kind=estimate.kind, raw=round(estimate.raw, 2), told=estimate.foreseen.seconds, took=took))
