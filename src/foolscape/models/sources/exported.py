"""`exported:FILE`: a network that torch.export.save wrote."""

from __future__ import annotations

from typing import Final

from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.sources.onnx import adapted, programmed, task_asked, task_by_boxes
from foolscape.spec import Spec


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.common.wiring import OPTIONS
    from foolscape.models.detectors.yolo_opening import YOLO_OPTIONS
    from foolscape.models.exported.scripted import read_program

    spec.only("task", "classes", *OPTIONS, *YOLO_OPTIONS)
    refuse(spec, task or task_asked(spec), SEGMENTATION, DETECTION)
    network, kind = programmed(read_program(spec.rest), {}, spec, task or task_asked(spec))

    def ready(wanted: Conditions) -> object:
        return adapted(network, spec, kind, wanted)

    return SourceModel(kind, ready)


def _task(spec: Spec) -> TaskName:
    return task_asked(spec) or task_by_boxes(spec) or SEGMENTATION


def _listed() -> tuple[Listed, ...]:
    return (
        Listed(
            "exported:FILE",
            "segmentation, or ?task=detection; what torch.export.save wrote",
        ),
    )


RECORD: Final = Source(_task, _open, _listed, "exported:net.pt2")
