"""One random generator per image and purpose, so that no number depends on the order of the work."""

from __future__ import annotations

import hashlib

import torch


def seed_of(seed: int, *parts: str) -> int:
    """A stable seed in [0, 2^63) for the run's `seed` and what it is used for."""
    text = "\x00".join((str(seed), *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def generator_for(seed: int, *parts: str) -> torch.Generator:
    """A fresh CPU generator for `seed` and `parts`; numbers drawn from it are the same for every device."""
    return torch.Generator().manual_seed(seed_of(seed, *parts))
