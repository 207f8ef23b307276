"""What a run found, in one plain sentence per model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from foolscape.report.tables import DASH, known, number

_TITLES: Final[dict[str, str]] = {
    "dag": "DAG",
    "fgsm": "FGSM",
    "pgd": "PGD",
    "mi-fgsm": "MI-FGSM",
    "segpgd": "SegPGD",
    "cospgd": "CosPGD",
}
_SAME: Final = 0.05
"""Points of mIoU below which two scores read the same."""

Json = Mapping[str, Any]


def attack_title(name: str) -> str:
    """An attack as its paper writes it; an unknown name as it stands."""
    return _TITLES.get(name, name)


def headline(summary: Json, model: Json, rows: Iterable[Json]) -> str:
    """What happened to one model.

    For example: DAG cut mIoU from 88.1 to 3.2 with changes of at most 4 grey levels; the same changes shuffled: 87.9.

    Args:
        summary: `summary.json`.
        model: one of its `models`.
        rows: the lines of `rows.jsonl`; the largest change is in them alone.
    """
    conditions = model["conditions"]
    clean = known(conditions.get("clean", {}).get("mIoU"))
    attacked = known(conditions.get("adversarial", {}).get("mIoU"))
    images = f"{model['samples']} image{'s' * (model['samples'] != 1)}"
    if clean is None:
        return "No image could be measured."
    if "adversarial" not in conditions or attacked is None:
        return f"mIoU is {number(clean, 1)} on {images}; nothing was attacked."
    attack = attack_title(summary["attack"]["name"])
    if attacked < clean - _SAME:
        found = f"{attack} cut mIoU from {number(clean, 1)} to {number(attacked, 1)}"
    else:
        found = f"{attack} did not lower mIoU: {number(clean, 1)} before, {number(attacked, 1)} after"
    shuffled = known(conditions.get("permuted", {}).get("mIoU"))
    control = "" if shuffled is None else f"; the same changes shuffled: {number(shuffled, 1)}"
    return f"{found}{_largest(model, rows)}{control}."


def overview(summary: Json) -> str:
    """One sentence over several models: the range of mIoU before and after."""
    models = summary["models"]
    clean = _range(model["conditions"].get("clean") for model in models)
    attacked = _range(model["conditions"].get("adversarial") for model in models)
    if attacked is None:
        return f"{len(models)} models, not attacked" + (f": mIoU {clean}." if clean else ".")
    attack = attack_title(summary["attack"]["name"])
    return f"Under {attack}, mIoU of {len(models)} models went from {clean} to {attacked}."


def _range(conditions: Iterable[Json | None]) -> str | None:
    scores = [score for condition in conditions if condition and (score := known(condition.get("mIoU"))) is not None]
    if not scores:
        return None
    low, high = number(min(scores), 1), number(max(scores), 1)
    return low if low == high else f"{low}{DASH}{high}"


def _largest(model: Json, rows: Iterable[Json]) -> str:
    levels = [
        row["distortion"]["linf_levels"] for row in rows if row.get("slug") == model["slug"] and "distortion" in row
    ]
    if not levels:
        return ""
    most = max(levels)
    return f" with changes of at most {most:.0f} grey level{'s' * (most != 1)}"
