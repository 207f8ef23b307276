"""How arrays stand in JSON: as plain numbers, of which the same array comes back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Annotated, Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

_KINDS: Final = {"f": "number", "i": "integer", "b": "boolean"}


def _read(kind: str, dtype: type, shape: tuple[int, ...]) -> Callable[[Any], NDArray[Any]]:
    """What makes the array of a JSON list, or `ValueError` of anything else; of one in memory nothing is asked."""
    accepted = {"f": "fiu", "i": "iu", "b": "b"}[kind]

    def read(value: Any) -> NDArray[Any]:
        if not isinstance(value, list | np.ndarray):
            raise ValueError(f"expected a list of {_KINDS[kind]}s, got {type(value).__name__}")
        array = np.array(_flat(value, shape[-1])) if len(value) else np.zeros(0, dtype)
        if array.dtype.kind not in accepted:
            raise ValueError(f"expected {_KINDS[kind]}s alone, got {str(value)[:40]}")
        return array.reshape(shape).astype(dtype).astype(np.float64 if kind == "f" else dtype)

    return read


def _flat(value: Any, columns: int) -> Any:
    """Lists of so many numbers as one list, of which numpy makes an array in less time; anything else as it is."""
    if columns < 0 or not isinstance(value, list):
        return value
    try:
        return [*chain.from_iterable(value)] if set(map(len, value)) == {columns} else value
    except TypeError:  # of something that has no length
        return value


def _short(array: NDArray[np.float64]) -> list[Any]:
    """As float32 in the fewest digits that give the same float32 again."""
    flat = [float(str(value)) for value in array.astype(np.float32).ravel()]
    return flat if array.ndim == 1 else [flat[i : i + array.shape[1]] for i in range(0, len(flat), array.shape[1])]


def _schema(kind: str, columns: int | None) -> WithJsonSchema:
    inner: dict[str, Any] = {"type": _KINDS[kind]}
    if columns is not None:
        inner = {"type": "array", "items": inner, "minItems": columns, "maxItems": columns}
    return WithJsonSchema({"type": "array", "items": inner})


def _list(array: NDArray[Any]) -> list[Any]:
    found: list[Any] = array.tolist()
    return found


FloatArray = Annotated[
    NDArray[np.float64], PlainValidator(_read("f", np.float64, (-1,))), PlainSerializer(_list), _schema("f", None)
]
"""(K,) float64, exact."""
BoxArray = Annotated[
    NDArray[np.float64], PlainValidator(_read("f", np.float64, (-1, 4))), PlainSerializer(_list), _schema("f", 4)
]
"""(K, 4) float64, exact."""
Float32Array = Annotated[
    NDArray[np.float64], PlainValidator(_read("f", np.float32, (-1,))), PlainSerializer(_short), _schema("f", None)
]
"""(K,) float64 in memory, of float32 precision."""
Box32Array = Annotated[
    NDArray[np.float64], PlainValidator(_read("f", np.float32, (-1, 4))), PlainSerializer(_short), _schema("f", 4)
]
"""(K, 4) float64 in memory, of float32 precision."""
IntArray = Annotated[
    NDArray[np.int64], PlainValidator(_read("i", np.int64, (-1,))), PlainSerializer(_list), _schema("i", None)
]
"""(K,) int64."""
BoolArray = Annotated[
    NDArray[np.bool_], PlainValidator(_read("b", np.bool_, (-1,))), PlainSerializer(_list), _schema("b", None)
]
"""(K,) bool."""
