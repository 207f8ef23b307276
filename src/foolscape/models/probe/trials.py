"""One forward pass of a user's network on an image of some size, and what is to be seen of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from foolscape.errors import ModelError
from foolscape.memory import first_line, give_back, is_short, no_room
from foolscape.models.common.wrappers import pad_to_multiple
from foolscape.models.probe.sides import PATCH

T = TypeVar("T")


@dataclass(frozen=True)
class Tried(Generic[T]):
    """What became of one forward pass.

    Attributes:
        output: what the network returned, as its task reads it; None if it cannot be used at this size.
        clean: nothing was cut off at an edge, as far as the output tells.
        error: why there is no output.
    """

    output: T | None = None
    clean: bool = False
    error: BaseException | None = None


@dataclass(frozen=True)
class Trials(Generic[T]):
    """A network that is tried at several sizes; arguments of `sizes.by_trying`."""

    module: nn.Module
    device: torch.device
    dtype: torch.dtype
    read: Callable[[object, Tensor], Tried[T]]
    same: Callable[[T, T], bool] | None

    def padded(self, size: tuple[int, int], multiple: int = 1) -> Tried[T]:
        """One forward pass on an image of `size` padded to `multiple`, for which there must be memory."""
        images = pad_to_multiple(probe_images(size, self.device).to(self.dtype), multiple)
        tried = self.on(images)
        if tried.error is not None and is_short(tried.error):
            raise no_room(self.module, images, first_line(tried.error))
        return tried

    def at(self, size: tuple[int, int]) -> Tried[T]:
        """One forward pass on an image of another size, for which there may be no memory."""
        tried = self.on(probe_images(size, self.device).to(self.dtype))
        if tried.error is not None and is_short(tried.error):
            give_back()
        return tried

    def on(self, images: Tensor) -> Tried[T]:
        """One forward pass on `images` (1, 3, H, W)."""
        inputs = images.clone()
        try:
            with torch.no_grad(), _same_weights(self.module, self.device):
                output = self.module(inputs)
        except (Exception, SystemExit) as error:  # a network may raise anything for a size it does not take
            # Its traceback tells the place, but it holds tensors for which there may be no memory.
            return Tried(error=error.with_traceback(None) if is_short(error) else error)
        if not torch.equal(inputs, images):
            raise ModelError(
                "expected a network that leaves its input as it is, got one that writes into it; replace operations "
                "such as images.sub_(mean) by images - mean"
            )
        return self.read(output, images)

    def lost(self, size: tuple[int, int], output: T) -> tuple[int, int]:
        """How many of the last rows and columns of an image of `size` do not reach what is `output` for it."""
        if self.same is None:
            return 0, 0
        return self._lost(size, output, 2), self._lost(size, output, 3)

    def _lost(self, size: tuple[int, int], output: T, dim: int) -> int:
        images = probe_images(size, self.device).to(self.dtype)
        side = images.shape[dim]

        def reached(count: int) -> bool:
            """Whether the last `count` rows (or columns) matter."""
            kept, changed = images.narrow(dim, 0, side - count), images.narrow(dim, side - count, count)
            tried = self.on(torch.cat([kept, 1 - changed], dim=dim))
            return tried.output is None or self.same is None or not self.same(tried.output, output)

        high = 1
        while not reached(high):
            high *= 2
            if high > min(PATCH, side // 2):
                return 0  # none of it matters: this is no patch that is not filled
        low = high // 2
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if reached(middle) else (middle, high)
        return low


def probe_images(size: tuple[int, int], device: torch.device) -> Tensor:
    """One random image (1, 3, H, W) in [0, 1], always the same."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand((1, 3, *size), generator=generator).to(device)


@contextmanager
def _same_weights(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Within it lazy layers of `module` draw the weights of seed 0; elsewhere it is as if none had been drawn."""
    if not any(is_lazy(parameter) for parameter in module.parameters()):
        yield
        return
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        yield
