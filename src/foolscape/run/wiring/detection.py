"""The rivals of a detector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.boxes import Detected, Floats, Truth, pairwise_iou
from foolscape.metrics.looked_up import DetectionSample
from foolscape.pixels import to_unit
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.wiring.hints import of_boxes
from foolscape.run.wiring.judge import RivalRows, best_numbering, fitted_apart
from foolscape.run.wiring.record import TaskWiring
from foolscape.run.wiring.rivals import FITTED, Rival, RivalView, numbering, rotations, views

Ints = NDArray[np.int64]

_SAME: Final = 0.5
"""IoU from which on two boxes are of the same object, and one of a class is dropped for a better one."""

_UNUSED: Final = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
"""COCO's category ids below 91 that no object has: 80 classes have ids from 1 to 90."""

COCO_IDS: Final = np.array([number for number in range(91) if number not in _UNUSED])
"""The id of each of COCO's 80 classes."""


@dataclass(frozen=True)
class DetectionTrial:
    """A detector on N images; implements `check.Trial`.

    Attributes:
        subject: the model.
        cases: the images, with the detections of the model as it is.
    """

    subject: DetectionSubject
    cases: Sequence[EvalSample[Truth, Detected]]

    @staticmethod
    def labelled(subject: DetectionSubject, cases: Sequence[EvalSample[Truth, Detected]]) -> bool:
        """Whether what the cases hold as reference is the truth."""
        del cases
        return subject.channels is not None

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the model."""
        return self.subject.detector.classes

    @property
    def views(self) -> tuple[RivalView, ...]:
        """What is tried with another look at the images."""
        return views()

    def clean(self) -> list[DetectionSample]:
        """Rows of the model as it is."""
        return [self._row(case, case.prediction) for case in self.cases]

    def floor(self) -> tuple[str, list[DetectionSample]] | None:
        """The detections of the next image in the place of each image's own."""
        if len(self.cases) < 2:
            return None
        others = [*self.cases[1:], self.cases[0]]
        rows = [self._row(case, other.prediction) for case, other in zip(self.cases, others, strict=True)]
        return "its boxes on another image", rows

    def elsewhere(self) -> None:
        """None: that is what `floor` is."""

    def row(self, index: int, view: RivalView) -> DetectionSample:
        """The row of image `index` seen through `view`; raises whatever a network does that does not take it."""
        case = self.cases[index]
        detections = self.subject.predicted(view.images(to_unit(case.image)))
        return self._row(case, replace(detections, boxes=_yxyx(detections.boxes)) if view.turned_out else detections)

    def free(self) -> list[RivalRows]:
        """The rivals that take no further look: other readings of the boxes, and other numberings of the classes."""
        return [*self._forms(), *self._numberings(), *self._fitted()]

    def _row(self, case: EvalSample[Truth, Detected], detections: Detected) -> DetectionSample:
        return self.subject.measured(case, detections)

    def _forms(self) -> list[RivalRows]:
        rivals = []
        for rival, reading in _readings():
            rows = []
            for case in self.cases:
                boxes = reading(case.prediction.boxes, np.array(case.image.shape[:2], np.float64))
                rows.append(self._row(case, suppressed(replace(case.prediction, boxes=boxes))))
            rivals.append(RivalRows(rival, rows))
        return rivals

    def _numberings(self) -> list[RivalRows]:
        numberings = [*rotations(self.classes), *_of_coco(self.classes)]
        return [RivalRows(rival, [self._renumbered(case, meant) for case in self.cases]) for rival, meant in numberings]

    def _fitted(self) -> list[RivalRows]:
        if len(self.cases) < 2:
            return []
        tables = [_table(case, len(self.classes)) for case in self.cases]
        advice = numbering(self.classes, best_numbering(sum(tables, np.zeros_like(tables[0]))))
        rival = Rival("classes", "with the classes numbered otherwise", advice=advice, rank=FITTED)
        apart = zip(self.cases, fitted_apart(tables), strict=True)
        return [RivalRows(rival, [self._renumbered(case, meant) for case, meant in apart])]

    def _renumbered(self, case: EvalSample[Truth, Detected], meant: Ints) -> DetectionSample:
        """The row where label j of a detection means class `meant[j]`, -1 for none."""
        labels = meant[case.prediction.labels]
        named = labels >= 0
        detections = case.prediction
        return self._row(case, Detected(detections.boxes[named], detections.scores[named], labels[named]))


def _readings() -> list[tuple[Rival, Callable[[Floats, Floats], Floats]]]:
    """Other readings of a network's boxes (K, 4) in an image of sides (H, W)."""
    forms: dict[str, Callable[[Floats], Floats]] = {
        "xyxy": lambda boxes: boxes, "xywh": _xywh, "cxcywh": _cxcywh, "yxyx": _yxyx,
    }  # fmt: skip
    readings: list[tuple[Rival, Callable[[Floats, Floats], Floats]]] = []
    for name, form in forms.items():
        if name != "xyxy":
            rival = Rival(name, f"with its boxes read as {name}", {"boxes": name})
            readings.append((rival, lambda boxes, _, form=form: form(boxes)))  # type: ignore[misc]
        option = "shares" if name == "xyxy" else f"{name},shares"
        rival = Rival(option, f"with its boxes read as {name} in shares of the image", {"boxes": option})
        readings.append((rival, lambda boxes, size, form=form: form(boxes) * size[[1, 0, 1, 0]]))  # type: ignore[misc]
    undone = {
        "not-xywh": ("x, y, width and height", lambda boxes, _: _undone(boxes, 0.0)),
        "not-cxcywh": ("middle, width and height", lambda boxes, _: _undone(boxes, 0.5)),
        "not-shares": ("shares of the image", lambda boxes, size: boxes / size[[1, 0, 1, 0]]),
    }
    for name, (words, reading) in undone.items():
        advice = f"do not make corners in pixels of them as if they were {words}: they are that already"
        readings.append((Rival(name, f"with its boxes not taken for {words}", advice=advice), reading))
    return readings


def _xywh(boxes: Floats) -> Floats:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _cxcywh(boxes: Floats) -> Floats:
    return np.concatenate([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], axis=1)


def _yxyx(boxes: Floats) -> Floats:
    return boxes[:, [1, 0, 3, 2]]


def _undone(boxes: Floats, part: float) -> Floats:
    """What corners were before somebody took them for a point, `part` of the way along the box, and its sides."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] + part * sides, sides], axis=1)


def _of_coco(classes: Sequence[str]) -> list[tuple[Rival, Ints]]:
    """COCO's ids from 1 to 90 taken for the numbers of its 80 classes, and the other way round; ids from 0 on, too."""
    count = len(classes)
    if count < len(COCO_IDS):
        return []
    rivals = []
    for first in (0, 1):
        ids = COCO_IDS - 1 + first
        meant = np.full(max(count, 91), -1)
        meant[ids] = np.arange(len(ids))
        advice = "number the network's detections by COCO's 80 classes, not by its category ids up to 90"
        rival = Rival(f"coco-ids-from-{first}", "with its labels read as COCO's category ids", advice=advice)
        rivals.append((rival, meant[:count]))
        if count > ids.max():
            says = "with its labels read as numbers of COCO's 80 classes"
            advice = "name the network's classes, ?classes=FILE, in the order of COCO's 80 classes, without unused ids"
            back = np.full(count, -1)
            back[: len(ids)] = ids
            rivals.append((Rival(f"coco-classes-from-{first}", says, advice=advice), back))
    return rivals


def _table(case: EvalSample[Truth, Detected], classes: int) -> Ints:
    """(C, C) objects by true class and by the class of the best detection that lies on them."""
    table = np.zeros((classes, classes), np.int64)
    truth, detections = case.reference, case.prediction
    if not len(detections.scores):
        return table
    overlap = pairwise_iou(truth.boxes, detections.boxes)
    for i in np.flatnonzero(~(truth.difficult | truth.crowd)):
        lying = np.flatnonzero(overlap[i] >= _SAME)
        if len(lying):
            table[truth.labels[i], detections.labels[lying[detections.scores[lying].argmax()]]] += 1
    return table


def suppressed(detections: Detected) -> Detected:
    """The detections without those that overlap a better one of their class: NMS read the boxes otherwise before."""
    order = np.argsort(-detections.scores, kind="stable")
    best: list[int] = []
    overlap = pairwise_iou(detections.boxes, detections.boxes)
    for i in order.tolist():
        if not any(overlap[i, j] > _SAME and detections.labels[i] == detections.labels[j] for j in best):
            best.append(i)
    return Detected(detections.boxes[best], detections.scores[best], detections.labels[best])


RECORD: Final = TaskWiring(DetectionTrial, of_boxes)
