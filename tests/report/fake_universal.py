"""A directory of a universal perturbation written by hand, without pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from foolscape.records.run import UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import SampleRecord, Split

from ..written import model_record, write_run


def write(directory: Path) -> Path:
    model = model_record("net:one", slug="one", classes=("sky", "road"), colours=((70, 130, 180), (128, 64, 128)))
    record = UniversalRecord(
        schema=SCHEMA, kind="universal", foolscape="0.2.0", command=("foolscape", "universal"),
        config={"model": "net:one", "target": "hide:road"}, models=(model,), algorithms={}, versions={}, device="cpu",
        seed=0, tile=(4, 5), start_sha256=None, target_sha256=None, train=Split(samples=4, sha256="x"),
        test=Split(samples=2, sha256="y"), samples=tuple(SampleRecord(id=name) for name in ("a", "b")),
    )  # fmt: skip

    def condition(hidden: float) -> dict[str, object]:
        return {"hidden": hidden, "hidden_per_image": hidden, "preserved": 97.0, "preserved_per_image": 96.0,
                "preserved_without": 95.0, "images_without": 1,
                "counted": {"moving": {"number": 1234, "images": 1}, "staying": {"number": 4000, "images": 2}},
                "mIoU": 70.0, "pixel_accuracy": 90.0,
                "per_class": {"sky": 80.0, "road": 60.0},
                "ci95": {"mIoU": [60, 80], "pixel_accuracy": [80, 95], "per_class": {}}}  # fmt: skip

    summary = {
        "schema": SCHEMA, "kind": "universal", "model": "net:one", "target": "hide:road", "task": "segmentation",
        "eps": "10/255", "omega": 0.5, "curves": {}, "transfer": [],
        "conventions": {"hidden": "Hidden: pixels."}, "test": {"samples": 2, "measured": 2},
        "training": {"epochs": 2, "losses": [2.0, 1.0], "moved": [10.0, 20.0], "stayed": [99.0, 98.0], "images": 4,
                     "showing": 3, "gradient_evaluations": 8, "failures": []},
        "conditions": {"clean": condition(0.0), "adversarial": condition(77.0)}, "failures": [],
    }  # fmt: skip
    write_run(directory, record, summary=summary)
    save_file({"tile": np.full((3, 4, 5), 0.02, np.float32)}, directory / "perturbation.safetensors")
    return directory
