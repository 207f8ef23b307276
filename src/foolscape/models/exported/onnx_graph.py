"""An ONNX graph rewritten so that onnx2torch converts it and its scores have a gradient.

Nothing of what it calculates changes but for what is said: half precision becomes float32, and a last softmax, sigmoid
or argmax goes, behind which there is no gradient or a weak one.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from foolscape.errors import ModelError
from foolscape.extras import extra
from foolscape.models.exported.onnx_file import OnnxFile
from foolscape.models.exported.onnx_tail import add_log_odds, without_tail
from foolscape.models.exported.onnx_types import (
    drop_casts,
    in_order,
    prune,
    replace_nodes,
    to_float32,
    without_idle_casts,
)

_OLDEST: Final = 11
_NEWEST: Final = 19
"""The versions of the operators that onnx2torch 1.5 knows well."""

_CONVERTED: Final = 17
"""The one that others are converted to."""

_QUANTISED: Final = ("QuantizeLinear", "DynamicQuantizeLinear", "DequantizeLinear", "ConvInteger", "MatMulInteger")
_HALF: Final = "weights in half precision are made float32, in which a gradient can be taken and checked"


@dataclass(frozen=True)
class Prepared:
    """A graph as onnx2torch takes it.

    Attributes:
        proto: the `onnx.ModelProto`.
        padded: the same with `auto_pad` where it was, as onnxruntime takes it.
        outputs: the outputs that are asked for, in their order.
        pads: the operators that need another padding for another size.
        notes: what was changed.
    """

    proto: Any
    padded: Any
    outputs: tuple[str, ...]
    pads: tuple[SamePad, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class SamePad:
    """An operator that pads its input so that its output has the input's size over the stride, rounded up.

    Attributes:
        name: of the operator, and of the module that onnx2torch makes of it.
        kernel, stride, dilation: of it, a number for each side.
        upper: whether an odd pixel is added behind, not before.
        fill: what is added.
    """

    name: str
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    upper: bool
    fill: float


def prepared(file: OnnxFile, outputs: tuple[str, ...], *, dense: bool, log_odds: bool = False) -> Prepared:
    """The graph of `file` as onnx2torch takes it; the file's own is not changed.

    Args:
        file: the graph.
        outputs: what is wanted of it.
        dense: whether the output is a map of scores, whose last softmax or argmax goes.
        log_odds: whether what a sigmoid in the output takes becomes an output, too.

    Raises:
        ModelError: it is quantised, or an operator cannot be converted.
    """
    proto = _copy(file.proto)
    _refuse_quantised(proto, file)
    in_order(proto)
    notes = []
    if to_float32(proto):
        notes.append(_HALF)
    if file.input.levels:
        notes.append("the graph takes 8-bit levels: it is given 0 to 255 without rounding")
    proto = _older(proto, file)
    _inline_constants(proto)
    without_idle_casts(proto)
    drop_casts(proto)
    _keep_outputs(proto, outputs)
    _refuse_chosen(proto, file)
    if dense and (note := without_tail(proto, outputs[0])):
        notes.append(note)
    if log_odds:
        add_log_odds(proto, outputs[0])
    _single_outputs(proto)
    original = _copy(proto)
    pads = _same_pads(proto, file)
    _refuse_unknown(proto, file)
    return Prepared(proto, original, tuple(value.name for value in proto.graph.output), pads, tuple(notes))


def _copy(proto: Any) -> Any:
    copy = type(proto)()
    copy.CopyFrom(proto)
    return copy


def _refuse_quantised(proto: Any, file: OnnxFile) -> None:
    found = Counter(
        node.op_type for node in proto.graph.node if node.op_type in _QUANTISED or node.op_type.startswith("QLinear")
    )
    if found:
        kinds = ", ".join(f"{count} {kind}" for kind, count in found.most_common(3))
        raise ModelError(
            f"expected a graph of floating numbers in {file.path}, got a quantised one ({kinds}), whose rounding "
            f"leaves no gradient; export it before it is quantised, or {file.way_on}"
        )


def _refuse_chosen(proto: Any, file: OnnxFile) -> None:
    """`ModelError` for a graph that hands out what NMS left of its boxes."""
    if any(node.op_type == "NonMaxSuppression" for node in proto.graph.node):
        raise ModelError(
            f"expected candidates before NMS in {file.path}, got what the NonMaxSuppression in the graph has left, "
            "behind which there is no gradient to those it dropped; export the network without NMS, name other outputs "
            f"with ?output=, or {file.way_on}"
        )


def _older(proto: Any, file: OnnxFile) -> Any:
    """The graph in a version of ONNX's operators that onnx2torch knows."""
    from onnx import version_converter

    version = next((one.version for one in proto.opset_import if one.domain in ("", "ai.onnx")), _NEWEST)
    if _OLDEST <= version <= _NEWEST:
        return proto
    try:
        return version_converter.convert_version(proto, _CONVERTED)
    except Exception as error:
        if version < _OLDEST:
            return proto  # most of the older operators are known
        first = (str(error).splitlines() or [""])[0]
        raise ModelError(
            f"expected a graph that can be written in version {_CONVERTED} of ONNX's operators, got {first} in "
            f"{file.path} of version {version}; export it with opset_version={_CONVERTED}, or {file.way_on}"
        ) from error


def _inline_constants(proto: Any) -> None:
    """Constant and Identity nodes of weights as initializers, where onnx2torch looks for the weights of a layer."""
    from onnx import TensorProto

    graph = proto.graph
    outputs = {value.name for value in graph.output}
    held = {tensor.name: tensor for tensor in graph.initializer}
    alias: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [alias.get(name, name) for name in node.input]
        tensor = next((a.t for a in node.attribute if a.name == "value" and a.HasField("t")), None)
        if node.op_type == "Constant" and tensor is not None:
            made = TensorProto()
            made.CopyFrom(tensor)
            made.name = node.output[0]
            held[made.name] = made
            graph.initializer.append(made)
        elif node.op_type == "Identity" and node.output[0] not in outputs:
            alias[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    replace_nodes(graph, kept)


def _keep_outputs(proto: Any, names: tuple[str, ...]) -> None:
    """Leave the outputs `names` alone, and the operators that lead to them."""
    graph = proto.graph
    values = {value.name: value for value in graph.output}
    chosen = [values[name] for name in names]
    del graph.output[:]
    graph.output.extend(chosen)
    prune(graph)


def _single_outputs(proto: Any) -> None:
    """An Identity behind each output of an operator that has several, which onnx2torch would hand out together."""
    from onnx import helper

    several = {name for node in proto.graph.node if len(node.output) > 1 for name in node.output}
    for value in proto.graph.output:
        if value.name in several:
            inner, value.name = value.name, f"{value.name}_alone"
            proto.graph.node.append(helper.make_node("Identity", [inner], [value.name], name=value.name))


def _same_pads(proto: Any, file: OnnxFile) -> tuple[SamePad, ...]:
    """The operators whose padding depends on the size of their input, made ones without padding."""
    found = []
    weights = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    for index, node in enumerate(proto.graph.node):
        how = next((a.s for a in node.attribute if a.name == "auto_pad"), b"NOTSET")
        if how not in (b"SAME_UPPER", b"SAME_LOWER"):
            continue
        given = {a.name: tuple(a.ints) for a in node.attribute if a.ints}
        counts = any(a.name == "count_include_pad" and a.i for a in node.attribute)
        filters = weights.get(node.input[1], ()) if len(node.input) > 1 else ()
        kernel = given.get("kernel_shape") or filters[2:]
        known = node.op_type in ("Conv", "MaxPool") or (node.op_type == "AveragePool" and counts)
        if not known or not kernel:
            raise ModelError(
                f"expected pads in numbers at the {node.op_type} {node.name!r} of {file.path}, got {how.decode()}; "
                f"export it with explicit pads, or {file.way_on}"
            )
        ones = (1,) * len(kernel)
        name = f"same_pad_{index}"
        fill = -math.inf if node.op_type == "MaxPool" else 0.0
        found.append(
            SamePad(name, kernel, given.get("strides", ones), given.get("dilations", ones), how == b"SAME_UPPER", fill)
        )
        kept = [a for a in node.attribute if a.name not in ("auto_pad", "pads")]
        del node.attribute[:]
        node.attribute.extend(kept)
        node.name = name
    return tuple(found)


def _refuse_unknown(proto: Any, file: OnnxFile) -> None:
    """`ModelError` naming the operators that onnx2torch has no module for."""
    with extra("onnx"):
        from onnx2torch.node_converters import get_converter
    versions = {one.domain: one.version for one in proto.opset_import}
    lacking: dict[str, str] = {}
    for node in proto.graph.node:
        try:
            get_converter(operation_type=node.op_type, version=versions.get(node.domain, 1), domain=node.domain)
        except NotImplementedError:
            lacking.setdefault(f"{node.domain}.{node.op_type}" if node.domain else node.op_type, node.name)
    if lacking:
        named = ", ".join(f"{kind} (at {name!r})" if name else kind for kind, name in list(lacking.items())[:4])
        raise ModelError(
            f"expected operators that onnx2torch makes modules of in {file.path}, got {named}; export the network "
            f"without, or {file.way_on}"
        )
