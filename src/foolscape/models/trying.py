"""Which image sizes a user's network takes, found out by trying: the same search for every task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.memory import first_line, is_short, no_room
from foolscape.models.output import DOCS
from foolscape.models.wrappers import pad_to_multiple

T = TypeVar("T")

MULTIPLES: Final = (2, 4, 8, 16, 32, 64)
"""The divisors of image sides that are tried, in this order."""


@dataclass(frozen=True)
class Tried(Generic[T]):
    """What became of one forward pass.

    Attributes:
        found: what the network returned, as its task reads it; None if it cannot be used at this size.
        clean: nothing was cut off at an edge, as far as the output tells.
        error: why nothing was found.
    """

    found: T | None = None
    clean: bool = False
    error: Exception | None = None


@dataclass(frozen=True)
class Fitted(Generic[T]):
    """What image sizes a network takes.

    Attributes:
        found: what it returned for an image of the size asked for.
        multiple: the sides must be padded to be divisible by this.
        only: it takes no other size.
    """

    found: T
    multiple: int = 1
    only: bool = False


def by_trying(
    module: nn.Module, size: tuple[int, int], device: torch.device, read: Callable[[object, Tensor], Tried[T]]
) -> Fitted[T]:
    """What image sizes `module` takes, besides `size`, and what it returns there.

    Args:
        module: takes (B, 3, H, W) float RGB in [0, 1]; frozen, on `device`.
        size: (H, W) of the images it will see.
        device: where the images are.
        read: (what the network returned, the padded image (1, 3, H, W) it was given) -> what that is good for. Raises
            ModelError for what no other size would change.

    Raises:
        ModelError: no size was accepted, the network writes into its input, or `read` says so.
        DeviceError: memory is short.
    """
    first = _try(module, size, 1, device, read)
    odd = _try(module, (odd_below(size[0] - 1), odd_below(size[1] - 1)), 1, device, read)
    if first.found is not None and first.clean and odd.clean:
        return Fitted(first.found)
    for multiple in MULTIPLES:
        other = (another(size[0], multiple) - 1, another(size[1], multiple) - 1)
        if _try(module, other, multiple, device, read).clean:
            last = _try(module, size, multiple, device, read)
            if last.found is not None and last.clean:
                return Fitted(last.found, multiple)
    if first.found is not None:
        return Fitted(first.found, only=odd.found is None)
    raise ModelError(
        f"expected a network that takes images of {size[0]} x {size[1]} (height x width), or padded to sides divisible "
        f"by {', '.join(map(str, MULTIPLES))}; got {type(first.error).__name__}: {first.error}. Give a size it takes "
        f"with --size, or resize inside the network: {DOCS}"
    ) from first.error


def _try(
    module: nn.Module,
    size: tuple[int, int],
    multiple: int,
    device: torch.device,
    read: Callable[[object, Tensor], Tried[T]],
) -> Tried[T]:
    """One forward pass on a random image of `size` (H, W), padded to `multiple`."""
    images = pad_to_multiple(probe_images(size, device), multiple)
    short = ""
    try:
        with torch.no_grad():
            given = images.clone()
            output = module(given)
    except Exception as error:  # a network may raise anything for a size it does not take
        if not is_short(error):
            return Tried(error=error)
        short = first_line(error)
    if short:
        raise no_room(module, images, short)
    if not torch.equal(given, images):
        raise ModelError(
            "expected a network that leaves its input as it is, got one that writes into it; replace operations such "
            "as images.sub_(mean) by images - mean"
        )
    return read(output, images)


def odd_below(number: int) -> int:
    """The nearest odd number that is not larger, at least 1."""
    return max(1, number - 1 + number % 2)


def another(side: int, multiple: int) -> int:
    """A side near `side`, but not it, that is an odd number of times `multiple`.

    Odd, so that a multiple too small does not pass because the padded side happens to be divisible by a larger one.
    """
    count = odd_below(side // multiple)
    if count * multiple == side:
        count += -2 if count >= 5 else 2
    return count * multiple


def probe_images(size: tuple[int, int], device: torch.device) -> Tensor:
    """One random image (1, 3, H, W) in [0, 1], always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand((1, 3, *size), generator=generator).to(device)
