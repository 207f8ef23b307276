"""A process of its own for a black box's function: it is imported and called here, and killed where it hangs.

Run as a script, by its path, so that nothing of foolscape or PyTorch is imported beside the user's file. What goes in
and out are pickles behind their length, through the standard input and what was the standard output; what the function
prints goes to the standard error.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import pickle
import signal
import struct
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Final

import numpy as np

LENGTH: Final = struct.Struct("<Q")
"""Before each message."""

_STANDARD: Final = Path(sysconfig.get_paths()["stdlib"])
_PARTS: Final = ("boxes", "scores", "labels")
_STRANGE: Final = "?"
_WATCHED: Final = 1.0
"""Seconds between two looks at whether whoever asks is still there."""


def send(stream: BinaryIO, message: object) -> None:
    """Write a message: how many parts, each behind its length; a pickle, and the arrays in it as they are."""
    arrays: list[pickle.PickleBuffer] = []
    content = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    parts: list[bytes | memoryview] = [content, *(array.raw() for array in arrays)]
    stream.write(LENGTH.pack(len(parts)))
    for part in parts:
        stream.write(LENGTH.pack(len(part)))
        stream.write(part)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """The next message.

    Raises:
        EOFError: there is none any more.
    """
    (count,) = LENGTH.unpack(_exactly(stream, LENGTH.size))
    parts = [_exactly(stream, LENGTH.unpack(_exactly(stream, LENGTH.size))[0]) for _ in range(count)]
    return pickle.loads(parts[0], buffers=parts[1:])


def _exactly(stream: BinaryIO, length: int) -> bytearray:
    """The next `length` bytes, without a copy of what may be the scores of a large image."""
    content, got = bytearray(length), 0
    view = memoryview(content)
    while got < length:
        more = stream.readinto(view[got:])  # type: ignore[attr-defined]
        if not more:
            raise EOFError
        got += more
    return content


def plain(value: object, *, deep: int = 3) -> object:
    """An answer in arrays: of tensors, mappings, tuples, and objects with `boxes`; see `is_strange`."""
    if value is None or isinstance(value, str | bool | int | float | np.ndarray | np.generic):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part, deep=deep - 1) for name, part in value.items()} if deep else _strange(value)
    if hasattr(value, "boxes"):
        return {name: plain(getattr(value, name, None), deep=deep - 1) for name in _PARTS} if deep else _strange(value)
    if isinstance(value, tuple):
        return tuple(plain(part, deep=deep - 1) for part in value) if deep else _strange(value)
    if hasattr(value, "detach"):  # a tensor, on whatever device, in whatever type
        tensor: Any = value.detach().cpu()
        value = tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        array = np.asarray(None)
    if array.dtype.kind in "biufc":
        return array
    return tuple(plain(part, deep=deep - 1) for part in value) if deep and isinstance(value, list) else _strange(value)


def _strange(value: object) -> tuple[str, str]:
    return (_STRANGE, type(value).__name__)


def is_strange(answer: object) -> bool:
    """Whether `answer` is what `plain` makes of what it cannot take apart; its second part is the type."""
    return isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], str) and answer[0] == _STRANGE


def failure(error: BaseException) -> dict[str, str]:
    """What was raised, in words, and `file:line` of the deepest place in the user's code."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_code.co_filename.startswith("<") and frame.f_code.co_filename != __file__
    ]
    own = [one for one in frames if "site-packages" not in one[0] and not Path(one[0]).is_relative_to(_STANDARD)]
    file, line = (own or frames or [("", 0)])[-1]
    return {"words": words, "place": f"{file}:{line}" if file else ""}


def imported(place: str) -> ModuleType:
    """The Python file or the module `place`; the file's neighbours can be imported."""
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = Path(place).resolve()
    sys.path.insert(0, str(path.parent))
    known = f"foolscape_user_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(known, path)
    if spec is None:
        raise ImportError(f"no module at {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    # Not by its loader, which may run what Python has kept of an earlier source of the same second and size.
    exec(compile(path.read_bytes(), path, "exec", dont_inherit=True), vars(module))
    return module


def own_names(module: ModuleType) -> list[str]:
    """What may be meant by a name in `module`: functions and classes that were made there."""
    return [
        name
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", module.__name__) == module.__name__
    ]


def serve(questions: BinaryIO, answers: BinaryIO) -> None:
    """Import the function that the first message names, then answer each image with what it says."""
    place, name, path = receive(questions)
    sys.path[:] = path
    try:
        module = imported(place)
        if not hasattr(module, name):
            send(answers, {"known": own_names(module)})
            return
        function = getattr(module, name)
        classes = plain(getattr(function, "classes", None))
        kind = type(function).__name__
    except (Exception, SystemExit) as error:
        send(answers, failure(error))
        return
    send(answers, {"callable": callable(function), "kind": kind, "classes": classes})
    while True:
        image = receive(questions)
        try:
            answer: dict[str, Any] = {"answer": plain(function(image))}
        except (Exception, SystemExit) as error:
            answer = dict(failure(error))
        send(answers, answer)


def _watch(parent: int) -> None:
    """End this process, whatever it is busy with, once the one that asks is gone."""
    while os.getppid() == parent:
        time.sleep(_WATCHED)
    os._exit(1)


def main() -> None:
    """Serve whoever started this script until its questions end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asks is told of Ctrl-C, and ends this
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    with suppress(EOFError, BrokenPipeError):
        serve(sys.stdin.buffer, answers)
    os._exit(0)  # threads that the function started do not hold it


if __name__ == "__main__":
    main()
