"""Files and annotations written by hand, for the tests of the data sets."""

import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from foolscape.data.palette import davis_palette


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: tuple[bytes, bytes]) -> bytes:
    """A PNG file written by hand, for the depths that Pillow does not write; `rows` without filter bytes."""
    stride = len(rows) // height
    filtered = b"".join(b"\0" + rows[i * stride : (i + 1) * stride] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", zlib.compress(filtered)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def box(x: int, y: int, width: int, height: int) -> list[list[int]]:
    return [[x, y, x + width, y, x + width, y + height, x, y + height]]


def note(image: int, category: int, x: int, y: int, width: int, height: int, **other: Any) -> dict[str, Any]:
    """An annotation: a rectangle."""
    return {
        "id": 100 * image + category,
        "image_id": image,
        "category_id": category,
        "bbox": [x, y, width, height],
        "area": width * height,
        "iscrowd": 0,
        "segmentation": box(x, y, width, height),
        **other,
    }


def runs(mask: np.ndarray) -> dict[str, Any]:
    """Uncompressed run lengths, column by column, of an (H, W) bool mask."""
    flat = np.concatenate([[False], mask.T.ravel()])
    edges = np.flatnonzero(np.diff(flat))
    counts = np.diff(np.concatenate([[0], edges, [mask.size]]))
    return {"size": list(mask.shape), "counts": counts.tolist()}


def frame(index: int, height: int = 12, width: int = 16) -> np.ndarray:
    """(H, W, 3) uint8: a smooth picture that no other index has."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows * 5 + 11 * index, columns * 4 + index, np.full_like(rows, 20 * index)], 2).astype(np.uint8)


def mask(*labels: int, height: int = 12, width: int = 16) -> np.ndarray:
    """(H, W) uint8: a 3x3 square for each label, one beside the other, further down for higher labels."""
    out = np.zeros((height, width), np.uint8)
    for place, label in enumerate(labels):
        out[place : place + 3, 3 * place : 3 * place + 3] = label
    return out


def palette(labels: np.ndarray) -> Image.Image:
    """`labels` as a palette image, as DAVIS 2017 and YouTube-VOS store them."""
    image = Image.fromarray(labels).convert("P")
    image.putdata(labels.ravel().tolist())
    image.putpalette([value for colour in davis_palette() for value in colour])
    return image
