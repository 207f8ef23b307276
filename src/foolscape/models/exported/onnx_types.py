"""The types of the numbers in an ONNX graph: float32 throughout, without casts of the images."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import numpy as np

_FLOATING: Final = frozenset((
    "Conv", "ConvTranspose", "Relu", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh",
    "Softmax", "BatchNormalization", "Add", "Sub", "Mul", "Div", "MaxPool", "AveragePool", "GlobalAveragePool",
    "Resize", "Concat", "Transpose", "Reshape", "Clip", "Pad", "InstanceNormalization", "LayerNormalization",
    "MatMul", "Gemm", "Slice",
))  # fmt: skip
"""Operators that give floating numbers for floating numbers."""


def to_float32(proto: Any) -> bool:
    """Make half precision float32 and double too; whether any weights or images were half."""
    from onnx import TensorProto, numpy_helper

    half = {TensorProto.FLOAT16, TensorProto.BFLOAT16}
    others = half | {TensorProto.DOUBLE}
    seen = False

    def wider(tensor: Any) -> None:
        nonlocal seen
        if tensor.data_type in others:
            seen = seen or tensor.data_type in half
            array = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))

    for tensor in proto.graph.initializer:
        wider(tensor)
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        if value.type.tensor_type.elem_type in others:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for node in proto.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                wider(attribute.t)
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in others:
                attribute.i = TensorProto.FLOAT
    return seen


def drop_casts(proto: Any) -> None:
    """Images that are turned into float32 are float32 already: levels are not rounded, a float64 copy stays float64."""
    from onnx import TensorProto

    graph = proto.graph
    held = {tensor.name for tensor in graph.initializer}
    outputs = {value.name for value in graph.output}
    floats = set()
    for value in graph.input:
        if value.name not in held:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
            floats.add(value.name)
    alias: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [alias.get(name, name) for name in node.input]
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        if (
            node.op_type == "Cast"
            and to == TensorProto.FLOAT
            and node.input[0] in floats
            and node.output[0] not in outputs
        ):
            alias[node.output[0]] = node.input[0]
            continue
        if node.op_type in _FLOATING and node.input and node.input[0] in floats:
            floats.update(node.output)
        kept.append(node)
    replace_nodes(graph, kept)


def replace_nodes(graph: Any, nodes: list[Any]) -> None:
    """Give `graph` the operators `nodes`, some of its own among them."""
    kept = list(nodes)
    del graph.node[:]
    graph.node.extend(kept)


def in_order(proto: Any) -> None:
    """Put operators behind those whose outputs they take; some converters to half precision leave that undone."""
    graph = proto.graph
    maker = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needs = [{maker[name] for name in takes(node) if name in maker} for node in graph.node]
    if all(max(needed, default=-1) < index for index, needed in enumerate(needs)):
        return
    try:
        order = list(TopologicalSorter(dict(enumerate(needs))).static_order())
    except CycleError:
        return  # whoever reads it next says what is wrong
    nodes = list(graph.node)
    replace_nodes(graph, [nodes[index] for index in order])


def takes(node: Any) -> Iterator[str]:
    """The names that an operator takes, those that a branch or a loop takes from outside among them."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from inner.input


def without_idle_casts(proto: Any) -> None:
    """Weights that are cast to float32, as they are already, are taken as they are."""
    from onnx import TensorProto

    graph = proto.graph
    floats = {tensor.name for tensor in graph.initializer if tensor.data_type == TensorProto.FLOAT}
    outputs = {value.name for value in graph.output}
    alias: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [alias.get(name, name) for name in node.input]
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        if node.op_type == "Cast" and to == TensorProto.FLOAT and node.input[0] in floats - outputs:
            alias[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    replace_nodes(graph, kept)


def prune(graph: Any) -> None:
    """Leave the operators alone that lead to the outputs of `graph`."""
    needed = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(takes(node))
            kept.append(node)
    replace_nodes(graph, kept[::-1])
