"""Putting images to a black box: at its pace, again where it fails, and not twice."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from foolscape.errors import FoolscapeError, ModelError, SettingError
from foolscape.models.common.black_boxes import is_asked_anew
from foolscape.models.common.guard import in_words, where
from foolscape.spec import Spec

A = TypeVar("A")

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""

OPTIONS: Final = ("per-second", "retries", "timeout")
"""Options of a spec that are about asking."""

_MEMORY: Final = 256 << 20
"""Bytes of answers that are kept."""

_PAUSE: Final = 0.2
"""Seconds before the first repetition of a question that failed; twice as long before each further one."""


class UnansweredError(Exception):
    """A question without an answer: why, and `file:line` of the place in the user's code, if that is known."""

    def __init__(self, words: str, place: str = "") -> None:
        super().__init__(words)
        self.place = place


@dataclass(frozen=True)
class Pace:
    """How a black box is asked.

    Attributes:
        per_second: questions; None: as fast as it answers.
        retries: how often one that fails, or is answered in another form, is repeated.
        timeout: seconds that an answer is waited for.
    """

    per_second: float | None = None
    retries: int = 2
    timeout: float = 60.0

    @property
    def note(self) -> str:
        """What the reader of a table is to know."""
        return f"an answer is waited for {self.timeout:g} s, a question without one repeated {self.retries} times"


@dataclass
class Tally:
    """What was asked so far: `calls` in all, of which `repeated` after a failure, and answers from memory.

    `held` is how many bytes of answers are kept.
    """

    calls: int = 0
    repeated: int = 0
    remembered: int = 0
    held: int = 0

    def __str__(self) -> str:
        return f"{self.calls:,} calls, {self.repeated:,} of them repetitions; {self.remembered:,} answers from memory"


@dataclass(frozen=True)
class Asker(Generic[A]):
    """A black box as it is asked.

    Attributes:
        function: of an image.
        name: of it, for errors.
        read: what an answer to an image holds; raises `ModelError` for another form.
        pace: see `Pace`.
        tally: what was asked.
        kept: answers by the hash of their image, the latest last.
    """

    function: Callable[[Image], object]
    name: str
    read: Callable[[object, Image], A]
    pace: Pace
    tally: Tally = field(default_factory=Tally)
    kept: OrderedDict[bytes, A] = field(default_factory=OrderedDict)
    clock: list[float] = field(default_factory=list)

    def ask(self, image: Image) -> A:
        """What the black box says of `image`.

        Raises:
            ModelError: it failed, more often than it is asked again, or gave an answer of another form.
        """
        key = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest()
        if key in self.kept and not is_asked_anew():
            self.tally.remembered += 1
            self.kept.move_to_end(key)
            return self.kept[key]
        answer = self._answer(image)
        if (before := self.kept.pop(key, None)) is not None:  # asked anew
            self.tally.held -= _size(before)
        self.kept[key] = answer
        self.tally.held += _size(answer)
        while len(self.kept) > 1 and self.tally.held > _MEMORY:
            _, oldest = self.kept.popitem(last=False)
            self.tally.held -= _size(oldest)
        return answer

    def _answer(self, image: Image) -> A:
        last: BaseException | None = None
        for attempt in range(self.pace.retries + 1):
            if attempt:
                time.sleep(_PAUSE * 2 ** (attempt - 1))
                self.tally.repeated += 1
            self._wait()
            self.tally.calls += 1
            try:
                answer = self.function(image.copy())
            except FoolscapeError:
                raise
            except (Exception, SystemExit) as error:
                last = error
                continue
            try:
                return self.read(answer, image)
            except ModelError as error:  # of another form: a service may answer so when it is busy
                last = error
        assert last is not None
        raise last if isinstance(last, ModelError) else self._silent(last)

    def _silent(self, last: BaseException) -> ModelError:
        """The error for no answer, of which `last` is the last reason."""
        known = isinstance(last, UnansweredError)
        got = str(last) if known else in_words(last)
        place = f" ({last.place})" if isinstance(last, UnansweredError) and last.place else ""
        return ModelError(
            f"expected {self.name} to answer, got {got} in {self.pace.retries + 1} calls"
            f"{place if known else where(last)}; wait longer with ?timeout=, or ask more often with ?retries="
        )

    def _wait(self) -> None:
        """Until it may be asked again."""
        if self.pace.per_second is None:
            return
        now = time.monotonic()
        free = self.clock[-1] + 1 / self.pace.per_second if self.clock else now
        if free > now:
            time.sleep(free - now)
        self.clock[:] = [max(free, now)]


def pace_of(spec: Spec) -> Pace:
    """What ?per-second=, ?retries= and ?timeout= say.

    Raises:
        SettingError: a value is none.
    """
    return Pace(
        _number(spec, "per-second", float, "a number above 0", lambda value: 0 < value < float("inf")),
        _number(spec, "retries", int, "a whole number from 0 to 20", lambda value: 0 <= value <= 20) or 0
        if "retries" in spec.options
        else Pace().retries,
        _number(spec, "timeout", float, "seconds above 0", lambda value: 0 < value < float("inf")) or Pace().timeout,
    )


def _number(spec: Spec, name: str, kind: Callable[[str], Any], what: str, fits: Callable[[Any], bool]) -> Any:
    if name not in spec.options:
        return None
    try:
        value = kind(spec.options[name])
    except ValueError:
        value = None
    if value is None or not fits(value):
        raise SettingError(f"{name}: expected {what}, got {spec.options[name]!r}")
    return value


def levels_of(image: Tensor) -> Image:
    """(H, W, 3) 8-bit levels of an image (3, H, W) in [0, 1]."""
    levels: Image = (255 * image.detach().clamp(0, 1)).round().byte().permute(1, 2, 0).cpu().numpy()
    return np.ascontiguousarray(levels)


def _size(answer: object) -> int:
    parts = answer if isinstance(answer, tuple) else (answer,)
    return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))
