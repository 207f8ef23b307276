"""`onnx:FILE`: a network in an ONNX file, converted to PyTorch so that it has a gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from foolscape.errors import ModelError
from foolscape.models.common.conditions import Conditions
from foolscape.models.sources.base import DETECTION, SEGMENTATION, Listed, Source, SourceModel, TaskName, refuse
from foolscape.spec import Spec
from foolscape.tasks.base import task_named

if TYPE_CHECKING:
    from torch import Tensor

    from foolscape.models.exported.network import ExportedNetwork


def task_asked(spec: Spec) -> TaskName | None:
    """What ?task= says."""
    name = spec.options.get("task")
    return None if name is None else task_named(name).name


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.common.wiring import OPTIONS
    from foolscape.models.exported import onnx_file, onnx_torch

    spec.only("task", "classes", "output", *OPTIONS)
    file = onnx_file.read_onnx(spec.rest)
    found = DETECTION if onnx_torch.detects(file) else SEGMENTATION
    task = task or task_asked(spec) or found
    refuse(spec, task, SEGMENTATION, DETECTION)
    detection = task == DETECTION
    outputs = onnx_torch.wanted_outputs(file, spec.options.get("output"), detection=detection)
    network, graph = onnx_torch.converted(file, outputs, detection=detection)

    def ready(wanted: Conditions) -> object:
        model = adapted(network, spec, task, wanted)
        note = onnx_torch.compared(network, graph, file, seen_by(model, wanted))
        return replace(model, notes=(note, *graph.notes, *model.notes))

    return SourceModel(task, ready)


def adapted(network: ExportedNetwork, spec: Spec, task: TaskName, wanted: Conditions) -> Any:
    """The segmenter or detector of an exported network, wired as `spec` says."""
    from foolscape.models.common.checkpoint import remarks_of
    from foolscape.models.detectors.ready import detector_of
    from foolscape.models.exported.network import TWO_CLASSES
    from foolscape.models.segmenters.ready import segmenter_of

    try:
        model: Any = (detector_of if task == DETECTION else segmenter_of)(network, spec, wanted)
    except ModelError as error:
        if said := remarks_of(network):
            raise ModelError(f"{error}; {said[0]}: a program that casts by itself is to be saved in float32") from error
        raise
    return replace(model, notes=(*model.notes, TWO_CLASSES)) if network.one_channel else model


def seen_by(model: Any, wanted: Conditions) -> Tensor:
    """The run's first image, or a drawn street, as the network in `model` gets it."""
    from foolscape.models.common.wrappers import pad_to_multiple
    from foolscape.pixels import to_unit
    from foolscape.scenes import describe, render

    image = wanted.image
    if image is None:
        image = to_unit(render(describe(0, 0), *wanted.image_size).image)
    padded = pad_to_multiple(image.to(wanted.device), model.multiple)
    margins = getattr(model, "margins", None)
    return model.wiring.images(padded if margins is None else margins.mirrored(padded))  # type: ignore[no-any-return]


def _listed() -> tuple[Listed, ...]:
    return (
        Listed(
            "onnx:FILE",
            "segmentation or detection; a network in an ONNX file, converted to PyTorch",
        ),
    )


RECORD: Final = Source(task_asked, _open, _listed, "onnx:net.onnx", extra="onnx")
