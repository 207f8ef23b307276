"""Where the runs and changes of a transfer lie below its directory."""

from __future__ import annotations

from pathlib import Path

from foolscape.records.places import RUNS


def joint_place(out: Path, slug: str) -> Path:
    """Of the change that was made for an ensemble."""
    return out / "ensembles" / slug


def own_place(out: Path, slug: str) -> Path:
    """Of a network's own run."""
    return out / RUNS / slug
