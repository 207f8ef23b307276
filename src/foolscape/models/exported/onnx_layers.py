"""Layers in the place of those of onnx2torch that stop short of what ONNX says."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class SamePadded(nn.Module):
    """A layer behind the padding that ONNX calls SAME_UPPER or SAME_LOWER, for inputs of any size."""

    def __init__(
        self,
        module: nn.Module,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        fill: float,
        *,
        upper: bool,
    ) -> None:
        """Takes the layer, without padding of its own; see `onnx_graph.SamePad`."""
        super().__init__()
        self.module = module
        self.kernel, self.stride, self.dilation = kernel, stride, dilation
        self.fill, self.upper = fill, upper

    def forward(self, values: Tensor, *others: Tensor) -> Tensor:
        """What the layer makes of `values` (B, C, *sides)."""
        pads: list[int] = []
        for side, kernel, stride, dilation in zip(
            values.shape[2:], self.kernel, self.stride, self.dilation, strict=True
        ):
            total = max((math.ceil(side / stride) - 1) * stride + (kernel - 1) * dilation + 1 - side, 0)
            less, more = total // 2, total - total // 2
            pads = [less, more, *pads] if self.upper else [more, less, *pads]
        padded = functional.pad(values, pads, value=self.fill) if any(pads) else values
        answer: Tensor = self.module(padded, *others)
        return answer


class Sliced(nn.Module):
    """ONNX's Slice, whose steps may be negative; onnx2torch's has an index that PyTorch is about to read otherwise."""

    def forward(
        self, values: Tensor, starts: Tensor, ends: Tensor, axes: Tensor | None = None, steps: Tensor | None = None
    ) -> Tensor:
        """The part of `values` between `starts` and `ends` along `axes`."""
        first, last = starts.tolist(), ends.tolist()
        along = list(range(len(first))) if axes is None else axes.tolist()
        by = [1] * len(first) if steps is None else steps.tolist()
        for start, end, axis, step in zip(first, last, along, by, strict=True):
            low, high, _ = slice(start, end, step).indices(values.shape[axis])
            if step > 0:
                places = (slice(None),) * (axis % values.ndim)
                values = values[(*places, slice(low, high, step))]
            else:
                values = values.index_select(axis, torch.arange(low, high, step, device=values.device))
        return values
