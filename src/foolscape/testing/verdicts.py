"""What contract checks share: verdicts, how they are reached, and the images they are tried on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol, TypeVar

import torch
from torch import Tensor, nn

from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.black_boxes import is_black_box
from foolscape.tasks.segmentation import Segmenter
from foolscape.verdict import Reason

Model = TypeVar("Model", bound="Adapted")

SIZES: Final = ((96, 128), (75, 101))
"""(H, W) tried by default: one divisible by 32, one by nothing."""


@dataclass(frozen=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: what.
        passed: whether it holds; None for a hint, which cannot fail.
        seen: what was found.
        advice: what to do about it; empty where nothing is, or where `seen` says it.
    """

    name: str
    passed: bool | None
    seen: str
    advice: str = ""

    @property
    def id(self) -> str:
        """The name for a machine: input-gradient-at-batch-1."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def detail(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.seen}; {self.advice}" if self.advice else self.seen

    @property
    def line(self) -> str:
        """For people to read."""
        words = {True: "ok  ", False: "FAIL", None: "hint"}
        return f"{words[self.passed]}  {self.name}: {self.detail}"


@dataclass(frozen=True)
class ContractReport:
    """All that was tried on one model."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)

    def lines(self) -> list[str]:
        """One line per check for people to read."""
        return [check.line for check in self.checks]


class FailedError(Exception):
    """A check that does not hold: what was seen, and what to do about it."""

    def __init__(self, seen: str, advice: str = "") -> None:
        super().__init__(f"{seen}; {advice}" if advice else seen)
        self.seen, self.advice = seen, advice


class Adapted(Protocol):
    """Whatever was adapted: a segmenter, a detector, a tracker."""

    @property
    def notes(self) -> tuple[str, ...]: ...


OnCheck = Callable[[str, Check | None], None]
"""Takes the name of a check when it begins, with None, and with its outcome when that is known."""


def silent(name: str, check: Check | None) -> None:
    """Does nothing."""


@dataclass
class Sheet:
    """The checks of one model, recorded and reported as they run.

    Attributes:
        on_check: what to call.
        checks: so far.
    """

    on_check: OnCheck
    checks: list[Check] = field(default_factory=list)

    def attempt(self, name: str, check: Callable[[], str], *, hint: bool = False) -> None:
        """Record the outcome of `check`, which returns a detail or raises; a hint cannot fail."""
        self.on_check(name, None)
        advice = ""
        try:
            passed, observation = True, check()
        except FailedError as failure:
            passed, observation, advice = False, failure.seen, failure.advice
        except Exception as error:  # a user's network may raise anything; the other checks still tell something
            passed, observation = False, f"{type(error).__name__}: {error}"
        self.add(Check(name, None if hint else passed, observation, advice))

    def add(self, check: Check) -> None:
        """Record a check that was decided elsewhere."""
        self.checks.append(check)
        self.on_check(check.name, check)

    def fit(self, size: tuple[int, int], adapt: Callable[[], Model]) -> Model | None:
        """The first check, that a model can be adapted for images of `size` (H, W), and what came of it."""
        adapted: list[Model] = []

        def tried() -> str:
            adapted.append(adapt())
            return "; ".join(adapted[0].notes) or "nothing to be done to its input or output"

        self.attempt(f"adapter at {by(size)}", tried)
        return adapted[0] if adapted else None

    def at_sizes(
        self,
        checks: Mapping[str, Callable[[tuple[int, int]], str]],
        sizes: Sequence[tuple[int, int]],
        only: tuple[int, int] | None,
    ) -> None:
        """`checks`, by name, at each of `sizes` (H, W); only a hint where a model takes `only` one."""
        for size in sizes:
            for name, check in checks.items():
                at = f"{name} at {by(size)}"
                if only in (None, size):
                    self.attempt(at, partial(check, size))
                else:
                    self.add(Check(at, None, f"not tried: the network takes {by(only)} alone"))

    @property
    def report(self) -> ContractReport:
        """All of them."""
        return ContractReport(tuple(self.checks))


def alike(first: Tensor, second: Tensor, tolerance: float, what: str, suspect: str) -> str:
    """How far two outputs of one shape, the same by right, are apart; raises FailedError above `tolerance`."""
    difference = float((first - second).abs().max() / second.abs().max().clamp_min(1e-30))
    if not difference <= tolerance:  # also a NaN
        raise FailedError(
            f"expected the same scores from {what}, within {tolerance:g} of the largest; got {difference:.1e}",
            f"look for {suspect}",
        )
    return f"differs by {difference:.0e} of the largest score"


def sound(reason: Reason) -> str:
    """What was seen of a check of `models.checks.consistency`; raises FailedError, with the advice, unless it holds."""
    if not reason.ok:
        raise FailedError(reason.seen, reason.advice)
    return reason.seen


def right_gradient(segmenter: Segmenter, images: Tensor, *, clamps: bool = False) -> str:
    """What was found of the input gradient of `segmenter`; raises FailedError if it is not right."""
    if is_black_box(segmenter):
        return "not asked for: a black box"
    verdict = check_gradient(segmenter, images, seed=0, clamps=clamps)
    advice = f"right with {' or with '.join(verdict.remedies)}" if verdict.remedies else ""
    observation = f"{verdict.kind}, {verdict.message.partition(': ')[2]}"
    if not verdict.ok:
        raise FailedError(observation, advice)
    return f"{observation}; {advice}" if advice else observation


def colours(batch: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """(B, 3, H, W) float32 in [0, 1]: smooth random colours with a little noise, which is nearer to a photograph."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((batch, 3, 5, 7), generator=generator)
    smooth = nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    noise = torch.rand((batch, 3, *size), generator=generator)
    return (0.9 * smooth + 0.1 * noise).to(device)


def by(size: tuple[int, int]) -> str:
    """`size` (H, W) as text."""
    return f"{size[0]} x {size[1]}"
