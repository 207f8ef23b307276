"""`torchscript:FILE`: a network that torch.jit.save wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.sources.onnx import adapted, programmed, task_asked, task_by_boxes
from foolscape.spec import Spec


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.common.wiring import OPTIONS
    from foolscape.models.detectors.yolo_opening import YOLO_OPTIONS
    from foolscape.models.exported.scripted import SCRIPT_NOTE, read_script

    spec.only("task", "classes", *OPTIONS, *YOLO_OPTIONS)
    refuse(spec, task or task_asked(spec), SEGMENTATION, DETECTION)
    exported, metadata = read_script(spec.rest)
    network, kind = programmed(exported, metadata, spec, task or task_asked(spec))

    def ready(wanted: Conditions) -> object:
        model = adapted(network, spec, kind, wanted)
        return replace(model, notes=(SCRIPT_NOTE, *model.notes))

    return SourceModel(kind, ready, exported.classes)


def _task(spec: Spec) -> TaskName | None:
    """What the spec says; else segmentation, unless the file may be a YOLO, which opening it tells."""
    return task_asked(spec) or task_by_boxes(spec)


def _listed() -> tuple[Listed, ...]:
    return (
        Listed(
            "torchscript:FILE",
            "segmentation, or ?task=detection; what torch.jit.save wrote",
        ),
    )


RECORD: Final = Source(_task, _open, _listed, "torchscript:net.pt")
