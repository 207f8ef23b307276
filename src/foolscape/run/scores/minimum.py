"""From the rows of an attack that looks for the smallest change to what they say together: no model, no images."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from foolscape.metrics.intervals import LEAST, LEVEL
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import Measure
from foolscape.pixels import Levels
from foolscape.records.row import AnyRow
from foolscape.records.types import Object

CONVENTIONS: Final = {
    "smallest": "Smallest change: of the 8-bit images that succeeded the nearest to the clean one in Linf, in whole "
    "levels of 255; an upper bound of the true smallest.",
    "median_levels": "Median: the levels within which at least half of the images were fooled; those that never were "
    f"count as more than any number. Quartiles likewise. Its interval spans two of the images' numbers, {LEVEL:g} % at "
    f"least; there is none below {LEAST} images.",
    "curve": "Score at a bound: every image counts with the best 8-bit image that this run found within the bound, and "
    "as it is clean where it found none; an attack made for that bound alone may leave less.",
}


@dataclass(frozen=True)
class _Image:
    """An image under the attack.

    Attributes:
        id: its name.
        judged: whether there was something to fool.
        smallest: levels that fooled it; infinite where none did.
        versions: (levels, what was measured), rising and ever more effective; the clean image first.
    """

    id: str
    judged: bool
    smallest: float
    versions: tuple[tuple[float, Sample[Any, Any]], ...]

    def at(self, level: float) -> Sample[Any, Any]:
        """What was measured of the best image within `level`."""
        return [measured for size, measured in self.versions if size <= level][-1]


class SmallestChanges:
    """What a run says of the smallest changes on one model; it holds numbers of its images and none of their rows.

    Rows are gone through twice in the same order, since the levels of the curve are known after the last of them.

    Args:
        measure: of the task; its headline is the score of the curve.
        classes: of the model.
        seed: of the intervals.
        only_class: the attacked class, if there is one.
    """

    def __init__(self, measure: Measure[Any], classes: Sequence[str], seed: int, only_class: int | None) -> None:
        self._measure, self._classes, self._seed, self._only_class = measure, classes, seed, only_class
        self._levels: set[float] = set()
        self._per_image: dict[str, int | None] = {}
        self._judged = array("d")

    def add(self, clean: AnyRow, attacked: AnyRow) -> None:
        """Take the rows of an image into account."""
        image = _image(clean, attacked)
        self._levels.update(size for size, _ in image.versions)
        self._per_image[image.id] = _whole(image.smallest)
        if image.judged:
            self._judged.append(image.smallest)

    def summed(self, rows: Iterable[tuple[AnyRow, AnyRow]], largest: str | None) -> Object:
        """As summary.json holds it under `minimum`.

        Args:
            rows: what was added, once more.
            largest: the largest bound tried.
        """
        judged, levels, key = np.array(self._judged), sorted(self._levels), self._measure.headline
        scores = self._at(levels, rows)
        return {
            "largest": largest,
            **_middle(judged),
            "judged": len(judged),
            "unreached": int(np.isinf(judged).sum()),
            "per_image": self._per_image,
            "curve": {
                "score": key,
                "levels": [int(level) for level in levels],
                "values": [one[key] for one in scores],
                "ci95": [one["ci95"][key] for one in scores],
                "fooled": [100 * float((judged <= level).mean()) if len(judged) else None for level in levels],
            },
        }

    def _at(self, levels: Sequence[float], rows: Iterable[tuple[AnyRow, AnyRow]]) -> list[dict[str, Any]]:
        """The scores of all images at each level."""
        number = len(self._per_image)
        sums = [self._measure.sums_of(self._classes, number, self._seed) for _ in levels]
        for clean, attacked in rows:
            image = _image(clean, attacked)
            for level, own in zip(levels, sums, strict=True):
                own.add(image.at(level))
        return [
            self._measure.summed(own.summed(), self._only_class, clean=level == 0)
            for level, own in zip(levels, sums, strict=True)
        ]


def _image(before: AnyRow, after: AnyRow) -> _Image:
    assert after.attack is not None
    assert after.distortion is not None
    smallest = after.attack.smallest_eps
    versions: list[tuple[float, Sample[Any, Any]]] = [(0, before.sample)]
    versions += [(float(Levels.parse(one.name).levels), after.sample_of(one.measured)) for one in after.within]
    versions.append((after.distortion.linf_levels, after.sample))
    return _Image(
        id=after.id,
        judged=after.attack.success is not None,
        smallest=math.inf if smallest is None else smallest,
        versions=tuple(sorted(versions, key=lambda one: one[0])),
    )


def _middle(judged: NDArray[np.float64]) -> Object:
    if not len(judged):
        return {"median_levels": None, "quartiles": [None, None], "ci95": None}
    once = np.ones((1, len(judged)))
    low, median, high = (_whole(quantiles(judged, once, share)[0]) for share in (0.25, 0.5, 0.75))
    ends = median_interval(judged)
    return {
        "median_levels": median,
        "quartiles": [low, high],
        "ci95": None if ends is None else [_whole(end) for end in ends],
    }


def median_interval(values: NDArray[np.float64]) -> tuple[float, float] | None:
    """The 95 % interval of the median of N values: two of them; None below `LEAST`.

    Each value is above the median as a coin falls, so the k-th from below and the k-th from above hold it but for twice
    the chance of fewer than k heads in N tosses (Hahn and Meeker 1991, section 5.2), whatever the distribution. No end
    lies between a value and "more than any".
    """
    if (n := len(values)) < LEAST:
        return None
    k = int(np.flatnonzero(2 * bdtr(np.arange(n), n, 0.5) <= 1 - LEVEL / 100)[-1])  # values left out at each end
    ordered = np.sort(values)
    return float(ordered[k]), float(ordered[n - 1 - k])


def quantiles(values: NDArray[np.float64], weights: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """(R,): of N `values`, drawn as often as `weights` (R, N) say, the smallest that `share` of the draws are within.

    It is one of the values, so that infinite ones do no harm.
    """
    order = np.argsort(values, kind="stable")
    drawn = weights[:, order].cumsum(axis=1)
    reached = drawn >= share * drawn[:, -1:] - 1e-9
    smallest: NDArray[np.float64] = values[order][reached.argmax(axis=1)]
    return smallest


def _whole(levels: float) -> int | None:
    return None if math.isinf(levels) else int(levels)


def with_minimum(record: Mapping[str, object]) -> bool:
    """Whether a run, by the `attack` in its run.json, looked for the smallest change."""
    return "largest" in record
