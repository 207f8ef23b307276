"""An onnxruntime session as a function of an 8-bit image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.blackbox.asking import Image
from foolscape.models.common.wiring import Wiring
from foolscape.models.exported.network import ExportedNetwork, Takes
from foolscape.models.exported.onnx_file import OnnxFile, session_of
from foolscape.pixels import to_unit

_IOU: Final = 0.5
_LEAST: Final = 0.001
_MOST: Final = 100
"""Of the NMS that candidates go through, as those of one's own networks do."""

_TYPES: Final = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(uint8)": np.uint8}


def answering(
    file: OnnxFile, outputs: tuple[str, ...], wiring: Wiring, *, detection: bool
) -> Callable[[Image], object]:
    """The function that hands an image to the graph of `file`, wired as `wiring` says.

    Raises:
        ModelError: onnxruntime does not take the graph.
    """
    session = session_of(file.path)
    takes = Takes(file.input.batch, file.input.size, file.input.channels_last, file.input.levels)
    shaped = ExportedNetwork(torch.nn.Identity(), takes, {})
    kind = _TYPES.get(session.get_inputs()[0].type, np.float32)

    def function(image: Image) -> object:
        (part,) = shaped.parts(wiring.images(to_unit(image)))
        given = part.numpy()
        given = np.rint(given).clip(0, 255).astype(np.uint8) if kind is np.uint8 else given.astype(kind)
        answers = session.run(list(outputs), {file.input.name: given})
        if detection:
            return _objects(outputs, answers)
        return _map(answers[0], (image.shape[0], image.shape[1]))

    return function


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
