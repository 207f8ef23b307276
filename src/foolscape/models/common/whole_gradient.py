"""The gradient of scores as it is, where a library cuts it for training or a kernel of PyTorch has it wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from foolscape.models.common.wrappers import straighten


class _KeepGradients(TorchFunctionMode):
    """Within it `tensor.detach()` is `tensor` itself."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func is Tensor.detach else func(*args, **(kwargs or {}))


@contextmanager
def whole_gradient(detaches: bool) -> Iterator[None]:
    """Where gradients are recorded, let a network that detaches in its forward pass not do so.

    Box refinement passes reference points on without their gradient, and a second head leaves the features to the
    first, which steadies training. Without it the input gradient is not that of the scores, and an attack looks weaker
    than it is.
    """
    if not (detaches and torch.is_grad_enabled()):
        yield
        return
    with _KeepGradients():
        yield


def straighten_behind_norms(module: nn.Module) -> None:
    """Make the gradient that comes back to every batch norm of `module` contiguous.

    Networks that flatten maps and move their channels last send back strides with which it is wrong at a batch of one;
    see `straighten`.
    """
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.register_forward_hook(_straighten_behind)


def _straighten_behind(module: nn.Module, inputs: object, output: Tensor) -> None:  # noqa: ARG001
    """A hook."""
    straighten(output)
