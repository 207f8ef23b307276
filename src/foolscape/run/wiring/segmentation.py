"""The rivals of a segmentation model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.data.sample import VOID
from foolscape.metrics.segmentation import Counts
from foolscape.metrics.tasks.segmentation import PixelSample, sample_of
from foolscape.pixels import to_unit
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.segmentation import LabelMap, SegmentationSubject
from foolscape.run.wiring.hints import of_maps
from foolscape.run.wiring.judge import Elsewhere, RivalRows, best_numbering, fitted_apart
from foolscape.run.wiring.record import TaskWiring
from foolscape.run.wiring.rivals import FITTED, Rival, RivalView, numbering, rotations, views

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SegmentationTrial:
    """A segmentation model on N images; implements `check.Trial`.

    Attributes:
        subject: the model.
        cases: the images, with the model's predictions as it is.
    """

    subject: SegmentationSubject
    cases: Sequence[EvalSample[LabelMap, LabelMap]]

    @staticmethod
    def labelled(subject: SegmentationSubject, cases: Sequence[EvalSample[LabelMap, LabelMap]]) -> bool:
        """Whether what the cases hold as reference is the truth."""
        del cases
        return subject.channels is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the model."""
        return self.subject.segmenter.classes

    @property
    def views(self) -> tuple[RivalView, ...]:
        """What is tried with another look at the images."""
        return views()

    def clean(self) -> list[PixelSample]:
        """Rows of the model as it is."""
        return [self._row(case, case.prediction) for case in self.cases]

    def floor(self) -> tuple[str, list[PixelSample]]:
        """The one class that scores best where it is predicted at every pixel, and its rows."""
        truths = np.stack([self._table(case).sum(axis=1) for case in self.cases])
        # A class that is everywhere has its share as IoU, and all others have 0.
        best = int(truths.sum(axis=0).argmax())
        return f"{self.classes[best]} at every pixel", [_row_of(_constant(truth, best)) for truth in truths]

    def elsewhere(self) -> Elsewhere | None:
        """Answers and truths of other images in the place of each image's own."""
        if len(self.cases) < 2:
            return None
        truths = (
            _without_void(_fitting(one.reference, case), case)
            for case, one in zip(self.cases, self._others(), strict=True)
        )
        return Elsewhere(
            [self._row(case, case.prediction) for case in self._elsewhere()],
            [self._row(case, truth) for case, truth in zip(self.cases, truths, strict=True)],
        )

    def row(self, index: int, view: RivalView) -> PixelSample:
        """The row of image `index` seen through `view`; raises whatever a network does that does not take it."""
        case = self.cases[index]
        prediction = self.subject.predicted(view.images(to_unit(case.image)))
        return self._row(case, prediction.T if view.turned_out else prediction)

    def free(self) -> list[RivalRows]:
        """The rivals that take no further look: other numberings of the classes, and another layout of the answer."""
        others, count = self._elsewhere(), len(self.cases)
        tables, elsewhere = ([self._table(case) for case in cases] for cases in (self.cases, others))
        measured = [_numbered(rival, tables, elsewhere, [meant] * count) for rival, meant in rotations(self.classes)]
        if count > 1:
            advice = numbering(self.classes, best_numbering(sum(tables, np.zeros_like(tables[0]))))
            rival = Rival("classes", "with the classes numbered otherwise", advice=advice, rank=FITTED)
            measured.append(_numbered(rival, tables, elsewhere, fitted_apart(tables)))
        for rival, move in _moved():
            rows, chance = (
                [self._row(case, move(case.prediction)) for case in cases] for cases in (self.cases, others)
            )
            measured.append(RivalRows(rival, rows, chance=chance if count > 1 else None))
        return measured

    def _elsewhere(self) -> list[EvalSample[LabelMap, LabelMap]]:
        """Each image with the answer of the one half of the list away, as images beside each other are often alike."""
        return [
            replace(case, prediction=_fitting(other.prediction, case))
            for case, other in zip(self.cases, self._others(), strict=True)
        ]

    def _others(self) -> list[EvalSample[LabelMap, LabelMap]]:
        """For each image the one half of the list away."""
        half = len(self.cases) // 2
        return [*self.cases[half:], *self.cases[:half]]

    def _row(self, case: EvalSample[LabelMap, LabelMap], prediction: LabelMap) -> PixelSample:
        return self.subject.measured(case, prediction)

    def _table(self, case: EvalSample[LabelMap, LabelMap]) -> Ints:
        """(C, C) pixels by true class and predicted class."""
        counted = case.reference != VOID
        size = len(self.classes)
        pairs = size * case.reference[counted].astype(np.int64) + case.prediction[counted]
        return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


def _numbered(rival: Rival, tables: Sequence[Ints], elsewhere: Sequence[Ints], meant: Sequence[Ints]) -> RivalRows:
    """The rival for which image i has its classes numbered as `meant[i]`; `elsewhere` with others' answers."""
    rows, chance = (
        [_row_of(_renumbered(table, one)) for table, one in zip(of, meant, strict=True)] for of in (tables, elsewhere)
    )
    return RivalRows(rival, rows, chance=chance if len(tables) > 1 else None)


def _fitting(answer: LabelMap, case: EvalSample[LabelMap, LabelMap]) -> LabelMap:
    """`answer` (h, w) at the size of `case`, nearest pixels taken."""
    rows, columns = (
        np.arange(side) * own_side // side for side, own_side in zip(case.reference.shape, answer.shape, strict=True)
    )
    fitting: LabelMap = answer[np.ix_(rows, columns)]
    return fitting


def _without_void(answer: LabelMap, case: EvalSample[LabelMap, LabelMap]) -> LabelMap:
    """`answer` with what is void in it as it is in `case`."""
    return np.where(answer == VOID, case.prediction, answer)


def _moved() -> list[tuple[Rival, Callable[[LabelMap], LabelMap]]]:
    """Other layouts of an answer; an image that is mirrored on its way in gives a mirrored answer, too."""
    turned = Rival(
        "turned-answer",
        "with height and width of its answer exchanged",
        advice="exchange them in the network's answer: scores.transpose(2, 3)",
    )
    mirrored = Rival(
        "mirrored-answer",
        "with its answer mirrored, left to right",
        advice="take the mirroring of image or answer out of the network: flip(3)",
    )
    over = Rival(
        "upside-down-answer",
        "with its answer upside down",
        advice="take the turning over of image or answer out of the network: flip(2)",
    )
    return [(turned, _turned), (mirrored, np.fliplr), (over, np.flipud)]


def _turned(prediction: LabelMap) -> LabelMap:
    """`prediction` (H, W), whose memory was laid out as (W, H)."""
    return np.ascontiguousarray(prediction).reshape(prediction.shape[::-1]).T


def _renumbered(table: Ints, meant: Ints) -> Counts:
    """The counts of predictions whose class j means class `meant[j]`, from pixels (C, C) by truth and prediction."""
    moved = np.zeros_like(table)
    np.add.at(moved.T, meant, table.T)
    return Counts(moved.diagonal().copy(), moved.sum(axis=1), moved.sum(axis=0))


def _constant(truth: Ints, label: int) -> Counts:
    """The counts where class `label` is predicted everywhere."""
    only = np.arange(len(truth)) == label
    return Counts(np.where(only, truth, 0), truth, np.where(only, truth.sum(), 0))


def _row_of(counts: Counts) -> PixelSample:
    return sample_of("", counts)


RECORD: Final = TaskWiring(SegmentationTrial, of_maps)
