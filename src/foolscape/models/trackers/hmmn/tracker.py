"""HMMN as a `Tracker`, as in its authors' evaluation."""

from __future__ import annotations

from pathlib import Path

import torch

from foolscape.models.trackers.hmmn.network import HmmnNetwork, Query, Remembered
from foolscape.models.trackers.remembering import Remembering, loaded


class Hmmn(Remembering[Query, Remembered]):
    """HMMN with the settings of its inference: `mem_every` is of 1/16; at 1/8 and 1/4 the first frame is kept too."""


def load_hmmn(path: Path | str, device: torch.device | str = "cpu") -> Hmmn:
    """HMMN with the weights at `path`, a file with the official keys, on `device`; raises as `loaded`."""
    return Hmmn(loaded(HmmnNetwork, path, device))
