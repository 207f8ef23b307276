"""What learning and judging a universal perturbation takes of a task, as a run takes a `TaskRunner`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

import numpy as np

from foolscape.attacks.universal.learn import TrainingSample
from foolscape.records.row import Moved
from foolscape.records.types import Object
from foolscape.run.tasks.base import EvalSample, TaskRunner
from foolscape.run.universal.targets import Hide, Target, Untargeted

R = TypeVar("R")
P = TypeVar("P")


class UniversalTask(Protocol[R, P]):
    """A model on a data set, and what it is to see there.

    Attributes:
        subject: the model on the data.
        aim: what it is to see.
    """

    @property
    def subject(self) -> TaskRunner[R, P]: ...
    @property
    def aim(self) -> Target: ...

    def training_sample(self, name: str, mirrored: bool) -> TrainingSample:
        """The sample `name`, or its mirror image, to learn from; labels and target come from the clean prediction.

        Raises:
            SampleError, ModelError: it cannot be used.
        """
        ...

    def judged(self, case: EvalSample[R, P], prediction: P) -> Moved:
        """What became of the clean prediction, as whole numbers that add up over images."""
        ...


HIDING_KEYS = ("hidden", "hidden_per_image", "preserved", "preserved_per_image", "preserved_without")
SUCCESS_KEYS = ("success", "success_per_image")
"""The percentages of `scores_of`, for a class that is to be hidden and for every other aim."""


def scores_of(aim: Target, images: Sequence[Moved]) -> Object:
    """Percentages of what `UniversalTask.judged` counted: pooled over the images, and as the mean of the images' own.

    `counted` says what they are of: pixels or objects, and the images that have such. A percentage of none is None.

    Source: Metzen et al. (2017), section 4: success of a static target, pixels hidden, pixels preserved.
    """
    counted = {
        part: {"number": sum(counts), "images": sum(one > 0 for one in counts)}
        for part, counts in (
            ("moving", [one.moving for one in images]),
            ("staying", [one.staying for one in images]),
        )
    }
    if isinstance(aim, Hide):
        showing = [one for one in images if one.moving]
        without = [one for one in images if not one.moving]
        return {
            "hidden": _pooled(images, "left", "moving"),
            "hidden_per_image": _mean(showing, "left", "moving"),
            "preserved": _pooled(images, "stayed", "staying"),
            "preserved_per_image": _mean(showing, "stayed", "staying"),
            "preserved_without": _mean(without, "stayed", "staying"),
            "images_without": len(without),
            "counted": counted,
        }
    part = "left" if isinstance(aim, Untargeted) else "reached"
    return {
        "success": _pooled(images, part, "moving"),
        "success_per_image": _mean(images, part, "moving"),
        "counted": {"moving": counted["moving"]},
    }


def _pooled(images: Sequence[Moved], part: str, whole: str) -> float | None:
    """Percent over all images together."""
    total = sum(getattr(one, whole) for one in images)
    return 100 * sum(getattr(one, part) for one in images) / total if total else None


def _mean(images: Sequence[Moved], part: str, whole: str) -> float | None:
    """Percent, the mean over images that have such pixels or objects."""
    shares = [getattr(one, part) / getattr(one, whole) for one in images if getattr(one, whole)]
    return 100 * float(np.mean(shares)) if shares else None
