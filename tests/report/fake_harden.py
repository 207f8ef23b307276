"""A directory of a hardening written by hand, without its two runs."""

from __future__ import annotations

from pathlib import Path

from foolscape.records.run import HardenRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import Split

from ..written import model_record, write_run


def write(directory: Path) -> Path:
    split = Split(samples=2, sha256="x")
    record = HardenRecord(
        schema=SCHEMA, kind="harden", foolscape="0.2.0", command=("foolscape", "harden"), config={"model": "net:one"},
        models=(model_record("net:one", classes=("sky", "road")),), algorithms={}, versions={}, attack={},
        device="cpu", seed=0, train=split, test=split,
    )  # fmt: skip

    def judged(clean: float, attacked: float) -> dict[str, object]:
        scores = {"clean": clean, "adversarial": attacked, "permuted": clean - 1, "noise": clean - 1}
        conditions = {
            name: {"mIoU": score, "pixel_accuracy": score + 5, "per_class": {"sky": score, "road": None},
                   "ci95": {"mIoU": [score - 2, score + 2], "pixel_accuracy": [score, None]}}
            for name, score in scores.items()
        }  # fmt: skip
        return {"conditions": conditions, "success_rate": 50.0, "distortion": {}}

    attack = {"name": "segpgd", "eps": "8/255", "step": "5/255", "steps": 2}
    summary = {
        "schema": SCHEMA, "kind": "harden", "model": "net:one", "hardened": "net:one?weights=w.safetensors",
        "eps": "8/255",
        "conventions": {"noise": "Random noise: uniform."}, "trained_on": attack,
        "judged_by": {**attack, "name": "pgd", "steps": 20}, "test": {"split": "test", "samples": 2},
        "training": {"split": "train", "images": 4, "steps": 2, "epochs": [{"loss": 1.5, "right": 40.0}],
                     "failures": [{"id": "c", "reason": "torn"}]},
        "before": judged(80.0, 3.0), "after": judged(70.0, 30.0), "failures": [],
    }  # fmt: skip
    return write_run(directory, record, summary=summary)
