"""From a network that was made to a segmenter that is ready to be attacked."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from torch import nn

from foolscape.errors import ModelError
from foolscape.models.common import file
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.wiring import IMAGE_OPTIONS, wiring_of
from foolscape.models.segmenters.adapter import (
    CheckedSegmenter,
    ModuleSegmenter,
    adapt_segmenter,
    checked,
    name_classes,
    renamed,
)
from foolscape.models.segmenters.torchvision import Built
from foolscape.spec import Spec
from foolscape.tasks.segmentation import Segmenter

_S = TypeVar("_S", bound=ModuleSegmenter | CheckedSegmenter)


def of_library(built: Built, spec: Spec, wanted: Conditions) -> ModuleSegmenter:
    """The segmenter of a network of a library."""
    classes = built.classes or wanted.names.file
    segmenter = adapt_segmenter(built.module, classes=classes, image_size=wanted.image_size, device=wanted.device)
    return _finished(replace(segmenter, notes=(*built.notes, *segmenter.notes)), spec, wanted)


def segmenter_of(model: file.UserModel, spec: Spec, wanted: Conditions) -> ModuleSegmenter | CheckedSegmenter:
    """The segmenter of what a file, a module, a plug-in or a bundled name made, wired as `spec` says.

    Raises:
        SettingError: an option does not fit.
        ModelError: it is no network or segmenter, does not keep to the protocol, or class names do not fit.
    """
    names = wanted.names.file
    if isinstance(model, Segmenter):  # asked first: a network may be a segmenter by itself
        outer = checked(model, image_size=wanted.image_size, device=wanted.device)
        return _finished(outer if outer.classes or names is None else renamed(outer, names), spec, wanted)
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a network or a Segmenter, got the {file.kind_of(model)} {type(model).__name__}")
    segmenter = adapt_segmenter(model, classes=names, image_size=wanted.image_size, device=wanted.device)
    return _finished(segmenter, spec, wanted)


def _finished(segmenter: _S, spec: Spec, wanted: Conditions) -> _S:
    """`segmenter` wired as `spec` says, with class names."""
    wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
    segmenter = replace(segmenter, wiring=wiring, notes=(*segmenter.notes, *wiring.notes))
    if wanted.names.option is not None:
        segmenter = renamed(segmenter, wanted.names.option)
    return name_classes(segmenter, wanted.names.data)
