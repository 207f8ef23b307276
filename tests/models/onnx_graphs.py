"""Small ONNX graphs, written operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

CLASSES = 5


class Small(nn.Module):
    """Two convolutions, the first of a stride of 2: what `graph` says."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.first, self.last = nn.Conv2d(3, 6, 3, stride=2), nn.Conv2d(6, CLASSES, 1)

    def forward(self, images: Tensor) -> Tensor:
        pads: list[int] = []
        for side in images.shape[2:]:  # SAME_UPPER
            total = max((-(-side // 2) - 1) * 2 + 3 - side, 0)
            pads = [total // 2, total - total // 2, *pads]
        return self.last(self.first(functional.pad(images, pads)).tanh())


def graph(
    path: Path,
    *,
    sides: Sequence[int | str] = ("b", 3, "h", "w"),
    kind: int = TensorProto.FLOAT,
    opset: int = 17,
    head: Sequence[Any] = (),
    tail: Sequence[Any] = (),
    outputs: Sequence[str] = ("scores",),
    weights: Any = np.float32,
    external: bool = False,
    constants: bool = False,
    seed: int = 0,
) -> Path:
    """Write `Small` to `path`: `head` makes `pixels` of `images`, `tail` makes the `outputs` of `scores`."""
    net = Small(seed)
    tensors = [
        numpy_helper.from_array(value.detach().numpy().astype(weights), name)
        for name, value in (
            ("w1", net.first.weight), ("b1", net.first.bias), ("w2", net.last.weight), ("b2", net.last.bias)
        )
    ]  # fmt: skip
    source = "pixels" if head else "images"
    nodes = [
        *head,
        helper.make_node(
            "Conv", [source, "w1", "b1"], ["c1"], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"
        ),
        helper.make_node("Tanh", ["c1"], ["t1"]),
        helper.make_node("Conv", ["t1", "w2", "b2"], ["scores"], kernel_shape=[1, 1]),
        *tail,
    ]
    if constants:
        nodes = [helper.make_node("Constant", [], [one.name], value=one) for one in tensors] + nodes
    image = helper.make_tensor_value_info("images", kind, list(sides))
    handed = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    if weights is np.float16:
        for value in handed:
            value.type.tensor_type.elem_type = TensorProto.FLOAT16
    made = helper.make_model(
        helper.make_graph(nodes, "small", [image], handed, [] if constants else tensors),
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("ours", 1)],
        ir_version=9,
    )
    extra: dict[str, Any] = (
        {"save_as_external_data": True, "location": f"{path.stem}.data", "size_threshold": 0} if external else {}
    )
    onnx.save(made, str(path), **extra)
    return path


def node(kind: str, inputs: str, outputs: str, **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), outputs.split(), **attributes)
