"""Weights of Caffe, `.caffemodel` files: protobuf's wire format read without protobuf, and without running anything.

A file is a NetParameter; of its layers (field 100, or 2 in files from before 2015) the names and blobs are read. The
numbers of fields are those of caffe.proto (Jia et al. 2014), the wire format is protobuf's documented encoding.
Messages are at most four deep, and nothing is taken at its word: a length is held against what is left, a shape
against the values.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError
from foolscape.regular import open_regular

_VARINT, _EIGHT_BYTES, _COUNTED, _FOUR_BYTES = 0, 1, 2, 5
"""The wire types in use; the two others, of groups, Caffe never had."""

_LAYER, _FORMER_LAYER = 100, 2
_NAME_AND_BLOBS: Final = {_LAYER: (1, 7), _FORMER_LAYER: (4, 6)}
"""Where a layer of each kind has its name and its blobs."""

_SIDES, _FLOATS, _SHAPE, _DOUBLES = (1, 2, 3, 4), 5, 7, 8
"""Fields of a blob: num, channels, height and width of files from before 2015, values, and its shape."""

_MOST_AXES: Final = 32
"""As Caffe's own kMaxBlobAxes."""

_PARTS: Final = ("weight", "bias")
"""What the first two blobs of a convolution, deconvolution or inner product are."""


class _BrokenError(ValueError):
    """What is wrong with a file, as the end of a sentence."""


def read_caffemodel(path: Path) -> dict[str, Tensor]:
    """The tensors in a `.caffemodel` file: LAYER.weight, LAYER.bias, and LAYER.blob2, .. where a layer has more.

    Shapes are the file's own. Files from before 2015 give every blob four axes; `as_shaped` drops what is too many.

    Returns:
        float32 tensors, float64 where the file holds doubles.

    Raises:
        CheckpointError: it is no such file, damaged, or holds no weights.
    """
    try:
        with open_regular(path) as file:
            content = np.memmap(file, dtype=np.uint8, mode="r").data
        tensors = _tensors(content)
    except (_BrokenError, OSError, ValueError) as error:
        raise CheckpointError(
            f"expected weights of Caffe at {path}, got a file that cannot be read as such: {error}; it may be damaged "
            "or cut off: copy or download it again"
        ) from error
    if not tensors:
        raise CheckpointError(
            f"expected weights of Caffe at {path}, got a network without any; name the .caffemodel, not the state of "
            "its solver, and bring one from before 2014 up to date with Caffe's upgrade_net_proto_binary"
        )
    return tensors


def as_shaped(tensors: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """`tensors` with the shapes of the parameters of `module` where they differ in leading axes of one alone."""
    own = {name: value.shape for name, value in module.state_dict().items()}
    return {
        name: value.reshape(own[name]) if name in own and _trimmed(value.shape) == _trimmed(own[name]) else value
        for name, value in tensors.items()
    }


def _trimmed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """`shape` from its first axis on that is not one."""
    first = next((i for i, side in enumerate(shape) if side != 1), len(shape))
    return tuple(shape[first:])


def _tensors(content: memoryview) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for number, value in _fields(content):
        if number not in _NAME_AND_BLOBS or not isinstance(value, memoryview):
            continue
        name, blobs = _layer(value, *_NAME_AND_BLOBS[number])
        for i, blob in enumerate(blobs):
            key = f"{name}.{_PARTS[i] if i < len(_PARTS) else f'blob{i}'}"
            if not name or key in tensors:
                raise _BrokenError(f"a layer with weights {'without a name' if not name else f'twice, {name}'}")
            tensors[key] = _tensor(blob, key)
    return tensors


def _layer(content: memoryview, name_field: int, blobs_field: int) -> tuple[str, list[memoryview]]:
    """The name of a layer, and its blobs unread."""
    name, blobs = "", []
    for number, value in _fields(content):
        if isinstance(value, memoryview) and number == name_field:
            name = bytes(value[:1000]).decode(errors="replace")
        elif isinstance(value, memoryview) and number == blobs_field:
            blobs.append(value)
    return name, blobs


@dataclass
class _Blob:
    """A blob while it is read. Values are gathered in a buffer, as they may come one by one."""

    sides: dict[int, int] = field(default_factory=dict)
    shape: list[int] | None = None
    values: dict[int, bytearray] = field(default_factory=lambda: {_FLOATS: bytearray(), _DOUBLES: bytearray()})

    def take(self, number: int, value: int | memoryview) -> None:
        """Take up a field."""
        if isinstance(value, int):
            if number in _SIDES:
                self.sides[number] = value
        elif number in self.values:
            self.values[number] += value
        elif number == _SHAPE:
            self.shape = _dimensions(value)


def _tensor(content: memoryview, name: str) -> Tensor:
    blob = _Blob()
    for number, value in _fields(content):
        blob.take(number, value)
    shape = [blob.sides.get(side, 1) for side in _SIDES] if blob.shape is None else blob.shape
    number, kind = (_DOUBLES, "<f8") if blob.values[_DOUBLES] else (_FLOATS, "<f4")
    held, rest = divmod(len(blob.values[number]), int(kind[-1]))
    wanted = math.prod(shape)
    if rest or held != wanted or not held:
        asked = f"{wanted:,}" if wanted < 1 << 60 else "more values than any machine holds"
        raise _BrokenError(f"{held:,} values in {name} where its shape asks for {asked}")
    return torch.from_numpy(np.frombuffer(blob.values[number], kind)).view(shape)


def _dimensions(content: memoryview) -> list[int]:
    """The sides in a BlobShape, packed or one by one."""
    sides: list[int] = []
    for number, value in _fields(content):
        if number != 1:
            continue
        if isinstance(value, int):
            sides.append(value)
        else:
            at = 0
            while at < len(value) and len(sides) <= _MOST_AXES:
                side, at = _varint(value, at)
                sides.append(side)
        if len(sides) > _MOST_AXES:
            raise _BrokenError(f"a shape of more than {_MOST_AXES} axes")
    return sides


def _fields(content: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a message: number, and a whole number or the bytes of anything else."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(content, at)
            yield number, value
            continue
        if kind == _COUNTED:
            size, at = _varint(content, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise _BrokenError(f"wire type {kind}, which Caffe does not write")
        if number == 0 or size > len(content) - at:
            raise _BrokenError(f"field {number} of {size:,} bytes where {len(content) - at:,} are left")
        yield number, content[at : at + size]
        at += size


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """The whole number at `at`, and the place behind it."""
    value = 0
    for i, byte in enumerate(content[at : at + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    raise _BrokenError("a number that does not end")
