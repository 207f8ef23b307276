"""The objects of a video run: what each scored clean and attacked, from `summary.json` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.summary import ModelSummary, Scores
from foolscape.report.tables.bounds import model_at
from foolscape.report.tables.table import known


@dataclass(frozen=True)
class ObjectScore:
    """J&F of one object of one clip in percent; None where a score is missing."""

    clip: str
    label: int
    clean: float | None
    attacked: float | None

    @property
    def name(self) -> str:
        """Of clip and object, as the tables say it."""
        return f"{self.clip}, object {self.label}"


def object_scores(model: ModelSummary) -> list[ObjectScore]:
    """The objects of one entry of `models` in summary.json, by clip and label; empty where no objects were measured."""
    before, after = (model_at(model).conditions.get(name, {}).get("per_object") or {} for name in (CLEAN, ADVERSARIAL))
    return [
        ObjectScore(clip, int(label), _mean_of(before, clip, label), _mean_of(after, clip, label))
        for clip in {**before, **after}
        for label in {**before.get(clip, {}), **after.get(clip, {})}
    ]


def _mean_of(measured: Mapping[str, Mapping[str, Scores]], clip: str, label: str) -> float | None:
    """The mean of J and F: the measure of YouTube-VOS has no such score by object."""
    scores = measured.get(clip, {}).get(label, {})
    j, f = known(scores.get("J")), known(scores.get("F"))
    return None if j is None or f is None else (j + f) / 2
