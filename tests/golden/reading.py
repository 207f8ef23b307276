"""What is kept of a run: its figures, what its verdict says, and its pictures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image

from foolscape.records.places import PROGRESS, RUN

_PASSING: Final = ("seconds", "schema", "notes", "conventions", "sha256", "version")
"""Parts of names of what is no figure, or differs by machine."""


def kept(out: Path) -> dict[str, Any]:
    """Of the run in `out`: figures by name, reasons by model and id, and the hashes of the pixels of all pictures."""
    results = (path for path in sorted(out.glob("*.json")) if path.name not in (RUN, PROGRESS))
    summaries = [json.loads(path.read_text()) for path in results]
    figures = {name: value for summary in summaries for name, value in _numbers(summary, "")}
    trust = [summary["trust"] for summary in summaries if "trust" in summary]
    reasons = {f"{r.get('model')} {r['id']}": r["ok"] for found in trust for r in found["reasons"]}
    pictures = sorted(_pixels(path) for path in out.rglob("*.png"))
    return {"figures": figures, "reasons": reasons, "pictures": pictures}


def cpu() -> str:
    """What the digits of a run on a CPU depend on."""
    return f"{torch.__version__} {torch.backends.cpu.get_cpu_capability()}"


def _numbers(value: Any, name: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for key in value:
            if not any(part in key for part in _PASSING):
                yield from _numbers(value[key], f"{name}/{key}")
    elif isinstance(value, list):
        for i, one in enumerate(value):
            yield from _numbers(one, f"{name}/{i}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value


def _pixels(path: Path) -> str:
    with Image.open(path) as picture:
        pixels = np.asarray(picture)
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).hexdigest()[:16]
