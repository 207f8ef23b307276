"""The rivals of a segmentation model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foolscape.data.sample import VOID
from foolscape.metrics.segmentation import Counts
from foolscape.pixels import to_unit
from foolscape.run.segmentation import LabelMap, SegmentationSubject
from foolscape.run.store import Record
from foolscape.run.subject import Case
from foolscape.run.wiring.judge import Measured, best_numbering, fitted_apart
from foolscape.run.wiring.rivals import FITTED, Rival, View, numbering, rotations, views

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class SegmentationTrial:
    """A segmentation model on N images; implements `check.Trial`.

    Attributes:
        subject: the model.
        cases: the images, with the model's predictions as it is.
    """

    subject: SegmentationSubject
    cases: Sequence[Case[LabelMap, LabelMap]]

    @staticmethod
    def labelled(subject: SegmentationSubject, cases: Sequence[Case[LabelMap, LabelMap]]) -> bool:
        """Whether what the cases hold as reference is the truth."""
        del cases
        return subject.channels is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the model."""
        return self.subject.segmenter.classes

    @property
    def views(self) -> tuple[View, ...]:
        """What is tried with another look at the images."""
        return views()

    def clean(self) -> list[Record]:
        """Rows of the model as it is."""
        return [self._row(case, case.prediction) for case in self.cases]

    def floor(self) -> tuple[str, list[Record]]:
        """The one class that scores best where it is predicted at every pixel, and its rows."""
        truths = np.stack([self._table(case).sum(axis=1) for case in self.cases])
        # A class that is everywhere has its share as IoU, and all others have 0.
        best = int(truths.sum(axis=0).argmax())
        return f"{self.classes[best]} at every pixel", [_row_of(_constant(truth, best)) for truth in truths]

    def row(self, index: int, view: View) -> Record:
        """The row of image `index` seen through `view`; raises whatever a network does that does not take it."""
        case = self.cases[index]
        seen = self.subject.seen(view.images(to_unit(case.image)))
        return self._row(case, seen.T if view.turned_out else seen)

    def free(self) -> list[Measured]:
        """The rivals that take no further look: other numberings of the classes, and another layout of the answer."""
        tables = [self._table(case) for case in self.cases]
        found = [
            Measured(rival, [_row_of(_renumbered(table, meant)) for table in tables])
            for rival, meant in rotations(self.classes)
        ]
        if len(tables) > 1:
            apart = fitted_apart(tables)
            advice = numbering(self.classes, best_numbering(sum(tables, np.zeros_like(tables[0]))))
            rival = Rival("classes", "with the classes numbered otherwise", advice=advice, rank=FITTED)
            rows = [_row_of(_renumbered(table, meant)) for table, meant in zip(tables, apart, strict=True)]
            found.append(Measured(rival, rows))
        turned = Rival(
            "turned-answer",
            "with height and width of its answer exchanged",
            advice="exchange them in the network's answer: scores.transpose(2, 3)",
        )
        return [*found, Measured(turned, [self._row(case, _turned(case.prediction)) for case in self.cases])]

    def _row(self, case: Case[LabelMap, LabelMap], prediction: LabelMap) -> Record:
        return self.subject.measured(case, prediction)

    def _table(self, case: Case[LabelMap, LabelMap]) -> Ints:
        """(C, C) pixels by true class and predicted class."""
        counted = case.reference != VOID
        size = len(self.classes)
        pairs = size * case.reference[counted].astype(np.int64) + case.prediction[counted]
        return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


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


def _row_of(counts: Counts) -> Record:
    return {"counts": counts.to_json()}
