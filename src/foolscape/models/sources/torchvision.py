"""`torchvision:NAME`: the segmentation and detection networks of torchvision."""

from __future__ import annotations

from typing import Final

from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import (
    DETECTION,
    ON_DEMAND,
    SEGMENTATION,
    Listed,
    Source,
    SourceModel,
    TaskName,
    refuse,
)
from foolscape.spec import Spec

SEGMENTERS: Final = (
    "deeplabv3_mobilenet_v3_large", "deeplabv3_resnet101", "deeplabv3_resnet50", "fcn_resnet101", "fcn_resnet50",
    "lraspp_mobilenet_v3_large",
)  # fmt: skip

DETECTORS: Final = (
    "fasterrcnn_mobilenet_v3_large_320_fpn", "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2", "fcos_resnet50_fpn", "maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2",
    "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "ssd300_vgg16", "ssdlite320_mobilenet_v3_large",
)  # fmt: skip
"""All but those for key points. Listed here because importing torchvision takes seconds."""


def _task(spec: Spec) -> TaskName:
    if spec.rest in SEGMENTERS:
        return SEGMENTATION
    if spec.rest in DETECTORS:
        return DETECTION
    from foolscape.models.detectors import torchvision_zoo

    return DETECTION if spec.rest in torchvision_zoo.names() else SEGMENTATION


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    refuse(spec, task, SEGMENTATION, DETECTION)
    spec.only("weights", "classes")
    weights = spec.options.get("weights")
    if (task or _task(spec)) == SEGMENTATION:
        from foolscape.models.segmenters import ready, torchvision

        built = torchvision.build(spec.rest, weights)
        return SourceModel(SEGMENTATION, lambda wanted: ready.of_library(built, spec, wanted), built.classes)
    from foolscape.models.detectors import ready as detectors
    from foolscape.models.detectors import torchvision_zoo

    network = torchvision_zoo.build(spec.rest, weights)

    def ready_detector(wanted: Conditions) -> object:
        return detectors.of_torchvision(network, wanted)

    return SourceModel(DETECTION, ready_detector, network.classes)


def _listed() -> tuple[Listed, ...]:
    named = ((SEGMENTATION, SEGMENTERS), (DETECTION, DETECTORS))
    return tuple(Listed(f"torchvision:{name}", f"{task}; {ON_DEMAND}") for task, names in named for name in names)


RECORD: Final = Source(_task, _open, _listed, "torchvision:lraspp_mobilenet_v3_large", says_all=True)
