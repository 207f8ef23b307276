"""The pictures of one sample in a run's directory: written, read back, and remembered for the row that names them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.disk import digest, in_words, read_file, write_file
from foolscape.records.places import ONE_FOLDER, Kind, Layout
from foolscape.records.row import Line
from foolscape.records.rows import truth_bytes
from foolscape.records.types import Files

_LEVEL: Final = 4
"""Of zlib for PNGs: photographs in half the time of its default, 6, in files that are 0.1 to 2.5 % larger."""


@dataclass(frozen=True)
class Album:
    """The files of a sample.

    Attributes:
        directory: of the run.
        truths: the folder of the truth; see `ModelRecord.truth`.
        files: size and sha256 of what was written, by place below the directory.
        layout: where the files of a sample lie.
    """

    directory: Path
    truths: str = ""
    files: Files = field(default_factory=dict)
    layout: Layout = ONE_FOLDER

    def save_image(self, place: str, image: NDArray[np.uint8], palette: Sequence[Sequence[int]] | None = None) -> None:
        """Write an image, see `png_of`, to `place` below the directory."""
        self._save(place, png_of(image, palette))

    def kept_image(self, place: str, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Write an image as `save_image`, and return it as read back from the disk."""
        path = self._save(place, png_of(image))
        with in_words(self.directory):
            return read_image(path)

    def save_photograph(self, place: str, image: NDArray[np.uint8]) -> None:
        """Write (H, W, 3) RGB to `place` as a JPEG: for a page to show, never to be measured."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        self._save(place, buffer.getvalue())

    def save_truth(self, name: str, task: str, truth: object) -> None:
        """Write what predictions for the image `name` are measured against, in the data set's classes."""
        self._save(self.layout.place(Kind.LABELS, name, self.truths), truth_bytes(task, truth))

    def named_in(self, rows: Sequence[Line]) -> list[Line]:
        """The rows of the sample, of which the first names its files."""
        first, *others = rows
        return [replace(first, files=dict(sorted(self.files.items()))), *others]

    def _save(self, place: str, content: bytes) -> Path:
        self.files[place] = digest(content)
        return write_file(self.directory, place, content)


def png_of(image: NDArray[np.uint8], palette: Sequence[Sequence[int]] | None = None) -> bytes:
    """The PNG of (H, W, 3) RGB, or of (H, W) class indices with a palette."""
    picture = Image.fromarray(image)
    if palette is not None:
        # 255 is void: dark grey, apart from every class.
        colours = [*palette, *[(0, 0, 0)] * (255 - len(palette)), (60, 60, 60)]
        picture.putpalette([channel for colour in colours[:256] for channel in colour])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_LEVEL)
    return buffer.getvalue()


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read back a picture that `png_of` made: (H, W, 3) RGB or (H, W) indices; raises `OSError`."""
    with Image.open(io.BytesIO(read_file(path))) as picture:
        return np.array(picture, dtype=np.uint8)
