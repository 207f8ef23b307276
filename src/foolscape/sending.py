"""Numbers on their way from the host to a device: it does not wait for what the device is still doing."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """`tensor`, which lies on the CPU, on `device`.

    Out of pinned memory: from any other a copy to a GPU waits until that has done all that it was told to before.
    """
    if device.type == "cuda":
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def numbers_on(device: torch.device, values: Sequence[float], dtype: torch.dtype) -> Tensor:
    """(N,): the `values`, at least one, of `dtype` on `device`; where all are the same, nothing is copied."""
    if all(value == values[0] for value in values):
        return torch.full((len(values),), values[0], dtype=dtype, device=device)
    return sent(torch.tensor(values, dtype=dtype), device)
