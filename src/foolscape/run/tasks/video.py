"""Video object segmentation as a run measures it: the first frame of a clip is attacked, the later ones are judged."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.names import foreign_to
from foolscape.attacks.plan import Plan
from foolscape.data.clips import Clip, ClipData, objects_in, resize_clip
from foolscape.errors import SampleError
from foolscape.metrics.clip_table import ClipSample
from foolscape.metrics.sample import Sample
from foolscape.metrics.video import ClipScores, measure_davis
from foolscape.metrics.youtube_vos import measure_youtube_vos
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE, Problem
from foolscape.records.conditions import Condition
from foolscape.records.places import Kind
from foolscape.records.row import Frames
from foolscape.records.sentences import OF_CLIPS
from foolscape.run.directory.album import Album
from foolscape.run.tasks.base import EvalSample, TaskRunning
from foolscape.run.tasks.clean import NOTHING_KEPT, CleanPredictions
from foolscape.run.tasks.clip_memory import check_memory, worth_keeping
from foolscape.seeds import generator_for
from foolscape.sending import sent
from foolscape.tasks.base import VIDEO, Task
from foolscape.tasks.video import ReusingTracker, Start, Tracker, follow, numbered, problem

LOST: Final = 0.5
"""An attack succeeded on a clip if at most this share of its clean J is left."""

LabelMaps = NDArray[np.uint8]


@dataclass(frozen=True)
class Footage:
    """A clip on its way through a run.

    Attributes:
        clip: at the working size.
        reference: (J, H, W) uint8 label maps of the frames `judged`, 255 for void.
        judged: J indices of frames.
        features: what a `ReusingTracker` made of the later frames, where it is small enough to be kept.
    """

    clip: Clip
    reference: LabelMaps
    judged: tuple[int, ...]
    features: tuple[Any, ...] | None


@dataclass(frozen=True)
class Masks:
    """The label maps (T, H, W) uint8 that a tracker gives, and the T names of their frames."""

    labels: LabelMaps
    names: tuple[str, ...]


@dataclass(frozen=True)
class VideoSubject:
    """A tracker on clips; implements `TaskRunner`.

    Attributes:
        spec, slug: see `TaskRunner`.
        tracker: the model.
        palette: colours of the labels.
        data: the clips.
        size: (height, width) to work at; None: each clip's own.
        device: where the tracker is.
        clean: predictions of the clean images that are known from other runs.
    """

    spec: str
    slug: str
    tracker: Tracker
    palette: Sequence[Sequence[int]]
    data: ClipData
    size: tuple[int, int] | None
    device: torch.device
    clean: CleanPredictions = NOTHING_KEPT
    task: ClassVar[Task] = VIDEO
    channels: ClassVar[None] = None

    def read(self, name: str) -> Clip:
        """As the data set has it, at the working size."""
        return load_clip_at(self.data, name, self.size)

    def load(self, name: str) -> EvalSample[Footage, Masks]:
        """The sample `name`, read and opened."""
        return self.opened(self.read(name))

    def opened(self, clip: Clip) -> EvalSample[Footage, Masks]:
        """The clip with its truth, or with the clean prediction in the place of it."""
        features = self._features(clip)
        labels = self.clean.of(
            self.tracker, self.data, clip.id, lambda: self._followed(clip, features, to_unit(clip.frames[0]))
        )
        reference, judged = (labels, tuple(range(len(labels)))) if clip.truth is None else (clip.truth, clip.judged)
        return EvalSample(
            clip.id,
            clip.frames[0],
            clip.notes,
            Footage(clip, reference, judged, features),
            Masks(labels, clip.names),
            Frames(names=clip.names, judged=judged),
        )

    def remembering(self) -> VideoSubject:
        """See `TaskRunner`."""
        return replace(self, clean=CleanPredictions(self.tracker, self.data))

    def attack_item(self, case: EvalSample[Footage, Masks], plan: Plan, seed: int) -> AttackItem:
        """The targets are the pixels of the later frames of the window, or those of their objects alone.

        Void and objects given later do not count. Where the objects alone do, the window is of frames that show one.
        """
        assert plan.window is not None
        footage, window = case.reference, plan.window
        right = dict(enumerate(case.prediction.labels))
        if window.truth and footage.clip.truth is not None:
            right = dict(zip(footage.judged, footage.reference, strict=True))
        if window.objects:
            right = _showing(right, footage.clip.given[0].mask)
        places = (0, *(frame for frame in right if frame > 0))
        drawn = generator_for(seed, "window", case.id)

        def posed(_: Tensor | None = None) -> Problem:
            frames_chosen = [places[i] for i in window.chosen(len(places), drawn)]
            return self._posed(footage, plan, frames_chosen, np.stack([right[frame] for frame in frames_chosen[1:]]))

        return AttackItem(case.id, posed(), generator_for(seed, "attack", case.id), posed)

    def _posed(self, footage: Footage, plan: Plan, indices: Sequence[int], right: LabelMaps) -> Problem:
        """The frames `indices`, the first of them 0, with what is right in the others."""
        clip, features = footage.clip, footage.features
        mask, own = numbered(torch.from_numpy(clip.given[0].mask.astype(np.int64)))
        table = torch.full((256,), IGNORE)
        table[own] = torch.arange(len(own))
        if plan.window is not None and plan.window.objects:
            table[0] = IGNORE
        labels = sent(table[torch.from_numpy(right.astype(np.int64))], self.device)
        frames = sent(torch.cat([to_unit(clip.frames[i]) for i in indices]), self.device)
        start = sent(mask, self.device)
        if plan.moves_context:
            return problem(getattr(self.tracker, "released", self.tracker), frames, start, labels)
        if features is not None:
            features = tuple(features[i - 1] for i in indices[1:])
        elif isinstance(self.tracker, ReusingTracker):
            with torch.no_grad():
                features = self.tracker.features(frames[1:])
        return problem(self.tracker, frames, start, labels, features)

    def predict(self, case: EvalSample[Footage, Masks], image: NDArray[np.uint8]) -> Masks:
        """The objects followed from an 8-bit first frame (H, W, 3)."""
        return self.predict_float(case, to_unit(image))

    def predict_float(self, case: EvalSample[Footage, Masks], image: Tensor) -> Masks:
        """The objects followed from the first frame `image` ((1, 3, H, W) in [0, 1])."""
        footage = case.reference
        return Masks(self._followed(footage.clip, footage.features, image), footage.clip.names)

    def predict_several(self, case: EvalSample[Footage, Masks], images: Tensor) -> list[Masks]:
        """The objects followed from each first frame, one after the other: a clip is a batch already."""
        return [self.predict_float(case, image[None]) for image in images]

    def measured(self, case: EvalSample[Footage, Masks], prediction: Masks) -> ClipSample:
        """J and F of every object in every frame that counts."""
        seen = case.reference.clip.seen
        scores = replace(self._scores(case.reference, prediction), seen=tuple(sorted(seen or ())))
        return Sample(case.id, None, scores)

    def succeeded(self, clean: ClipSample, attacked: ClipSample, plan: Plan) -> bool | None:
        """At most `LOST` of the clip's clean J is left; None where it had none."""
        del plan
        before, after = (_mean_j(one.measured) for one in (clean, attacked))
        return None if before == 0 else after <= LOST * before

    def keep(self, case: EvalSample[Footage, Masks], album: Album) -> None:
        """The frames, for the page, and the truth."""
        footage = case.reference
        for frame, image in zip(footage.clip.names, footage.clip.frames, strict=True):
            album.save_photograph(album.layout.place(Kind.FRAME, case.id, frame=frame), image)
        if footage.clip.truth is not None:
            for i, labels in zip(footage.judged, footage.reference, strict=True):
                place = album.layout.place(Kind.TRUTH, case.id, album.truths, frame=footage.clip.names[i])
                album.save_image(place, labels, self.palette)

    def keep_prediction(self, album: Album, condition: Condition, name: str, prediction: Masks) -> None:
        """A label map per frame, in the layout and the palette of DAVIS."""
        for frame, labels in zip(prediction.names, prediction.labels, strict=True):
            place = album.layout.place(Kind.PREDICTION, name, self.slug, condition, frame)
            album.save_image(place, labels, self.palette)

    def _features(self, clip: Clip) -> tuple[Any, ...] | None:
        """What the tracker makes of each later frame alone, if it can be asked for and is not too large to keep."""
        if not isinstance(self.tracker, ReusingTracker):
            return None
        features: list[Any] = []
        with torch.no_grad():
            for frame in clip.frames[1:]:
                features += self.tracker.features(to_unit(frame).to(self.device))
                if not worth_keeping(features[0], len(clip.frames) - 1):
                    return None
        return tuple(features)

    def _followed(self, clip: Clip, features: tuple[Any, ...] | None, first: Tensor) -> LabelMaps:
        frames = torch.cat([first.to(self.device), *(to_unit(frame).to(self.device) for frame in clip.frames[1:])])
        starts = [
            Start(first_mask.frame, torch.from_numpy(first_mask.mask.astype(np.int64)).to(self.device))
            for first_mask in clip.given
        ]
        labels: LabelMaps = follow(self.tracker, frames, starts, features).to(torch.uint8).cpu().numpy()
        return labels

    def _scores(self, footage: Footage, prediction: Masks) -> ClipScores:
        labels = prediction.labels[list(footage.judged)]
        if footage.clip.categories:
            return measure_youtube_vos(labels, footage.reference, footage.clip.categories)
        # An object counts in the frames behind the one in which it is given.
        starts = {
            label: bisect_right(footage.judged, first_mask.frame)
            for first_mask in footage.clip.given
            for label in objects_in(first_mask.mask)
        }
        return measure_davis(labels, footage.reference, tuple(starts), starts)


def load_clip_at(data: ClipData, name: str, size: tuple[int, int] | None) -> Clip:
    """The clip `name` at the working size; raises `SampleError`."""
    clip = data.load(name)
    if len(clip.frames) < 3:
        raise SampleError(
            f"expected at least 3 frames in {name}, got {len(clip.frames)}: the first is given and the last does not "
            "count, so nothing can be measured on it"
        )
    clip = clip if size is None else resize_clip(clip, size)
    check_memory(clip)
    return clip


def _showing(right: dict[int, LabelMaps], mask: LabelMaps) -> dict[int, LabelMaps]:
    """The frames in which an object of the first mask can be seen; all of them, where there is no such frame."""
    objects = np.unique(mask)
    visible = {frame: labels for frame, labels in right.items() if np.isin(labels, objects[objects > 0]).any()}
    # An attack with nothing to fool in its window would be done where it stands.
    return visible if any(frame > 0 for frame in visible) else right


def _mean_j(scores: ClipScores) -> float:
    return float(np.mean([np.mean(one.J) for one in scores.objects]))


RECORD: Final = TaskRunning(
    foreign=("precision", "memory_format", "classes", "class_map", "eval_classes", "batch", *foreign_to(VIDEO)),
    clamps=True,
    conventions={
        "success_rate": f"Success: share of clips that keep, at 8 bits, at most {LOST:.0%} of their clean J; those "
        "without any are not judged.",
        **OF_CLIPS,
    },
)
