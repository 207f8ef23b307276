"""`summary.json` of a hardening: the network before and after, and what the training was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from foolscape.run.harden.training import Epoch
from foolscape.run.store import Record


def summarise(
    record: Record, hardened: str, images: Record, epochs: Sequence[Epoch], before: Record, after: Record
) -> Record:
    """The summary of a finished hardening.

    Args:
        record: run.json.
        hardened: the spec that loads the trained network.
        images: training.json.
        epochs: what became of each.
        before, after: summaries of the two runs.
    """
    config = record["config"]
    per_epoch = len(images["images"]) // config["batch"]
    return {
        "schema": 1,
        "kind": "harden",
        "conventions": before["conventions"],
        "model": config["model"],
        "hardened": hardened,
        "eps": config["eps"],
        "trained_on": record["attack"],
        "judged_by": before["attack"],
        "test": {"split": config["test_split"], "samples": before["models"][0]["samples"]},
        "training": {
            "split": config["train_split"],
            "images": len(images["images"]),
            "epochs": [asdict(epoch) for epoch in epochs],
            "steps": per_epoch * len(epochs),
            "failures": images["failures"],
        },
        "before": _judged(before),
        "after": _judged(after),
        "failures": [*before["failures"], *after["failures"]],
    }


def _judged(summary: Record) -> Record:
    (model,) = summary["models"]
    return {"conditions": model["conditions"], "success_rate": model["success_rate"], "distortion": model["distortion"]}
