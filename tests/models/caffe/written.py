"""`.caffemodel` files as Caffe writes them, by hand: protobuf's wire format, in its present and its former layout."""

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def counted(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def shape(sides: Iterable[int]) -> bytes:
    return counted(7, counted(1, b"".join(map(varint, sides))))


def blob(value: Tensor, *, former: bool = False, double: bool = False) -> bytes:
    """A BlobProto; `former`: with num, channels, height and width, as before 2015."""
    values = value.numpy().astype("<f8" if double else "<f4").tobytes()
    packed = counted(8 if double else 5, values)
    if not former:
        return packed + shape(value.shape)
    sides = [1] * (4 - value.ndim) + list(value.shape)
    return b"".join(whole(i, side) for i, side in enumerate(sides, 1)) + packed


def one_by_one(value: Tensor) -> bytes:
    """A BlobProto whose values are not packed."""
    return shape(value.shape) + b"".join(varint(5 << 3 | 5) + struct.pack("<f", x) for x in value.flatten().tolist())


def layer(name: str, blobs: Iterable[bytes], *, former: bool = False) -> bytes:
    """A LayerParameter, or a V1LayerParameter, with a few of the fields that a reader has to pass over."""
    if former:
        content = counted(2, b"data") + counted(4, name.encode()) + whole(5, 4) + b"".join(counted(6, b) for b in blobs)
        return counted(2, content)
    content = counted(1, name.encode()) + counted(2, b"Convolution") + counted(3, b"data") + whole(10, 1)
    return counted(100, content + varint(200 << 3 | 5) + bytes(4) + b"".join(counted(7, b) for b in blobs))


def by_layers(state: Mapping[str, Tensor]) -> dict[str, list[Tensor]]:
    """A state dict as layers with their blobs, weights first."""
    layers: dict[str, list[Tensor]] = {}
    for name, value in state.items():
        layers.setdefault(name.rpartition(".")[0], []).append(value)
    return layers


def write(path: Path, state: Mapping[str, Tensor], *, former: bool = False, rename: Mapping[str, str] = {}) -> Path:
    """`state` as a .caffemodel at `path`."""
    layers = [layer("data", ()), layer("relu1", ())] if not former else []
    for name, values in by_layers(state).items():
        layers.append(layer(rename.get(name, name), (blob(v, former=former) for v in values), former=former))
    path.write_bytes(counted(1, b"a network") + b"".join(layers))
    return path


def numbers(*sides: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(sides).astype(np.float32))
