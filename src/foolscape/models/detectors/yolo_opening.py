"""From an exported graph or program and the options of a spec to a `YoloNetwork`, where it is a YOLO of one output."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from foolscape.class_file import read_class_names
from foolscape.errors import ModelError, SettingError
from foolscape.models.common.guard import guarded
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.network import IMGSZ
from foolscape.models.common.wiring import IMAGE_OPTIONS, wiring_of
from foolscape.models.detectors.ultralytics import Choosing
from foolscape.models.detectors.yolo_exported import YoloNetwork
from foolscape.models.exported.network import ExportedNetwork
from foolscape.models.exported.onnx_file import OnnxFile, names_in_metadata, shape_of_value
from foolscape.models.exported.yolo_head import FORMS, YoloHead, yolo_head
from foolscape.paths import path_of
from foolscape.spec import Spec

YOLO_OPTIONS: Final = ("imgsz", "rect", "conf", "iou", "max_det")
"""Options of a spec that are about such a detector alone."""


@dataclass(frozen=True)
class YoloSettings:
    """What the options of a spec say; as of ultralytics' validation where they do not."""

    imgsz: int | None = None
    rect: bool = True
    conf: float = 0.001
    iou: float = 0.7
    max_det: int = 300


def head_of_graph(file: OnnxFile, spec: Spec) -> tuple[YoloHead, str] | None:
    """The head of the graph in `file`, and the output that it is behind; None where it is no YOLO of one output.

    Raises:
        ModelError, SettingError: as `yolo_head`; an option is for such a detector alone.
    """
    asked, named = spec.options.get("boxes"), spec.options.get("output")
    head = found = None
    if asked is None or asked in FORMS:
        values = [value for value in file.proto.graph.output if named in (None, value.name)]
        shapes = {value.name: shape_of_value(value) for value in values}
        fitting = [(name, shape) for name, shape in shapes.items() if shape is not None and len(shape) == 3]
        alone = asked is not None or "task" in file.metadata or len(shapes) == 1
        if fitting and alone:
            found, shape = fitting[0]
        else:
            shape = None
        operators = frozenset(node.op_type for node in file.proto.graph.node)
        head = yolo_head(shape, file.input.size, file.metadata, operators, asked=asked, count=_count(spec))
    _check_options(spec, head)
    return None if head is None or found is None else (head, found)


def head_of_program(
    network: ExportedNetwork, metadata: Mapping[str, str], spec: Spec, settings: YoloSettings
) -> YoloHead | None:
    """The head of a program of PyTorch, which does not say the shape of what it returns: it is called once.

    Raises:
        ModelError, SettingError: as `head_of_graph`.
    """
    asked = spec.options.get("boxes")
    head = None
    if asked in FORMS or (asked is None and metadata.get("task") not in (None, "semantic", "classify")):
        height, width = (side or _imgsz(metadata, settings) for side in network.takes.size)
        with guarded(f"the network on an image of {height} x {width}"), torch.no_grad():
            answer = network(torch.zeros(1, 3, height, width))
        first = answer[0] if isinstance(answer, list | tuple) and answer else answer
        shape = tuple(first.shape) if isinstance(first, Tensor) and first.ndim == 3 else None
        head = yolo_head(shape, network.takes.size, metadata, frozenset(), asked=asked, count=_count(spec))
    _check_options(spec, head)
    return head


def refuse_chosen(head: YoloHead, path: object, way_on: str) -> None:
    """`ModelError` for a head that hands out what is left of its candidates."""
    if head.chosen:
        raise ModelError(
            f"expected candidates before NMS in {path}, got boxes that the graph has chosen already (x1, y1, x2, y2, "
            "score, label), behind which there is no gradient to those it dropped; export it without: nms=False and "
            f"end2end=False, or {way_on}"
        )


def yolo_network(
    network: ExportedNetwork, head: YoloHead, metadata: Mapping[str, str], spec: Spec, settings: YoloSettings
) -> YoloNetwork:
    """The detector's network, with the letterbox, the NMS and the wiring that `spec` says.

    Raises:
        SettingError: an option does not fit.
    """
    height, width = network.takes.size
    stride = max(32, int(metadata["stride"]) if metadata.get("stride", "").isdigit() else 32)
    if height is not None and width is not None:
        if settings.imgsz not in (None, max(height, width)):
            raise SettingError(f"imgsz: expected {max(height, width)}, for which it was exported, got {settings.imgsz}")
        letterbox = Letterbox(max(height, width), stride, rect=False, stretch=head.queries, sides=(height, width))
    else:
        imgsz = _imgsz(metadata, settings)
        if imgsz % stride:
            raise SettingError(f"imgsz: expected a multiple of {stride}, the network's stride, got {imgsz}")
        letterbox = Letterbox(imgsz, stride, rect=settings.rect, stretch=head.queries)
    if network.classes is None:
        network.classes = names_in_metadata(metadata)
    choosing = Choosing(settings.conf, settings.iou, settings.max_det)
    return YoloNetwork(network, head, letterbox, choosing, wiring_of(without_form(spec), *IMAGE_OPTIONS))


def without_form(spec: Spec) -> Spec:
    """`spec` without ?boxes=, for boxes that are in pixels of images already."""
    return replace(spec, options={name: value for name, value in spec.options.items() if name != "boxes"})


def plain_spec(spec: Spec) -> Spec:
    """`spec` without what the network sees to itself."""
    return replace(spec, options={name: value for name, value in spec.options.items() if name in ("classes", "task")})


def with_log_odds(module: nn.Module, seen: Tensor) -> None:
    """Have a `YoloNetwork` take the log-odds of its graph, if there are any, as they are for `seen` (1, 3, H, W)."""
    if isinstance(module, YoloNetwork):
        with guarded("the network on the first image"):
            module.keep_log_odds(seen)


def _imgsz(metadata: Mapping[str, str], settings: YoloSettings) -> int:
    if settings.imgsz is not None:
        return settings.imgsz
    try:
        said = ast.literal_eval(metadata.get("imgsz", ""))
    except (ValueError, SyntaxError):
        return IMGSZ
    sides = [side for side in (said if isinstance(said, list | tuple) else [said]) if isinstance(side, int)]
    return max(sides, default=IMGSZ)


def _count(spec: Spec) -> int | None:
    """How many classes ?classes=FILE names."""
    named = spec.options.get("classes")
    return None if named is None else len(read_class_names(path_of(named)))


def _check_options(spec: Spec, head: YoloHead | None) -> None:
    if head is None:
        for name in YOLO_OPTIONS:
            if name in spec.options:
                raise SettingError(f"{name}: expected a YOLO of one output, got none in {spec.text}; leave it out, or "
                                   "say ?boxes=yolo")  # fmt: skip
