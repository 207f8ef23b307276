"""Reading what torch.jit.save and torch.export.save wrote, without running a pickle."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from foolscape.errors import CheckpointError, ModelError
from foolscape.models.common.checkpoint import remark
from foolscape.models.common.guard import in_words
from foolscape.models.exported.network import ExportedNetwork, Takes
from foolscape.models.exported.onnx_file import check_file, file_sha256, names_in_metadata
from foolscape.paths import path_of

SCRIPT_NOTE: Final = "TorchScript: a program of its own, which runs when it is called; no pickle of Python is read"

_PICKLED: Final = ("custom_obj_", "opaque_obj_", "opaque_value_")
"""How the objects of a .pt2 file are called that only a pickle of Python can hold."""

_METADATA: Final = "/extra/config.txt"
_FORCE: Final = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def read_script(path: Path | str) -> tuple[ExportedNetwork, dict[str, str]]:
    """The network that torch.jit.save wrote to `path`, and what ultralytics wrote of it beside it, if it did.

    Raises:
        CheckpointError: no such file, or one that holds something else.
    """
    path = path_of(path)
    names = _members(path, "a TorchScript file")
    if not any(name.partition("/")[2] == "constants.pkl" for name in names):
        raise _other(path, names, "a program of TorchScript", "torch.jit.save(torch.jit.trace(net, image), FILE)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that TorchScript will be given up
            module: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    except Exception as error:
        raise _damaged(path, error, "a TorchScript file") from error
    metadata = _metadata(path, names)
    takes = Takes()
    if metadata and "'dynamic': True" not in metadata.get("args", ""):
        sides = re.findall(r"\d+", metadata.get("imgsz", ""))
        batch = metadata.get("batch", "")
        size = (int(sides[0]), int(sides[-1])) if sides else (None, None)
        takes = Takes(int(batch) if batch.isdigit() else None, size)
    network = ExportedNetwork(_widened(module), takes, file_sha256(path), classes=names_in_metadata(metadata))
    return network, metadata


def _metadata(path: Path, names: list[str]) -> dict[str, str]:
    """What ultralytics writes beside a program, as text; empty where another exporter wrote it."""
    inner = next((name for name in names if name.endswith(_METADATA)), None)
    if inner is None:
        return {}
    try:
        with zipfile.ZipFile(path) as archive:
            content = json.loads(archive.read(inner))
    except (zipfile.BadZipFile, OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}


def read_program(path: Path | str) -> ExportedNetwork:
    """The network that torch.export.save wrote to `path`, for the images that it was exported for.

    Raises:
        CheckpointError: no such file, one that holds something else, or one that would run code.
        ModelError: it does not take a batch of images alone.
    """
    path = path_of(path)
    names = _members(path, "a file of torch.export")
    if any(name.endswith((".so", ".cubin")) or "/aotinductor/" in name for name in names):
        raise CheckpointError(
            f"expected an exported program in {path}, got one that is compiled, which has no gradient; save it with "
            "torch.export.save"
        )
    if not any(name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names):
        raise _other(path, names, "an exported program", "torch.export.save(torch.export.export(net, (image,)), FILE)")
    if held := next((name for name in names if Path(name).name.startswith(_PICKLED)), None):
        raise CheckpointError(
            f"expected only tensors in {path}, got the object {held}, a pickle; refused, because reading it would run "
            "the code in it"
        )
    try:
        with _tensors_only():
            program = torch.export.load(str(path))
    except Exception as error:
        raise _damaged(path, error, "a file of torch.export") from error
    return ExportedNetwork(_widened(program.module()), _taken(program, path), file_sha256(path))


def _widened(module: nn.Module) -> nn.Module:
    """`module`, in float32 where its weights are not; tables are told of half precision."""
    types = {tensor.dtype for tensor in module.parameters() if tensor.is_floating_point()}
    if types - {torch.float32}:
        module.float()
    half = next((dtype for dtype in (torch.float16, torch.bfloat16) if dtype in types), None)
    if half is not None:
        remark(module, f"weights of {str(half).removeprefix('torch.')} in the file are taken as float32")
    return module


def _taken(program: Any, path: Path) -> Takes:
    """The images that `program` was exported for."""
    wanted = set(program.graph_signature.user_inputs)
    shapes = [
        node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in wanted
    ]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        got = ", ".join(f"({', '.join(map(str, shape))})" for shape in shapes) or "none"
        raise ModelError(f"expected one input (B, 3, H, W) in {path}, got {got}; export the network so")
    sides = [side if isinstance(side, int) else None for side in shapes[0]]
    last = sides[3] == 3 and sides[1] != 3
    return Takes(sides[0], (sides[1], sides[2]) if last else (sides[2], sides[3]), channels_last=last)


@contextmanager
def _tensors_only() -> Iterator[None]:
    """Within it torch.load reads tensors alone, also where its caller would have it run a pickle."""
    before, log = os.environ.get(_FORCE), logging.getLogger("torch.export")
    level = log.level
    os.environ[_FORCE] = "1"
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
        if before is None:
            del os.environ[_FORCE]
        else:
            os.environ[_FORCE] = before


def _members(path: Path, what: str) -> list[str]:
    """The names of the files in the archive `path`."""
    check_file(path, what)
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise _damaged(path, error, what) from error


def _other(path: Path, names: list[str], what: str, how: str) -> CheckpointError:
    pickled = any(Path(name).name == "data.pkl" for name in names)
    got = "a pickle of torch.save, weights or a whole module, which is not opened" if pickled else "another archive"
    advice = f"make it with {how}" + ("; weights go behind a network: net.py:build?weights=FILE" if pickled else "")
    return CheckpointError(f"expected {what} in {path}, got {got}; {advice}")


def _damaged(path: Path, error: Exception, what: str) -> CheckpointError:
    return CheckpointError(
        f"expected {what} at {path}, got one that cannot be read ({in_words(error)}); it may be damaged, cut off, or "
        "of another version of PyTorch: save it again"
    )
