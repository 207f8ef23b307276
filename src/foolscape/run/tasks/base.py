"""What a task knows of its own, for every model on a data set: loading, predicting, scoring.

Implemented in run/tasks/segmentation.py, detection.py and video.py; run/evaluate.py measures whatever implements it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.plan import Plan
from foolscape.by_name import record_of
from foolscape.metrics.sample import Sample
from foolscape.records.conditions import Condition
from foolscape.records.row import AnyRow, Frames
from foolscape.records.types import Object
from foolscape.run.directory.album import Album
from foolscape.run.tasks.clean import CleanPredictions
from foolscape.tasks.base import Task

R = TypeVar("R")
"""What a task holds for true of an image: a label map, boxes."""
P = TypeVar("P")
"""What a task's model says of an image: a label map, detections."""


@dataclass(frozen=True)
class EvalSample(Generic[R, P]):
    """A sample on its way through the attack.

    Attributes:
        id: of the sample.
        image: (H, W, 3) uint8, at the working size.
        notes: what had to be done to read it.
        reference: what its scores are against.
        prediction: of the model on the clean image.
        frames: of a clip, as the row of the clean image names them.
    """

    id: str
    image: NDArray[np.uint8]
    notes: tuple[str, ...]
    reference: R
    prediction: P
    frames: Frames | None = None


class SeveralResults(Protocol):
    """What several results per image come to."""

    def add(self, row: AnyRow) -> None: ...

    def summed(self, seed: int) -> Object:
        """Empty where there was one; `seed`: of the intervals."""
        ...


@dataclass(frozen=True)
class TaskRunning:
    """How a task is run; the constant `RECORD` of its module in `run.tasks`.

    Attributes:
        conventions: sentences of summary.json besides those of the scores, by key.
        foreign: settings that are for other tasks, without which the run of a model does where tasks are mixed.
        clamps: whether its models clamp scores by right; see `models.checks.gradient`.
        several: class names of a model -> what takes the rows of its attacked images one by one, for what several
            results per image come to; None where there is one alone.
    """

    conventions: Mapping[str, str]
    foreign: tuple[str, ...]
    clamps: bool = False
    several: Callable[[Sequence[str]], SeveralResults] | None = None


def running_of(task: str) -> TaskRunning:
    """How the task of this name is run."""
    return record_of("foolscape.run.tasks", task, TaskRunning)


class TaskRunner(Protocol[R, P]):
    """A model on a data set, as a task measures it.

    Attributes:
        spec: of the model, as the user named it.
        slug: its folder.
        task: what it is for.
        channels: for each class of the data set the index of the model's; None where the data have no labels, and for
            a tracker.
    """

    @property
    def task(self) -> Task: ...
    @property
    def spec(self) -> str: ...
    @property
    def slug(self) -> str: ...
    @property
    def channels(self) -> tuple[int, ...] | None: ...

    def read(self, name: str) -> Any:
        """The sample `name` of the data set at the working size, on any thread; raises `SampleError`."""
        ...

    def opened(self, sample: Any) -> EvalSample[R, P]:
        """What was `read`, with the model's clean prediction; raises `SampleError` or `ModelError`."""
        ...

    def load(self, name: str) -> EvalSample[R, P]:
        """The sample `name`, read and opened."""
        ...

    @property
    def clean(self) -> CleanPredictions:
        """Predictions of clean images that are known from other runs."""
        ...

    def remembering(self) -> TaskRunner[R, P]:
        """The same, which keeps clean predictions for the runs that follow on it, as far as there is room."""
        ...

    def attack_item(self, case: EvalSample[R, P], plan: Plan, seed: int) -> AttackItem:
        """The case as the driver takes it."""
        ...

    def predict(self, case: EvalSample[R, P], image: NDArray[np.uint8]) -> P:
        """The prediction for an 8-bit image (H, W, 3) in the place of the case's own."""
        ...

    def predict_float(self, case: EvalSample[R, P], image: Tensor) -> P:
        """The prediction for a float image (1, 3, H, W) in [0, 1] in the place of the case's own."""
        ...

    def predict_several(self, case: EvalSample[R, P], images: Tensor) -> list[P]:
        """`predict_float` of each of `images` ((B, 3, H, W)), in one call of a model that takes several."""
        ...

    def measured(self, case: EvalSample[R, P], prediction: P) -> Sample[Any, Any]:
        """What a row says of a prediction, enough to compute every score from, and the truth."""
        ...

    def succeeded(self, clean: Sample[Any, Any], attacked: Sample[Any, Any], plan: Plan) -> bool | None:
        """Whether the attack fooled the model, by what was `measured` before and after; None with nothing to fool."""
        ...

    def keep(self, case: EvalSample[R, P], album: Album) -> None:
        """Write the truth, where there is one: as predictions are measured against it, and as a picture."""
        ...

    def keep_prediction(self, album: Album, condition: Condition, name: str, prediction: P) -> None:
        """Write a prediction for the image with the id `name` as a picture, where rows do not hold it whole."""
        ...
