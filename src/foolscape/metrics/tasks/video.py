"""How video object segmentation is scored: by the protocol of DAVIS 2017, or the measure of YouTube-VOS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.clip_pools import OF_DAVIS, OF_YOUTUBE_VOS, Groups, Objects, pool_of, sums_of
from foolscape.metrics.clip_table import ClipSample
from foolscape.metrics.intervals import LEAST, convention
from foolscape.metrics.sample import Form
from foolscape.metrics.score import Measure, Parts, Score, TaskScores
from foolscape.metrics.video import DAVIS_SCORES, ClipScores
from foolscape.metrics.youtube_vos import YOUTUBE_SCORES

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


def right(sample: ClipSample, only_class: int | None) -> float | None:
    """The mean J of the clip's objects, each over the frames that count."""
    del only_class
    objects = sample.measured.objects
    return float(np.mean([np.mean(one.J) for one in objects])) if objects else None


def _has_both(samples: Iterable[ClipSample]) -> bool:
    """Whether there are objects of seen and of unseen categories."""
    categories, seen = set[str | None](), set[str | None]()
    for sample in samples:
        categories.update(one.category for one in sample.measured.objects)
        seen.update(sample.measured.seen)
    categories.discard(None)
    return bool(categories & seen and categories - seen)


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
    name=OF_DAVIS,
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
    pool=pool_of(OF_DAVIS),
    sums=sums_of(OF_DAVIS),
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
    name=OF_YOUTUBE_VOS,
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
    pool=pool_of(OF_YOUTUBE_VOS),
    sums=sums_of(OF_YOUTUBE_VOS),
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
