"""Contract checks for the models that users bring: what foolscape relies on, tried one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.models.adapter import CheckedSegmenter, ModuleSegmenter, adapt, check_finite, checked, name_classes
from foolscape.models.gradient import check_gradient
from foolscape.models.output import check_scores
from foolscape.tasks.segmentation import Segmenter

__all__ = ["Check", "Report", "check_segmenter"]

SIZES: Final = ((96, 128), (75, 101))
"""(H, W) tried by default: one divisible by 32, one by nothing."""


@dataclass(frozen=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: what.
        passed: whether it holds; None for a hint, which cannot fail.
        detail: what was found.
    """

    name: str
    passed: bool | None
    detail: str


@dataclass(frozen=True)
class Report:
    """All that was tried on one model."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)

    def lines(self) -> list[str]:
        """One line per check for people to read."""
        words = {True: "ok  ", False: "FAIL", None: "hint"}
        return [f"{words[check.passed]}  {check.name}: {check.detail}" for check in self.checks]


def check_segmenter(
    model: Segmenter | nn.Module,
    *,
    sizes: Sequence[tuple[int, int]] = SIZES,
    batch: int = 2,
    device: torch.device | str = "cpu",
) -> Report:
    """Try on random images whether `model` keeps the contract of a `Segmenter`.

    Shape and dtype at every size, distinct class names, finite scores, the same scores twice, images left as they are,
    a batch that equals its images one by one, a right input gradient at batch 1 and at `batch`, and a hint on whether
    it takes RGB in [0, 1]. Nothing is raised: what goes wrong is a failed check.

    Args:
        model: a network is adapted for the first of the sizes, as a run does; it is put into eval mode, frozen and
            moved to `device`, itself, not a copy.
        sizes: (H, W) of the images to try.
        batch: the batch size of the run.
        device: where to run.
    """
    device = torch.device(device)
    adapted: list[Segmenter] = []

    def fit() -> str:
        adapted.append(_adapted(model, sizes[0], device))
        return "; ".join(adapted[0].notes) or "nothing to be done to its input or output"

    checks = [_attempt(f"adapter at {_by(sizes[0])}", fit)]
    if not adapted:
        return Report(tuple(checks))
    segmenter = adapted[0]
    for size in sizes:
        name = f"shape at {_by(size)}"
        only = segmenter.only_size if isinstance(segmenter, ModuleSegmenter) else None
        if only in (None, size):
            checks.append(_attempt(name, partial(_shape, segmenter, _images(batch, size, device))))
        else:
            checks.append(Check(name, None, f"not tried: the network takes {_by(only)} alone"))
    images = _images(batch, sizes[0], device)
    checks += [
        _attempt("class names", lambda: _names(segmenter)),
        _attempt("same output twice", lambda: _repeatable(segmenter, images)),
        _attempt("images left unchanged", lambda: _unchanged(segmenter, images)),
        _attempt(f"batch of {batch} equals one by one", lambda: _independent(segmenter, images)),
        _attempt("input gradient at batch 1", lambda: _gradient(segmenter, images[:1])),
    ]
    if batch > 1:
        checks.append(_attempt(f"input gradient at batch {batch}", lambda: _gradient(segmenter, images)))
    hint = _attempt("range of the input", lambda: _range(segmenter, images))
    return Report((*checks, Check(hint.name, None, hint.detail)))


class _FailedError(Exception):
    """A check that does not hold; its text is the detail."""


def _attempt(name: str, check: Callable[[], str]) -> Check:
    """The outcome of `check`, which returns a detail or raises."""
    try:
        return Check(name, True, check())
    except _FailedError as failure:
        return Check(name, False, str(failure))
    except Exception as error:  # a user's network may raise anything; the other checks still tell something
        return Check(name, False, f"{type(error).__name__}: {error}")


def _adapted(model: Segmenter | nn.Module, size: tuple[int, int], device: torch.device) -> Segmenter:
    if isinstance(model, ModuleSegmenter | CheckedSegmenter):
        return name_classes(model, None)
    if isinstance(model, Segmenter):
        return name_classes(checked(model, image_size=size, device=device), None)
    return name_classes(adapt(model, image_size=size, device=device), None)


def _shape(segmenter: Segmenter, images: Tensor) -> str:
    scores = _scores(segmenter, images)
    check_scores(scores, images, len(segmenter.classes))
    check_finite(scores)
    if scores.dtype != images.dtype:
        raise _FailedError(f"expected {images.dtype}, got {scores.dtype}")
    return f"{tuple(scores.shape)} {str(scores.dtype).removeprefix('torch.')}, finite"


def _names(segmenter: Segmenter) -> str:
    return (
        f"{len(segmenter.classes)}: {', '.join(segmenter.classes[:8])}{', ...' if len(segmenter.classes) > 8 else ''}"
    )


def _repeatable(segmenter: Segmenter, images: Tensor) -> str:
    first, second = _scores(segmenter, images), _scores(segmenter, images)
    return _alike(second, first, 1e-4, "two calls with the same images", "dropout or noise in forward")


def _unchanged(segmenter: Segmenter, images: Tensor) -> str:
    given = images.clone()
    with torch.no_grad():
        segmenter.logits(given)
    if not torch.equal(given, images):
        raise _FailedError("expected the images as they were, got them overwritten; look for in-place operations")
    return "nothing writes into them"


def _independent(segmenter: Segmenter, images: Tensor) -> str:
    together = _scores(segmenter, images)
    apart = torch.cat([_scores(segmenter, image[None]) for image in images])
    return _alike(together, apart, 1e-3, "the batch and its images one by one", "batch norm in training mode")


def _alike(first: Tensor, second: Tensor, tolerance: float, what: str, suspect: str) -> str:
    difference = float((first - second).abs().max() / second.abs().max().clamp_min(1e-30))
    if not difference <= tolerance:  # also a NaN
        raise _FailedError(
            f"expected the same scores from {what}, within {tolerance:g} of the largest; got {difference:.1e}; "
            f"look for {suspect}"
        )
    return f"differs by {difference:.0e} of the largest score"


def _gradient(segmenter: Segmenter, images: Tensor) -> str:
    verdict = check_gradient(segmenter, images, seed=0)
    advice = f"; right with {' or with '.join(verdict.remedies)}" if verdict.remedies else ""
    found = f"{verdict.kind}, {verdict.message.partition(': ')[2]}{advice}"
    if not verdict.ok:
        raise _FailedError(found)
    return found


def _range(segmenter: Segmenter, images: Tensor) -> str:
    """Which range the network seems to be made for, going by how sure it is of itself."""
    small, large = (_confidence(segmenter, scale * images) for scale in (1.0, 255.0))
    found = f"mean confidence {small:.2f} on RGB in [0, 1], {large:.2f} on [0, 255]"
    if small < 0.5 and large > small + 0.25:
        return f"{found}: does the network expect [0, 255]? Then multiply by 255 in its forward"
    return f"{found}: nothing speaks against [0, 1]"


def _confidence(segmenter: Segmenter, images: Tensor) -> float:
    return float(_scores(segmenter, images).double().softmax(dim=1).amax(dim=1).mean())


@torch.no_grad()
def _scores(segmenter: Segmenter, images: Tensor) -> Tensor:
    return segmenter.logits(images.clone())  # a network that writes into them must fail in its own check only


def _images(batch: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1]: smooth random colours with a little noise, which is nearer to a photograph."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((batch, 3, 5, 7), generator=generator)
    smooth = nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    noise = torch.rand((batch, 3, *size), generator=generator)
    return (0.9 * smooth + 0.1 * noise).to(device)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
