"""Scores of video object segmentation: J and F per object and frame, and the semi-supervised protocol of DAVIS 2017.

`measure_davis` makes the record of a clip, which a line of `rows.jsonl` holds; `metrics.tasks.video` makes the scores
of many records. Within records J and F are shares in [0, 1], in scores they are percentages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from foolscape.errors import SampleError
from foolscape.metrics.masks import contour_f, region_j
from foolscape.metrics.segmentation import VOID

Floats = NDArray[np.float64]
LabelMaps = NDArray[np.integer[Any]]

DAVIS_SCORES: Final = ("J", "F", "J&F", "J_recall", "J_decay", "F_recall", "F_decay")
"""What `davis_of` gives of an object."""


@dataclass(frozen=True)
class ObjectScores:
    """J and F of one object in the frames that count.

    Attributes:
        label: of the object in the label maps.
        start: index of the frame of the first values; the others follow without a gap.
        J: n >= 1 shares in [0, 1], one per frame.
        F: n shares in [0, 1].
        category: of the object, for protocols that ask for it.
    """

    label: int
    start: int
    J: tuple[float, ...]
    F: tuple[float, ...]
    category: str | None = None

    def __post_init__(self) -> None:
        if not len(self.J) == len(self.F) > 0:
            raise ValueError(f"expected a J and an F for every frame, got {len(self.J)} and {len(self.F)}")


@dataclass(frozen=True)
class ClipScores:
    """J and F of the objects of one clip.

    Attributes:
        objects: at least one, where anything was measured.
        seen: the categories of the data set's training part, sorted, where there are such.
    """

    objects: tuple[ObjectScores, ...]
    seen: tuple[str, ...] = ()


class Statistics(NamedTuple):
    """What becomes of one object's values over the frames of a clip, in the unit of the values."""

    mean: float
    recall: float
    decay: float


def statistics(values: Sequence[float]) -> Statistics:
    """The mean, recall and decay of DAVIS (Perazzi et al. 2016, section 5) of n >= 1 shares.

    Recall is the share of values above one half, and exactly one half is not above. Decay is the mean of the first
    quarter less the mean of the last; quarters are cut at frames (n - 1) k / 4, halves rounded up, and neighbours share
    the frame of the cut. We differ from the released evaluation in clips of 256 frames or more, whose cuts it keeps in
    8 bits.
    """
    v = np.asarray(values, dtype=np.float64)
    # Whole numbers all through: floor(x / 4 + 1 / 2) is (x + 2) // 4.
    first_end, last_start = (((len(v) - 1) * k + 2) // 4 for k in (1, 3))
    return Statistics(
        mean=float(v.mean()),
        recall=float((v > 0.5).mean()),
        decay=float(v[: first_end + 1].mean() - v[last_start:].mean()),
    )


def measure_davis(
    prediction: LabelMaps,
    truth: LabelMaps,
    objects: Sequence[int] | None = None,
    starts: Mapping[int, int] | None = None,
) -> ClipScores:
    """J and F of one clip by the semi-supervised protocol of DAVIS 2017 (Pont-Tuset et al. 2017, section 4).

    The objects are 1 to the largest label of the first frame; what appears later is no object, unless `objects` says
    which labels are. All frames count but
    the first, which the model is given, and the last. Void (255 in the truth) is background: not left out. An object
    that is nowhere predicted is predicted empty.

    Args:
        prediction: (T, H, W) integers, label maps with 0 for background.
        truth: (T, H, W) integers, the same, 255 for void. Masks of DAVIS 2016 hold 0 and 255: make those 0 and 1 first.
        objects: the labels to measure, where the first frame does not tell or leaves gaps.
        starts: the frame from which on an object counts, the one behind that in which it is given; 1 where none is
            said. DAVIS has no objects that are given late. What is predicted for one before is not looked at.

    Returns:
        Every object with its values from its start to the last frame but one; one that is given too late to have any is
        left out.

    Raises:
        SampleError: the two are not label maps of one shape with at least 3 frames, the first frame has no object, no
            object has a frame that counts, or such a frame has a predicted label that is no object's.
    """
    check_label_maps(prediction, truth, least=3)
    if objects is None:
        objects = range(1, int(truth[0][truth[0] != VOID].max(initial=0)) + 1)
    if not objects:
        raise SampleError(
            f"the first frame must hold the objects as labels from 1 on; got none besides 0 and {VOID} (void). "
            f"Masks of DAVIS 2016 hold {VOID} for the object: make it 1."
        )
    firsts = {label: (starts or {}).get(label, 1) for label in objects}
    check_predicted(prediction[min(firsts.values()) : -1], objects)
    measured = {label: first for label, first in firsts.items() if first < len(truth) - 1}
    if not measured:
        raise SampleError(
            "a clip must have an object that is given before the last frame but one of those with truth; got objects "
            f"that count from frame {min(firsts.values())} of {len(truth)} on. Leave the clip out."
        )
    return ClipScores(
        tuple(measure_object(prediction, truth, label, slice(first, -1)) for label, first in measured.items())
    )


def measure_object(
    prediction: LabelMaps, truth: LabelMaps, label: int, frames: slice, category: str | None = None
) -> ObjectScores:
    """J and F of the object with this label in those frames of (T, H, W) label maps."""
    start, _, _ = frames.indices(len(truth))
    masks = [(guess == label, real == label) for guess, real in zip(prediction[frames], truth[frames], strict=True)]
    return ObjectScores(
        label, start, tuple(region_j(*pair) for pair in masks), tuple(contour_f(*pair) for pair in masks), category
    )


def davis_of(one: ObjectScores) -> Floats:
    """(7,) percentages in the order of `DAVIS_SCORES`."""
    j, f = statistics(one.J), statistics(one.F)
    return 100.0 * np.array([j.mean, f.mean, (j.mean + f.mean) / 2, j.recall, j.decay, f.recall, f.decay])


def mean_over_objects(weights: Floats, sums: Floats, counts: Floats) -> Floats:
    """(R, S) means of S scores over the objects of N clips; NaN where no clip that is drawn has an object.

    Args:
        weights: (R, N), how often each clip is drawn in each of R resamples.
        sums: (N, S), the scores added up over the objects of a clip.
        counts: (N, S) or (N, 1), how many objects of the clip the sum is over.
    """
    total, objects = weights @ sums, np.broadcast_to(weights @ counts, (len(weights), sums.shape[1]))
    mean: Floats = np.divide(total, objects, out=np.full(total.shape, np.nan), where=objects > 0)
    return mean


def check_label_maps(prediction: LabelMaps, truth: LabelMaps, least: int) -> None:
    """Refuses what are not integer maps (T, H, W) of one shape with T >= `least`, with a SampleError."""
    for maps in (truth, prediction):
        if maps.ndim != 3 or len(maps) < least or maps.shape != truth.shape or maps.dtype.kind not in "iu":
            raise SampleError(
                f"label maps of a clip must be integers (T, H, W) with T >= {least}, prediction and truth alike; got "
                f"{prediction.dtype} {prediction.shape} and {truth.dtype} {truth.shape}. Predict every frame, at the "
                "truth's size."
            )


def check_predicted(prediction: LabelMaps, objects: Sequence[int]) -> None:
    """Refuses a prediction (T, H, W) with a label that is neither 0 nor one of `objects`, with a SampleError."""
    foreign = prediction != 0
    for label in objects:
        foreign &= prediction != label
    if foreign.any():
        raise SampleError(
            f"a prediction must hold 0 or an object's label; expected {', '.join(map(str, objects))}, got "
            f"{prediction[foreign][0]}. Propagate the given objects alone; {VOID} is no void in a prediction."
        )
