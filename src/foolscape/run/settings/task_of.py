"""Which task a model is for, as far as its name or the model itself tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foolscape.errors import SettingError
from foolscape.models.bundled import load as bundled
from foolscape.models.detectors import torchvision_zoo
from foolscape.models.segmenters.load import resolve
from foolscape.models.trackers.load import is_tracker, tracks
from foolscape.run.settings.config import RunConfig, Task
from foolscape.spec import parse
from foolscape.tasks.base import task_named
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter


def task_of(text: str) -> Task:
    """The task of the model that the spec `text` names.

    A bundled, torchvision or transformers model tells by its name or configuration. A user's model by ?task=detection
    in its spec; else its factory is called: it is for video if it has a method `propagate`, for detection if it is a
    `Detector`, has a method `detect` or is a detection network of torchvision, else for segmentation.

    Raises:
        UnknownNameError: no such model or task.
        SettingError, ModelError: the factory cannot be called.
    """
    spec = parse(text)
    if is_tracker(spec):
        return "video"
    if spec.scheme == "transformers":
        return "detection"
    if spec.scheme == "torchvision" and spec.rest in torchvision_zoo.names():
        return "detection"
    if spec.scheme == "bundled" and spec.rest in bundled.DETECTOR_NAMES:
        return "detection"
    if spec.scheme in ("torchvision", "bundled"):
        return "segmentation"
    told = spec.options.get("task")
    if told is not None:
        return task_named(told).name
    return _task_of_made(resolve(spec, ()))


def _task_of_made(made: Any) -> Task:
    if isinstance(made, Segmenter):
        return "segmentation"
    if tracks(made):
        return "video"
    if isinstance(made, Detector) or callable(getattr(made, "detect", None)) or torchvision_zoo.is_of_torchvision(made):
        return "detection"
    return "segmentation"


def common_task(models: Sequence[str]) -> Task:
    """The one task of all `models`; raises `SettingError` where they differ, and what `task_of` does."""
    tasks = {text: task_of(text) for text in models}
    if len(set(tasks.values())) > 1:
        told = "; ".join(f"{text}: {task}" for text, task in tasks.items())
        raise SettingError(
            f"models: expected models of one task, got {told}; run them apart, or use foolscape transfer, which "
            "measures across tasks. Where a model of yours is taken for the wrong one, --task says which it is"
        )
    return next(iter(tasks.values()))


def with_task(config: RunConfig) -> RunConfig:
    """`config` with the task that its models are for, unless it says one."""
    return config if config.task else config.model_copy(update={"task": common_task(config.models)})
