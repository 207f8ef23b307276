"""The tasks, each as one record; what a layer knows of a task besides is in `by_name.record_of`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.errors import unknown
from foolscape.option import Help, Option


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
    options: tuple[Option, ...] = ()
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
    "detection", "detector", "boxes", background=1, extras=("coco",),
    options=(
        Option("goal", str, "untargeted", Help("what the objects that a detector finds are to be taken for"),
               ("untargeted", "mislabel", "vanish", "vanish-only", "fabricate")),
        Option("only_class", str, None, Help("the one class of a detector to attack", unset="all")),
    ),
    attack_options=("resample_candidates",),
)  # fmt: skip
VIDEO: Final = Task(
    "video", "tracker", "clips", clips=True, extras=("video",),
    options=(
        Option("window", int, 3, Help("how many frames of a clip the attack looks at, the first one included")),
        Option("sampling", str, None, Help("which frames of a clip those are, random: others at every step"),
               ("first", "spread", "random")),
        Option("labels_from", str, "truth", Help("what later frames are judged by during the attack"),
               ("truth", "prediction")),
        Option("attack_pixels", str, None, Help("which pixels of later frames are to become wrong"),
               ("all", "objects")),
    ),
)  # fmt: skip

TASKS: Final[Mapping[str, Task]] = {task.name: task for task in (SEGMENTATION, DETECTION, VIDEO)}
"""Every task by its name."""


def task_named(name: str) -> Task:
    """The task of this name; raises `UnknownNameError` where there is none."""
    if name not in TASKS:
        raise unknown("task", name, TASKS)
    return TASKS[name]
