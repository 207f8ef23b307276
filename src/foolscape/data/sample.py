"""What a data set hands out: named 8-bit images with labels, one at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

S_co = TypeVar("S_co", covariant=True)

VOID = 255
"""The value of a label pixel that counts nowhere."""


@dataclass(frozen=True)
class Sample:
    """One image as a file would hold it, with its truth.

    Attributes:
        id: name within the data set, unique, stable between runs; may contain `/`.
        image: (H, W, 3) uint8 RGB, upright (EXIF orientation applied).
        labels: (H, W) uint8 index into the data set's `classes`, `VOID` where nothing counts; None without truth.
        notes: what had to be done to read it (grey made RGB, 16 bits made 8), for the record.
    """

    id: str
    image: NDArray[np.uint8]
    labels: NDArray[np.uint8] | None
    notes: tuple[str, ...] = ()


class Data(Protocol[S_co]):
    """A data set, read lazily: listing is cheap, `load` does the work.

    Attributes:
        spec: the spec it was opened by.
        classes: names of the classes 0, 1, ... of its labels or objects, without void or background; None if there is
            no truth.
        ids: the samples' names, in a fixed order.
        split: which part of it was opened; None where there are no parts.
        notes: remarks for the reader of a table (what was left out, how labels were made).
    """

    @property
    def spec(self) -> str: ...
    @property
    def classes(self) -> tuple[str, ...] | None: ...
    @property
    def ids(self) -> Sequence[str]: ...
    @property
    def notes(self) -> tuple[str, ...]: ...
    @property
    def split(self) -> str | None: ...

    def fingerprint(self, sample_id: str) -> str:
        """A cheap sha256 of what `sample_id` would load (file bytes and annotations, or seed and index)."""
        ...

    def load(self, sample_id: str) -> S_co:
        """The sample called `sample_id`; raises `SampleError` with the reason if it cannot be used."""
        ...


SegmentationData: TypeAlias = Data[Sample]
"""A data set for segmentation."""
