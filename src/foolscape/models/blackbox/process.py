"""A black box's function in a process of its own, which is ended where it gives no answer in time.

A thread could be left alone, but neither stopped nor kept from the function's state, and one that holds Python's lock
stops everything. What the function keeps between questions it keeps until its process is ended.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any, Final

from foolscape.errors import ModelError, SettingError, unknown
from foolscape.models.blackbox import worker
from foolscape.models.blackbox.asking import Image, UnansweredError
from foolscape.paths import path_of, real

_TO_START: Final = 600.0
"""Seconds that a file may take to be imported, in which it may load a network."""

_LOOK: Final = 0.5
"""Seconds after which it is looked for Ctrl-C, at the latest."""


@dataclass(eq=False)
class FunctionProcess:
    """The function `name` of a Python file or a module, called in a process that is started when it is needed.

    Attributes:
        place: the path of the file, or the module.
        name: of the function.
        timeout: seconds that an answer is waited for.
        batched: whether it takes (B, H, W, 3).
        classes: what its attribute of this name holds, once it was started.
    """

    place: str
    name: str
    timeout: float
    batched: bool = False
    classes: object = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    inbox: queue.SimpleQueue[Any] = field(default_factory=queue.SimpleQueue, repr=False)

    def __call__(self, image: Image) -> object:
        """What the function answers to `image`, in arrays; see `worker.plain`.

        Raises:
            UnansweredError: it raised something, gave no answer in time, or its process ended.
            SettingError, ModelError: its file cannot be imported again.
        """
        if self.process is None:
            self.start()
        said = self._exchange(image[None] if self.batched else image, self.timeout)
        if "words" in said:
            raise UnansweredError(said["words"], said["place"])
        answer = said["answer"]
        if not self.batched:
            return answer
        return {name: part[0] for name, part in answer.items()} if isinstance(answer, dict) else answer[0]

    def start(self) -> None:
        """Import the file in a new process.

        Raises:
            SettingError: there is no such file, module or name, or it cannot be called.
            ModelError: importing it failed.
        """
        place = _checked(self.place)
        self.inbox = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [sys.executable, worker.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        weakref.finalize(self, _end, self.process)
        threading.Thread(target=_read, args=(self.process, self.inbox), daemon=True).start()
        try:
            said = self._exchange((place, self.name, list(sys.path)), _TO_START)
        except UnansweredError as error:
            raise ModelError(f"expected importing {self.place} to succeed, got {error}") from error
        if "known" in said:
            self.end()
            raise unknown(f"name in {self.place}", self.name, said["known"])
        if "words" in said:
            self.end()
            behind = f" ({said['place']})" if said["place"] else ""
            raise ModelError(f"expected importing {self.place} to succeed, got {said['words']}{behind}")
        if not said["callable"]:
            self.end()
            raise SettingError(
                f"expected {self.place}:{self.name} to be a function of an image, got {said['kind']}; name a function"
            )
        self.classes = said["classes"]

    def end(self) -> None:
        """End the process; the next question starts another one."""
        if self.process is not None:
            _end(self.process)
        self.process = None

    def _next(self, seconds: float) -> Any:
        """The next message; `queue.Empty` after `seconds`. In short waits: a signal may reach another thread first."""
        late = time.monotonic() + seconds
        while True:
            left = late - time.monotonic()
            try:
                return self.inbox.get(timeout=max(0.0, min(left, _LOOK)))
            except queue.Empty:
                if left <= _LOOK:
                    raise

    def _exchange(self, message: object, seconds: float) -> dict[str, Any]:
        """What the process says to `message` within `seconds`; whatever else happens, it is ended."""
        process = self.process
        assert process is not None
        assert process.stdin is not None
        try:
            worker.send(process.stdin, message)  # type: ignore[arg-type]
            said: dict[str, Any] | None = self._next(seconds)
        except queue.Empty:
            self.end()
            raise UnansweredError(f"no answer in {seconds:g} s") from None
        except OSError:  # it ended before it was asked
            said = None
        except BaseException:  # Ctrl-C: what it is busy with is of no use any more
            self.end()
            raise
        if said is None:
            self.end()
            raise UnansweredError(f"an end of its process (exit code {process.returncode})")
        return said


def _checked(place: str) -> str:
    """The place as the process is told it.

    Raises:
        SettingError: there is no such file or module.
    """
    if place.endswith(".py"):
        path = real(path_of(place))
        if not path.is_file():
            raise SettingError(f"expected a Python file at {place}, got nothing there")
        return str(path)
    top = place.partition(".")[0]
    if not top.isidentifier() or find_spec(top) is None:
        raise SettingError(
            f"expected an importable module {place}, got no module {top}; install it, or name a file: "
            "blackbox:path/to/file.py:function"
        )
    return place


def _read(process: subprocess.Popen[bytes], inbox: queue.SimpleQueue[Any]) -> None:
    """Put what a process says into `inbox`; None when it has ended."""
    assert process.stdout is not None
    try:
        while True:
            inbox.put(worker.receive(process.stdout))  # type: ignore[arg-type]
    except Exception:  # the end, or what is no message
        inbox.put(None)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        try:
            if stream is not None:
                stream.close()
        except OSError:  # a question that it has not read
            pass
