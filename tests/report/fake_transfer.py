"""A transfer directory written by hand: two segmentation networks and a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from foolscape.records.run import TransferRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import SampleRecord
from foolscape.records.transfer_summary import TransferSummary
from foolscape.records.types import read

from ..written import model_record, write_json, write_run

PGD: dict[str, Any] = {
    "name": "pgd", "title": "PGD", "variant": "paper", "source": "Madry et al.", "eps": "8/255", "norm": "linf",
    "step": "2/255",
    "steps": 20, "stop": 0.01, "random_start": True, "quantise_steps": False,
}  # fmt: skip


def matrix() -> dict[str, Any]:
    size = {"linf_levels": 8.0, "perceptibility": 0.0264}

    def line(sources: list[str], scores: tuple[float | None, ...], permuted: bool = False) -> dict[str, Any]:
        name = f"{sources[0]}{', PERM' * permuted}" if sources else "clean"
        return {"name": name, "sources": sources, "permuted": permuted, "joint": False,
                "distortion": size if sources else None,
                "scores": dict(zip(("one", "two", "boxes"), scores, strict=True))}  # fmt: skip

    return {
        "schema": SCHEMA,
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
        "ensembles": [],
        "failures": [],
    }


def typed(found: dict[str, Any]) -> TransferSummary:
    """A matrix as reports read it."""
    return read(TransferSummary, found)


def flat(found: dict[str, Any], slug: str, score: float | None) -> dict[str, Any]:
    """The same matrix where a network has this `score` under every change and without one."""
    for line in found["lines"]:
        line["scores"][slug] = score
    return found


def write(directory: Path, found: dict[str, Any]) -> Path:
    record = TransferRecord(
        schema=SCHEMA, kind="transfer", foolscape="0.2.0", command=("foolscape", "transfer"), config={}, configs=(),
        models=tuple(model_record(f"net:{slug}", slug=slug) for slug in ("one", "two", "boxes")), algorithms={},
        versions={}, samples=tuple(SampleRecord(id=name) for name in ("a", "b", "c")),
    )  # fmt: skip
    write_run(directory, record)
    write_json(directory / "transfer.json", found)
    return directory
