"""The tasks, each as one record; what a layer knows of a task besides is in `by_name.record_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.errors import unknown


@dataclass(frozen=True)
class Task:
    """What every layer may know of a task; needs no torch.

    Attributes:
        name: as --task, run.json and summary.json have it, and the modules that hold what layers know of it.
        model: what a model of the task is called.
        truth: what a data set for it must have.
        clips: whether a sample is a clip, of which the first frame is attacked, not an image.
        background: scores per target besides those of the model's classes.
        algorithm: a number that is raised in the commit in which its results change; see `run.directory.algorithms`.
        options: of what an attack does to it, besides those of each attack; see `attacks.tasks`.
        attack_options: of attacks, that mean something for it alone.
        extras: of `foolscape.extras` that runs of it need besides those of every run.
    """

    name: str
    model: str
    truth: str
    clips: bool = False
    background: int = 0
    algorithm: int = 1
    options: tuple[str, ...] = ()
    attack_options: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @property
    def models(self) -> str:
        """What its models look at or are, as the owners of an option."""
        return "clips" if self.clips else f"{self.model}s"

    @property
    def unit(self) -> str:
        """The noun of a sample."""
        return "clip" if self.clips else "image"


SEGMENTATION: Final = Task("segmentation", "segmentation network", "labels of classes")
DETECTION: Final = Task(
    "detection", "detector", "boxes", background=1, options=("goal", "only_class"),
    attack_options=("resample_candidates",), extras=("coco",),
)  # fmt: skip
VIDEO: Final = Task(
    "video", "tracker", "clips", clips=True, options=("window", "sampling", "labels_from", "attack_pixels"),
    extras=("video",),
)  # fmt: skip

TASKS: Final[Mapping[str, Task]] = {task.name: task for task in (SEGMENTATION, DETECTION, VIDEO)}
"""Every task by its name."""


def task_named(name: str) -> Task:
    """The task of this name; raises `UnknownNameError` where there is none."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
