"""A transfer directory written by hand: two segmentation networks and a detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PGD: dict[str, Any] = {
    "name": "pgd", "variant": "paper", "source": "Madry et al.", "eps": "8/255", "norm": "linf", "step": "2/255",
    "steps": 20, "stop": 0.01, "random_start": True, "quantise_steps": False,
}  # fmt: skip


def matrix() -> dict[str, Any]:
    size = {"linf_levels": 8.0, "perceptibility": 0.0264}

    def line(sources: list[str], scores: tuple[float | None, ...], permuted: bool = False) -> dict[str, Any]:
        name = f"{sources[0]}{', PERM' * permuted}" if sources else "clean"
        return {"name": name, "sources": sources, "permuted": permuted, "distortion": size if sources else None,
                "scores": dict(zip(("one", "two", "boxes"), scores, strict=True))}  # fmt: skip

    return {
        "schema": 1,
        "reference": "truth",
        "attacks": {
            "one": PGD,
            "two": PGD,
            "boxes": PGD | {"goal": "vanish", "only_class": "car", "resample_candidates": 5},
        },
        "data": {"spec": "folder:photos", "samples": 3},
        "columns": [
            {"model": "net:one", "slug": "one", "task": "segmentation", "score": "mIoU"},
            {"model": "net:two", "slug": "two", "task": "segmentation", "score": "mIoU"},
            {"model": "net:boxes", "slug": "boxes", "task": "detection", "score": "AP50"},
        ],
        "lines": [
            line([], (80.0, 60.0, 50.0)),
            line(["one"], (8.0, 48.0, 45.0)),
            line(["two"], (64.0, 6.0, 50.0)),
            line(["boxes"], (76.0, 60.0, 0.0)),
            line(["one"], (79.0, 60.0, 50.0), permuted=True),
        ],
        "failures": [],
    }


def flat(found: dict[str, Any], slug: str, score: float | None) -> dict[str, Any]:
    """The same matrix where a network has this `score` under every change and without one."""
    for line in found["lines"]:
        line["scores"][slug] = score
    return found


def write(directory: Path, found: dict[str, Any]) -> Path:
    directory.mkdir(parents=True)
    record = {"schema": 1, "kind": "transfer", "foolscape": "0.1.0", "command": ["foolscape", "transfer"],
              "configs": [], "weights_sha256": [], "samples": ["a", "b", "c"]}  # fmt: skip
    (directory / "run.json").write_text(json.dumps(record))
    (directory / "transfer.json").write_text(json.dumps(found))
    return directory
