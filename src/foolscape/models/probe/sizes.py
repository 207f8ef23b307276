"""Which image sizes a user's network takes, found out by trying: the same search for every task.

Sizes are tried at and above the one asked for, never below it, where a network may have its least size; and those that
are to show a divisor have sides of another ratio, with no divisor in common but that one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from foolscape.errors import ModelError
from foolscape.models.common.guard import gpu_wanted, in_words, wants_gpu, where
from foolscape.models.common.output import DOCS
from foolscape.models.probe.sides import beyond, patches, primes, size_text, uneven
from foolscape.models.probe.trials import Trials, Tried, probe_images

T = TypeVar("T")

FAMILIES: Final = (64, 96, 160, 224, 256, 144, 240, 336, 400, 176, 208)
"""Numbers one of which the divisor of a network's image sides is expected to divide, the likeliest first."""

_LIKELY: Final = 4  # of them tried with a network that gives something usable at any size
_USUAL: Final = 64  # what most networks' divisors divide
_UNITS: Final = (1, 14, 16, 32, 64)  # squares of which multiples are tried
_MOST: Final = 5  # times as many pixels as the image has: with more padding than that, what is seen is padding
_LOST: Final = 4  # rows from which on it is a patch that they do not fill, and not a stride that they end on


@dataclass(frozen=True)
class Fitted(Generic[T]):
    """What image sizes a network takes.

    Attributes:
        output: what it returned for an image of the size asked for.
        multiple: the sides must be padded to be divisible by this.
        only: it takes no other size.
    """

    output: T
    multiple: int = 1
    only: bool = False


@dataclass(frozen=True)
class OtherSizes(Generic[T]):
    """How images of other sizes than the first one are padded, found out when one comes that fails otherwise.

    Attributes:
        module, read, same: as of `by_trying`.
        device: where the module is.
        known: by size, what images are padded to; an error where the network does not take them. It fills up as sizes
            come, and what it holds of one does not depend on the others.
    """

    module: nn.Module
    device: torch.device
    read: Callable[[object, Tensor], Tried[T]]
    same: Callable[[T, T], bool] | None = None
    known: dict[tuple[int, int], int | ModelError] = field(default_factory=dict)

    def find(self, size: tuple[int, int], dtype: torch.dtype) -> int:
        """What images of `size` and `dtype` must be padded to be divisible by; ModelError as of `by_trying`."""
        try:
            fitted = by_trying(self.module, size, self.device, self.read, same=self.same, dtype=dtype)
        except ModelError as error:
            self.known[size] = error
            raise
        self.known[size] = fitted.multiple
        return fitted.multiple


def by_trying(
    module: nn.Module,
    size: tuple[int, int],
    device: torch.device,
    read: Callable[[object, Tensor], Tried[T]],
    *,
    same: Callable[[T, T], bool] | None = None,
    dtype: torch.dtype = torch.float32,
) -> Fitted[T]:
    """What image sizes `module` takes, besides `size`, and what it returns there.

    Args:
        module: takes (B, 3, H, W) float RGB in [0, 1]; frozen, on `device`.
        size: (H, W) of the images it will see.
        device: where the images are.
        read: (what the network returned, the padded image (1, 3, H, W) it was given) -> what that is good for. Raises
            ModelError for what no other size would change.
        same: whether two of what `read` finds are the same. Where it is given, images are padded to whole patches if
            the last rows or columns would reach the output only then.
        dtype: of the images.

    Raises:
        ModelError: no size was accepted, the network writes into its input, or `read` says so.
        DeviceError: memory is short.
    """
    trials = Trials(module, device, dtype, read, same)
    first = trials.padded(size)
    if first.error is not None and wants_gpu(first.error):
        raise gpu_wanted(first.error) from first.error
    if first.output is None:
        _check_type(trials, size, first)
    apart = (uneven(size[0], 11), uneven(size[1], 21))
    odd = trials.at(apart)
    if first.output is not None and odd.output is not None and first.clean and odd.clean:
        return _whole_patches(trials, size, first.output, apart, odd.output)
    larger = None
    for family in _families(size, first, odd):
        if trials.at(beyond(size, family)).clean:
            larger = beyond(size, family)
            fitted = _padded(trials, size, _least(trials, size, family))
            if fitted is not None:
                return fitted
    if first.output is None:
        square = None if larger else _squared(trials, size)
        if square is None:
            raise _refusal(size, first, larger) from first.error
        return square
    twice = (2 * size[0], 2 * size[1])
    if odd.output is None and larger is None and trials.at(twice).output is None:
        _check_whole(trials, size, first.output)
        return Fitted(first.output, only=True)
    return Fitted(first.output)


def _families(size: tuple[int, int], first: Tried[T], odd: Tried[T]) -> Iterator[int]:
    """Multiples of what may be the divisor of the sides that the network wants."""
    if first.output is not None and first.clean:
        common = math.gcd(*size)  # the divisor divides it; multiples of what is likelier are nearer, and quicker to try
        yield from (family for family in dict.fromkeys((math.gcd(common, _USUAL), common)) if family > 1)
    else:
        yield from FAMILIES if first.output is None or odd.output is None else FAMILIES[:_LIKELY]


def _least(trials: Trials[T], size: tuple[int, int], family: int) -> int:
    """The least divisor of `family`, of which multiples are taken, of which all multiples are."""
    least = family
    for prime in primes(family):
        while least % prime == 0 and least > prime and trials.at(beyond(size, least // prime)).clean:
            least //= prime
    return least


def _padded(trials: Trials[T], size: tuple[int, int], multiple: int) -> Fitted[T] | None:
    """What is found at `size` padded to `multiple`, or to a few times that where the network has a least size."""
    for count in (1, 2, 3, 4):
        rows, columns = (side + -side % (count * multiple) for side in size)
        if rows * columns > _MOST * size[0] * size[1]:
            return None
        tried = trials.padded(size, count * multiple)
        if tried.output is not None and tried.clean:
            return Fitted(tried.output, count * multiple)
    return None


def _squared(trials: Trials[T], size: tuple[int, int]) -> Fitted[T] | None:
    """What is found at `size` padded to a square, for a network that takes nothing else."""
    sides = [max(size) + -max(size) % unit for unit in _UNITS]
    for side in dict.fromkeys(sides):
        tried = trials.padded(size, side)
        if tried.output is not None and tried.clean:
            return Fitted(tried.output, side)
    return None


def _whole_patches(trials: Trials[T], size: tuple[int, int], output: T, apart: tuple[int, int], odd: T) -> Fitted[T]:
    """`output` at `size`, or what is found there padded to patches, if the network leaves out what fills none."""
    lost = trials.lost(apart, odd)
    for patch in patches(apart, lost):
        padded = (apart[0] + -apart[0] % patch, apart[1] + -apart[1] % patch)
        whole = trials.at(padded)
        if whole.output is None or not whole.clean or any(trials.lost(padded, whole.output)):
            continue
        last = trials.padded(size, patch)
        if last.output is not None and last.clean:
            return Fitted(last.output, patch)
    return Fitted(output)


def _check_whole(trials: Trials[T], size: tuple[int, int], output: T) -> None:
    """Raise `ModelError` if a network of one size has another one, of which it fills the last patches."""
    lost = trials.lost(size, output)
    right = (size[0] - lost[0], size[1] - lost[1])
    if max(lost) < _LOST:
        return
    other = trials.at(right)
    if other.output is not None and other.clean and not any(trials.lost(right, other.output)):
        raise ModelError(
            f"expected a network that looks at the whole of an image of {size_text(size)} (height x width), got one "
            f"that leaves out its last {lost[0]} rows and {lost[1]} columns and takes no padded one; give --size "
            f"{right[0]}x{right[1]}"
        )


def _check_type(trials: Trials[T], size: tuple[int, int], first: Tried[T]) -> None:
    """Raise `ModelError` if the network takes images of the type of its weights alone, which is no matter of size."""
    if first.error is None or isinstance(first.error, ModelError):
        return
    weights = [p for p in trials.module.parameters() if not is_lazy(p)]
    for dtype in sorted({p.dtype for p in weights if p.is_floating_point()} - {trials.dtype}, key=str):
        if trials.on(probe_images(size, trials.device).to(dtype)).error is None:
            name = str(dtype).removeprefix("torch.")
            raise ModelError(
                f"expected a network that takes images of float32, got one whose weights are {name} and that takes "
                f"{name} alone ({in_words(first.error)}); call .float() on it where it is made, or cast in its forward"
            ) from first.error


def _refusal(size: tuple[int, int], first: Tried[T], larger: tuple[int, int] | None) -> ModelError:
    """The error for a network that takes no image of `size`, as it is or padded; `larger` is one that it takes."""
    assert first.error is not None
    got, place = in_words(first.error), where(first.error)
    if larger is not None:
        return ModelError(
            f"expected a network that takes images of {size_text(size)} (height x width), got {got}. It takes "
            f"{size_text(larger)}: give that, or another size that it takes, with --size{place}"
        )
    if isinstance(first.error, ModelError):
        return ModelError(got)
    return ModelError(
        f"expected a network that takes images of {size_text(size)} (height x width), or padded to multiples of "
        f"{', '.join(map(str, FAMILIES))} or their divisors; got {got}. If it takes one size alone, give that with "
        f"--size, else repair it: {DOCS}{place}"
    )
