"""Memory that runs short: telling it from other errors, and how much would have been needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.errors import DeviceError

T = TypeVar("T")

_SIGNS: Final = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
"""How the allocators of a CPU, of MPS, cuBLAS and cuDNN put it, in a plain `RuntimeError`."""

_SMALLEST: Final = 64  # pixels along a side; below it the borders of feature maps weigh too much


def is_short(error: BaseException) -> bool:
    """Whether `error` is an out-of-memory error, of any device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)


def halving(work: Callable[[int], T], batch: int, report: Callable[[int, str], None]) -> T:
    """`work(batch)`; for as long as memory is short, the same with half the batch.

    Args:
        work: takes the batch; what it did before memory ran short must do no harm when it is called again.
        batch: the first one.
        report: called with the next batch and the allocator's words before each further try.

    Raises:
        Exception: whatever `work` raises, an out-of-memory error at a batch of one included.
    """
    while True:
        try:
            return work(batch)
        except Exception as error:
            if batch == 1 or not is_short(error):
                raise
            words = first_line(error)
        # Only here the traceback is gone, and with it the tensors that its frames held.
        give_back()
        batch //= 2
        report(batch, words)


def give_back() -> None:
    """Hand what PyTorch's CUDA allocator keeps in reserve back to the device: pieces too small for the next try."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def no_room(scores: Callable[[Tensor], object], image: Tensor, words: str) -> DeviceError:
    """The error for an image that does not fit, with what it would need.

    Args:
        scores: see `needed`.
        image: (1, 3, H, W) in [0, 1], on the device.
        words: of the allocator.
    """
    need = needed(scores, image)
    about = "" if need is None else f" An attack on it keeps about {_in_words(need)} at once."
    return DeviceError(
        f"expected one image of {image.shape[2]} x {image.shape[3]} to fit into the memory of {image.device}, got: "
        f"{words}.{about} Give a smaller --size, or free memory"
    )


def needed(scores: Callable[[Tensor], object], image: Tensor) -> int | None:
    """Roughly the bytes that a forward and a backward pass of `image` keep at once; None if no smaller image tells.

    What autograd saves of a smaller copy is counted, and taken to grow with the pixels; the weights are part of it.

    Args:
        scores: from images (1, 3, h, w) to anything differentiable.
        image: (1, 3, H, W) in [0, 1].
    """
    give_back()
    height, width = image.shape[2:]
    for parts in (2, 4, 8):
        size = tuple(max(side // parts // 32 * 32, min(side, _SMALLEST)) for side in (height, width))
        try:
            saved = _saved(scores, functional.interpolate(image, size=size))
        except Exception:  # no memory for this one either, or a network that takes images of one size alone
            give_back()
            continue
        return round(saved * height * width / (size[0] * size[1]))
    return None


def _saved(scores: Callable[[Tensor], object], image: Tensor) -> int:
    """Bytes of all different tensors that autograd keeps for the backward pass of `scores(image)`, and of its value."""
    kept: dict[int, int] = {}

    def packed(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(packed, lambda tensor: tensor):
        output = scores(image.detach().requires_grad_(True))
    return sum(kept.values()) + (output.numel() * output.element_size() if isinstance(output, Tensor) else 0)


def first_line(error: BaseException) -> str:
    """The first line of what an error says, or else its name."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _in_words(count: int) -> str:
    """A number of bytes as a person says it."""
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{max(count, 2**20) / 2**20:.0f} MiB"
