"""A data set of one's own with names for its classes: as many of its samples as are wanted, read when they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foolscape.data.attributes import attributes_of
from foolscape.data.batches import Samples, number


@dataclass(frozen=True)
class Slice:
    """Some samples of a data set of one's own, with names for its classes; nothing is read before it is asked for.

    Attributes:
        source: the data set.
        classes: names of its labels.
        first, count: which of its samples.
    """

    source: Samples
    classes: tuple[str, ...]
    first: int
    count: int

    @property
    def ids(self) -> Sequence[str]:
        """Those of the source, else the numbers of the samples."""
        own: Sequence[str] | None = getattr(self.source, "ids", None)
        places = range(self.first, self.first + self.count)
        return [number(index) if own is None else str(own[index]) for index in places]

    def attributes(self, sample_id: str) -> Mapping[str, str]:
        """What the source says of a sample, if it has such a method."""
        return attributes_of(self.source, sample_id)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> object:
        return self.source[self.first + index]
