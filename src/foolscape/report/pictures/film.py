"""The pictures of a clip of a video run: its frames and the label maps that stand for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from PIL import Image

from foolscape.disk import is_there
from foolscape.records.conditions import ADVERSARIAL, CLEAN, Condition
from foolscape.records.places import Kind
from foolscape.records.row import Frames
from foolscape.report.files import Pixels, read_image, read_labels
from foolscape.report.pictures.figures import palette
from foolscape.report.pictures.masks import laid_over, tint
from foolscape.report.task import ImageView

TRUTH: Final = "truth"
"""A kind of label maps; the others are the conditions that they were predicted under."""
GREY: Final = 127
"""What stands for a frame that was not kept."""


@dataclass(frozen=True)
class Film:
    """The frames of a clip in order, and what a model made of them; a picture is None where the run did not keep it."""

    view: ImageView

    @cached_property
    def colours(self) -> Pixels:
        """(256, 3): the colour of every label."""
        return palette(self.view.model.colours, 256)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all frames."""
        return () if self._frames is None else self._frames.names

    @property
    def judged(self) -> tuple[int, ...] | None:
        """The index in `names` of every frame that scores count; None: they count them all."""
        return None if self._frames is None else self._frames.judged

    @property
    def _frames(self) -> Frames | None:
        return self.view.rows[CLEAN].frames if CLEAN in self.view.rows else None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The label maps that there can be, in the order of the page."""
        truth, attacked = (TRUTH,) if self.view.with_truth else (), (ADVERSARIAL,) if self.view.attacked else ()
        return (*truth, CLEAN, *attacked)

    def photo(self, index: int, kind: str) -> Pixels | None:
        """(H, W, 3) of a frame, as the tracker saw it that made the label maps of `kind`."""
        directory = self.view.directory
        if kind == ADVERSARIAL and index == 0:
            changed = self.view.condition(ADVERSARIAL)
            return read_image(directory, self.view.place(Kind.IMAGE, self.view.model.slug, changed))
        return read_image(directory, self.view.place(Kind.FRAME, frame=self.names[index]))

    def labels(self, index: int, kind: str) -> Pixels | None:
        """(H, W) labels of a frame, 0 for background."""
        frame, model = self.names[index], self.view.model
        if kind == TRUTH:
            return read_labels(self.view.directory, self._truth(index))
        place = self.view.place(Kind.PREDICTION, model.slug, self.view.condition(Condition(kind)), frame)
        return read_labels(self.view.directory, place)

    def has_truth(self, index: int) -> bool:
        """Whether there is a file of the frame's truth."""
        return self.view.with_truth and is_there(self.view.directory / self._truth(index))

    def _truth(self, index: int) -> str:
        return self.view.place(Kind.TRUTH, self.view.model.truth or "", frame=self.names[index])


def evenly(count: int, most: int) -> list[int]:
    """At most `most` of the indices 0 to `count` - 1, evenly spread, the first and the last among them."""
    return sorted({round(float(place)) for place in np.linspace(0, count - 1, min(count, most))})


def brought_to(pixels: Pixels, size: tuple[int, int], *, smooth: bool) -> Pixels:
    """`pixels` (H, W) or (H, W, 3) at `size`, (width, height)."""
    if pixels.shape[1::-1] == size:
        return pixels
    filter_ = Image.Resampling.LANCZOS if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(pixels).resize(size, filter_))


def painted(photo: Pixels | None, labels: Pixels, colours: Pixels, size: tuple[int, int]) -> Pixels:
    """(H, W, 3) at `size`, (width, height): the objects over a frame, over grey if that was not kept."""
    width, height = size
    ground = np.full((height, width, 3), GREY, dtype=np.uint8) if photo is None else photo
    # The contour is drawn at the final size, where it is to be seen.
    above = tint(brought_to(labels, size, smooth=False), colours)
    return laid_over(brought_to(ground, size, smooth=True), above)
