"""What every source of models is: which task a name is for, what can be named, and the way from a name to a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from foolscape.errors import SettingError
from foolscape.models.common import options
from foolscape.models.common.conditions import Conditions
from foolscape.spec import Spec
from foolscape.tasks import base

if TYPE_CHECKING:
    import torch

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


def checkpoint_source(scheme: str, called: str, example: str, load: Callable[[str, torch.device], Any]) -> Source:
    """The source `scheme:FILE?mem_every=N` of the network that is `called` so.

    Args:
        scheme: without its colon.
        called: as its paper calls it.
        example: a file.
        load: from a file and a device to the tracker, a dataclass with a field `mem_every`.
    """

    def opened(spec: Spec, task: TaskName | None) -> SourceModel:
        refuse(spec, task, VIDEO)
        spec.only("mem_every")
        if not spec.rest:
            raise SettingError(f"expected the file of a checkpoint behind {scheme}:, got {spec.text!r}")
        settings = options.read(spec, options.whole, "mem_every")
        if settings.get("mem_every", 1) < 1:
            raise SettingError(f"mem_every: expected a whole number of at least 1, got {settings['mem_every']}")
        return SourceModel(VIDEO, lambda wanted: replace(load(spec.rest, wanted.device), **settings))

    def listed() -> tuple[Listed, ...]:
        return (Listed(f"{scheme}:FILE", f"{VIDEO}; {called} with a checkpoint of its authors"),)

    return Source(lambda _: VIDEO, opened, listed, f"{scheme}:{example}", extra="video", brief=brief)


def brief(spec: Spec) -> Spec:
    """The name of a checkpoint tells more than its folders."""
    return replace(spec, rest=Path(spec.rest).name)
