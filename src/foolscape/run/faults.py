"""What goes wrong on one image and is the failure of that image alone, with its reason; the others go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from foolscape.errors import ModelError, SampleError
from foolscape.memory import first_line, is_short

FAULTS: Final = (ModelError, SampleError, RuntimeError)
"""What a model or a data set may raise on an image; PyTorch raises `RuntimeError` for a size that does not fit."""

_OF_THE_DEVICE: Final = ("CUDA error", "HIP error", "CUDNN_STATUS", "CUBLAS_STATUS", "device-side assert")
"""Errors after which no image can be measured any more."""


def reason_of(error: Exception) -> str:
    """Why an image could not be measured, from one of `FAULTS`.

    Raises:
        Exception: `error` itself, where memory is short or the device has failed: another image would fare no better.
    """
    if is_short(error) or any(sign in str(error) for sign in _OF_THE_DEVICE):
        raise error
    if isinstance(error, ModelError | SampleError):
        return str(error)
    return f"expected the model to take the image, got {type(error).__name__}: {first_line(error)}"


def attack_all(
    remaining: Callable[[], Sequence[str]],
    attack: Callable[[Sequence[str], dict[str, Any]], None],
    fail: Callable[[str, str], None],
) -> None:
    """Attack all images, also where a network raises in the middle of it: that is the failure of one of them.

    What was on its way then is attacked one by one, so that it shows whose failure it is, and the others go on.
    Neighbours in a batch do not change what becomes of an image.

    Args:
        remaining: the images that are still to be done.
        attack: attacks images and settles them; keeps those that are on their way in the dict, with whatever it likes.
        fail: takes an image that cannot be attacked, and why.

    Raises:
        Exception: none of the images is at fault.
    """
    while todo := remaining():
        in_progress: dict[str, Any] = {}
        try:
            attack(todo, in_progress)
        except FAULTS as error:
            reason_of(error)
            if not in_progress:
                raise
        else:
            return
        for name in list(in_progress):
            try:
                attack([name], {})
            except FAULTS as error:
                fail(name, reason_of(error))
