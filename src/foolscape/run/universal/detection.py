"""Universal perturbations for object detection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from foolscape.attacks.parts.goals import FLOOR
from foolscape.attacks.parts.objectives import Objective, margin, towards
from foolscape.attacks.universal.learn import TrainingSample
from foolscape.metrics.box_counts import READABLE, as_reference, count_boxes
from foolscape.metrics.boxes import Detected, Truth
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE, likeliest
from foolscape.records.row import Moved
from foolscape.records.types import Object
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject, load_boxes_at
from foolscape.run.universal.record import TaskUniversal
from foolscape.run.universal.targets import UNTARGETED, Hide, Target, Untargeted
from foolscape.tasks.detection import problem


@dataclass(frozen=True)
class DetectionUniversal:
    """A detector, and what it is to see; implements `run.universal.universal_task.UniversalTask`."""

    subject: DetectionSubject
    aim: Target

    def training_sample(self, name: str, mirrored: bool) -> TrainingSample:
        """Every candidate of the clean image is a target, empty ones too, so that no boxes appear elsewhere.

        What a candidate is, is what it scores highest for, the background lifted as in `attacks.parts.goals.Goal`.
        """
        subject = self.subject
        image = load_boxes_at(subject.data, name, subject.size).image
        image = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
        images = to_unit(image).to(subject.device)
        with torch.no_grad():
            boxes = subject.detector.candidates(images).boxes
            view = problem(subject.detector, images, boxes, boxes.new_zeros(boxes.shape[:2]).long(), None, FLOOR)
            labels = likeliest(view.scores(images, boxes))
        background = len(subject.detector.classes)
        objects = labels != background
        if isinstance(self.aim, Untargeted):
            labels = torch.where(objects, labels, IGNORE)
            return TrainingSample(problem(subject.detector, images, boxes, labels, None, FLOOR))
        assert isinstance(self.aim, Hide)
        hunted = objects if self.aim.hidden is None else labels == self.aim.hidden
        wanted = torch.where(hunted, self.aim.by if isinstance(self.aim.by, int) else background, labels)
        return TrainingSample(problem(subject.detector, images, boxes, labels, wanted, FLOOR))

    def judged(self, case: EvalSample[Truth, Detected], prediction: Detected) -> Moved:
        """In detections of the clean image from a score of `READABLE` on; and `invented`, new ones on none of them."""
        classes = len(self.subject.detector.classes)
        before = as_reference(case.prediction, READABLE)
        counts = count_boxes(before, prediction, classes, READABLE)
        everything = counts.kept + counts.mislabelled + counts.vanished
        hidden = self.aim.hidden if isinstance(self.aim, Hide) else None
        attacked_classes = np.ones(classes, np.bool_) if hidden is None else np.arange(classes) == hidden
        moving, remaining = int(everything[attacked_classes].sum()), int(counts.kept[attacked_classes].sum())
        gone = counts.mislabelled if isinstance(self.aim, Hide) and isinstance(self.aim.by, int) else counts.vanished
        return Moved(
            moving=moving,
            left=moving - remaining,
            reached=int(gone[attacked_classes].sum()),
            staying=int(everything[~attacked_classes].sum()),
            stayed=int(counts.kept[~attacked_classes].sum()),
            invented=int(counts.fabricated.sum()),
        )


def _objective(tau: float, bend: float, anything: bool) -> Objective:
    """Of detectors with a sigmoid for each class, a softmax over all scores says little; see `towards`."""
    del tau, bend
    return margin if anything else towards


def _more(scores: Object, judged: Sequence[Moved], hidden: str | None) -> Object:
    """Boxes that came up, and AP50 of the classes that were to stay."""
    further: Object = {"invented": float(np.mean([one.invented or 0 for one in judged]))}
    if hidden is None:
        return further
    others = [value for name, value in scores["per_class"].items() if name != hidden and value is not None]
    return further | {"AP50_others": float(np.mean(others)) if others else None}


RECORD: Final = TaskUniversal(
    universal_task=DetectionUniversal,
    kinds=("hide", UNTARGETED),
    neighbours=False,
    all_at_once=True,
    conventions={
        "hidden": "Hidden: objects of the hidden class that the clean detections have and that are no longer found as "
        "it; pooled over all objects, and as the mean over the images that show the class.",
        "preserved": "Preserved: clean detections of the other classes that are still found; pooled, and as the mean "
        "over images with and without the hidden class apart.",
        "invented": "Invented: detections per image that lie on no clean one.",
        "AP50_others": "AP50 others: the mean of AP50 over the classes that are not to be hidden.",
    },
    objective=_objective,
    more=_more,
)
