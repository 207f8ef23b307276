"""What the scores say of the model as it is, of the best constant answer and of rivals: pure functions on rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from foolscape.metrics.paired import Difference, mean_difference
from foolscape.metrics.sample import Samples
from foolscape.metrics.score import Measure
from foolscape.records.types import Object
from foolscape.run.wiring.rivals import Rival

Ints = NDArray[np.int64]
Rows = Samples

POINTS: Final = 2.0
"""By so much a rival must win to be named."""

_KEEP: Final = 1e-3
"""What the numbering as it is weighs beside the IoU in [0, 1], so that classes without evidence keep their number."""


@dataclass(frozen=True)
class RivalRows:
    """A rival and the rows it has on all images.

    Attributes:
        rival: what it is.
        rows: N, as `Subject.measured` gives them.
        against: rows of the model as it is to compare them with, where those are not its rows on all of every image.
        chance: the rival's rows with the answers of other images: what it takes from where things are in most images.
            None where that is not known.
    """

    rival: Rival
    rows: Rows
    against: Rows | None = None
    chance: Rows | None = None


@dataclass(frozen=True)
class Elsewhere:
    """Answers of the model in the place of those of other images: as good, and it does not look at its image.

    Attributes:
        rows: N, of the answers.
        alike: N, of the true answers of the other images: what a score is worth where images are much alike.
    """

    rows: Rows
    alike: Rows


@dataclass(frozen=True)
class Court:
    """How scores are compared.

    Attributes:
        measure: of the task.
        classes: names of the model's classes.
        seed: of the intervals.
    """

    measure: Measure[Any]
    classes: Sequence[str]
    seed: int

    def score(self, rows: Rows) -> float:
        """The headline score of `rows` in percent; 0 where it is not defined."""
        value = self.measure.weighted(rows, self.classes)(np.ones((1, len(rows))))[0]
        return float(np.nan_to_num(value))

    def each(self, rows: Rows) -> NDArray[np.float64]:
        """(N,) headline scores of every image alone; NaN where not defined."""
        return self.measure.weighted(rows, self.classes)(np.eye(len(rows)))

    def difference(self, rows: Rows, other: Rows) -> Difference:
        """The score of `rows` less that of `other`: images resampled, or where they are few a t interval over them."""
        pooled = self.measure.difference(rows, other, self.classes, self.seed)
        if pooled.low is not None or len(rows) < 2:
            return pooled
        single = mean_difference(self.each(rows), self.each(other))
        return Difference(pooled.value, single.low, single.high)

    def judged(
        self,
        clean: Rows,
        floor: tuple[str, Rows] | None,
        rivals: Sequence[RivalRows],
        elsewhere: Elsewhere | None = None,
    ) -> Object:
        """The record of the model as it is, with the rows `clean`, the constant answer `floor` and its `rivals`."""
        record: Object = {"score": self.measure.headline, "images": len(clean), "clean": self.score(clean)}
        if floor is not None:
            name, rows = floor
            record["floor"] = {"name": name, "score": self.score(rows), **_json(self.difference(clean, rows))}
        if elsewhere is not None:
            scores = {"score": self.score(elsewhere.rows), "alike": self.score(elsewhere.alike)}
            record["elsewhere"] = scores | _json(self.difference(clean, elsewhere.rows))
        better = [one for one in rivals if self._gain(clean, one) >= POINTS and self._explains(one)]
        return record | {"rivals": [self._won(clean, one) for one in better]}

    def _gain(self, clean: Rows, one: RivalRows) -> float:
        return self.score(one.rows) - self.score(clean if one.against is None else one.against)

    def _explains(self, one: RivalRows) -> bool:
        """Whether a rival needs the image to win: else it is not how the network is meant, either."""
        return one.chance is None or self.score(one.rows) - self.score(one.chance) >= POINTS

    def _won(self, clean: Rows, one: RivalRows) -> Object:
        """What is recorded of a rival with a higher score."""
        against = clean if one.against is None else one.against
        gains = self.each(one.rows) - self.each(against)
        finite = gains[np.isfinite(gains)]
        return {
            "id": one.rival.id,
            "says": one.rival.says,
            "rank": one.rival.rank,
            "score": self.score(one.rows),
            **_json(self.difference(one.rows, against)),
            "least": float(finite.min()) if len(finite) else None,
            "part": one.against is not None,
        }


def _json(difference: Difference) -> Object:
    return {"gain": difference.value, "low": difference.low, "high": difference.high}


def best_numbering(table: Ints) -> Ints:
    """What each of the network's classes means, so that the mean IoU is largest: (C,), a permutation.

    Args:
        table: (C, C), pixels or objects by true class (rows) and predicted class (columns).
    """
    union = table.sum(axis=1)[:, None] + table.sum(axis=0)[None, :] - table
    share = np.divide(table, union, out=np.zeros(table.shape), where=union > 0)
    truth, predicted = linear_sum_assignment(share + _KEEP * np.eye(len(table)), maximize=True)
    meant = np.empty(len(table), np.int64)
    meant[predicted] = truth
    return meant


def fitted_apart(tables: Sequence[Ints]) -> list[Ints]:
    """For each of N >= 2 images the numbering that is best on those of the other half: every second image is a half."""
    halves = [sum(tables[start::2], np.zeros_like(tables[0])) for start in (0, 1)]
    fits = [best_numbering(table) for table in halves]
    return [fits[1 - i % 2] for i in range(len(tables))]
