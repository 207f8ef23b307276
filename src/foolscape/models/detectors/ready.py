"""From a network that was made to a detector that is ready to be attacked."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from foolscape.errors import ModelError
from foolscape.models.common import file
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.wiring import AS_IT_IS, IMAGE_OPTIONS, OPTIONS, wiring_of
from foolscape.models.detectors import torchvision_dense, torchvision_two_stage, torchvision_zoo, user
from foolscape.models.segmenters.adapter import own_classes
from foolscape.models.segmenters.torchvision import Built, library
from foolscape.spec import Spec
from foolscape.tasks.detection import Detector


def of_torchvision(built: Built, wanted: Conditions) -> Detector:
    """The detector of a network of torchvision."""
    named = replace(wanted.names, own=built.classes)
    two_stage = isinstance(built.module, library().detection.FasterRCNN)
    adapt = torchvision_two_stage.adapt if two_stage else torchvision_dense.adapt
    return adapt(built.module, named, device=wanted.device, notes=built.notes)


def detector_of(made: file.Brought, spec: Spec, wanted: Conditions) -> Detector:
    """The detector of what a file, a module, a plug-in or a bundled name made, wired as `spec` says.

    Raises:
        SettingError: an option does not fit.
        ModelError: it is no network or detector, does not keep to the protocol, or class names do not fit.
    """
    size, device = wanted.image_size, wanted.device
    if isinstance(made, Detector):  # asked first: a network may be a detector by itself
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        return user.wired(user.checked(made, wanted.names, image_size=size, device=device), wiring)
    if not isinstance(made, nn.Module):
        raise ModelError(f"expected a network or a Detector, got the {file.kind_of(made)} {type(made).__name__}")
    if torchvision_zoo.is_of_torchvision(made) and user.own_detect(made) is None:
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        found = of_torchvision(Built(made, own_classes(made)), wanted)
        if wiring == AS_IT_IS:
            return found
        return user.wired(user.CheckedDetector(found, found.classes, found.notes, found.two_stage), wiring)
    return user.wired(user.adapt(made, wanted.names, image_size=size, device=device), wiring_of(spec, *OPTIONS))
