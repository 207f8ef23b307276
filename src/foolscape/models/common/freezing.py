"""Making a network ready to be attacked: on its device, in eval mode, without gradients to its parameters."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from foolscape.errors import ModelError
from foolscape.memory import is_short
from foolscape.models.common.guard import guarded


def freeze(module: nn.Module, device: torch.device) -> tuple[str, ...]:
    """Bring `module` itself to `device`, into eval mode, and take the gradients to its parameters away.

    Returns:
        Remarks for the reader of a table.

    Raises:
        ModelError: its tensors hold no values, or it raises when it is asked for any of this.
        Exception: memory is short.
    """
    name = type(module).__name__
    with guarded(f"the parameters of {name} to be listed"):
        _check_values(module, device)
        lazy = any(is_lazy(tensor) for _, tensor in _tensors(module))
    _move(module, device, name)
    notes = _switch(module, name)
    _take_gradients_away(module, name)
    half = half_weights(module)
    if half is not None:
        notes.append(
            f"weights are {str(half).removeprefix('torch.')}; with .float() where it is made they are not rounded"
        )
    if lazy:
        notes.append(
            "weights that its lazy layers had not made yet are random (seed 0); call it once on an image and load its "
            "weights where it is made"
        )
    return tuple(notes)


def half_weights(*modules: nn.Module) -> torch.dtype | None:
    """The type of the weights of `modules` that are in half precision; None if there are none."""
    types = {tensor.dtype for module in modules for tensor in module.parameters() if not is_lazy(tensor)}
    return next((dtype for dtype in (torch.bfloat16, torch.float16) if dtype in types), None)


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


def _check_values(module: nn.Module, device: torch.device) -> None:
    if device.type == "meta":
        return
    tensors = [(path, tensor) for path, tensor in _tensors(module) if not is_lazy(tensor)]
    empty = [path for path, tensor in tensors if tensor.is_meta]
    if empty:
        raise ModelError(
            f"expected weights with values in {type(module).__name__}, got {len(empty)} of {len(tensors)} tensors on "
            f"the device meta, which keeps none ({empty[0]} is the first); load them where it is made, as with "
            "to_empty(device='cpu') and load_state_dict, or load_state_dict(..., assign=True)"
        )


def _move(module: nn.Module, device: torch.device, name: str) -> None:
    """To `device`; a network that refuses, such as a quantised one, may be there already."""
    with guarded(f"{name}.to({str(device)!r})"):
        try:
            module.to(device)
        except Exception as error:
            where = {tensor.device.type for _, tensor in _tensors(module)}
            if is_short(error) or where - {device.type}:
                raise


def _switch(module: nn.Module, name: str) -> list[str]:
    """To eval mode; what torch.export made has none and keeps the one that it was exported in."""
    with guarded(f"{name}.eval()"):
        try:
            module.eval()
        except NotImplementedError:
            for part in module.modules():
                part.training = False
            return ["what torch.export made of the network keeps the mode that it was exported in"]
    return []


def _take_gradients_away(module: nn.Module, name: str) -> None:
    with guarded(f"{name}.requires_grad_(False)"):
        try:
            module.requires_grad_(False)
        except Exception:  # a network with a method of its own: what it does is not needed
            for parameter in module.parameters():
                parameter.requires_grad = False
