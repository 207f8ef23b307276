"""Semantic segmentation as a run measures it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.names import foreign_to
from foolscape.attacks.plan import Plan
from foolscape.data.images import resize
from foolscape.data.sample import VOID, Sample, SegmentationData
from foolscape.errors import SampleError
from foolscape.metrics.segmentation import Kept, count, sparse
from foolscape.metrics.tasks.segmentation import PixelSample, sample_of
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE
from foolscape.records.conditions import Condition
from foolscape.records.places import Kind
from foolscape.run.directory.album import Album
from foolscape.run.scores.objectives import ObjectiveResults
from foolscape.run.tasks.base import EvalSample, TaskRunning
from foolscape.run.tasks.clean import NOTHING_KEPT, CleanPredictions
from foolscape.run.tasks.colours import colours
from foolscape.seeds import generator_for
from foolscape.tasks.base import SEGMENTATION, Task
from foolscape.tasks.segmentation import Segmenter, predict, problem

FOOLED = 0.01
"""An attack succeeded on an image if at most this share of the pixels that the clean model had right still is."""

LabelMap = NDArray[np.uint8]
"""(H, W): a model's channels, `VOID` where nothing counts."""


@dataclass(frozen=True)
class SegmentationSubject:
    """A segmentation model on a data set; implements `TaskRunner`.

    Attributes:
        spec, slug: see `TaskRunner`.
        segmenter: the model.
        colours: of its classes.
        channels: for each class of the data set the model's channel; None for data without truth.
        data: the images.
        size: (height, width) to work at; None: each image's own.
        device: where the model is.
        clean: predictions of the clean images that are known from other runs.
    """

    spec: str
    slug: str
    segmenter: Segmenter
    colours: Sequence[Sequence[int]]
    channels: tuple[int, ...] | None
    data: SegmentationData
    size: tuple[int, int] | None
    device: torch.device
    clean: CleanPredictions = NOTHING_KEPT
    task: ClassVar[Task] = SEGMENTATION

    def read(self, name: str) -> Sample:
        """As the data set has it, at the working size."""
        return load_at(self.data, name, self.size)

    def load(self, name: str) -> EvalSample[LabelMap, LabelMap]:
        """The sample `name`, read and opened."""
        return self.opened(self.read(name))

    def opened(self, sample: Sample) -> EvalSample[LabelMap, LabelMap]:
        """Image, labels as model channels, and the clean prediction, which stands for the labels if there are none."""
        prediction = self.clean.of(self.segmenter, self.data, sample.id, lambda: self.predicted(to_unit(sample.image)))
        truth = self.truth(sample)
        return EvalSample(sample.id, sample.image, sample.notes, prediction if truth is None else truth, prediction)

    def truth(self, sample: Sample) -> LabelMap | None:
        """The labels of `sample` as model channels, None without; raises `SampleError` where no pixel counts."""
        if sample.labels is None or self.channels is None:
            return None
        table = np.full(256, VOID, dtype=np.uint8)
        table[: len(self.channels)] = self.channels
        reference: LabelMap = table[sample.labels]
        if (reference == VOID).all():
            raise SampleError(f"expected labelled pixels in {sample.id}, got void alone; nothing can be measured on it")
        return reference

    def remembering(self) -> SegmentationSubject:
        """See `TaskRunner`."""
        return replace(self, clean=CleanPredictions(self.segmenter, self.data))

    def attack_item(self, case: EvalSample[LabelMap, LabelMap], plan: Plan, seed: int) -> AttackItem:
        """Every labelled pixel is a target."""
        labels = torch.from_numpy(case.reference.astype(np.int64))[None]
        labels[labels == VOID] = IGNORE
        generator = generator_for(seed, "attack", case.id)
        target = None if plan.target is None else plan.target(labels, [generator]).to(self.device)
        images = to_unit(case.image).to(self.device)
        return AttackItem(case.id, problem(self.segmenter, images, labels.to(self.device), target), generator)

    def predict(self, case: EvalSample[LabelMap, LabelMap], image: NDArray[np.uint8]) -> LabelMap:
        """(H, W) uint8 channels."""
        del case
        return self.predicted(to_unit(image))

    def predict_float(self, case: EvalSample[LabelMap, LabelMap], image: Tensor) -> LabelMap:
        """(H, W) uint8 channels."""
        del case
        return self.predicted(image)

    def predict_several(self, case: EvalSample[LabelMap, LabelMap], images: Tensor) -> list[LabelMap]:
        """(H, W) uint8 channels of each."""
        del case
        return self._labels(images)

    def predicted(self, image: Tensor) -> LabelMap:
        """(H, W) uint8 channels that the model predicts for `image` ((1, 3, H, W) in [0, 1])."""
        (labels,) = self._labels(image)
        return labels

    def _labels(self, images: Tensor) -> list[LabelMap]:
        return list(predict(self.segmenter, images.to(self.device)).to(torch.uint8).cpu().numpy())

    def measured(self, case: EvalSample[LabelMap, LabelMap], prediction: LabelMap) -> PixelSample:
        """The counts of which IoU and accuracy are made, and of the pixels right when clean how many still are."""
        before = (case.prediction == case.reference) & (case.reference != VOID)
        after = before & (prediction == case.reference)
        counts = count(prediction, case.reference, len(self.segmenter.classes))
        return sample_of(case.id, counts, Kept(int(before.sum()), int(after.sum())))

    def succeeded(self, clean: PixelSample, attacked: PixelSample, plan: Plan) -> bool | None:
        """At most `FOOLED` of the pixels that the clean model had right are still right; None where it had none.

        An attack that stops by itself at a share of the labelled pixels goes no further, and is judged by that share,
        up to `FOOLED` of them; None where the clean image meets it.
        """
        del clean
        pixels, labelled = attacked.measured.kept, sum(attacked.truth.values())
        assert pixels is not None
        allowed = max(FOOLED * pixels.right_before, min(plan.stop or 0.0, FOOLED) * labelled)
        return None if pixels.right_before <= allowed else bool(pixels.right_after <= allowed)

    def keep(self, case: EvalSample[LabelMap, LabelMap], album: Album) -> None:
        """The labels in the data set's classes: how many pixels each has, and the map."""
        if self.channels is None or self.data.classes is None:
            return
        classes = np.full(256, VOID, dtype=np.uint8)
        classes[list(self.channels)] = np.arange(len(self.channels))
        labels = classes[case.reference]
        counted = np.bincount(labels[labels != VOID], minlength=len(self.channels))
        album.save_truth(case.id, self.task.name, sparse(counted))
        album.save_image(album.layout.place(Kind.TRUTH, case.id, album.truths), labels, colours(self.data.classes))

    def keep_prediction(self, album: Album, condition: Condition, name: str, prediction: LabelMap) -> None:
        """The prediction in the class colours."""
        album.save_image(album.layout.place(Kind.PREDICTION, name, self.slug, condition), prediction, self.colours)


def load_at(data: SegmentationData, name: str, size: tuple[int, int] | None) -> Sample:
    """The sample `name` at the working size; raises `SampleError`."""
    sample = data.load(name)
    return sample if size is None else resize(sample, size)


RECORD: Final = TaskRunning(
    foreign=tuple(foreign_to(SEGMENTATION)),
    conventions={
        "success_rate": "Success: share of images on which, at 8 bits, at most "
        f"{FOOLED:.0%} of the pixels that the clean model had right still are; an attack that stops by itself at a "
        f"share of the labelled pixels is judged by that share, up to {FOOLED:.0%} of them; images on which the "
        "clean model had no more right are not judged."
    },
    several=ObjectiveResults,
)
