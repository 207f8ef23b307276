"""Scores that are no numbers: no prediction follows from them, whatever the task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import torch
from torch import Tensor

from foolscape.errors import ModelError

_LATER: Final = ContextVar("answers are tested later", default=False)


@contextmanager
def tested_later() -> Iterator[None]:
    """Within it adapters do not test whether their answers are finite, for which a GPU would have to be waited for.

    Whoever calls them tests it, together with what it waits for anyway.
    """
    token = _LATER.set(True)
    try:
        yield
    finally:
        _LATER.reset(token)


def tested_now() -> bool:
    """Whether an adapter tests its answers: where no gradient is recorded, unless they are `tested_later`."""
    return not torch.is_grad_enabled() and not _LATER.get()


def check_finite(scores: Tensor, source: str = "Segmenter.logits", rows: str = "images") -> None:
    """Raise `ModelError` if `scores` (any shape) hold NaN or infinite values.

    The largest of scores that are all NaN is the first one: an argmax would make class 0 of them.

    Args:
        scores: what a model answered.
        source: what gave them, for the message.
        rows: what the first axis counts.
    """
    # A sum is cheap and finite only if every value is; one that overflowed needs the closer look.
    if bool(torch.isfinite(scores.sum())):
        return
    finite = torch.isfinite(scores)
    if bool(finite.all()):
        return
    nan = int(torch.isnan(scores).sum())
    infinite = int((~finite).sum()) - nan
    where = sorted({int(i) for i in (~finite).nonzero()[:, 0].tolist()}) if scores.ndim else [0]
    raise ModelError(
        f"{source} must return finite scores; expected {scores.numel()} finite values, got {nan} NaN and "
        f"{infinite} infinite ({rows} {', '.join(map(str, where[:5]))} of the batch). Look for a division by zero, "
        "log(0) or an overflow in the network, or weights that were not loaded"
    )
