"""`stm:FILE`: STM with a checkpoint of its authors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foolscape.models.sources.base import checkpoint_source

if TYPE_CHECKING:
    import torch

    from foolscape.models.trackers.stm import Stm


def _load(path: str, device: torch.device) -> Stm:
    from foolscape.models.trackers.stm import load_stm

    return load_stm(path, device)


RECORD: Final = checkpoint_source("stm", "STM", "STM_weights.pth", _load)
