"""What a network of transformers was saved as, where that is not how it runs here: half or quantised weights, kernels
that a GPU alone has.

transformers reads weights of any type into the network's own, integers without the scale that they stand for among
them, and looks for the packages of a quantised network before it says that it is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from foolscape.models.common.checkpoint import quantised, remark
from foolscape.models.common.huggingface import local_file
from foolscape.regular import open_regular

_PORTABLE: Final = (None, "eager", "sdpa")
"""Ways to calculate attention that PyTorch has itself, on every device."""

_HALF: Final = {"F16": "float16", "BF16": "bfloat16"}
_SHORT: Final = ("I8", "U8", "F8_", "F6_", "F4", "I4", "U4")
"""Types of weights, as safetensors calls them, the latter by how they begin; buffers may be longer integers."""

_INDEX: Final = "model.safetensors.index.json"
_HEADER: Final = 8
_LONGEST: Final = 100 << 20
"""Bytes: of the length of a header of safetensors, and what it is at most."""


def check_quantised(config: Any, name: str) -> None:
    """`CheckpointError` for a configuration of quantised weights."""
    settings = getattr(config, "quantization_config", None)
    if settings is not None:
        told = settings if isinstance(settings, Mapping) else vars(settings)
        raise quantised(name, f"quantised ones ({told.get('quant_method', 'quantization_config')} in config.json)")


def portable(config: Any) -> str | None:
    """Have PyTorch calculate attention where `config` asks for kernels of GPUs alone; what it asked for, or None."""
    asked = getattr(config, "_attn_implementation", None)
    if asked in _PORTABLE:
        return None
    config._attn_implementation = None  # what transformers takes for a network that says nothing
    return str(asked)


def tell_saved(network: nn.Module, name: str, attention: str | None, revision: str | None = None) -> None:
    """Have tables say what `network`, loaded from `name`, was saved as.

    Args:
        network: with its weights.
        name: a folder, or an identifier of the hub, of which what was fetched is looked at.
        attention: what `portable` said.
        revision: of the hub.

    Raises:
        CheckpointError: its weights are quantised ones.
    """
    if attention is not None:
        remark(network, f"attention was saved as {attention}, which not every device has, and is calculated by PyTorch")
    types = dict(_types(name, revision))
    if short := {key: kind for key, kind in types.items() if kind.startswith(_SHORT)}:
        listed = f"{', '.join(list(short)[:3])}{', ...' if len(short) > 3 else ''}"
        raise quantised(name, f"{next(iter(short.values())).lower()} for {len(short)} of {len(types)} ({listed})")
    if half := next((_HALF[kind] for kind in types.values() if kind in _HALF), None):
        remark(network, f"weights of {half} in the file are taken as float32")


def _types(name: str, revision: str | None) -> Iterator[tuple[str, str]]:
    """The types of the weights in the files of safetensors of `name`, by their names; of other files nothing."""
    index = local_file(name, _INDEX, revision)
    files = ["model.safetensors"] if index is None else sorted(set(_json(index).get("weight_map", {}).values()))
    for file in files:
        path = local_file(name, file, revision)
        for key, value in ({} if path is None else _header(path)).items():
            if isinstance(value, dict) and "dtype" in value:
                yield key, str(value["dtype"])


def _header(path: Path) -> dict[str, Any]:
    """What a file of safetensors, which transformers has read, says of its tensors."""
    with open_regular(path) as file:
        length = int.from_bytes(file.read(_HEADER), "little")
        content = json.loads(file.read(length)) if length <= _LONGEST else {}
    return content if isinstance(content, dict) else {}


def _json(path: Path) -> dict[str, Any]:
    with open_regular(path) as file:
        content = json.loads(file.read())
    return content if isinstance(content, dict) else {}
