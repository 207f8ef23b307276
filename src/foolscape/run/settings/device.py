"""The device that a run computes on, and this process made ready for it."""

from __future__ import annotations

import ctypes

import torch

from foolscape.errors import SettingError

_MEBI = 2**20
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""


def ready_device(name: str) -> torch.device:
    """The device called `name`, and PyTorch made ready for it; `auto` is an accelerator where there is one.

    Numbers too small for full precision become 0 from here on. On a CPU they cost a hundred times as much as others,
    and trained networks are full of them: ESPNet's forward and backward pass take 0.33 s instead of 0.95 s, and give
    the same to the last bit.

    Raises:
        SettingError: PyTorch cannot use such a device here.
    """
    torch.set_flush_denormal(True)
    _keep_freed_memory()
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        answer = float(torch.ones(1, device=device) + 1)  # a device such as meta holds no numbers
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SettingError(f"device: expected one that PyTorch can use here, got {name!r}: {reason}") from error
    if answer != 2:
        raise SettingError(f"device: expected one that can add, got {name!r}, where 1 + 1 is {answer}")
    return device


def _keep_freed_memory() -> None:
    """Let the C library keep what an iteration frees for the next one, which wants the very same sizes.

    By its defaults glibc hands blocks of megabytes back to the system at once, and the next iteration pays for every
    page again: 1,400 page faults, a fifth of the time, in each gradient of a small network. Blocks above 32 MiB, the
    most that glibc allows here, still go back. Other C libraries have no such function, and are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    mallopt(_MMAP_THRESHOLD, 32 * _MEBI)
    mallopt(_TRIM_THRESHOLD, 256 * _MEBI)
