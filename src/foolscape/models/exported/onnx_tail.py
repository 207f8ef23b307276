"""What stands last in an ONNX graph: a softmax or argmax that goes, a sigmoid whose log-odds are wanted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from foolscape.models.exported.onnx_types import prune

_PASSED: Final = ("Identity", "Cast", "Squeeze")
"""Operators behind an argmax that change none of its indices."""

_JOINED: Final = ("Concat", "Identity", "Cast", "Transpose", "Reshape")
"""Operators that put probabilities beside boxes and change no number."""


def without_tail(proto: Any, output: str) -> str | None:
    """Take away a last softmax, sigmoid or argmax over classes; what was taken, or None."""
    from onnx import TensorProto, helper

    graph = proto.graph
    makers = {name: node for node in graph.node for name in node.output}
    node = makers.get(output)
    while node is not None and node.op_type in _PASSED:
        node = makers.get(node.input[0])
    if node is None:
        return None
    axis = next((a.i for a in node.attribute if a.name == "axis"), 0 if node.op_type == "ArgMax" else -1)
    by_class = node.op_type in ("Softmax", "ArgMax") and axis in (1, -3)
    if not by_class and node.op_type != "Sigmoid":
        return None
    if node.op_type != "ArgMax" and node.output[0] != output:
        return None
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))
    prune(graph)
    return f"the last {node.op_type} of the graph is left out: scores before it have the stronger gradient"


def add_log_odds(proto: Any, output: str) -> None:
    """Make what the one sigmoid takes, whose probabilities are a part of `output`, an output, too, if there is one."""
    from onnx import TensorProto, helper

    graph = proto.graph
    sigmoids = {node.output[0]: node for node in _leaves(graph, output) if node.op_type == "Sigmoid"}
    if len(sigmoids) == 1:
        (node,) = sigmoids.values()
        graph.output.append(helper.make_tensor_value_info(node.input[0], TensorProto.FLOAT, None))


def _leaves(graph: Any, output: str) -> Iterator[Any]:
    """The operators whose results are put together in `output`."""
    makers = {name: node for node in graph.node for name in node.output}
    waiting = [output]
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.op_type in _JOINED:
            waiting += node.input
        elif node is not None:
            yield node
