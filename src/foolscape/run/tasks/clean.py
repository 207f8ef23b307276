"""Clean predictions of a model on its data, which many runs of both need: made once, as far as there is room."""

from __future__ import annotations

import pickle
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

P = TypeVar("P")

_ROOM: Final = 2**29
"""Bytes that are kept, packed, of one model on one data set."""


@dataclass(eq=False)
class CleanPredictions:
    """What a model says of the images of a data set, packed; those that were asked for last, as many as fit.

    Attributes:
        model, data: whose they are; of any other nothing is kept.
        room: bytes.
    """

    model: object
    data: object
    room: int = _ROOM
    _packed: OrderedDict[str, bytes] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def of(self, model: object, data: object, name: str, predict: Callable[[], P]) -> P:
        """The prediction of the sample `name`, a copy; `predict` makes it where it is not known."""
        if model is not self.model or data is not self.data:
            return predict()
        packed = self._packed.pop(name, None)
        if packed is None:
            prediction = predict()
            self._keep(name, zlib.compress(pickle.dumps(prediction), 1))
            return prediction
        self._packed[name] = packed
        known: Any = pickle.loads(zlib.decompress(packed))
        return known  # type: ignore[no-any-return]

    def _keep(self, name: str, packed: bytes) -> None:
        self._packed[name] = packed
        self._bytes += len(packed)
        while self._bytes > self.room:
            _, gone = self._packed.popitem(last=False)
            self._bytes -= len(gone)


NOTHING_KEPT: Final = CleanPredictions(None, None)
"""Of a run alone, which predicts each image once."""
