"""`onnxruntime:FILE`: an ONNX file as a black box, run by onnxruntime as it is deployed, quantised or not."""

from __future__ import annotations

from typing import Any, Final

from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.models.sources.blackbox import opened
from foolscape.models.sources.onnx import task_asked, yolo_settings
from foolscape.spec import Spec


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.blackbox.asking import OPTIONS, pace_of
    from foolscape.models.blackbox.session import answering, detecting
    from foolscape.models.common.wiring import IMAGE_OPTIONS, wiring_of
    from foolscape.models.detectors import yolo_opening
    from foolscape.models.exported import onnx_torch
    from foolscape.models.exported.onnx_file import read_onnx

    spec.only("task", "classes", "output", "boxes", *OPTIONS, *IMAGE_OPTIONS, *yolo_opening.YOLO_OPTIONS)
    file, timeout = read_onnx(spec.rest), pace_of(spec).timeout
    if (yolo := yolo_opening.head_of_graph(file, spec)) is not None:
        refuse(spec, task or task_asked(spec), DETECTION)
        function: Any = detecting(file, *yolo, spec, yolo_settings(spec), timeout)
        return opened(yolo_opening.without_form(spec), function, file.files, DETECTION)
    kind = task or task_asked(spec) or (DETECTION if onnx_torch.detects(file) else SEGMENTATION)
    detection = kind == DETECTION
    outputs = onnx_torch.wanted_outputs(file, spec.options.get("output"), detection=detection)
    wiring = wiring_of(spec, *IMAGE_OPTIONS, "boxes")
    function = answering(file, outputs, wiring, detection=detection, timeout=timeout)
    return opened(spec, function, file.files, kind)


def _listed() -> tuple[Listed, ...]:
    about = "segmentation or detection; an ONNX file as a black box, attacked without gradient: --attack square"
    return (Listed("onnxruntime:FILE", about),)


RECORD: Final = Source(task_asked, _open, _listed, "onnxruntime:net.onnx", extra="onnx")
