"""How far a training has come, as one file: a kill leaves the epoch before or the epoch after, never half of each."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from foolscape.disk import write_file
from foolscape.errors import CheckpointError
from foolscape.models.common.checkpoint import load_state
from foolscape.models.segmenters.torchvision import Normalised
from foolscape.run.directory.tensors import read_tensors, write_tensors
from foolscape.run.harden.training import Epoch, Trainer

_NETWORK, _OPTIMISER = "network.", "optimiser."


def write_weights(directory: Path, place: str, module: nn.Module) -> None:
    """The weights of `module` as a safetensors file, all of it or nothing; `?weights=` reads it."""
    # Weights of torchvision's networks have their own names, without those of what stands around them here.
    content = save(_weights(module.network if isinstance(module, Normalised) else module))
    write_file(directory, place, content)


def write_trainer(directory: Path, place: str, trainer: Trainer) -> None:
    """Weights, the optimiser's state and what became of each epoch."""
    tensors = {_NETWORK + name: value for name, value in _weights(trainer.segmenter.module).items()}
    for index, state in trainer.optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"{_OPTIMISER}{index}.{name}"] = _plain(value)
    write_tensors(directory, place, tensors, {"epochs": [asdict(epoch) for epoch in trainer.epochs]})


def read_trainer(path: Path, trainer: Trainer) -> None:
    """Put what `write_trainer` wrote into `trainer`; raises `CheckpointError` for a file that does not fit."""
    tensors, about = read_tensors(path)
    try:
        epochs = [Epoch(**epoch) for epoch in about["epochs"]]
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"expected a training of foolscape harden at {path}, got {error!r}") from error
    weights = {name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)}
    load_state(trainer.segmenter.module, weights, str(path))
    state: dict[int, dict[str, Any]] = {}
    for name, value in tensors.items():
        if name.startswith(_OPTIMISER):
            index, _, what = name.removeprefix(_OPTIMISER).partition(".")
            state.setdefault(int(index), {})[what] = value
    trainer.optimiser.load_state_dict({**trainer.optimiser.state_dict(), "state": state})
    for parameter, values in trainer.optimiser.state.items():
        for name, value in values.items():
            if value.shape == parameter.shape:  # the file does not know the memory format, and last bits depend on it
                values[name] = torch.empty_like(parameter).copy_(value)
    trainer.epochs = epochs


def epochs_in(path: Path) -> int:
    """Epochs that a checkpoint holds; none where it is not there or damaged, of which `read_trainer` tells."""
    if not path.exists():
        return 0
    try:
        return len(read_tensors(path)[1]["epochs"])
    except (CheckpointError, KeyError, TypeError):
        return 0


def _weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: _plain(value) for name, value in module.state_dict().items() if isinstance(value, Tensor)}


def _plain(value: Tensor) -> Tensor:
    # Tied weights share memory, which the format refuses.
    return value.detach().cpu().clone().contiguous()
