"""`hmmn:FILE`: HMMN with a checkpoint of its authors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from foolscape.models.sources.base import checkpoint_source

if TYPE_CHECKING:
    import torch

    from foolscape.models.trackers.hmmn.tracker import Hmmn


def _load(path: str, device: torch.device) -> Hmmn:
    from foolscape.models.trackers.hmmn.tracker import load_hmmn

    return load_hmmn(path, device)


RECORD: Final = checkpoint_source("hmmn", "HMMN", "HMMN_weights.pth", _load)
