"""What clips pool to, for the protocol of DAVIS and the measure of YouTube-VOS, held as a few numbers of each object.

A score that another package adds may look at the values of every frame: where there is one, they are held, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Floats, Ints
from foolscape.metrics.clip_table import ClipRows, ClipSample, ClipTable
from foolscape.metrics.score import added
from foolscape.metrics.sums import Pool
from foolscape.metrics.video import DAVIS_SCORES, ClipScores, ObjectScores, davis_of, mean_over_objects
from foolscape.metrics.youtube_vos import by_group, j_and_f, with_overall

OF_DAVIS, OF_YOUTUBE_VOS = "video", "youtube-vos"
"""The names of the measures of clips."""


@dataclass(frozen=True)
class Objects:
    """The objects of N clips under R weightings of the clips.

    Attributes:
        sums: (N, 7) `DAVIS_SCORES` in percent, added up over the objects of a clip.
        counts: (N, 1) how many objects each has, at least one.
        weights: (R, N).
        clips: what was measured, where another package adds a score; else none.
    """

    sums: Floats
    counts: Floats
    weights: Floats
    clips: Sequence[ClipScores] = ()

    @cached_property
    def davis(self) -> Floats:
        """(R, 7): `DAVIS_SCORES` in percent, the mean over all objects, whatever their clip and number of frames."""
        return mean_over_objects(self.weights, self.sums, self.counts)

    def mean(self, of: Callable[[ObjectScores], float]) -> Floats:
        """(R,): the mean of `of` over all objects; for the scores of other packages."""
        sums = np.array([[sum(of(one) for one in clip.objects)] for clip in self.clips])
        return mean_over_objects(self.weights, sums, self.counts)[:, 0]


@dataclass(frozen=True)
class Clips:
    """A `Pool` of the objects of clips, each with its `davis_of`."""

    table: ClipTable

    @property
    def images(self) -> int:
        """N."""
        return len(self.table.counts)

    def once(self) -> Objects:
        """Every clip once."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Objects:
        """Each clip as often as its weight says."""
        return Objects(*self._counted, weights, self.table.clips)

    @cached_property
    def _counted(self) -> tuple[Floats, Floats]:
        return self.table.sums, self.table.counts[:, None].astype(np.float64)

    def parts(self, without: Objects, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The seven scores of every object."""
        del without, only_class
        return {"per_object": _per_object(self.table, DAVIS_SCORES)}, {}


@dataclass(frozen=True)
class Groups:
    """Objects of seen and of unseen categories under R weightings: `weights` (R, N), `sums` and `counts` (N, 4)."""

    weights: Floats
    sums: Floats
    counts: Floats

    @cached_property
    def youtube(self) -> Floats:
        """(R, 5): `YOUTUBE_SCORES` in percent."""
        return with_overall(mean_over_objects(self.weights, self.sums, self.counts))


@dataclass(frozen=True)
class GroupedClips:
    """A `Pool` of the objects of clips in two groups, each with its `j_and_f`."""

    table: ClipTable

    @property
    def images(self) -> int:
        """N."""
        return len(self.table.counts)

    def once(self) -> Groups:
        """Every clip once."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Groups:
        """Each clip as often as its weight says."""
        return Groups(weights, *self._counted)

    def parts(self, without: Groups, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """J and F of every object."""
        del without, only_class
        return {"per_object": _per_object(self.table, ("J", "F"))}, {}

    @cached_property
    def _counted(self) -> tuple[Floats, Floats]:
        return by_group(self.table)


def _per_object(table: ClipTable, names: Sequence[str]) -> dict[str, dict[str, dict[str, float]]]:
    """By clip and label the numbers of each object."""
    labels, values = table.labels.tolist(), table.values.tolist()
    return {
        name: {
            str(label): dict(zip(names, own, strict=True))
            for label, own in zip(labels[where], values[where], strict=True)
        }
        for name, where in zip(table.names, table.by_clip(), strict=True)
    }


@dataclass(frozen=True)
class ClipForm:
    """How the clips of a measure are held: the `numbers` of each object, and the `pool` of those of many clips."""

    numbers: Callable[[ObjectScores], Floats]
    pool: Callable[[ClipTable], Pool[Any]]

    def rows(self, measure: str) -> ClipRows:
        """What takes clips for the measure of this name; a score that another package adds may look at every frame."""
        return ClipRows(self.numbers, keep=any(score.measure == measure for score in added()))


FORMS: Final = {OF_DAVIS: ClipForm(davis_of, Clips), OF_YOUTUBE_VOS: ClipForm(j_and_f, GroupedClips)}
"""By the name of a measure."""


@dataclass(frozen=True)
class _SummedClips:
    """A `Summed` of a pool, of clips that were dealt to groups (N,)."""

    pool: Pool[Any]
    group: Ints

    @property
    def images(self) -> int:
        return self.pool.images

    def once(self) -> Any:
        return self.pool.once()

    def without(self) -> Any:
        kept = self.group[None, :] != np.arange(int(self.group.max()) + 1)[:, None]
        return self.pool.under(kept.astype(np.float64))

    def parts(self, without: Any, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.pool.parts(without, only_class)


class _ClipSums:
    """The `Sums` of clips for the measure of this name."""

    def __init__(self, measure: str, group: Ints) -> None:
        self._rows, self._pool, self._group = FORMS[measure].rows(measure), FORMS[measure].pool, group

    def add(self, sample: ClipSample) -> None:
        self._rows.add(sample)

    def summed(self) -> _SummedClips:
        return _SummedClips(self._pool(self._rows.table()), self._group)


def sums_of(measure: str) -> Callable[[Sequence[str], Ints], _ClipSums]:
    """What takes clips one by one for the measure of this name, as `Measure.sums` has it."""
    return lambda _, group: _ClipSums(measure, group)


def pool_of(measure: str) -> Callable[[Sequence[ClipSample], Sequence[str]], Pool[Any]]:
    """The pool of samples, each a clip, for the measure of this name."""

    def pool(samples: Sequence[ClipSample], classes: Sequence[str]) -> Pool[Any]:
        del classes
        rows = FORMS[measure].rows(measure)
        for sample in samples:
            rows.add(sample)
        return FORMS[measure].pool(rows.table())

    return pool
