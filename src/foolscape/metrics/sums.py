"""From the samples of one condition to what scores and their intervals are counted from, held whole or summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from foolscape.metrics.boxes import Floats
from foolscape.metrics.intervals import left_out
from foolscape.metrics.sample import Sample, Samples

W = TypeVar("W")
W_co = TypeVar("W_co", covariant=True)


class Pool(Protocol[W_co]):
    """What the rows of N >= 1 images hold, ready to be pooled.

    Attributes:
        images: N.
    """

    @property
    def images(self) -> int: ...

    def once(self) -> W_co:
        """Every image once: R = 1."""
        ...

    def under(self, weights: Floats) -> W_co:
        """Each image as often as `weights` (R, N) says."""
        ...

    def parts(self, without: Any, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """What summary.json says besides of a condition, such as the score of every class, and the intervals of that.

        Args:
            without: what `under` gives without each group of images in turn.
            only_class: the attacked class, if there is one.
        """
        ...


class Summed(Protocol[W_co]):
    """What the rows of N >= 1 images come to, of which no more is known than what intervals need.

    Attributes:
        images: N.
    """

    @property
    def images(self) -> int: ...

    def once(self) -> W_co:
        """Every image once: R = 1."""
        ...

    def without(self) -> W_co:
        """Without each group of images in turn, as they were dealt."""
        ...

    def parts(self, without: Any, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """As of a `Pool`."""
        ...


class Sums(Protocol[W_co]):
    """Takes the samples of one condition one after the other, and holds no more of them than sums need."""

    def add(self, sample: Sample[Any, Any]) -> None:
        """Take the next sample."""
        ...

    def summed(self) -> Summed[W_co]:
        """What was added; of at least one sample."""
        ...


@dataclass(frozen=True)
class Whole(Generic[W]):
    """A `Summed` of a pool that holds all there is."""

    pool: Pool[W]
    seed: int

    @property
    def images(self) -> int:
        """N."""
        return self.pool.images

    def once(self) -> W:
        """Every image once."""
        return self.pool.once()

    def without(self) -> W:
        """Without each group of images."""
        return self.pool.under(left_out(self.pool.images, self.seed))

    def parts(self, without: Any, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """As of the pool."""
        return self.pool.parts(without, only_class)


@dataclass
class HeldSamples(Generic[W]):
    """The `Sums` of a measure that has none of its own: all samples."""

    pool: Callable[[Samples, Sequence[str]], Pool[W]]
    classes: Sequence[str]
    seed: int
    samples: list[Sample[Any, Any]] = field(default_factory=list)

    def add(self, sample: Sample[Any, Any]) -> None:
        """Hold a sample."""
        self.samples.append(sample)

    def summed(self) -> Summed[W]:
        """What they pool to."""
        return Whole(self.pool(self.samples, self.classes), self.seed)
