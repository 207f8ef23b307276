"""Universal perturbations for semantic segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.parts.objectives import ConfidenceCappedLoss, Objective
from foolscape.attacks.universal.label_maps import brought_to, filled, repeated, replaced
from foolscape.attacks.universal.learn import TrainingSample
from foolscape.data.sample import VOID
from foolscape.errors import SampleError
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE, OTHER
from foolscape.records.row import Moved
from foolscape.records.types import Object
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.segmentation import LabelMap, SegmentationSubject, load_at
from foolscape.run.universal.record import TaskUniversal
from foolscape.run.universal.targets import KINDS, Hide, Static, Target, Untargeted
from foolscape.tasks.segmentation import problem


@dataclass(frozen=True)
class SegmentationUniversal:
    """A segmentation model, and what it is to see; implements `run.universal.universal_task.UniversalTask`."""

    subject: SegmentationSubject
    aim: Target

    def training_sample(self, name: str, mirrored: bool) -> TrainingSample:
        """Every pixel is a target."""
        subject = self.subject
        image = load_at(subject.data, name, subject.size).image
        image = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
        prediction = subject.predicted(to_unit(image))
        wanted = self._wanted(prediction)
        labels = prediction.astype(np.int64)
        labels[labels == VOID] = IGNORE

        def tensor(picture: NDArray[np.int64]) -> torch.Tensor:
            return torch.from_numpy(picture)[None].to(subject.device)

        view = problem(
            subject.segmenter,
            to_unit(image).to(subject.device),
            tensor(labels),
            tensor(np.where(labels == IGNORE, IGNORE, wanted)),
        )
        if isinstance(self.aim, Static) and self.aim.tied:
            return TrainingSample(view, torch.from_numpy(self.aim.wanted).to(subject.device))
        return TrainingSample(view)

    def judged(self, case: EvalSample[LabelMap, LabelMap], prediction: LabelMap) -> Moved:
        """In pixels. A fixed picture is to be reached everywhere, also where the clean prediction is it already."""
        before = case.prediction
        wanted = self._wanted(before)
        moving = wanted != before if isinstance(self.aim, Hide) else np.ones_like(before, dtype=np.bool_)
        return Moved(
            moving=int(moving.sum()),
            left=int((moving & (prediction != before)).sum()),
            reached=int((moving & _reached(wanted, before, prediction)).sum()),
            staying=int((~moving).sum()),
            stayed=int((~moving & (prediction == before)).sum()),
        )

    def _wanted(self, prediction: LabelMap) -> NDArray[np.int64]:
        """The wanted map for a clean prediction (H, W).

        Raises:
            SampleError: the image is the hidden class everywhere, so that there is nothing to fill from.
        """
        before = prediction.astype(np.int64)
        match self.aim:
            case Untargeted():
                return np.full_like(before, OTHER)
            case Static(wanted, tied):
                return (repeated if tied else brought_to)(wanted, (before.shape[0], before.shape[1]))
            case Hide(int(hidden), int(by)):
                return replaced(before, hidden, by)
            case Hide(int(hidden), "other"):
                return replaced(before, hidden, OTHER)
            case Hide(int(hidden), "nearest"):
                if (before == hidden).all():
                    raise SampleError("expected another class to fill the hidden one from, got it alone")
                return filled(before, hidden) if (before == hidden).any() else before
        raise TypeError(f"expected an aim for segmentation, got {self.aim}")


def _reached(wanted: NDArray[np.int64], before: LabelMap, after: LabelMap) -> NDArray[np.bool_]:
    reached: NDArray[np.bool_] = np.where(wanted == OTHER, after != before, after == wanted)
    return reached


def _objective(tau: float, bend: float, anything: bool) -> Objective:
    del anything
    return ConfidenceCappedLoss(tau, bend)


def _no_more(scores: Object, judged: Sequence[Moved], hidden: str | None) -> Object:
    del scores, judged, hidden
    return {}


RECORD: Final = TaskUniversal(
    universal_task=SegmentationUniversal,
    kinds=KINDS,
    neighbours=True,
    all_at_once=False,
    conventions={
        "hidden": "Hidden: pixels that the clean prediction gives to the hidden class and that the model gives to "
        "another one now; pooled over all pixels, and as the mean over the images that show the class.",
        "preserved": "Preserved: pixels of the other classes on which the prediction is unchanged; pooled, and as the "
        "mean over images with and without the hidden class apart.",
    },
    objective=_objective,
    more=_no_more,
)
