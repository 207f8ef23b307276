"""A small ONNX graph that hands out what an exported YOLO does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 64


def written(path: Path, parts: int, *, rows: bool, metadata: dict[str, str] | None = None) -> Path:
    """A small graph, (1, parts, 4) or (1, 4, parts) for images of 64 x 64; a sigmoid behind all but boxes."""
    generator = np.random.default_rng(0)
    boxes, rest = generator.normal(0, 0.02, (4, 3, 32, 32)), generator.normal(0, 0.05, (parts - 4, 3, 32, 32))
    weights = {"boxes": abs(boxes), "rest": rest}
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    tensors.append(numpy_helper.from_array(np.array([1, parts, 4]), "shape"))
    nodes = [
        helper.make_node("Conv", ["images", "boxes"], ["b"], strides=[32, 32]),
        helper.make_node("Conv", ["images", "rest"], ["r"], strides=[32, 32]),
        helper.make_node("Sigmoid", ["r"], ["s"]),
        helper.make_node("Concat", ["b", "s"], ["all"], axis=1),
        helper.make_node("Reshape", ["all", "shape"], ["flat"]),
        *([helper.make_node("Transpose", ["flat"], ["output0"], perm=[0, 2, 1])] if rows else []),
    ]
    shape = [1, 4, parts] if rows else [1, parts, 4]
    output = helper.make_tensor_value_info("output0" if rows else "flat", TensorProto.FLOAT, shape)
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    model = helper.make_model(
        helper.make_graph(nodes, "yolo", [image], [output], tensors),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    helper.set_model_props(model, metadata or {})
    onnx.save(model, str(path))
    return path
