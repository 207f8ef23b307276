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
    from collections.abc import Mapping

    from torch import Tensor

    from foolscape.models.detectors.yolo_exported import YoloNetwork
    from foolscape.models.detectors.yolo_opening import YoloSettings
    from foolscape.models.exported.network import ExportedNetwork
    from foolscape.models.exported.onnx_file import OnnxFile
    from foolscape.models.exported.yolo_head import YoloHead


def task_asked(spec: Spec) -> TaskName | None:
    """What ?task= says."""
    name = spec.options.get("task")
    return None if name is None else task_named(name).name


def _open(spec: Spec, task: TaskName | None) -> SourceModel:
    from foolscape.models.common.wiring import OPTIONS
    from foolscape.models.detectors import yolo_opening
    from foolscape.models.exported import onnx_file, onnx_torch

    spec.only("task", "classes", "output", *OPTIONS, *yolo_opening.YOLO_OPTIONS)
    file = onnx_file.read_onnx(spec.rest)
    if (yolo := yolo_opening.head_of_graph(file, spec)) is not None:
        refuse(spec, task or task_asked(spec), DETECTION)
        return _yolo(spec, file, *yolo)
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


def _yolo(spec: Spec, file: OnnxFile, head: YoloHead, output: str) -> SourceModel:
    """A YOLO of one output, with its log-odds where the graph has them."""
    from foolscape.models.detectors import yolo_opening
    from foolscape.models.exported import onnx_torch

    yolo_opening.refuse_chosen(head, file.path, file.way_on)
    exported, graph = onnx_torch.converted(file, (output,), detection=True, log_odds=True)
    network = yolo_opening.yolo_network(exported, head, file.metadata, spec, yolo_settings(spec))

    def ready(wanted: Conditions) -> object:
        first = first_image(wanted)
        yolo_opening.with_log_odds(network.to(wanted.device), first)
        model = adapted(network, spec, DETECTION, wanted)
        note = onnx_torch.compared(exported, graph, file, network.seen(first))
        return replace(model, notes=(note, *graph.notes, *model.notes))

    return SourceModel(DETECTION, ready, network.classes)


def adapted(network: ExportedNetwork | YoloNetwork, spec: Spec, task: TaskName, wanted: Conditions) -> Any:
    """The segmenter or detector of an exported network, wired as `spec` says."""
    from foolscape.models.common.checkpoint import remarks_of
    from foolscape.models.detectors.ready import detector_of
    from foolscape.models.detectors.yolo_exported import YoloNetwork
    from foolscape.models.detectors.yolo_opening import plain_spec
    from foolscape.models.exported.network import TWO_CLASSES
    from foolscape.models.segmenters.ready import segmenter_of

    if isinstance(network, YoloNetwork):
        detector: Any = detector_of(network, plain_spec(spec), wanted)
        return replace(detector, notes=(*network.notes, *detector.notes))
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

    padded = pad_to_multiple(first_image(wanted), model.multiple)
    margins = getattr(model, "margins", None)
    return model.wiring.images(padded if margins is None else margins.mirrored(padded))  # type: ignore[no-any-return]


def task_by_boxes(spec: Spec) -> TaskName | None:
    """Detection, where ?boxes= says how boxes are written."""
    return DETECTION if "boxes" in spec.options else None


def programmed(
    network: ExportedNetwork, metadata: Mapping[str, str], spec: Spec, task: TaskName | None
) -> tuple[ExportedNetwork | YoloNetwork, TaskName]:
    """A program of PyTorch with its task, as a YOLO where it is one; `metadata` is what its exporter said."""
    from foolscape.models.common.black_boxes import WITHOUT_GRADIENTS
    from foolscape.models.detectors import yolo_opening

    settings = yolo_settings(spec)
    head = yolo_opening.head_of_program(network, metadata, spec, settings)
    if head is None:
        return network, task or task_by_boxes(spec) or SEGMENTATION
    refuse(spec, task, DETECTION)
    yolo_opening.refuse_chosen(head, spec.rest, WITHOUT_GRADIENTS)
    return yolo_opening.yolo_network(network, head, metadata, spec, settings), DETECTION


def yolo_settings(spec: Spec) -> YoloSettings:
    """What the options of a YOLO with one output say; `SettingError` for one that is out of range."""
    from foolscape.models.detectors.yolo_opening import YoloSettings
    from foolscape.models.sources.ultralytics import settings_of

    said = settings_of(spec)
    conf = YoloSettings.conf if said.conf is None else said.conf
    return YoloSettings(said.imgsz, said.rect, conf, said.iou, said.max_det)


def first_image(wanted: Conditions) -> Tensor:
    """The run's first image, or a drawn street, (1, 3, H, W) in [0, 1]."""
    from foolscape.pixels import to_unit
    from foolscape.scenes import describe, render

    image = wanted.image
    if image is None:
        image = to_unit(render(describe(0, 0), *wanted.image_size).image)
    return image.to(wanted.device)


def _listed() -> tuple[Listed, ...]:
    return (
        Listed(
            "onnx:FILE",
            "segmentation or detection; a network in an ONNX file, converted to PyTorch",
        ),
    )


RECORD: Final = Source(task_asked, _open, _listed, "onnx:net.onnx", extra="onnx")
