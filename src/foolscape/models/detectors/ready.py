"""From a network that was made to a detector that is ready to be attacked."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from foolscape.errors import ModelError
from foolscape.models.common import file
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.wiring import AS_IT_IS, IMAGE_OPTIONS, OPTIONS, wiring_of
from foolscape.models.detectors import torchvision_dense, torchvision_two_stage, torchvision_zoo, user
from foolscape.models.detectors.own_detect import own_detect
from foolscape.models.segmenters.adapter import own_classes
from foolscape.models.segmenters.torchvision import Built, library
from foolscape.spec import Spec
from foolscape.tasks.detection import Detector


def of_torchvision(built: Built, wanted: Conditions) -> Detector:
    """The detector of a network of torchvision."""
    named = replace(wanted.names, own=built.classes)
    two_stage = isinstance(built.module, library().detection.FasterRCNN)
    adapt = torchvision_two_stage.adapt_two_stage if two_stage else torchvision_dense.adapt_dense
    return adapt(built.module, named, device=wanted.device, notes=built.notes)


def of_caffe(built: Built, wanted: Conditions, sides: tuple[int, int]) -> Detector:
    """The detector of a Faster R-CNN of Caffe that resizes images to a shorter and at most a longer side of `sides`."""
    from foolscape.models.detectors.caffe.adapter import adapt_faster_rcnn
    from foolscape.models.detectors.caffe.matlab import adapt_matlab
    from foolscape.models.detectors.caffe.network import FasterRcnn, TwoNetworks

    named = replace(wanted.names, own=built.classes)
    if isinstance(built.module, TwoNetworks):
        return adapt_matlab(built.module, named, device=wanted.device, notes=built.notes, sides=sides)
    assert isinstance(built.module, FasterRcnn)
    return adapt_faster_rcnn(built.module, named, device=wanted.device, notes=built.notes, sides=sides)


def detector_of(model: file.UserModel, spec: Spec, wanted: Conditions) -> Detector:
    """The detector of what a file, a module, a plug-in or a bundled name made, wired as `spec` says.

    Raises:
        SettingError: an option does not fit.
        ModelError: it is no network or detector, does not keep to the protocol, or class names do not fit.
    """
    size, device = wanted.image_size, wanted.device
    if isinstance(model, Detector):  # asked first: a network may be a detector by itself
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        return user.wired(user.checked(model, wanted.names, image_size=size, device=device), wiring)
    if not isinstance(model, nn.Module):
        raise ModelError(f"expected a network or a Detector, got the {file.kind_of(model)} {type(model).__name__}")
    if torchvision_zoo.is_of_torchvision(model) and own_detect(model) is None:
        wiring = wiring_of(spec, *IMAGE_OPTIONS, "offset")
        detector = of_torchvision(Built(model, own_classes(model)), wanted)
        if wiring == AS_IT_IS:
            return detector
        return user.wired(user.CheckedDetector(detector, detector.classes, detector.notes, detector.two_stage), wiring)
    return user.wired(
        user.adapt_detector(model, wanted.names, image_size=size, device=device), wiring_of(spec, *OPTIONS)
    )
