"""A universal perturbation as a file: the tile, and everything that was set to make it, as metadata."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from foolscape.attacks.constraints import Linf
from foolscape.attacks.universal import Epoch, Learning, spread
from foolscape.errors import CheckpointError
from foolscape.pixels import Levels, to_image, to_unit
from foolscape.regular import check_regular
from foolscape.run.store import write_atomically

FORMAT = 1
"""The version of the file; a newer one is refused."""


@dataclass(frozen=True)
class Tile:
    """A universal perturbation.

    Attributes:
        values: (3, h, w) float32, in [-eps, eps].
        classes: of the model it was made for.
        settings: of `UniversalConfig`, as JSON.
    """

    values: Tensor
    classes: tuple[str, ...]
    settings: dict[str, Any]

    def added_to(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The image (H, W, 3), of any size, with the tile repeated over it, quantised inside the bound."""
        clean = to_unit(image)
        moved = (clean + spread(self.values, (image.shape[0], image.shape[1]))).clamp(0, 1)
        return to_image(Linf(Levels.parse(str(self.settings["eps"])).unit).quantise(moved, clean)[0])


def write_tile(path: Path, tile: Tile) -> None:
    """Write a tile, atomically."""
    _write(path, {"tile": tile.values}, {"format": FORMAT, "classes": tile.classes, "settings": tile.settings})


def read_tile(path: Path) -> Tile:
    """The tile at `path`; raises `CheckpointError` for another file, a damaged one or one from a newer version."""
    tensors, metadata = _read(path)
    made = metadata.get("format")
    if not isinstance(made, int) or "tile" not in tensors:
        raise CheckpointError(f"expected a perturbation that foolscape universal wrote at {path}, got another file")
    if made > FORMAT:
        raise CheckpointError(
            f"expected a perturbation of format {FORMAT} or older at {path}, got {made}; a newer foolscape made it: "
            "update"
        )
    tile = tensors["tile"]
    if tile.ndim != 3 or tile.shape[0] != 3 or not bool(torch.isfinite(tile).all()):
        raise CheckpointError(f"expected a finite tile (3, h, w) at {path}, got {tuple(tile.shape)}")
    return Tile(tile.float(), tuple(metadata["classes"]), metadata["settings"])


def write_learning(path: Path, learning: Learning) -> None:
    """Write how far a tile has come, atomically: a killed training goes on from here."""
    tensors = {"tile": learning.tile, "velocity": learning.velocity, "square": learning.square}
    _write(path, tensors, {"steps": learning.steps, "epochs": [asdict(epoch) for epoch in learning.epochs]})


def read_learning(path: Path) -> Learning:
    """What `write_learning` wrote."""
    tensors, metadata = _read(path)
    epochs = tuple(Epoch(**epoch) for epoch in metadata["epochs"])
    return Learning(tensors["tile"], tensors["velocity"], tensors["square"], metadata["steps"], epochs)


def _write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, Any]) -> None:
    # One entry: several would be written in an order that changes from call to call.
    described = {"foolscape": json.dumps(metadata)}
    write_atomically(path, save({name: value.cpu().contiguous() for name, value in tensors.items()}, described))


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        check_regular(path)
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("foolscape", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, dict(metadata)  # noqa: SIM118
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"expected a safetensors file at {path}, got {error}") from error
