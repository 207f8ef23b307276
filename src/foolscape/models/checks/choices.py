"""What a network picks by rank (`topk`, `sort`, `argsort`), recorded in one forward pass and replayed in the next.

Query detectors pick the most promising places of an image. Where two are nearly alike, another rounding (float64,
another batch) picks another one, whose scores are as right, but of another place. Two passes can then only be compared
with the same picks in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_PAIRS: Final = (torch.topk, Tensor.topk, torch.sort, Tensor.sort)
"""Functions that return values and indices."""

_INDICES: Final = (torch.argsort, Tensor.argsort)
"""Functions that return indices alone."""


class _Recorder(TorchFunctionMode):
    """Records the indices of every pick."""

    def __init__(self) -> None:
        super().__init__()
        self.picks: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        picked = func(*args, **(kwargs or {}))
        if func in _PAIRS or func in _INDICES:
            self.picks.append(_indices(picked).detach())
        return picked


class _Holder(TorchFunctionMode):
    """Answers the n-th pick with the n-th one of `picks`, where that has the same shape."""

    def __init__(self, picks: Sequence[Tensor], rows: Sequence[int] | None) -> None:
        super().__init__()
        self.picks, self.rows = list(picks), rows

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        picked = func(*args, **(kwargs or {}))
        if not (func in _PAIRS or func in _INDICES) or not self.picks:
            return picked
        pick = self.picks.pop(0)
        own = _indices(picked)
        if self.rows is not None and pick.ndim > 1:
            pick = pick[list(self.rows)]
        if pick.shape != own.shape:
            return picked
        if func in _INDICES:
            return pick
        values = args[0]
        # The axis is the one along which values were picked: told as dim, the last one by default.
        return type(picked)((values.gather(_axis(func, args, kwargs or {}), pick), pick))


@contextmanager
def recorded() -> Iterator[list[Tensor]]:
    """Records the indices of all picks, in order, in the list that it yields."""
    recorder = _Recorder()
    with recorder:
        yield recorder.picks


@contextmanager
def held(picks: Sequence[Tensor], rows: Sequence[int] | None = None) -> Iterator[None]:
    """Within it picks are those of an earlier pass of the same network, in the same order; values keep their gradient.

    Args:
        picks: what `recorded` gave.
        rows: which images of that pass these are; None: the same batch.
    """
    with _Holder(picks, rows):
        yield


def _indices(picked: Any) -> Tensor:
    indices: Tensor = picked if isinstance(picked, Tensor) else picked[1]
    return indices


def _axis(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    """The `dim` of a call of topk (values, k, dim) or sort (values, dim)."""
    place = 2 if func in (torch.topk, Tensor.topk) else 1
    positional = [a for a in args[place:] if isinstance(a, int) and not isinstance(a, bool)]
    return int(kwargs.get("dim", positional[0] if positional else -1))
