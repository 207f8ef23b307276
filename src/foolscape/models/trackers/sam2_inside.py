"""What `Sam2` needs of the library's code besides its answers: the mask decoder's own, and all digits of float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@contextmanager
def decoded(network: nn.Module) -> Iterator[list[tuple[Tensor, Tensor, Tensor]]]:
    """A list that the mask decoder's masks, their quality and the object score are put into, call by call."""
    answers: list[tuple[Tensor, Tensor, Tensor]] = []

    def note(_module: nn.Module, _given: object, output: Any) -> None:
        masks, quality, _, score = output
        answers.append((masks, quality, score))

    decoder: Any = network.mask_decoder
    handle = decoder.register_forward_hook(note)
    try:
        yield answers
    finally:
        handle.remove()


class _KeepDigits(TorchFunctionMode):
    """Within it a conversion from float64 to float32 or bfloat16 does nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        dtypes = (*args[1:], kwargs.get("dtype")) if func is Tensor.to else ()
        fewer = func is Tensor.float or torch.bfloat16 in dtypes
        if fewer and args[0].dtype == torch.float64:
            return args[0]
        return func(*args, **kwargs)


def precisely(dtype: torch.dtype) -> Any:
    """In float64, nothing is rounded to float32 or bfloat16 on the way, so that central differences can be taken."""
    return _KeepDigits() if dtype == torch.float64 else nullcontext()
