"""The objects of a video run: what each scored clean and attacked, from `summary.json` alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.summary import ModelSummary, Scores
from foolscape.report.tables.bounds import model_at
from foolscape.report.tables.table import known

MOST: Final = 1000
"""Objects that a table or page lists one by one: it must stay small enough to open."""


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


def listed(objects: Sequence[ObjectScore]) -> list[ObjectScore]:
    """Those that are listed one by one, in their order: of many the `MOST` that lost most, or that score least."""
    if len(objects) <= MOST:
        return list(objects)
    ranked = sorted(range(len(objects)), key=lambda place: _standing(objects[place]))
    return [objects[place] for place in sorted(ranked[:MOST])]


def unlisted(model: ModelSummary) -> tuple[str, ...]:
    """A sentence where objects of a model are left out of its table."""
    objects = object_scores(model)
    if len(objects) <= MOST:
        return ()
    which = "score least" if all(one.attacked is None for one in objects) else "lost most"
    return (f"{MOST:,} of {len(objects):,} objects are listed, those that {which}; summary.json has all.",)


def _standing(one: ObjectScore) -> float:
    """What is listed first has the least."""
    if one.clean is None:
        return float("inf")
    return one.clean if one.attacked is None else one.attacked - one.clean


def _mean_of(measured: Mapping[str, Mapping[str, Scores]], clip: str, label: str) -> float | None:
    """The mean of J and F: the measure of YouTube-VOS has no such score by object."""
    scores = measured.get(clip, {}).get(label, {})
    j, f = known(scores.get("J")), known(scores.get("F"))
    return None if j is None or f is None else (j + f) / 2
