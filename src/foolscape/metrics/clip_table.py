"""What the objects of clips come to in a few numbers each: of many clips the values of every frame need not be held."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from foolscape.metrics.boxes import Bools, Floats, Ints
from foolscape.metrics.sample import Sample
from foolscape.metrics.video import ClipScores, ObjectScores

ClipSample = Sample[None, ClipScores]


@dataclass(frozen=True)
class ClipTable:
    """The K objects of N clips, clip by clip.

    Attributes:
        names: of the clips.
        counts: (N,) how many objects each has.
        labels: (K,) of the objects.
        values: (K, S) numbers of each.
        seen: (K,) whether the category of each is one that the clips call seen.
        clips: what was measured of each clip, where it was to be kept; else none.
    """

    names: Sequence[str]
    counts: Ints
    labels: Ints
    values: Floats
    seen: Bools
    clips: Sequence[ClipScores] = ()

    def by_clip(self) -> Iterator[slice]:
        """Where the objects of each clip are."""
        ends = np.concatenate([[0], np.cumsum(self.counts)]).tolist()
        return (slice(begin, end) for begin, end in pairwise(ends))

    @property
    def sums(self) -> Floats:
        """(N, S): the numbers added up over the objects of a clip."""
        return np.array([self.values[own].sum(axis=0) for own in self.by_clip()])

    def of(self, clips: Bools, objects: Bools | None = None) -> ClipTable:
        """Of the `clips` (N,) all objects, or those of `objects` (K,) alone."""
        inside = np.repeat(clips, self.counts)
        which = inside if objects is None else inside & objects
        counts = np.array([int(which[own].sum()) for own in self.by_clip()], np.int64)
        places = np.flatnonzero(clips)
        kept = [replace(self.clips[k], objects=_chosen(self.clips[k], which[own])) for k, own in self._kept(places)]
        return ClipTable(
            [self.names[place] for place in places.tolist()], counts[places], self.labels[which], self.values[which],
            self.seen[which], kept,
        )  # fmt: skip

    def _kept(self, places: Ints) -> Iterator[tuple[int, slice]]:
        """Of the clips at `places`, if they were kept, each with where its objects are."""
        wanted = set(places.tolist() if self.clips else ())
        return ((place, own) for place, own in enumerate(self.by_clip()) if place in wanted)


def _chosen(clip: ClipScores, which: Bools) -> tuple[ObjectScores, ...]:
    return tuple(one for one, chosen in zip(clip.objects, which, strict=True) if chosen)


class ClipRows:
    """Takes clips one after the other.

    Args:
        numbers: what is held of an object, (S,).
        keep: whether what was measured of each clip is held, too.
    """

    def __init__(self, numbers: Callable[[ObjectScores], Floats], *, keep: bool = False) -> None:
        self._numbers, self._keep = numbers, keep
        self._names: list[str] = []
        self._counts, self._labels, self._categories = array("q"), array("q"), array("q")
        self._values, self._width = array("d"), 0
        self._known: dict[str | None, int] = {}
        self._seen: set[str] = set()
        self._clips: list[ClipScores] = []

    def add(self, sample: ClipSample) -> None:
        """Take the next clip."""
        clip = sample.measured
        self._names.append(sample.id)
        self._counts.append(len(clip.objects))
        self._seen.update(clip.seen)
        for one in clip.objects:
            numbers = np.ascontiguousarray(self._numbers(one), np.float64)
            self._values.frombytes(numbers.tobytes())
            self._width = len(numbers)
            self._labels.append(one.label)
            self._categories.append(self._known.setdefault(one.category, len(self._known)))
        if self._keep:
            self._clips.append(clip)

    def table(self) -> ClipTable:
        """What was added."""
        seen = np.array([name in self._seen for name in self._known], np.bool_)
        categories = np.array(self._categories, np.int64)
        values = np.array(self._values).reshape(len(categories), self._width)
        counts, labels = np.array(self._counts, np.int64), np.array(self._labels, np.int64)
        return ClipTable(self._names, counts, labels, values, seen[categories], self._clips)
