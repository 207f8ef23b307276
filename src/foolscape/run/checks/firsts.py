"""The images that a run is tried on before it begins: they must be ones that the models have an answer to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.data.sample import Data
from foolscape.errors import DataError, ModelError, SampleError
from foolscape.pixels import to_unit

S = TypeVar("S")

Pixels = NDArray[np.uint8]

_LOOKED_AT = 8
"""Images among which one that the models answer, and a second one of its size, are looked for."""


def first_usable(data: Data[Any], ids: Sequence[str], load: Callable[[str], S]) -> S:
    """The first image or clip that can be read, and that a model answers where `load` asks one, as `load` gives it."""
    last: Exception | None = None
    for name in ids:
        try:
            return load(name)
        except (SampleError, ModelError) as error:
            last = error
    raise DataError(
        f"expected at least one usable image in {data.spec}, got none of {len(ids)}; the last: {last or 'no images'}"
    ) from last


def first_answered(first: S, ids: Sequence[str], load: Callable[[str], S], answered: Callable[[S], bool]) -> S:
    """`first`, or the first of the next few that is `answered`; where none is, `first`, and the checks say why."""
    return first if answered(first) else next(filter(answered, _few(ids, load)), first)


def pair(
    first: Pixels, ids: Sequence[str], load: Callable[[str], Pixels], answered: Callable[[Pixels], bool]
) -> tuple[Pixels, Pixels | None]:
    """The first image that is `answered`, see `first_answered`, and another one of its size among the first few."""
    answered_first = first_answered(first, ids, load, answered)
    others = (
        image
        for image in _few(ids, load)
        if image.shape == answered_first.shape and not np.array_equal(image, answered_first) and answered(image)
    )
    return answered_first, next(others, None)


def answers(ask: Callable[[Tensor], Tensor], image: Pixels, device: torch.device) -> bool:
    """Whether `ask`, a model's scores of (1, 3, H, W) in [0, 1], gives numbers for an 8-bit image (H, W, 3).

    What else goes wrong is left to the checks of a run, which can say what it is.
    """
    try:
        with torch.no_grad():
            return bool(torch.isfinite(ask(to_unit(image).to(device))).all())
    except ModelError:
        return False


def _few(ids: Sequence[str], load: Callable[[str], S]) -> Iterator[S]:
    for name in ids[:_LOOKED_AT]:
        with suppress(SampleError):
            yield load(name)
