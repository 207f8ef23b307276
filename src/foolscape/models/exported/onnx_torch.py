"""From the graph of an ONNX file to a module of PyTorch with a gradient, and how far apart the two are."""

from __future__ import annotations

import warnings
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.extras import extra
from foolscape.models.common.guard import guarded, in_words
from foolscape.models.exported.network import ExportedNetwork
from foolscape.models.exported.onnx_file import OnnxFile, names_in, output_names, session_of, shape_of_value, takes_of
from foolscape.models.exported.onnx_graph import Prepared, prepared
from foolscape.models.exported.onnx_layers import SamePadded, Sliced

ALIKE: Final = 1e-3
"""The largest difference of scores between PyTorch and onnxruntime, over the largest score, that is rounding."""

DETECTS: Final = ("boxes", "scores", "objectness")
_DENSE: Final = ("out", "logits", "scores", "output")
"""What an output with class scores is called, where there are others."""


def detects(file: OnnxFile) -> bool:
    """Whether the outputs of the graph are boxes and scores, by their names, or two tensors of which one ends in 4."""
    names = output_names(file.proto)
    if "boxes" in names:
        return True
    shapes = [shape_of_value(value) for value in file.proto.graph.output]
    return len(shapes) == 2 and shapes[0] is not None and len(shapes[0]) == 3 and shapes[0][2] == 4


def wanted_outputs(file: OnnxFile, asked: str | None, *, detection: bool) -> tuple[str, ...]:
    """The outputs that hold what is attacked: those that the user `asked` for, or by their names.

    Raises:
        ModelError: there is none of a name, or several of which none stands out.
    """
    names = output_names(file.proto)
    if asked is not None:
        chosen = tuple(asked.split(","))
        if absent := [name for name in chosen if name not in names]:
            raise ModelError(f"output: expected outputs of {file.path}: {', '.join(names)}, got {', '.join(absent)}")
        return chosen
    if detection:
        return tuple(name for name in DETECTS if name in names) if {"boxes", "scores"} <= {*names} else names
    named = tuple(name for name in names if name in _DENSE)
    if len(names) == 1 or named:
        return (named or names)[:1]
    raise ModelError(
        f"expected one output with class scores in {file.path}, got {len(names)}: {', '.join(names)}; say which is it "
        f"with ?output={names[0]}"
    )


def converted(
    file: OnnxFile, outputs: tuple[str, ...], *, detection: bool, log_odds: bool = False
) -> tuple[ExportedNetwork, Prepared]:
    """The graph as a module, in eval mode, and as it went in.

    With `log_odds` it also hands out what the sigmoid takes whose probabilities are a part of its output, if one is.

    Raises:
        ModelError: it cannot be converted; the operator is named.
    """
    graph = prepared(file, outputs, dense=not detection, log_odds=log_odds)
    with extra("onnx"):
        from onnx2torch import convert
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: nn.Module = convert(graph.proto)
    except Exception as error:  # of a converter that does not take these attributes
        raise ModelError(
            f"expected a graph that onnx2torch converts in {file.path}, got {in_words(error)}; export the network "
            f"without that, or {file.way_on}"
        ) from error
    for pad in graph.pads:
        inner = getattr(module, pad.name)
        setattr(module, pad.name, SamePadded(inner, pad.kernel, pad.stride, pad.dilation, pad.fill, upper=pad.upper))
    for name, layer in list(module.named_children()):
        if type(layer).__name__ == "OnnxSlice":
            setattr(module, name, Sliced())
    module.eval()
    names = None
    if detection and not log_odds:
        names = outputs if "boxes" in outputs else DETECTS[: len(outputs)]
    return ExportedNetwork(module, takes_of(file), file.files, names, names_in(file)), graph


@torch.no_grad()
def compared(network: ExportedNetwork, graph: Prepared, file: OnnxFile, images: Tensor) -> str:
    """How far the scores of the network for `images` (1, 3, H, W), as it wants them, are from onnxruntime's.

    Raises:
        ModelError: further than `ALIKE`.
    """
    session = session_of(graph.padded)
    worst = 0.0
    for part in network.parts(images):
        with guarded(f"what onnx2torch made of {file.path}"):
            answer = network.module(part)
        ours = answer if isinstance(answer, list | tuple) else (answer,)
        with guarded(f"onnxruntime on {file.path}"):
            theirs = session.run(list(graph.outputs), {file.input.name: part.cpu().numpy()})
        if len(ours) != len(theirs):
            raise _apart(file, f"{len(ours)} outputs, not {len(theirs)}")
        worst = max([worst, *(_difference(one.cpu().numpy(), other) for one, other in zip(ours, theirs, strict=True))])
    if worst > ALIKE:
        raise _apart(file, f"a difference of {worst:.1e} of the largest score")
    return f"converted from ONNX: scores differ from onnxruntime's by at most {worst:.0e} of the largest"


def _difference(ours: Any, theirs: Any) -> float:
    """The largest difference over the largest value; infinite for another shape."""
    if ours.shape != theirs.shape:
        return float("inf")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    same = np.isnan(ours) & np.isnan(theirs)
    difference = np.where(same, 0.0, np.abs(ours - theirs)).max(initial=0.0)
    return float(difference / max(np.abs(np.nan_to_num(theirs)).max(initial=0.0), 1e-12))


def _apart(file: OnnxFile, got: str) -> ModelError:
    return ModelError(
        f"expected the scores of onnxruntime, within {ALIKE:g} of the largest, from what onnx2torch made of "
        f"{file.path}, got {got}; export the network with opset_version=17, or {file.way_on}"
    )
