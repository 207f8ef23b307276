"""What several results per image come to: of an attack that tried several objectives."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from foolscape.metrics.boxes import Ints
from foolscape.metrics.intervals import around, dealt
from foolscape.metrics.score import number
from foolscape.metrics.segmentation import Counts, mean_iou
from foolscape.metrics.tasks.segmentation import SummedCounts, counts_of, scored
from foolscape.metrics.worst import picked, worst_choice
from foolscape.records.row import AnyRow
from foolscape.records.types import Object


class _Results(Collection[Counts]):
    """The counts of several results of each image, in a few bytes for each class that it shows; in the order they came.

    Args:
        classes: C. Of an image with K results each of the counts is (K, C).

    Attributes:
        names: of each image the objectives of its results, by number.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._sizes, self._labels, self._pixels = array("q"), array("q"), array("i")
        self.names: list[tuple[int, ...]] = []
        self._known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def add(self, row: AnyRow, names: tuple[int, ...]) -> None:
        """Hold the results of an image, of the objectives `names`."""
        measured = [one.measured for one in row.candidates]
        fields = [row.truth, *(one.hit for one in measured), *(one.predicted for one in measured)]
        labels = sorted({label for field in fields for label in field})
        if labels and not 0 <= labels[0] <= labels[-1] < self._classes:
            for one in measured:
                counts_of(row.sample_of(one), self._classes)
        self._sizes.extend((len(labels), len(measured)))
        self._labels.extend(labels)
        for field in fields:
            self._pixels.extend(field.get(label, 0) for label in labels)
        self.names.append(self._known.setdefault(names, names))

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, counts: object) -> bool:
        return any(counts is one for one in self)

    def __iter__(self) -> Iterator[Counts]:
        labels, pixels = np.frombuffer(self._labels, np.int64), np.frombuffer(self._pixels, np.int32)
        label = pixel = 0
        for shown, results in zip(self._sizes[::2], self._sizes[1::2], strict=True):
            cells = (1 + 2 * results) * shown
            dense = np.zeros((1 + 2 * results, self._classes), np.int64)
            dense[:, labels[label : label + shown]] = pixels[pixel : pixel + cells].reshape(-1, shown)
            label, pixel = label + shown, pixel + cells
            yield Counts(
                dense[1 : 1 + results], np.broadcast_to(dense[0], dense[1 : 1 + results].shape), dense[1 + results :]
            )


class ObjectiveResults:
    """Takes the rows of attacked images as they come, and holds the pixels of each result of an image by class.

    Args:
        classes: class names of the segmentation network.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        self._classes, self._names = classes, dict[str, int]()
        self._results = _Results(len(classes))

    def add(self, row: AnyRow) -> None:
        """Take a row into account; it has `candidates` where the image was attacked several times."""
        names = tuple(self._names.setdefault(one.name, len(self._names)) for one in row.candidates)
        self._results.add(row, names)

    def summed(self, seed: int) -> Object:
        """The scores of each objective alone, and of the choice of one per image that makes mIoU small.

        Args:
            seed: of the intervals.

        Returns:
            {"objectives": {NAME: {every score, "fewest", "greedy"}}, "greedy": {every score, "ci95"}}. An image that
            was finished before an objective's turn counts for it with the result that finished it. "fewest" and
            "greedy" are numbers of images: those on which the objective left the fewest right pixels, and those that
            the greedy choice takes from it. Empty where no image has `candidates`.
        """
        if not self._names:
            return {}
        fewest, wholes = self._alone()
        greedy = worst_choice(self._results)
        chosen = self._chosen(greedy, seed)
        low, high = around(mean_iou(chosen.once())[0], mean_iou(chosen.without()), chosen.images)
        times = [self._times(picks) for picks in (fewest, greedy)]
        return {
            "objectives": {
                name: {
                    **scored(Counts(*wholes[:, place, None])),
                    "fewest": int(times[0][place]),
                    "greedy": int(times[1][place]),
                }
                for name, place in self._names.items()
            },
            "greedy": {**scored(chosen.once()), "ci95": {"mIoU": [number(low), number(high)]}},
        }

    def _alone(self) -> tuple[list[int], Ints]:
        """The result of each image with the fewest right pixels, and (3, O, C) the pixels of each objective."""
        fewest, wholes = [], np.zeros((3, len(self._names), len(self._classes)), np.int64)
        every = range(len(self._names))
        taken: Mapping[tuple[int, ...], list[int]] = {
            names: [names.index(one) if one in names else len(names) - 1 for one in every]
            for names in set(self._results.names)
        }
        for names, one in zip(self._results.names, self._results, strict=True):
            fewest.append(int(one.hit.sum(axis=-1).argmin()))
            for whole, field in zip(wholes, (one.hit, one.truth, one.predicted), strict=True):
                whole += field[taken[names]]
        return fewest, wholes

    def _chosen(self, choice: Sequence[int], seed: int) -> SummedCounts:
        """The pixels of the chosen result of each image, by groups."""
        group = dealt(len(self._results), seed)
        groups = np.zeros((3, int(group.max()) + 1, len(self._classes)), np.int64)
        shown = np.zeros(len(self._classes), np.int64)
        for place, one in zip(group.tolist(), picked(self._results, choice), strict=True):
            groups[:, place] += [one.hit, one.truth, one.predicted]
            shown += one.truth > 0
        return SummedCounts(Counts(*groups), shown, len(self._results), self._classes)

    def _times(self, picks: Sequence[int]) -> Ints:
        """How often a result of each objective is picked."""
        found = [names[pick] for names, pick in zip(self._results.names, picks, strict=True)]
        return np.bincount(found, minlength=len(self._names))
