"""Clean predictions of a model on its data, which many runs of both need: made once, as far as there is room."""

from __future__ import annotations

import pickle
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from foolscape.run.directory.threads import own_threads

P = TypeVar("P")

_ROOM: Final = 2**29
"""Bytes that are kept, packed, of one model on one data set."""


@dataclass(eq=False)
class CleanPredictions:
    """What a model says of the images of a data set, packed; those that were asked for last, as many as fit.

    They are told apart by the number of threads that computed them, on which last bits depend.

    Attributes:
        model, data: whose they are; of any other nothing is kept.
        room: bytes.
    """

    model: object
    data: object
    room: int = _ROOM
    _packed: OrderedDict[tuple[str, int], bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Any = field(default_factory=threading.Lock)

    @property
    def are_kept(self) -> bool:
        """Whether any are."""
        return self.model is not None

    def of(self, model: object, data: object, name: str, predict: Callable[[], P]) -> P:
        """The prediction of the sample `name`, a copy; `predict` makes it where it is not known."""
        if model is not self.model or data is not self.data:
            return predict()
        packed = self.packed(name)
        if packed is None:
            prediction = predict()
            self.put(name, zlib.compress(pickle.dumps(prediction), 1))
            return prediction
        known: Any = pickle.loads(zlib.decompress(packed))
        return known  # type: ignore[no-any-return]

    def packed(self, name: str) -> bytes | None:
        """The prediction of a sample as `put` takes it elsewhere; None where it is not known."""
        with self._lock:
            packed = self._packed.get((name, own_threads()))
            if packed is not None:
                self._packed.move_to_end((name, own_threads()))
            return packed

    def put(self, name: str, packed: bytes) -> None:
        """Keep what is `packed`, made with as many threads as this process has, in place of what there was."""
        with self._lock:
            self._let_go((name, own_threads()))
            self._packed[name, own_threads()] = packed
            self._bytes += len(packed)
            while self._bytes > self.room:
                self._let_go(next(iter(self._packed)))

    def take(self, name: str) -> bytes | None:
        """`packed`, which is not kept any longer."""
        with self._lock:
            return self._let_go((name, own_threads()))

    def _let_go(self, key: tuple[str, int]) -> bytes | None:
        packed = self._packed.pop(key, None)
        self._bytes -= len(packed or b"")
        return packed


NOTHING_KEPT: Final = CleanPredictions(None, None)
"""Of a run alone, which predicts each image once."""
