"""Precision over recall of many detections without each group of images in turn, in little memory.

A group has a few of the detections, so that its curve is that of all but for these. Rows of the curve are gone through
one by one, with a number per group: these stay in the processor's cache, and no table of rows by groups is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Floats, Ints

_COLUMNS: Final = 32
"""Groups that are looked at together at least where all rows are held."""
_CELLS: Final = 1 << 23
"""Rows by groups of which precision is held where all rows are."""
_CHUNK: Final = 1 << 17
"""The same where only some rows are."""
_FEW: Final = 8
"""Numbers that are added one by one."""


@dataclass(frozen=True)
class Entries:
    """Detections of groups: the row from which on each counts, rising (K,), and its group (K,)."""

    rows: Ints
    groups: Ints

    def of(self, begin: int, end: int) -> Entries:
        """Those of the groups from `begin` to before `end`, which count from 0 then."""
        mine = (self.groups >= begin) & (self.groups < end)
        return Entries(self.rows[mine], self.groups[mine] - begin)

    def among(self, kept: Ints) -> Entries:
        """Those that count at the rows `kept` (E,), rising, each from the first one on at which it does."""
        rows = np.searchsorted(kept, self.rows)
        there = rows < len(kept)
        return Entries(rows[there], self.groups[there])

    def by_row(self, rows: int) -> list[Ints]:
        """The groups of the entries of each row."""
        bounds = [0, *np.bincount(self.rows, minlength=rows).cumsum().tolist()]
        return [self.groups[begin:end] for begin, end in pairwise(bounds)]

    def totals(self, groups: int) -> Floats:
        """(groups,): how many each group has."""
        return np.bincount(self.groups, minlength=groups).astype(np.float64)


def together(*several: Entries) -> Entries:
    """All entries."""
    rows = np.concatenate([one.rows for one in several])
    order = np.argsort(rows, kind="stable")
    return Entries(rows[order], np.concatenate([one.groups for one in several])[order])


@dataclass(frozen=True)
class Rows:
    """E >= 1 rows of a curve by rising recall, and what each group adds to them.

    Attributes:
        hits, both: (E,) hits, and hits and false positives, of all images up to each row.
        own_hits, own_wrong: of each group.
    """

    hits: Floats
    both: Floats
    own_hits: Entries
    own_wrong: Entries

    def at(self, rows: Ints, groups: Ints, number: int) -> Floats:
        """(K,): interpolated precision at `rows` (K,) without each of `groups` (K,) of so many: the best from there."""
        if not len(rows):
            return np.empty(0)
        kept = self._foremost(rows, number)
        fewer = Rows(self.hits[kept], self.both[kept], self.own_hits.among(kept), self.own_wrong.among(kept))
        return fewer._at(np.searchsorted(kept, rows), groups, number)

    def _foremost(self, rows: Ints, number: int) -> Ints:
        """The rows that may be the best from one of `rows` (K,) on, whichever of so many groups is left out.

        At every row precision lies between that without the most hits that a group has, and that without the most false
        positives. A row is not the best where the upper end is below the lower one of a row that counts, too.
        """
        hits, wrong = (entries.totals(number).max() for entries in (self.own_hits, self.own_wrong))
        fewest = np.minimum(self.hits, hits)
        least = (self.hits - fewest) / np.maximum(self.both - fewest, 1.0)
        most = self.hits / np.maximum(self.both - wrong, self.hits)
        asked = np.full(len(self.hits), -1)
        asked[rows] = rows
        last = np.maximum.accumulate(asked)
        return np.flatnonzero((last >= 0) & (most >= np.maximum.accumulate(least[::-1])[::-1][last]))

    def _at(self, rows: Ints, groups: Ints, number: int) -> Floats:
        found = np.empty(len(rows))
        height = max(_CHUNK // number, 1)
        pieces = rows // height
        if pieces.max(initial=0) <= np.iinfo(np.uint16).max:
            pieces = pieces.astype(np.uint16)  # which are sorted in no time
        order = np.argsort(pieces, kind="stable")
        bounds = np.searchsorted(pieces[order], np.arange(-(-len(self.hits) // height) + 1))
        for first, envelope in self._envelopes(0, number, height):
            mine = order[bounds[first // height] : bounds[first // height + 1]]
            found[mine] = envelope[rows[mine] - first, groups[mine]]
        return found

    def areas(self, objects: Ints) -> Floats:
        """(G,): the area under interpolated precision without each of G groups, which leaves so many `objects`."""
        found = np.empty(len(objects))
        columns = max(_COLUMNS, _CELLS // len(self.hits))
        for begin in range(0, len(objects), columns):
            end = min(begin + columns, len(objects))
            ((_, envelope),) = self._envelopes(begin, end, len(self.hits))
            found[begin:end] = self._area(envelope, begin, objects[begin:end])
        return found

    def _area(self, envelope: Floats, begin: int, objects: Ints) -> Floats:
        """As `precision.area_under` adds it up, from the first row on."""
        width = len(objects)
        own = self.own_hits.of(begin, begin + width).by_row(len(self.hits))
        of_hits, area, recall, before = (np.zeros(width) for _ in range(4))
        for hits, groups, precision in zip(self.hits.tolist(), own, envelope, strict=True):
            _count(of_hits, groups, 1.0)
            before, recall = recall, before
            np.divide(np.subtract(hits, of_hits, out=recall), objects, out=recall)
            step = np.subtract(recall, before, out=before)
            area += np.multiply(precision, step, out=step)
        return area

    def _envelopes(self, begin: int, end: int, height: int) -> Iterator[tuple[int, Floats]]:
        """Interpolated precision without the groups from `begin` to before `end` in pieces of `height` rows.

        The last rows come first, each piece with the number of its first row; it is written over by the next.
        """
        rows, width = len(self.hits), end - begin
        own = self.own_hits.of(begin, end)
        either = together(own, self.own_wrong.of(begin, end))
        of_hits, of_both = own.totals(width), either.totals(width)
        own_hits, own_both = own.by_row(rows), either.by_row(rows)
        hits, both, most = self.hits.tolist(), self.both.tolist(), float(of_both.max())
        held, below = np.empty((min(height, rows), width)), np.zeros(width)
        left_hits, left_both = np.empty(width), np.empty(width)
        for first in range((rows - 1) // height * height, -1, -height):
            piece = held[: min(height, rows - first)]
            for row in range(first + len(piece) - 1, first - 1, -1):
                np.subtract(hits[row], of_hits, out=left_hits)
                np.subtract(both[row], of_both, out=left_both)
                if both[row] <= most:  # only then may a group have all of them
                    np.maximum(left_both, 1.0, out=left_both)
                above = np.divide(left_hits, left_both, out=piece[row - first])
                below = np.maximum(above, below, out=above)
                _count(of_hits, own_hits[row], -1.0)
                _count(of_both, own_both[row], -1.0)
            below = below.copy()
            yield first, piece


def _count(numbers: Floats, groups: Ints, by: float) -> None:
    """Add to the numbers (G,) of `groups` (K,), of each as often as it is there; a few are added faster one by one."""
    if len(groups) > _FEW:
        np.add.at(numbers, groups, by)
    else:
        for group in groups.tolist():
            numbers[group] += by
