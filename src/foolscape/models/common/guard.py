"""Any exception of a user's model as a `ModelError` that names the place in the user's file."""

from __future__ import annotations

import re
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

import torch

from foolscape.errors import FoolscapeError, ModelError
from foolscape.memory import is_short

_OURS: Final = Path(__file__).parents[2]
_TORCH: Final = Path(torch.__file__).parent
_STANDARD: Final = Path(sysconfig.get_paths()["stdlib"])
_INSTALLED: Final = ("site-packages", "dist-packages")

_SCRIPTED: Final = "TorchScript interpreter"
"""What the first line of an error of a scripted network says; the reason is in the last one."""

_GPU_ALONE: Final = (
    "Found no NVIDIA driver",
    "not compiled with CUDA enabled",
    "No CUDA GPUs are available",
    "from the 'CPU' backend",
    "not implemented for 'CPU'",
    "(?i)(only supported|only available|only works|only runs|requires?|needs?|must be) (on|in|to be on|a|an)? ?"
    "(cuda|gpu|nvidia)",
    r"(?i)expected (a |all )?(cuda|gpu) tensor|must be (a )?cuda tensor|should be on (cuda|gpu)|should be (a )?cuda",
    r"Pointer argument \(at \d+\) cannot be accessed from Triton \(cpu tensor",
)
"""What PyTorch, kernels of attention and Triton say of an operator that runs on a GPU alone, and gets what is not."""


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Turns any exception of a user's model into a `ModelError` that says that `what` did not succeed.

    foolscape's own errors and out-of-memory errors pass unchanged; the latter halve the batch.
    """
    try:
        yield
    except FoolscapeError:
        raise
    except (Exception, SystemExit) as error:  # SystemExit: code that was not meant to be imported
        if is_short(error):
            raise
        if wants_gpu(error):
            raise gpu_wanted(error) from error
        raise ModelError(f"expected {what} to succeed, got {in_words(error)}{where(error)}") from error


def wants_gpu(error: BaseException) -> bool:
    """Whether a part of a network failed because it runs on a GPU alone."""
    return isinstance(error, RuntimeError | AssertionError | ValueError | ImportError) and any(
        re.search(said, str(error)) for said in _GPU_ALONE
    )


def gpu_wanted(error: BaseException) -> ModelError:
    """The error for a network of which a part runs on a GPU alone."""
    return ModelError(
        f"expected a network that runs on the device of its images, got one of which a part wants a GPU "
        f"({in_words(error)}); run it where there is one, with --device cuda, or make that part follow its input, as "
        f".to(images.device) does{where(error)}"
    )


def raised(error: BaseException) -> BaseException:
    """What a user's code raised: what stands behind `error`, if foolscape made that of it."""
    while isinstance(error, FoolscapeError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def in_words(error: BaseException) -> str:
    """Type and reason of what a user's code raised."""
    lines = _lines(error)
    if isinstance(error, FoolscapeError) or not lines:
        return "\n".join(lines) or type(error).__name__
    return f"{type(error).__name__}: {lines[-1] if _SCRIPTED in lines[0] else lines[0]}"


def where(error: BaseException) -> str:
    """The place in the user's code where it was raised, in brackets; empty where that is not known."""
    lines = _lines(error)
    scripted = re.findall(r'File "([^"]+)", line (\d+)', str(error)) if lines and _SCRIPTED in lines[0] else []
    place = ":".join(scripted[-1]) if scripted else _place(error)
    return f" ({place})" if place else ""


def _lines(error: BaseException) -> list[str]:
    return [line.strip() for line in str(error).splitlines() if line.strip()]


def _place(error: BaseException) -> str:
    """`file:line` of the deepest frame in the user's code; of one in a library, if the user's has no part in it."""
    frames = list(_frames(error.__traceback__))
    own = [frame for frame in frames if not _is_library(Path(frame[0]))]
    file, line = (own or frames or [("", 0)])[-1]
    return f"{file}:{line}" if file else ""


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int]]:
    """File and line of every frame that is neither foolscape's nor PyTorch's nor made up, the deepest last."""
    for frame, line in traceback.walk_tb(trace):
        file = frame.f_code.co_filename
        path = Path(file)
        if not file.startswith("<") and not any(path.is_relative_to(place) for place in (_OURS, _TORCH)):
            yield file, line


def _is_library(path: Path) -> bool:
    return any(part in _INSTALLED for part in path.parts) or path.is_relative_to(_STANDARD)
