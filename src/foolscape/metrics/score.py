"""A score as one record, and a measure: the scores that the rows of a task are counted into.

Whatever shows or sums up scores goes through these records: summary.json with its intervals and sentences, every table,
`--fail-under`. A score that is added to a measure is in all of them. A package adds one by an entry point of the group
`foolscape.metrics` whose object is a `Score` with its `measure` set.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any, Final, Generic, TypeVar

import numpy as np

from foolscape.by_name import record_of
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Floats, Ints
from foolscape.metrics.distortion import CONVENTIONS as DISTORTION
from foolscape.metrics.intervals import LEAST, Interval, around, around_unbounded, dealt
from foolscape.metrics.paired import Difference, Weighted, paired_difference
from foolscape.metrics.sample import Form, Sample, Samples
from foolscape.metrics.sums import HeldSamples, Pool, Summed, Sums

W = TypeVar("W")

GROUP: Final = "foolscape.metrics"
"""The entry-point group of scores that other packages add."""


@dataclass(frozen=True)
class Score(Generic[W]):
    """A single number that says how well a model did on N images.

    Attributes:
        key: in summary.json.
        label: what tables call it.
        convention: how it is counted, in a sentence.
        of: what R weightings of the images pool to, as `Pool.under` gives it -> the score (R,); NaN where undefined.
        unit: behind the label; empty where the number stands alone.
        higher: whether a larger value is the better one.
        bounded: whether it lies within 0 and 100, and its interval too.
        explained: the key of the sentence in summary.json, where several scores share it; empty for `key`.
        further: whether it stands back in a second table.
        measure: the name of the measure that it is added to; empty for one that stands in its measure.
    """

    key: str
    label: str
    convention: str
    of: Callable[[W], Floats]
    unit: str = "%"
    higher: bool = True
    bounded: bool = True
    explained: str = ""
    further: bool = False
    measure: str = ""

    @property
    def title(self) -> str:
        """The label with its unit."""
        return f"{self.label} {self.unit}".rstrip()

    @property
    def sentence(self) -> str:
        """The key under which summary.json holds the convention."""
        return self.explained or self.key

    def interval(self, point: Floats, without: Floats, images: int, least: int) -> Interval:
        """The 95 % interval around `point` (); `without` (G,): the score without each group of images."""
        return (around if self.bounded else around_unbounded)(point, without, images, least)


@dataclass(frozen=True)
class Parts:
    """What a score is broken down to: `noun`, its `score`, and the `key` in summary.json and of its convention."""

    noun: str
    score: str
    key: str


@dataclass(frozen=True)
class Measure(Generic[W]):
    """The scores of a task under one protocol.

    Attributes:
        name: by which scores are added to it.
        headline: the key of the score that sums a condition up.
        own: the scores, in the order of the tables.
        pool: (rows of one condition, class names) -> what they pool to.
        parts: what a score is broken down to.
        notes: further sentences for summary.json, by key.
        below: keys of the `notes` that stand below the table of scores.
        further: the title of the table of scores that stand back.
        undefined: why there may be no headline score.
        least_clean: images from which on the scores of clean images have an interval.
        of_only_class: keys of single numbers in `Pool.parts` where one class is attacked.
        fits: whether rows, of any condition, are for this measure, which goes through them once; the last of a task is
            not asked.
        sums: (class names, the group of each image as `intervals.dealt` has it) -> what takes samples one by one; None
            where all are held.
        look_up: what scores will ask of all the samples of an image and a model, at once; None: of each by itself.
    """

    name: str
    headline: str
    own: tuple[Score[W], ...]
    pool: Callable[[Samples, Sequence[str]], Pool[W]]
    parts: Parts
    notes: Mapping[str, str]
    below: tuple[str, ...]
    further: str = ""
    undefined: str = "nothing in them counts"
    least_clean: int = LEAST
    of_only_class: tuple[str, ...] = ()
    fits: Callable[[Iterable[Sample[Any, Any]]], bool] = bool
    sums: Callable[[Sequence[str], Ints], Sums[W]] | None = None
    look_up: Callable[[Samples], None] | None = None

    @property
    def scores(self) -> tuple[Score[W], ...]:
        """Its own, and those that installed packages add; raises `SettingError` for one whose key is there already."""
        scores = list(self.own)
        for score in added():
            if score.measure != self.name:
                continue
            if score.key in (other.key for other in scores):
                raise SettingError(
                    f"{GROUP}: expected a key that no score of {self.name} has, and {score.key} is there already; call "
                    "it otherwise"
                )
            scores.append(score)
        return tuple(scores)

    def shown(self, there: Collection[str]) -> tuple[Score[W], ...]:
        """Its scores but those of other packages that a run, with the keys `there` in its conditions, did not count."""
        return tuple(score for score in self.scores if score in self.own or score.key in there)

    @property
    def main(self) -> Score[W]:
        """The headline score."""
        return next(score for score in self.scores if score.key == self.headline)

    @property
    def conventions(self) -> dict[str, str]:
        """A sentence for each key of summary.json, those of the distortion too."""
        return {**DISTORTION, **{score.sentence: score.convention for score in self.scores}, **self.notes}

    def keys_of(self, only_class: object = None) -> tuple[str, ...]:
        """The single numbers of a condition, those of an attack on one class (`only_class`) among them."""
        return (*(score.key for score in self.scores), *(self.of_only_class if only_class is not None else ()))

    def score(
        self, rows: Samples, classes: Sequence[str], seed: int, only_class: int | None = None, clean: bool = False
    ) -> dict[str, Any]:
        """The scores of one condition as summary.json holds them; None where one is not defined.

        Args:
            rows: N >= 1, one per image.
            classes: class names.
            seed: of the intervals.
            only_class: the attacked class, if there is one.
            clean: whether the images are as they were. Any change, be it noise, breaks some images and spares others,
                so that a few tell less of them all, and their scores have an interval from more images on.
        """
        sums = self.sums_of(classes, len(rows), seed)
        for row in rows:
            sums.add(row)
        return self.summed(sums.summed(), only_class, clean=clean)

    def sums_of(self, classes: Sequence[str], images: int, seed: int) -> Sums[W]:
        """What takes the samples of one condition one after the other, for `summed`.

        Args:
            classes: class names.
            images: how many samples there will be, N >= 1.
            seed: of the intervals.
        """
        if self.sums is None:
            return HeldSamples(self.pool, classes, seed)
        return self.sums(classes, dealt(images, seed))

    def summed(self, pool: Summed[W], only_class: int | None = None, *, clean: bool = False) -> dict[str, Any]:
        """As `score`, of what samples came to."""
        least = self.least_clean if clean else LEAST
        point, without = pool.once(), pool.without()
        values = {score.key: score.of(point)[0] for score in self.scores}
        ends = {
            score.key: numbers(np.stack(score.interval(values[score.key], score.of(without), pool.images, least)))
            for score in self.scores
        }
        parts, ends_of_parts = pool.parts(without, only_class)
        numbered = {key: number(value) for key, value in values.items()}
        return {**numbered, **parts, "ci95": {**ends, **ends_of_parts}}

    def weighted(self, rows: Samples, classes: Sequence[str]) -> Weighted:
        """The headline score of the rows of one condition, as a function of how often each image counts."""
        pool, of = self.pool(rows, classes), self.main.of
        return lambda weights: of(pool.under(weights))

    def difference(self, rows_a: Samples, rows_b: Samples, classes: Sequence[str], seed: int) -> Difference:
        """The headline score of one condition less that of another, in points, paired by image.

        Args:
            rows_a, rows_b: N >= 1 each, of the same images in the same order.
            classes: class names.
            seed: of the intervals.

        Raises:
            ValueError: the two do not have as many rows.
        """
        if len(rows_a) != len(rows_b):
            raise ValueError(f"rows to be paired must be of the same images; got {len(rows_a)} and {len(rows_b)}")
        return paired_difference(self.weighted(rows_a, classes), self.weighted(rows_b, classes), len(rows_a), seed)


@dataclass(frozen=True)
class TaskScores:
    """How a task is scored; the constant `RECORD` of its module in `metrics.tasks`.

    Attributes:
        measures: samples are for the first one that fits, or for the last one.
        right: (sample; the one class of objects to look at, of no meaning where there are none) -> the share in
            [0, 1] of the truth that is right; None where it holds nothing to be right.
        form: of its samples.
        narrowed: (sample, indices of classes) -> the sample as scores over these classes alone take it; None for a task
            without classes.
    """

    measures: tuple[Measure[Any], ...]
    right: Callable[[Sample[Any, Any], int | None], float | None]
    form: Form[Any, Any]
    narrowed: Callable[[Sample[Any, Any], frozenset[int]], Sample[Any, Any]] | None = None

    @property
    def default(self) -> Measure[Any]:
        """The measure of rows that say nothing else."""
        return self.measures[-1]

    def measure_of(self, samples: Iterable[Sample[Any, Any]]) -> Measure[Any]:
        """The measure of a run's samples, which are gone through once for each of the task but its default."""
        return next((measure for measure in self.measures[:-1] if measure.fits(samples)), self.default)

    def keys_of(self, only_class: object = None) -> tuple[str, ...]:
        """The scores that a condition may have as single numbers, by whichever measure."""
        return tuple(dict.fromkeys(key for measure in reversed(self.measures) for key in measure.keys_of(only_class)))


def scores_of(task: str) -> TaskScores:
    """How the task of this name is scored."""
    return record_of("foolscape.metrics.tasks", task, TaskScores)


@cache
def added() -> tuple[Score[Any], ...]:
    """The scores of installed packages.

    Raises:
        SettingError: an entry point gives something else, or a score that names no measure.
    """
    scores = []
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        try:
            score = point.load()
        except Exception as error:
            raise SettingError(
                f"{GROUP}: expected the score {point.name} at {point.value}, got {type(error).__name__}: {error}; mend "
                "the package that brings it, or remove it"
            ) from error
        if not isinstance(score, Score) or not score.measure:
            raise SettingError(
                f"{GROUP}: expected {point.name} to be a Score with its measure set, got {type(score).__name__} at "
                f"{point.value}; write Score(..., measure='segmentation')"
            )
        scores.append(score)
    return tuple(scores)


def number(value: Floats | np.float64) -> float | None:
    """A JSON number; NaN, where nothing was counted, becomes null."""
    return None if np.isnan(value) else float(value)


def numbers(values: Floats) -> list[float | None]:
    """As `number`, of each."""
    return [number(value) for value in values]
