"""Universal perturbations for object detection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from foolscape.attacks.parts.goals import FLOOR
from foolscape.attacks.universal.learn import TrainingSample
from foolscape.metrics.box_counts import READABLE, as_reference, count_boxes
from foolscape.metrics.boxes import Found, Truth
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE
from foolscape.run.directory.store import Record
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.detection import DetectionSubject, load_boxes_at
from foolscape.run.universal.targets import Hide, Target, Untargeted
from foolscape.tasks.detection import problem


@dataclass(frozen=True)
class DetectionTeaching:
    """A detector, and what it is to see; implements `run.universal.teaching.Teaching`."""

    subject: DetectionSubject
    aim: Target

    def lesson(self, name: str, mirrored: bool) -> TrainingSample:
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
            labels = view.scores(images, boxes).argmax(dim=1)
        background = len(subject.detector.classes)
        objects = labels != background
        if isinstance(self.aim, Untargeted):
            labels = torch.where(objects, labels, IGNORE)
            return TrainingSample(problem(subject.detector, images, boxes, labels, None, FLOOR))
        assert isinstance(self.aim, Hide)
        hunted = objects if self.aim.hidden is None else labels == self.aim.hidden
        wanted = torch.where(hunted, self.aim.by if isinstance(self.aim.by, int) else background, labels)
        return TrainingSample(problem(subject.detector, images, boxes, labels, wanted, FLOOR))

    def judged(self, case: EvalSample[Truth, Found], prediction: Found) -> Record:
        """In detections of the clean image from a score of `READABLE` on; and `invented`, new ones on none of them."""
        classes = len(self.subject.detector.classes)
        before = as_reference(case.prediction, READABLE)
        counts = count_boxes(before, prediction, classes, READABLE)
        everything = counts.kept + counts.mislabelled + counts.vanished
        hidden = self.aim.hidden if isinstance(self.aim, Hide) else None
        chosen = np.ones(classes, np.bool_) if hidden is None else np.arange(classes) == hidden
        moving, kept = int(everything[chosen].sum()), int(counts.kept[chosen].sum())
        gone = counts.mislabelled if isinstance(self.aim, Hide) and isinstance(self.aim.by, int) else counts.vanished
        return {
            "moving": moving,
            "left": moving - kept,
            "reached": int(gone[chosen].sum()),
            "staying": int(everything[~chosen].sum()),
            "stayed": int(counts.kept[~chosen].sum()),
            "invented": int(counts.fabricated.sum()),
        }
