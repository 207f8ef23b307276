"""Object detection as a run measures it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.names import foreign_to
from foolscape.attacks.parts.goals import POSITIVE
from foolscape.attacks.plan import Plan
from foolscape.data.boxes import DetectionData, DetectionSample, resize_boxes
from foolscape.metrics.box_counts import READABLE, confidence_kept, fates_of
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.looked_up import DetectionSample as Measured
from foolscape.metrics.sample import Sample
from foolscape.metrics.tasks.detection import in_classes, standing_in
from foolscape.pixels import to_image, to_unit
from foolscape.problem import Problem
from foolscape.records.conditions import Condition
from foolscape.run.directory.album import Album
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.tasks.base import EvalSample, TaskRunning
from foolscape.run.tasks.clean import NOTHING_KEPT, CleanPredictions
from foolscape.seeds import generator_for
from foolscape.sending import sent
from foolscape.tasks.base import DETECTION, Task
from foolscape.tasks.detection import Candidates, Detector, assign, problem

LOWEST = 0.001
"""Detections below this score are left out of the average precision, which wants them down to near 0."""


@dataclass(frozen=True)
class DetectionSubject:
    """A detector on a data set; implements `TaskRunner`.

    Attributes:
        spec, slug: see `TaskRunner`.
        detector: the model.
        channels: for each class of the data set the model's class; None for data without truth.
        data: the images.
        size: (height, width) to work at; None: each image's own.
        device: where the model is.
        clean: predictions of the clean images that are known from other runs.
    """

    spec: str
    slug: str
    detector: Detector
    channels: tuple[int, ...] | None
    data: DetectionData
    size: tuple[int, int] | None
    device: torch.device
    clean: CleanPredictions = NOTHING_KEPT
    task: ClassVar[Task] = DETECTION

    def read(self, name: str) -> DetectionSample:
        """As the data set has it, at the working size."""
        return load_boxes_at(self.data, name, self.size)

    def load(self, name: str) -> EvalSample[Truth, Detected]:
        """The sample `name`, read and opened."""
        return self.opened(self.read(name))

    def opened(self, sample: DetectionSample) -> EvalSample[Truth, Detected]:
        """Image, objects in the model's classes, and the clean detections, which stand for the objects if need be."""
        detections = self.clean.of(self.detector, self.data, sample.id, lambda: self.predicted(to_unit(sample.image)))
        if sample.truth is None or self.channels is None:
            return EvalSample(sample.id, sample.image, sample.notes, standing_in(detections), detections)
        truth = in_classes(sample.truth, self.channels)
        return EvalSample(sample.id, sample.image, sample.notes, truth, detections)

    def remembering(self) -> DetectionSubject:
        """See `TaskRunner`."""
        return replace(self, clean=CleanPredictions(self.detector, self.data))

    def attack_item(self, case: EvalSample[Truth, Detected], plan: Plan, seed: int) -> AttackItem:
        """The candidates of the clean image are the targets, as the plan's goal wants them."""
        images = sent(to_unit(case.image), self.device)
        first = self._problem(images, case, plan, seed, None)
        count = first.labels.shape[1]
        renew = partial(self._problem, case=case, plan=plan, seed=seed, count=count)
        generator, remains = generator_for(seed, "attack", case.id), partial(self._found_in, case, plan)
        return AttackItem(case.id, first, generator, renew, remains=remains)

    def _found_in(self, case: EvalSample[Truth, Detected], plan: Plan, image: Tensor) -> float:
        """How much of the objects is still detected in `image` ((1, 3, H, W)) once it is written in 8 bits."""
        levels = plan.ascent.constraint.quantise(image, sent(to_unit(case.image), self.device))
        try:
            detections = self.predicted(to_unit(to_image(levels[0])))
        except FAULTS as error:  # such an image is no result as long as there is another
            reason_of(error)
            return math.inf
        return confidence_kept(case.reference, detections, plan.only_class)

    def _problem(
        self, images: Tensor, case: EvalSample[Truth, Detected], plan: Plan, seed: int, count: int | None
    ) -> Problem:
        """The candidates found in `images` ((1, 3, H, W)) as targets; `count` of them, or all there are."""
        counted = ~(case.reference.difficult | case.reference.crowd)
        # A renewal in the midst of an attack: the device is not waited for.
        boxes = sent(torch.from_numpy(case.reference.boxes[counted]).to(images.dtype), self.device)
        labels = sent(torch.from_numpy(case.reference.labels[counted]), self.device)
        return posed(self.detector, images, (boxes, labels), plan, generator_for(seed, "goal", case.id), count)

    def predict(self, case: EvalSample[Truth, Detected], image: NDArray[np.uint8]) -> Detected:
        """Detections from a score of `LOWEST` on."""
        del case
        return self.predicted(to_unit(image))

    def predict_float(self, case: EvalSample[Truth, Detected], image: Tensor) -> Detected:
        """Detections from a score of `LOWEST` on."""
        del case
        return self.predicted(image)

    def predict_several(self, case: EvalSample[Truth, Detected], images: Tensor) -> list[Detected]:
        """Detections from a score of `LOWEST` on in each."""
        del case
        return self._detected(images)

    def predicted(self, image: Tensor) -> Detected:
        """Detections from a score of `LOWEST` on in `image` ((1, 3, H, W) in [0, 1])."""
        (detected,) = self._detected(image)
        return detected

    def _detected(self, images: Tensor) -> list[Detected]:
        found = []
        for detections in self.detector.detect(images.to(self.device), LOWEST):
            boxes, scores = (values.cpu().float().double().numpy() for values in (detections.boxes, detections.scores))
            found.append(Detected(boxes, scores, detections.labels.cpu().long().numpy()))
        return found

    def measured(self, case: EvalSample[Truth, Detected], prediction: Detected) -> Measured:
        """The objects and the detections, of which every score is made."""
        return Sample(case.id, case.reference, prediction)

    def succeeded(self, clean: Measured, attacked: Measured, plan: Plan) -> bool | None:
        """Whether every object that the clean model had right met the goal; for fabricate, whether a box was invented.

        Objects that it had wrong before are not asked for.
        """
        assert plan.goal is not None
        truth = clean.truth
        before, after = (fates_of(truth, one.measured, READABLE) for one in (clean, attacked))
        if plan.goal.name == "fabricate":
            classes = len(self.detector.classes)
            more = np.bincount(after.invented, minlength=classes) - np.bincount(before.invented, minlength=classes)
            return bool((more.max() if plan.only_class is None else more[plan.only_class]) > 0)
        counted = before.kept if plan.only_class is None else before.kept & (truth.labels == plan.only_class)
        if not counted.any():
            return None
        vanished = ~after.kept & ~after.mislabelled
        met = {"untargeted": ~after.kept, "mislabel": after.mislabelled}.get(plan.goal.name, vanished)
        return bool(met[counted].all())

    def keep(self, case: EvalSample[Truth, Detected], album: Album) -> None:
        """The objects in the data set's classes."""
        if self.channels is not None:
            classes = np.full(len(self.detector.classes), -1)
            classes[list(self.channels)] = np.arange(len(self.channels))
            truth = dataclasses.replace(case.reference, labels=classes[case.reference.labels])
            album.save_truth(case.id, self.task.name, truth)

    def keep_prediction(self, album: Album, condition: Condition, name: str, prediction: Detected) -> None:
        """Nothing: rows hold the detections."""


def posed(
    detector: Detector,
    images: Tensor,
    objects: tuple[Tensor, Tensor],
    plan: Plan,
    generator: torch.Generator,
    count: int | None = None,
) -> Problem:
    """The candidates found in `images` ((1, 3, H, W)) as targets, as the plan's goal wants them.

    Args:
        detector: the model.
        images: the image in which they are looked for.
        objects: boxes (N, 4) and labels (N,) of what is right.
        plan: the attack.
        generator: begun alike each time that the candidates of an image are found anew, so that the classes are
            permuted alike.
        count: how many candidates there are to be; None: all there are.
    """
    assert plan.goal is not None
    with torch.no_grad():
        candidates = detector.candidates(images)
    if count is not None and candidates.boxes.shape[1] != count:
        rows = torch.arange(count, device=images.device).clamp(max=candidates.boxes.shape[1] - 1)
        candidates = Candidates(candidates.boxes[:, rows], candidates.scores[:, :, rows])
    assigned = assign(candidates, *objects, POSITIVE)
    aim = plan.goal.aim(assigned, candidates.scores, plan.only_class, generator)
    return problem(detector, images, candidates.boxes, aim.labels, aim.target, plan.goal.floor)


def load_boxes_at(data: DetectionData, name: str, size: tuple[int, int] | None) -> DetectionSample:
    """The sample `name` at the working size; raises `SampleError`."""
    sample = data.load(name)
    return sample if size is None else resize_boxes(sample, size)


RECORD: Final = TaskRunning(
    foreign=("memory_format", *foreign_to(DETECTION)),
    conventions={
        "success_rate": "Success: share of the images on which the clean model finds an object where, at 8 bits, "
        f"every object that it finds met the goal, among detections with a score of at least {READABLE}; for "
        "fabricate, with an invented box."
    },
)
