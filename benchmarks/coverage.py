"""How often a nominal 95 % interval holds the score of the population, by simulation.

    python benchmarks/coverage.py RUN [RUN ..] [--sizes 5,8,20,40] [--conditions clean,adversarial] [--shown 60]
        [--repetitions 2000] [--resamples 400] [--seed 0] [--json FILE]

The rows of one or several runs of one network (`foolscape run --out RUN`) are the population, and the headline score of
all their images is what an interval is to hold. N images are drawn with replacement, again and again, and each way of
making an interval is tried on the same N. `--shown 60` keeps the classes that at least 60 % of the images show. A
condition such as `adversarial-noise` is the paired difference of two. The last table has the scores of single classes,
by how many of the N images show the class.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from foolscape.metrics.clip_table import ClipSample
from foolscape.metrics.intervals import around, around_unbounded, left_out, weigh
from foolscape.metrics.matching import match_coco
from foolscape.metrics.precision import average_precision, hundred_one_points
from foolscape.metrics.segmentation import Counts, iou_per_class, stack
from foolscape.metrics.tasks.segmentation import counts_of
from foolscape.metrics.tasks.video import DAVIS
from foolscape.metrics.video import ClipScores
from foolscape.records.reader import read_record
from foolscape.records.row import AnyRow, rows_of
from foolscape.records.scan import read_rows

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Population(Protocol):
    """The images of a condition, whose headline score is the mean over the classes that are defined."""

    shows: NDArray[np.bool_]
    """(P, C): whether an image shows a class."""

    def scores(self, drawn: Ints, weights: Floats) -> Floats:
        """(R, C) percentages: by class, of the drawn images (N,) under their weights (R, N)."""
        ...


class Segmented:
    def __init__(self, rows: Sequence[AnyRow], classes: int, least: float) -> None:
        counts = stack([counts_of(row.sample, classes) for row in rows])
        kept = (counts.truth > 0).mean(axis=0) >= least
        self.counts = Counts(*(field[:, kept] for field in (counts.hit, counts.truth, counts.predicted)))
        self.shows = self.counts.truth > 0

    def scores(self, drawn: Ints, weights: Floats) -> Floats:
        fields = (self.counts.hit, self.counts.truth, self.counts.predicted)
        return iou_per_class(weigh(Counts(*(field[drawn] for field in fields)), weights))


class DetectedPopulation:
    def __init__(self, rows: Sequence[AnyRow], classes: int, least: float) -> None:
        pairs = [(row.sample.truth, row.measured) for row in rows]
        matches = [match_coco(*pair, classes) for pair in pairs]
        self.matches = [replace(match, outcome=match.outcome[:1]) for match in matches]
        shows = np.stack([match.truths > 0 for match in matches])
        self.kept = shows.mean(axis=0) >= least
        self.shows = shows[:, self.kept]

    def scores(self, drawn: Ints, weights: Floats) -> Floats:
        images = [self.matches[i] for i in drawn]
        return 100 * average_precision(images, weights, hundred_one_points)[:, 0, self.kept]


class Tracked:
    def __init__(self, rows: Sequence[AnyRow], classes: int, least: float) -> None:
        del classes, least
        self.clips = [weighted_parts(row.measured) for row in rows]
        self.shows = np.ones((len(rows), 1), np.bool_)

    def scores(self, drawn: Ints, weights: Floats) -> Floats:
        sums, objects = (np.array([clip[part] for clip in self.clips])[drawn] for part in (0, 1))
        mean: Floats = (weights @ sums) / (weights @ objects)
        return mean[:, None]


def weighted_parts(clip: ClipScores) -> tuple[float, int]:
    """J&F added up over the objects of a clip, and how many they are."""
    objects = len(clip.objects)
    return float(DAVIS.main.of(DAVIS.pool([ClipSample("", None, clip)], ()).once())[0]) * objects, objects


KINDS: dict[str, Callable[[Sequence[AnyRow], int, float], Population]] = {
    "segmentation": Segmented,
    "detection": DetectedPopulation,
    "video": Tracked,
}


@dataclass(frozen=True)
class Sample:
    """A headline score of N images: once, in R resamples, and without each of the images."""

    images: int
    value: Floats
    resampled: Floats
    without: Floats
    percent: bool


def percentile(sample: Sample) -> tuple[float, float]:
    return _quantiles(sample, 0.025, 0.975)


def expanded(sample: Sample) -> tuple[float, float]:
    """Hesterberg 2015, What Teachers Should Know about the Bootstrap, section 5.3."""
    n = sample.images
    tail = float(ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.025)))
    return _quantiles(sample, tail, 1 - tail)


def bca(sample: Sample) -> tuple[float, float]:
    """Efron 1987, Better Bootstrap Confidence Intervals."""
    below = (np.mean(sample.resampled < sample.value) + np.mean(sample.resampled <= sample.value)) / 2
    off = np.nanmean(sample.without) - sample.without
    spread = np.nansum(off**2) ** 1.5
    bias, acceleration = ndtri(np.clip(below, 0.001, 0.999)), np.nansum(off**3) / (6 * spread) if spread > 0 else 0.0
    z = bias + ndtri(np.array([0.025, 0.975]))
    low, high = ndtr(bias + z / (1 - acceleration * z))
    return _quantiles(sample, float(low), float(high))


def jackknife_t(sample: Sample) -> tuple[float, float]:
    n = sample.images
    error = np.sqrt((n - 1) / n * np.nansum((sample.without - np.nanmean(sample.without)) ** 2))
    reach = float(stdtrit(n - 1, 0.975) * error)
    return float(sample.value) - reach, float(sample.value) + reach


def log_odds_t(sample: Sample) -> tuple[float, float]:
    """What foolscape does, with the jackknife's standard error; of differences as far on either side."""
    make = around if sample.percent else around_unbounded
    low, high = make(sample.value, sample.without, sample.images, 2)
    return float(low), float(high)


def bootstrap_t(sample: Sample) -> tuple[float, float]:
    """As `log_odds_t`, but for the standard error, which is the bootstrap's."""
    # `around` sums squares over what was left out; the resamples' own variance, in its place, has 1 / R before it.
    times = len(sample.resampled)
    scale = np.sqrt(sample.images / (sample.images - 1) / (times - 1))
    middle = np.nanmean(sample.resampled)
    same = middle + (sample.resampled - middle) * scale
    return log_odds_t(replace(sample, without=same))


def _quantiles(sample: Sample, low: float, high: float) -> tuple[float, float]:
    first, last = np.nanquantile(sample.resampled, [low, high])
    return float(first), float(last)


WAYS: dict[str, Callable[[Sample], tuple[float, float]]] = {
    "percentile": percentile,
    "expanded": expanded,
    "BCa": bca,
    "jackknife-t": jackknife_t,
    "bootstrap t": bootstrap_t,
    "log-odds t": log_odds_t,
}


@dataclass
class Tally:
    """What the repetitions came to: by way, whether an interval held the score, and how wide it was."""

    held: dict[str, list[bool]]
    width: dict[str, list[float]]
    by_class: dict[int, list[bool]]

    def line(self) -> dict[str, Any]:
        return {
            way: {"coverage": 100 * float(np.mean(held)), "width": float(np.mean(self.width[way]))}
            for way, held in self.held.items()
        }


def simulate(one: Population, other: Population | None, images: int, given: argparse.Namespace) -> Tally:
    """Draws `images` of a population again and again; with `other`, the score is the difference of the two."""
    everything = np.arange(len(one.shows))
    once = np.ones((1, len(everything)))
    of_class = one.scores(everything, once)
    truth = (_mean(of_class) - (0.0 if other is None else _mean(other.scores(everything, once))))[0]
    rng = np.random.default_rng([given.seed, images])
    tally = Tally({way: [] for way in WAYS}, {way: [] for way in WAYS}, {})
    apart = left_out(images, given.seed)
    for _ in range(given.repetitions):
        drawn = rng.integers(0, len(everything), images)
        resampled = rng.multinomial(images, np.full(images, 1 / images), given.resamples).astype(np.float64)
        weights = np.concatenate([np.ones((1, images)), apart, resampled])
        found = one.scores(drawn, weights)
        scores = _mean(found) - (0.0 if other is None else _mean(other.scores(drawn, weights)))
        sample = Sample(images, scores[0], scores[1 + images :], scores[1 : 1 + images], other is None)
        for way, make in WAYS.items():
            low, high = make(sample)
            tally.held[way].append(_holds(low, high, truth))
            tally.width[way].append(high - low)
        if other is None and found.shape[1] > 1:
            shown = one.shows[drawn].sum(axis=0)
            ends = around(found[0], found[1 : 1 + images], shown, 2)
            for low, high, score, k in zip(*ends, of_class[0], shown, strict=True):
                if np.isfinite(low):
                    tally.by_class.setdefault(int(k), []).append(_holds(low, high, score))
    return tally


def _holds(low: float, high: float, score: float) -> bool:
    # Sums in another order differ in their last bits, where all images have the same score.
    return bool(low - 1e-9 <= score <= high + 1e-9)


def _mean(scores: Floats) -> Floats:
    known = np.isfinite(scores)
    mean: Floats = np.where(known, scores, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    return np.where(known.any(axis=1), mean, np.nan)


def populations(runs: Sequence[Path], least: float) -> dict[str, Population]:
    """By condition, of the images that were measured under all of them."""
    rows: dict[str, dict[str, AnyRow]] = {}
    for run in runs:
        record = read_record(run)
        for row in rows_of(read_rows(run, record), record.models[0].model):
            rows.setdefault(row.condition, {})[f"{run} {row.id}"] = row
    common = sorted(set.intersection(*(set(found) for found in rows.values())))
    task, classes = record.models[0].task, len(record.models[0].classes)
    return {name: KINDS[task]([found[key] for key in common], classes, least) for name, found in rows.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Coverage of intervals by simulation on the rows of runs.")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--sizes", default="5,8,20,40")
    parser.add_argument("--conditions", default="clean,adversarial")
    parser.add_argument("--shown", type=float, default=0.0)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = populations(given.runs, max(given.shown / 100, 1e-9))
    error = 100 * np.sqrt(0.95 * 0.05 / given.repetitions)
    print(f"{len(next(iter(found.values())).shows)} images, {given.repetitions} repetitions: +- {2 * error:.1f} %")
    print("coverage in % (mean width)".ljust(34) + "".join(way.rjust(16) for way in WAYS))
    results: dict[str, Any] = {}
    by_class: dict[int, list[bool]] = {}
    for condition in given.conditions.split(","):
        one, _, other = condition.partition("-")
        for size in map(int, given.sizes.split(",")):
            tally = simulate(found[one], found[other] if other else None, size, given)
            line = results.setdefault(condition, {})[size] = tally.line()
            cells = "".join(f"{way['coverage']:.1f} ({way['width']:.1f})".rjust(16) for way in line.values())
            print(f"{condition}, {size} images".ljust(34) + cells, flush=True)
            for shown, held in tally.by_class.items():
                by_class.setdefault(shown, []).extend(held)
    print(
        "a class that k images show: " + ", ".join(f"{k}: {100 * np.mean(by_class[k]):.0f}" for k in sorted(by_class))
    )
    if given.json:
        given.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
