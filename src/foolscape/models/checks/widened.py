"""A network with half-precision weights, made to calculate in a wider type although it casts to half precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from foolscape.models.common.wrappers import as_double
from foolscape.tasks.segmentation import Segmenter

_HALF: Final = (torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Widened:
    """The float64 copy of a segmenter, in which every cast to half precision is one to float64. Made by `widened`."""

    segmenter: Segmenter

    @property
    def classes(self) -> tuple[str, ...]:
        """As of the segmenter."""
        return self.segmenter.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """As of the segmenter."""
        return self.segmenter.notes

    def logits(self, images: Tensor) -> Tensor:
        """As of the segmenter, but for its roundings."""
        with _Wide():
            return self.segmenter.logits(images)


class _Wide(TorchFunctionMode):
    """Calls with float64 what is called with a half-precision type."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.half, Tensor.bfloat16):
            return args[0].double()
        return func(*map(_wide, args), **{name: _wide(value) for name, value in (kwargs or {}).items()})


def _wide(value: Any) -> Any:
    return torch.float64 if isinstance(value, torch.dtype) and value in _HALF else value


def widened(segmenter: Segmenter) -> Widened:
    """`segmenter` in float64 throughout; the original stays as it is.

    Raises:
        Exception: whatever copying the network raises.
    """
    return Widened(as_double(segmenter))
