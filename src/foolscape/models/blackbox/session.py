"""An onnxruntime session as a function of an 8-bit image."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.extras import extra
from foolscape.models.blackbox.asking import Image, UnansweredError
from foolscape.models.common.output import fits
from foolscape.models.common.wiring import Wiring
from foolscape.models.detectors.yolo_opening import YoloSettings, yolo_network
from foolscape.models.exported.network import ExportedNetwork
from foolscape.models.exported.onnx_file import OnnxFile, names_in, session_of, takes_of
from foolscape.models.exported.yolo_head import YoloHead
from foolscape.pixels import to_unit
from foolscape.spec import Spec

_IOU: Final = 0.5
_LEAST: Final = 0.001
_MOST: Final = 100
"""Of the NMS that candidates go through, as those of one's own networks do."""

_TYPES: Final = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Deployed:
    """A graph as it is deployed, as a function of an 8-bit image.

    Attributes:
        answer: what it says of an image.
        classes: what it calls its classes; None where nobody named them.
        only_size: (H, W) of the images it takes, where that is fixed.
        notes: remarks for the reader of a table.
    """

    answer: Callable[[Image], object]
    classes: tuple[str, ...] | None = None
    only_size: tuple[int, int] | None = None
    notes: tuple[str, ...] = ()

    def __call__(self, image: Image) -> object:
        """The answer to `image`."""
        return self.answer(image)


class SessionModule(nn.Module):
    """A session of onnxruntime as a module without a gradient: images as the graph takes them, but in float32."""

    def __init__(self, file: OnnxFile, outputs: tuple[str, ...], timeout: float) -> None:
        """Opens a session for the graph of `file`; `ModelError` where onnxruntime does not take it."""
        super().__init__()
        self.session = session_of(file.path)
        self.outputs, self.timeout, self.input = outputs, timeout, file.input.name
        self.kind = _TYPES.get(self.session.get_inputs()[0].type, np.float32)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """What the graph hands out, in order."""
        given = images.detach().cpu().numpy()
        given = np.rint(given).clip(0, 255).astype(np.uint8) if self.kind is np.uint8 else given.astype(self.kind)
        answers = run_in_time(self.session, self.outputs, {self.input: given}, self.timeout)
        return tuple(torch.from_numpy(np.array(answer)) for answer in answers)


def answering(file: OnnxFile, outputs: tuple[str, ...], wiring: Wiring, *, detection: bool, timeout: float) -> Deployed:
    """The function that hands an image to the graph of `file`, wired as `wiring` says.

    Raises:
        ModelError: onnxruntime does not take the graph.
    """
    network = ExportedNetwork(SessionModule(file, outputs, timeout), takes_of(file), {})

    def function(image: Image) -> object:
        (part,) = network.parts(wiring.images(to_unit(image)))
        answers = [answer.numpy() for answer in network.module(part)]
        if detection:
            return _objects(outputs, answers)
        return _map(answers[0], (image.shape[0], image.shape[1]))

    height, width = file.input.size
    return Deployed(function, names_in(file), None if height is None or width is None else (height, width))


def detecting(
    file: OnnxFile, head: YoloHead, output: str, spec: Spec, settings: YoloSettings, timeout: float
) -> Deployed:
    """The function that finds objects with the YOLO of one output in `file`: letterbox and NMS are ours.

    Raises:
        ModelError: onnxruntime does not take the graph.
        SettingError: an option does not fit.
    """
    exported = ExportedNetwork(SessionModule(file, (output,), timeout), takes_of(file), {}, classes=names_in(file))
    network = yolo_network(exported, head, file.metadata, spec, settings)

    def function(image: Image) -> object:
        (found,) = network.detect(to_unit(image), 0.0)
        return {"boxes": found.boxes, "scores": found.scores.clamp(max=1), "labels": found.labels}

    return Deployed(function, network.classes, notes=network.notes)


def run_in_time(
    session: Any, outputs: tuple[str, ...], given: dict[str, NDArray[Any]], timeout: float
) -> list[NDArray[Any]]:
    """What the session hands out; it is told to stop after `timeout` seconds, which it looks for between operators.

    Raises:
        UnansweredError: it was stopped.
    """
    with extra("onnx"):
        import onnxruntime
    options = onnxruntime.RunOptions()
    late = threading.Event()

    def stop() -> None:
        late.set()
        options.terminate = True

    timer = threading.Timer(timeout, stop)
    timer.daemon = True
    timer.start()
    try:
        answers: list[NDArray[Any]] = session.run(list(outputs), given, options)
    except Exception as error:
        if late.is_set():
            raise UnansweredError(f"no answer in {timeout:g} s") from error
        raise
    finally:
        timer.cancel()
    return answers


def _map(answer: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """The label map or the class scores of the first image, at its size."""
    first = answer[0]
    if first.dtype.kind in "iub" or first.ndim == 2:
        flat = first[0] if first.ndim == 3 and first.shape[0] == 1 else first
        return flat if flat.dtype.kind in "iub" else _scores(flat[None], size)
    return _scores(first, size)


def _scores(scores: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """(C, H, W), two classes at least, of (C, h, w) or (h, w, C)."""
    values = torch.from_numpy(scores.astype(np.float32))
    if values.ndim == 3 and values.shape[2] < min(values.shape[:2]):
        values = values.permute(2, 0, 1)
    if values.shape[0] == 1:
        chances = bool(((values >= 0) & (values <= 1)).all())
        other = 1 - values if chances else torch.zeros_like(values)
        values = torch.cat([other, values])
    if values.shape[1:] != size:
        if not fits((values.shape[1], values.shape[2]), size):
            raise ModelError(
                f"expected class scores at the image's size {size}, or an integer fraction of it, got {scores.shape}; "
                "name the output that holds them with ?output=, or say ?task=detection, with ?boxes=yolo for the one "
                "output of a YOLO"
            )
        values = functional.interpolate(values[None], size=size, mode="bilinear", align_corners=False)[0]
    whole: NDArray[Any] = values.numpy()
    return whole


def _objects(outputs: tuple[str, ...], answers: list[NDArray[Any]]) -> dict[str, Tensor]:
    """What is found, of candidates (1, N, 4) and (1, N, C), or boxes, scores and labels of the graph."""
    from foolscape.models.detectors.common import best_class

    values = dict(zip(outputs if "boxes" in outputs else ("boxes", "scores", "labels"), answers, strict=False))
    tensors = {name: torch.from_numpy(value[0] if value.shape[0] == 1 else value) for name, value in values.items()}
    if "labels" in tensors:
        return tensors
    boxes, scores = tensors.get("boxes"), tensors.get("scores")
    if boxes is None or scores is None or scores.ndim != 2 or boxes.shape != (len(scores), 4):
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in tensors.items())
        raise ModelError(f"expected boxes (N, 4) and scores (N, C), or boxes, scores and labels, got {shapes}")
    boxes, scores = boxes.float(), scores.float()
    chances = scores if bool(((scores >= 0) & (scores <= 1)).all()) else scores.sigmoid()
    found = best_class(boxes, chances, _LEAST, _IOU, _MOST)
    return {"boxes": found.boxes, "scores": found.scores, "labels": found.labels}
