"""How video object segmentation is scored: by the protocol of DAVIS 2017, or the measure of YouTube-VOS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.intervals import LEAST, convention
from foolscape.metrics.sample import Form, Sample
from foolscape.metrics.score import Measure, Parts, Score, TaskScores
from foolscape.metrics.video import (
    DAVIS_SCORES,
    ClipScores,
    ObjectScores,
    davis_of,
    mean_over_objects,
)
from foolscape.metrics.youtube_vos import YOUTUBE_SCORES, by_group, means_of, with_overall

_F: Final = (
    "F: harmonic mean of precision and recall of an object's contour, matched within 0.8 % of the frame's diagonal; "
    "averaged as J."
)
_RECALL: Final = "J recall and F recall: share of an object's frames with more than 50 %, mean over all objects."
_DECAY: Final = (
    "J decay and F decay: mean of an object's first quarter of frames less that of its last, mean over all objects; "
    "negative where it gets better."
)
_INTERVALS: Final = convention(f"below {LEAST} clips", "clip")
_PER_OBJECT: Final = "Objects are told apart by clip and label."
_PARTS: Final = Parts("object", "J&F", "per_object")


@dataclass(frozen=True)
class Objects:
    """The objects of N clips under R weightings of the clips.

    Attributes:
        clips: N, with at least one object each.
        weights: (R, N).
    """

    clips: Sequence[ClipScores]
    weights: Floats

    @cached_property
    def davis(self) -> Floats:
        """(R, 7): `DAVIS_SCORES` in percent, the mean over all objects, whatever their clip and number of frames."""
        tables = [np.array([davis_of(one) for one in clip.objects]) for clip in self.clips]
        sums = np.stack([table.sum(axis=0) for table in tables])
        return mean_over_objects(self.weights, sums, np.array([[float(len(table))] for table in tables]))

    def mean(self, of: Callable[[ObjectScores], float]) -> Floats:
        """(R,): the mean of `of` over all objects."""
        sums = np.array([[sum(of(one) for one in clip.objects)] for clip in self.clips])
        counts = np.array([[float(len(clip.objects))] for clip in self.clips])
        return mean_over_objects(self.weights, sums, counts)[:, 0]


@dataclass(frozen=True)
class Clips:
    """A `Pool` of the objects of clips; `names` of the N `clips`."""

    names: Sequence[str]
    clips: Sequence[ClipScores]

    @property
    def images(self) -> int:
        """N."""
        return len(self.clips)

    def once(self) -> Objects:
        """Every clip once."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Objects:
        """Each clip as often as its weight says."""
        return Objects(self.clips, weights)

    def parts(self, without: Objects, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """The seven scores of every object."""
        del without, only_class
        pairs = zip(self.names, self.clips, strict=True)
        return {"per_object": {name: {str(o.label): _named(o) for o in clip.objects} for name, clip in pairs}}, {}


@dataclass(frozen=True)
class Groups:
    """Objects of seen and of unseen categories under R weightings: `weights` (R, N), `sums` and `counts` (N, 4)."""

    weights: Floats
    sums: Floats
    counts: Floats

    @cached_property
    def youtube(self) -> Floats:
        """(R, 5): `YOUTUBE_SCORES` in percent."""
        return with_overall(mean_over_objects(self.weights, self.sums, self.counts))


@dataclass(frozen=True)
class GroupedClips:
    """A `Pool` of the objects of clips in two groups.

    Attributes:
        names: of the N clips.
        clips: N records of `measure_youtube_vos`.
        seen: the categories of the training set.
    """

    names: Sequence[str]
    clips: Sequence[ClipScores]
    seen: frozenset[str]

    @property
    def images(self) -> int:
        """N."""
        return len(self.clips)

    def once(self) -> Groups:
        """Every clip once."""
        return self.under(np.ones((1, self.images)))

    def under(self, weights: Floats) -> Groups:
        """Each clip as often as its weight says."""
        return Groups(weights, *self._counted)

    def parts(self, without: Groups, only_class: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
        """J and F of every object."""
        del without, only_class
        pairs = zip(self.names, self.clips, strict=True)
        return {"per_object": {name: {str(o.label): means_of(o) for o in clip.objects} for name, clip in pairs}}, {}

    @cached_property
    def _counted(self) -> tuple[Floats, Floats]:
        return by_group(self.clips, self.seen)


ClipSample = Sample[None, ClipScores]


def pooled(samples: Sequence[ClipSample], classes: Sequence[str]) -> Clips:
    """The objects of samples, each a clip."""
    del classes
    return Clips([one.id for one in samples], [one.measured for one in samples])


def grouped(samples: Sequence[ClipSample], classes: Sequence[str]) -> GroupedClips:
    """As `pooled`, with the seen categories that samples name."""
    clips = pooled(samples, classes)
    return GroupedClips(clips.names, clips.clips, frozenset(_seen(samples)))


def right(sample: ClipSample, only_class: int | None) -> float | None:
    """The mean J of the clip's objects, each over the frames that count."""
    del only_class
    objects = sample.measured.objects
    return float(np.mean([np.mean(one.J) for one in objects])) if objects else None


def _has_both(samples: Sequence[ClipSample]) -> bool:
    """Whether there are objects of seen and of unseen categories."""
    categories = {one.category for sample in samples for one in sample.measured.objects} - {None}
    seen = _seen(samples)
    return bool(categories & seen and categories - seen)


def _seen(samples: Sequence[ClipSample]) -> set[str]:
    return {name for one in samples for name in one.measured.seen}


def _named(one: ObjectScores) -> dict[str, float]:
    return {name: float(value) for name, value in zip(DAVIS_SCORES, davis_of(one), strict=True)}


def _of_davis(key: str) -> Callable[[Objects], Floats]:
    index = DAVIS_SCORES.index(key)
    return lambda objects: objects.davis[:, index]


def _of_youtube(key: str) -> Callable[[Groups], Floats]:
    index = YOUTUBE_SCORES.index(key)
    return lambda groups: groups.youtube[:, index]


_J: Final = (
    "J: intersection over union of an object's masks, 1 where both are empty; mean over the frames of an object, then "
    "over all objects of all clips, without the first and the last frame; void counts as background."
)

DAVIS: Final = Measure[Objects](
    name="video",
    headline="J&F",
    own=(
        Score("J&F", "J&F", "J&F: the mean of J and F.", _of_davis("J&F")),
        Score("J", "J", _J, _of_davis("J")),
        Score("F", "F", _F, _of_davis("F")),
        Score("J_recall", "J recall", _RECALL, _of_davis("J_recall"), explained="recall", further=True),
        Score("F_recall", "F recall", _RECALL, _of_davis("F_recall"), explained="recall", further=True),
        Score(
            "J_decay", "J decay", _DECAY, _of_davis("J_decay"), unit="", higher=False, bounded=False,
            explained="decay", further=True,
        ),
        Score(
            "F_decay", "F decay", _DECAY, _of_davis("F_decay"), unit="", higher=False, bounded=False,
            explained="decay", further=True,
        ),
    ),
    pool=pooled,
    parts=_PARTS,
    notes={"per_object": _PER_OBJECT, "ci95": f"{_INTERVALS} That of a decay is as long on either side."},
    below=("ci95",),
    further="Recall and decay",
)  # fmt: skip

_J_GROUPED: Final = (
    "J: intersection over union of an object's masks, 1 where both are empty; mean over the frames after the object's "
    "first, then over all objects of seen or of unseen categories; void counts as background."
)

YOUTUBE_VOS: Final = Measure[Groups](
    name="youtube-vos",
    headline="G",
    own=(
        Score(
            "G",
            "G",
            "G: the mean of J and F of seen and J and F of unseen categories; not defined where one group has no "
            "object.",
            _of_youtube("G"),
        ),
        Score("J_seen", "J seen", _J_GROUPED, _of_youtube("J_seen"), explained="J"),
        Score("F_seen", "F seen", _F, _of_youtube("F_seen"), explained="F"),
        Score("J_unseen", "J unseen", _J_GROUPED, _of_youtube("J_unseen"), explained="J"),
        Score("F_unseen", "F unseen", _F, _of_youtube("F_unseen"), explained="F"),
    ),
    pool=grouped,
    parts=_PARTS,
    notes={
        "seen": "Seen categories are those that the data set's training part has.",
        "per_object": _PER_OBJECT,
        "ci95": _INTERVALS,
    },
    below=("seen", "ci95"),
    undefined="seen or unseen categories have no object in them",
    fits=_has_both,
)

RECORD: Final = TaskScores((YOUTUBE_VOS, DAVIS), right, Form(ClipScores))
