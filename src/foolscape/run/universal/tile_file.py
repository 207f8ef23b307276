"""A universal perturbation as a file: the tile, and everything that was set to make it, as metadata."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.attacks.parts.constraints import Linf
from foolscape.attacks.universal.learn import TrainingState, UniversalEpoch, spread
from foolscape.errors import CheckpointError
from foolscape.pixels import Levels, to_image, to_unit
from foolscape.run.directory.tensors import read_tensors, write_tensors

FORMAT = 1
"""The version of the file; a newer one is refused."""


@dataclass(frozen=True)
class UniversalTile:
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


def write_tile(directory: Path, place: str, tile: UniversalTile) -> None:
    """Write a tile, all of it or nothing."""
    metadata = {"format": FORMAT, "classes": tile.classes, "settings": tile.settings}
    write_tensors(directory, place, {"tile": tile.values}, metadata)


def read_tile(path: Path) -> UniversalTile:
    """The tile at `path`; raises `CheckpointError` for another file, a damaged one or one from a newer version."""
    tensors, metadata = read_tensors(path)
    file_format = metadata.get("format")
    if not isinstance(file_format, int) or "tile" not in tensors:
        raise CheckpointError(f"expected a perturbation that foolscape universal wrote at {path}, got another file")
    if file_format > FORMAT:
        raise CheckpointError(
            f"expected a perturbation of format {FORMAT} or older at {path}, got {file_format}; a newer foolscape made "
            "it: update"
        )
    tile = tensors["tile"]
    if tile.ndim != 3 or tile.shape[0] != 3 or not bool(torch.isfinite(tile).all()):
        raise CheckpointError(f"expected a finite tile (3, h, w) at {path}, got {tuple(tile.shape)}")
    return UniversalTile(tile.float(), tuple(metadata["classes"]), metadata["settings"])


def write_learning(directory: Path, place: str, learning: TrainingState) -> None:
    """Write how far a tile has come, all of it or nothing: a killed training goes on from here."""
    tensors = {"tile": learning.tile, "velocity": learning.velocity, "square": learning.square}
    metadata = {"steps": learning.steps, "epochs": [asdict(epoch) for epoch in learning.epochs]}
    write_tensors(directory, place, tensors, metadata)


def read_learning(path: Path) -> TrainingState:
    """What `write_learning` wrote; raises `CheckpointError` for a damaged file or another one."""
    tensors, metadata = read_tensors(path)
    try:
        epochs = tuple(UniversalEpoch(**epoch) for epoch in metadata["epochs"])
        return TrainingState(tensors["tile"], tensors["velocity"], tensors["square"], metadata["steps"], epochs)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"expected a learning of foolscape universal at {path}, got {error!r}") from error
