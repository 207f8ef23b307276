"""The measure of YouTube-VOS: J and F of seen and of unseen categories, and the mean of the four.

Xu et al. 2018 (YouTube-VOS, arXiv 1809.03327) and the evaluation section of the data set's page
(youtube-vos.org/dataset/vos) say: J and F as in DAVIS, averaged over the objects of the categories that the training
set has (seen) and over those of the others (unseen), and the final score is the mean of the four; objects may appear
in the middle of a clip. The evaluation server's program is not published. Where the text leaves room, this is our
reading of it, and figures may differ a little from the server's:

- an object is measured from the frame after its first one, which the model is given, to the last frame;
- its values are averaged over those frames, then over objects; categories within a group are not weighted;
- a frame in which it is gone counts, with J and F of 1 if nothing is predicted;
- an object whose first frame is the last has nothing to be measured and is left out;
- void (255) in the truth is background; a predicted label that is no object's is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from foolscape.errors import SampleError
from foolscape.metrics.clip_table import ClipTable
from foolscape.metrics.segmentation import VOID
from foolscape.metrics.video import (
    ClipScores,
    Floats,
    LabelMaps,
    ObjectScores,
    check_label_maps,
    check_predicted,
    measure_object,
)

YOUTUBE_SCORES: Final = ("G", "J_seen", "F_seen", "J_unseen", "F_unseen")
"""What `with_overall` gives."""


def measure_youtube_vos(prediction: LabelMaps, truth: LabelMaps, categories: Mapping[int, str]) -> ClipScores:
    """J and F of one clip, each object from the frame after its first one on.

    Args:
        prediction: (T, H, W) integers, label maps of the annotated frames alone (every fifth of the clip).
        truth: (T, H, W) integers, the same, 255 for void. Every other label is an object.
        categories: of each label.

    Returns:
        The objects by rising label, `start` counted in annotated frames. What is predicted for an object up to its
        first frame is not looked at.

    Raises:
        SampleError: the two are not label maps of one shape with at least 2 frames, an object has no category, no
            object has a frame that counts, or a frame after the first has a predicted label that is no object's.
    """
    check_label_maps(prediction, truth, least=2)
    starts = _first_frames(truth)
    check_predicted(prediction[1:], sorted(starts))
    measured = {label: first for label, first in sorted(starts.items()) if first < len(truth) - 1}
    unknown = [label for label in measured if label not in categories]
    if unknown or not measured:
        raise SampleError(
            f"a clip must have objects before its last frame, each with a category; got labels "
            f"{sorted(starts) or 'of no object'} and categories of {sorted(categories) or 'none'}. "
            "Give the truth of all annotated frames, and the clip's entry of meta.json."
        )
    return ClipScores(
        tuple(
            measure_object(prediction, truth, label, slice(first + 1, None), categories[label])
            for label, first in measured.items()
        )
    )


def by_group(table: ClipTable) -> tuple[Floats, Floats]:
    """Of N clips: J and F of seen and of unseen objects added up (N, 4), and how many objects (N, 4).

    Args:
        table: of the clips, with the `j_and_f` of each object.
    """
    sums, counts = np.zeros((len(table.counts), 4)), np.zeros((len(table.counts), 4))
    for row, own in enumerate(table.by_clip()):
        for seen, values in zip(table.seen[own], table.values[own], strict=True):
            group = slice(0, 2) if seen else slice(2, 4)
            sums[row, group] += values
            counts[row, group] += 1
    return sums, counts


def j_and_f(one: ObjectScores) -> Floats:
    """(2,): J and F of an object in percent."""
    return np.array([100.0 * float(np.mean(one.J)), 100.0 * float(np.mean(one.F))])


def with_overall(four: Floats) -> Floats:
    """(R, 5) in the order of `YOUTUBE_SCORES` from (R, 4); a group that is not defined leaves no overall score."""
    return np.column_stack([four.mean(axis=1), four])


def _first_frames(truth: LabelMaps) -> dict[int, int]:
    """The index of the first frame of each object."""
    starts: dict[int, int] = {}
    for index, frame in enumerate(truth):
        for label in np.unique(frame):
            if label not in (0, VOID):
                starts.setdefault(int(label), index)
    return starts
