"""What every source of models is: which task a name is for, what can be named, and the way from a name to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from foolscape.errors import SettingError
from foolscape.models.common.conditions import Conditions
from foolscape.spec import Spec
from foolscape.tasks import base

TaskName = str
"""The name of a task, see `tasks.base`."""

SEGMENTATION: Final = base.SEGMENTATION.name
DETECTION: Final = base.DETECTION.name
VIDEO: Final = base.VIDEO.name

ON_DEMAND: Final = "weights downloaded, or ?weights=FILE"


@dataclass(frozen=True)
class Listed:
    """One line of `foolscape list models`: a name, and what it is."""

    name: str
    about: str


@dataclass(frozen=True)
class SourceModel:
    """A model that is made, but was not yet tried on images.

    Attributes:
        task: what it is for.
        ready: makes the `Segmenter`, `Detector` or `Tracker` of it, on the device and frozen.
        classes: what it calls its channels itself, where that shows before it has seen an image.
    """

    task: TaskName
    ready: Callable[[Conditions], Any]
    classes: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Source:
    """A library of models, or of what makes them. Each is a module here, named as its scheme, with a `RECORD`.

    Attributes:
        task: of the model that a spec names, as far as its name or configuration tells; None where only what its code
            returns does. Nothing is made for it.
        open: makes the model of a spec for a task, or, if that is None, for the task that it is for.
        listed: what can be named, as lines of `foolscape list models`; needs no torch.
        example: a spec that can be copied, files to be replaced by one's own.
        extra: what `pip install 'foolscape[EXTRA]'` must have brought; None: nothing beside the core.
        brief: the part of a spec that names the model best, where that is not all of it.
        counts_classes: whether ?classes= may be the number of channels instead of a file of their names.
        says_all: whether a name without options is the same model everywhere, so that it needs nothing beside it.
    """

    task: Callable[[Spec], TaskName | None]
    open: Callable[[Spec, TaskName | None], SourceModel]
    listed: Callable[[], tuple[Listed, ...]]
    example: str
    extra: str | None = None
    brief: Callable[[Spec], Spec] = lambda spec: spec
    says_all: bool = False
    counts_classes: bool = False


def refuse(spec: Spec, task: TaskName | None, *able: TaskName) -> None:
    """`SettingError` for a task that models of this source are not for; None is any."""
    if task is not None and task not in able:
        raise SettingError(
            f"task: expected {' or '.join(able)} for {spec.text}, got {task}; leave it out, or name another model"
        )
