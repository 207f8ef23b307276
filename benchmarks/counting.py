"""A device that is none: its tensors lie on the CPU, but what a GPU would have waited for is counted.

A tensor "on the device" is a wrapper that says it is on PyTorch's device `meta`; every operation on it is taken by a
dispatch mode and done by the CPU. So there are two places, and it is known when something goes from one to the other.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import foolscape

DEVICE: Final = torch.device("meta")
"""What stands for the GPU."""

CPU: Final = torch.device("cpu")

SHAPED_BY_VALUES: Final = frozenset(
    (
        "_local_scalar_dense", "nonzero", "nonzero_numpy", "masked_select", "_unique", "_unique2", "unique_dim",
        "unique_consecutive", "bincount", "equal", "is_nonzero", "repeat_interleave", "nms",
    )
)  # fmt: skip
"""Operations whose result's shape, or that as a number, must be known to the host: a GPU makes it wait."""

_ACROSS: Final = frozenset(("_to_copy", "copy_", "index", "index_put", "index_put_"))
"""Operations that take tensors of both places."""

_PACKAGE: Final = str(Path(foolscape.__file__).parent)


class Placed(Tensor):
    """A tensor on the device; `held` is what it holds, on the CPU."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> Placed:
        made: Placed = torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), dtype=held.dtype, device=DEVICE
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        raise RuntimeError(f"{func} of a tensor on the counted device outside of `counted`")


@dataclass
class Count:
    """What was counted.

    Attributes:
        operations: dispatched to a backend, on either place, views included.
        waits: synchronisations of the host with the device, by the line of the project that asked for them.
    """

    operations: int = 0
    waits: Counter[str] = field(default_factory=Counter)


class _Dispatch(TorchDispatchMode):
    """Does every operation on the CPU, and counts."""

    def __init__(self, count: Count) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = count

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        tensors = [leaf for leaf in _leaves((args, tuple(kwargs.values()))) if isinstance(leaf, Tensor)]
        placed = any(isinstance(tensor, Placed) for tensor in tensors)
        self.count.operations += 1
        to = kwargs.get("device")
        others = [tensor for tensor in tensors if not isinstance(tensor, Placed)]
        if any(other.device == DEVICE for other in others):
            raise RuntimeError(f"{func} of a tensor that was made on the device without being seen")
        name = func.overloadpacket.__name__
        if placed and name not in _ACROSS and any(other.ndim for other in others):
            raise RuntimeError(f"{func} of tensors on the device and on the CPU")
        if _waits(name, args, kwargs, placed, to):
            self.count.waits[_asker()] += 1
        inner, named = _each(args, _held), {key: _each(value, _held) for key, value in kwargs.items()}
        if to is not None:
            placed = torch.device(to) == DEVICE
            named["device"] = CPU
        out = func(*inner, **named)
        if name.endswith("_") and args and isinstance(args[0], Tensor):
            return args[0]  # in place
        return _each(out, _placed) if placed else out


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


def _each(value: Any, function: Callable[[Any], Any]) -> Any:
    """`function` of a value, or of each in a list or tuple; `torch.utils._pytree` does the same, and slowly."""
    if isinstance(value, list | tuple):
        return type(value)(_each(one, function) for one in value)
    return function(value)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Placed) else value


def _placed(value: Any) -> Any:
    return Placed(value) if isinstance(value, Tensor) else value


def _waits(name: str, args: Any, kwargs: Any, placed: bool, to: Any) -> bool:
    """Whether a GPU would make the host wait in the operation `name`; `placed`: one of its tensors is on the device."""
    if name == "_to_copy" and to is not None and (torch.device(to) == DEVICE) != placed:
        # That a copy from the host is not waited for goes for pinned memory alone, of which `sending` takes care.
        return placed or not (kwargs.get("non_blocking") and _asker().startswith("sending.py"))
    if name == "copy_" and isinstance(args[0], Placed) != isinstance(args[1], Placed):
        return bool(args[1].ndim) or isinstance(args[1], Placed)
    if not placed:
        return False
    if name in ("index", "index_put", "index_put_"):
        return any(
            i is not None and (i.dtype in (torch.bool, torch.uint8) or not isinstance(i, Placed)) for i in args[1]
        )
    return name in SHAPED_BY_VALUES


class _Functions(TorchFunctionMode):
    """What makes tensors of Python's numbers, or numbers of tensors, in ways that a dispatch mode does not see."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func in (torch.tensor, torch.as_tensor, Tensor.new_tensor):
            device = kwargs.pop("device", None)
            if func is Tensor.new_tensor:
                like, *args = args
                device = device or like.device
                kwargs.setdefault("dtype", like.dtype)
            made = torch.tensor(*args, **kwargs)
            return made if device is None else made.to(device)
        if func is Tensor.tolist and isinstance(args[0], Placed):
            return args[0].cpu().tolist()
        if func is Tensor.__getitem__ and isinstance(args[0], Placed):
            index = args[1] if isinstance(args[1], tuple) else (args[1],)
            args = args[0], tuple(torch.tensor(i).to(DEVICE) if isinstance(i, list) else i for i in index)
        return func(*args, **kwargs)


@contextmanager
def counted() -> Iterator[Count]:
    """Tensors can be moved to `DEVICE` within, and what happens to them is counted."""
    count = Count()
    with _Dispatch(count), _Functions():
        yield count


def moved(network: nn.Module) -> nn.Module:
    """`network` with its weights on the device, in place. Within `counted`."""
    for part in network.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                part._parameters[name] = nn.Parameter(weight.detach().to(DEVICE), requires_grad=False)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = buffer.to(DEVICE)
    return network


def _asker() -> str:
    """The innermost line of the package that is running."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    return "elsewhere" if frame is None else f"{frame.f_code.co_filename[len(_PACKAGE) + 1 :]}:{frame.f_lineno}"
