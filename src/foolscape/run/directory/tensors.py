"""Tensors with what is to be said of them, as one safetensors file that tells whether it is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from foolscape.disk import read_file, write_file
from foolscape.errors import CheckpointError
from foolscape.regular import check_regular

_SUM: Final = "sha256"
"""Of the tensors. A file may have its length and be empty at the end: the format has no sum of its own."""


def write_tensors(directory: Path, place: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write `tensors`, and `about` as JSON, to `place` below `directory`: all of it or nothing."""
    plain = {name: value.cpu().contiguous() for name, value in tensors.items()}
    # One entry: several would be written in an order that changes from call to call.
    described = json.dumps({**about, _SUM: hashlib.sha256(save(plain)).hexdigest()})
    write_file(directory, place, save(plain, {"foolscape": described}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """What `write_tensors` wrote; what is said of them is empty for a file of another origin.

    Raises:
        CheckpointError: it is missing, damaged, or no safetensors file.
    """
    try:
        check_regular(path)
        content = read_file(path)
        tensors = load(content)
        about = _about(content)
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"expected a safetensors file at {path}, got {error}") from error
    if _SUM in about and about[_SUM] != hashlib.sha256(save(tensors)).hexdigest():
        raise CheckpointError(f"expected the tensors that were written to {path}, got others: the file is damaged")
    return tensors, about


def _about(content: bytes) -> dict[str, Any]:
    """What is said of the tensors, from the header of the format: its length in 8 bytes, then JSON."""
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    about = json.loads(header.get("__metadata__", {}).get("foolscape", "{}"))
    # Hardenings before format 2 said nothing but their epochs.
    return about if isinstance(about, dict) else {"epochs": about}
