"""Rows, records and probes as runs write them, for judging without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foolscape.run.directory.store import Record
from foolscape.run.tasks.base import CONDITIONS
from foolscape.run.trust.attack import Attacked, attack_reasons
from foolscape.verdict import Reason

PIXELS = 1000
PGD = {"name": "pgd", "eps": "8/255", "stop": 0.0, "steps": 20}
CONFIG = {
    "models": ["net.py:net"], "data": "folder:p", "attack": "pgd", "options": {"eps": "8/255"}, "task": "segmentation",
}  # fmt: skip
PROBES: dict[str, Record] = {
    "longer": {"attack": "pgd", "steps": 40}, "stronger": {"attack": "worst-case"},
    "larger": {"attack": "pgd", "eps": "16/255"}, "unbound": {"attack": "pgd", "eps": "64/255", "steps": 40},
    "square": {"attack": "square", "steps": 200},
}  # fmt: skip
STANDS = {"clean": 90, "adversarial": 5, "permuted": 88, "noise": 89, "in_float": 5}


def counts(percent: float) -> Record:
    """A row's counts with this share of the pixels right."""
    return {"counts": {"hit": {"0": round(percent * PIXELS / 100)}, "truth": {"0": PIXELS}, "predicted": {"0": PIXELS}}}


def attacked(stands: Mapping[str, Sequence[float]], probes: Mapping[str, Sequence[float]], **attack: Any) -> Attacked:
    """A run on as many images as `stands` has percentages for; conditions that it lacks are as `STANDS`."""
    images = max((len(values) for values in stands.values()), default=4)
    given = {name: list(stands.get(name, [value] * images)) for name, value in STANDS.items()}
    rows = {c: [{"id": str(i), "condition": c, **counts(given[c][i])} for i in range(images)] for c in CONDITIONS}
    for row in rows["permuted"]:
        row["control"] = {"kind": "permuted", "l2": 1.0, "of_attack": 1.0}
    for i, row in enumerate(rows["adversarial"]):
        row["in_float"] = counts(given["in_float"][i])
    record = {
        "task": "segmentation",
        "attack": PGD | attack,
        "config": CONFIG,
        "models": [{"model": "net.py:net", "slug": "net", "classes": ["a"]}],
        "gradient": {"net.py:net": {"ok": True, "kind": "right"}},
    }
    tried = {what: PROBES[what] for what in probes}
    left = {
        str(i): {what: {"right": values[i] / 100, "left": 0.0} for what, values in probes.items() if i < len(values)}
        for i in range(images)
    }
    return Attacked(record, "net.py:net", rows, {"probes": tried, "images": left} if probes else {})


def reasons(run: Attacked) -> dict[str, Reason]:
    """The checks of a run's attack by their ids."""
    return {reason.id: reason for reason in attack_reasons(run)}
