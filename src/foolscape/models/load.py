"""From the name of a model to a segmenter, detector or tracker that is ready to be attacked."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import torch

from foolscape.class_file import read_class_names
from foolscape.errors import SettingError
from foolscape.models.common.checkpoint import remarks_of, weights_sha256
from foolscape.models.common.class_map import ClassNames
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.identity import Record, identity_of
from foolscape.models.common.wrappers import modules_of
from foolscape.models.segmenters.windows import Windows, windowed, windows_of
from foolscape.models.sources import source_of
from foolscape.models.sources.base import DETECTION, SEGMENTATION, VIDEO, SourceModel, TaskName, refuse
from foolscape.paths import path_of
from foolscape.spec import Spec, parse
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Tracker

M = TypeVar("M")

FRAME_SIZE: Final = (240, 432)
"""(H, W) of the frames that a tracker is tried with where nobody says which it will see."""


@dataclass(frozen=True)
class Loaded(Generic[M]):
    """A segmenter, detector or tracker that is ready to be attacked.

    Attributes:
        spec: as the user wrote it.
        slug: a short name of it that is safe in paths, different for different specs.
        model: on the device, frozen, with class names where its task has them.
        sha256: of its parameters and buffers; None if no network was found in a model that somebody wrote.
        identity: what else makes it the one it is; see `models.common.identity`.
        task: what it is for.
    """

    spec: str
    slug: str
    model: M
    sha256: str | None
    identity: Record
    task: TaskName


@dataclass(frozen=True)
class OpenedModel:
    """A model that is made, and the names of its classes that do not come from the data.

    Attributes:
        spec: that names it.
        source: what its source makes of the spec.
        names: see `ClassNames`; `names.explicit` is what it is called, where that is known before it sees an image.
        windows: in which it sees images; None: whole ones.
    """

    spec: Spec
    source: SourceModel
    names: ClassNames
    windows: Windows | None = None

    def ready(
        self,
        *,
        image_size: tuple[int, int],
        device: torch.device | str = "cpu",
        data_classes: Sequence[str] | None = None,
        image: torch.Tensor | None = None,
    ) -> Loaded[Any]:
        """The model, tried at the size of the images it will see; see `load_model`. `image` is the first of them."""
        names = ClassNames(
            self.names.option, self.names.own, self.names.file, None if data_classes is None else tuple(data_classes)
        )
        seen = image_size if self.windows is None else self.windows.of_image(image_size)
        first = None if image is None else image[..., : seen[0], : seen[1]]
        model = self.source.ready(Conditions(seen, torch.device(device), names, first))
        if self.windows is not None:
            model = windowed(model, self.windows)
        modules = modules_of(model)
        if said := tuple(note for module in modules for note in remarks_of(module) if note not in model.notes):
            model = replace(model, notes=(*said, *model.notes))
        sha256 = weights_sha256(*modules) if modules else None
        identity = identity_of(self.spec, model)
        return Loaded(self.spec.text, slug_of(self.spec), model, sha256, identity, self.source.task)


_OFFERED: ContextVar[Mapping[str, OpenedModel]] = ContextVar("_OFFERED")


@contextmanager
def offered(models: Mapping[str, OpenedModel]) -> Iterator[None]:
    """Within it the specs that are keys of `models` name what is made already; nothing is made for them again."""
    token = _OFFERED.set({**_OFFERED.get({}), **models})
    try:
        yield
    finally:
        _OFFERED.reset(token)


def offered_model(text: str) -> OpenedModel | None:
    """What the spec `text` names within `offered`; None where it is to be made."""
    return _OFFERED.get({}).get(text)


def open_model(text: str, task: TaskName | None = None, *, classes_file: Path | None = None) -> OpenedModel:
    """Make the model that the spec `text` names, once; what it is for and its own class names are known then.

    Args:
        text: see `load_model`.
        task: what it is to be for; None: what its source answers.
        classes_file: class names for a network that names none.

    Raises:
        UnknownNameError, SettingError, ModelError: as `load_model`.
    """
    file = None if classes_file is None else read_class_names(classes_file)
    if (held := offered_model(text)) is not None:
        refuse(held.spec, task, held.source.task)
        return replace(held, names=replace(held.names, file=file))
    spec, windows = windows_of(parse(text))
    source = source_of(spec)
    chosen = spec.options.get("classes")
    named = chosen is not None and not (source.counts_classes and chosen.isdigit())
    option = read_class_names(path_of(chosen)) if named and chosen is not None else None
    opened = source.open(spec, task)
    if windows is not None and opened.task != SEGMENTATION:
        raise SettingError(f"?window= is for segmentation, got {text}, which is for {opened.task}; leave it out")
    return OpenedModel(spec, opened, ClassNames(option, opened.classes, file), windows)


def load_model(
    text: str,
    task: TaskName | None = None,
    *,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
    classes_file: Path | None = None,
    data_classes: Sequence[str] | None = None,
) -> Loaded[Any]:
    """The model that the spec `text` names, ready to be attacked.

    Args:
        text: bundled:NAME, torchvision:NAME, transformers:ID or transformers:FOLDER, ultralytics:FILE.pt or
            ultralytics:NAME.yaml, stcn:FILE, propagation:BACKBONE, path/to/file.py:factory, package.module:factory, or
            a plug-in's NAME or NAME:rest; behind it ?weights=FILE, ?classes=FILE (which overrides all other class
            names), what the modules of `models.sources` name, and for networks of your own how they want their images
            and count classes, see `models.common.wiring`.
        task: what it is to be for; None: what its source answers.
        image_size: (H, W) of the images or frames it will see.
        device: where to run.
        classes_file: class names for a network that names none.
        data_classes: the data set's class names, used if there are no others.

    Raises:
        UnknownNameError: no such model.
        SettingError: an option, a path or a class file does not fit, or the task is another.
        ModelError: the model could not be made, or does not keep to the protocol.
    """
    opened = open_model(text, task, classes_file=classes_file)
    return opened.ready(image_size=image_size, device=device, data_classes=data_classes)


def load_segmenter(
    text: str,
    *,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
    classes_file: Path | None = None,
    data_classes: Sequence[str] | None = None,
) -> Loaded[Segmenter]:
    """`load_model` for segmentation."""
    return load_model(
        text,
        SEGMENTATION,
        image_size=image_size,
        device=device,
        classes_file=classes_file,
        data_classes=data_classes,
    )


def load_detector(
    text: str,
    *,
    image_size: tuple[int, int],
    device: torch.device | str = "cpu",
    classes_file: Path | None = None,
    data_classes: Sequence[str] | None = None,
) -> Loaded[Detector]:
    """`load_model` for detection."""
    return load_model(
        text, DETECTION, image_size=image_size, device=device, classes_file=classes_file, data_classes=data_classes
    )


def load_tracker(
    text: str, *, image_size: tuple[int, int] = FRAME_SIZE, device: torch.device | str = "cpu"
) -> Loaded[Tracker]:
    """`load_model` for video object segmentation."""
    return load_model(text, VIDEO, image_size=image_size, device=device)


def slug_of(spec: Spec) -> str:
    """A short name for `spec` that is safe in paths; a hash keeps apart what only differs in folder or options."""
    source = source_of(spec)
    name = source.brief(spec).rest.rpartition(":")[2]
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:48] or "model"
    if source.says_all and not spec.options and name == spec.rest:
        return name
    return f"{name}-{hashlib.sha256(spec.text.encode()).hexdigest()[:6]}"
