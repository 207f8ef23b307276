"""What a run found, in one plain sentence per model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, CLEAN, PERMUTED
from foolscape.records.row import Line, Row
from foolscape.records.summary import ModelSummary, RunSummary, Scores
from foolscape.records.types import Object
from foolscape.report.tables.bounds import model_at, smaller_bounds
from foolscape.report.tables.boxes import objects
from foolscape.report.tables.labels import words
from foolscape.report.tables.minimum import minimum_sentence
from foolscape.report.tables.table import DASH, counted, known, number

_SAME: Final = 0.05
"""Points below which two scores read the same."""
_DONE: Final[dict[str, tuple[str, str]]] = {
    "mislabel": ("mislabelled", "are mislabelled"),
    "vanish": ("vanished", "vanish"),
    "vanish-only": ("vanished", "vanish"),
    "fabricate": ("fabricated", "boxes are fabricated"),
}
"""By the goal of an attack on a detector: which boxes show that it was met, and how to say it."""


def attack_title(attack: Object) -> str:
    """An attack as its paper writes it, with its goal."""
    title = str(attack.get("title", attack["name"]))
    aim = " ".join(str(attack[key]) for key in ("goal", "only_class") if attack.get(key) is not None)
    return f"{title} ({aim})" if aim else title


def headline(summary: RunSummary, model: ModelSummary, largest: Mapping[str, float]) -> str:
    """What happened to one model.

    For example: DAG cut mIoU from 88.1 to 3.2 with changes of at most 4 grey levels; the same changes shuffled: 87.9.

    Args:
        summary: `summary.json`.
        model: one of its `models`; of several bounds the largest is told.
        largest: as of `largest_changes`.
    """
    terms, model = words(summary), model_at(model)
    conditions = model.conditions
    headline_score, samples = terms.headline, counted(model.samples, terms.unit)
    score = headline_score.label
    clean, attacked, shuffled = (
        known(conditions.get(name, {}).get(headline_score.key)) for name in (CLEAN, ADVERSARIAL, PERMUTED)
    )
    if not conditions:
        return f"No {terms.unit} is done yet." if summary.unfinished else f"No {terms.unit} could be measured."
    if clean is None:
        return f"{score} is not defined on {samples}: {terms.measure.undefined}."
    if ADVERSARIAL not in conditions or attacked is None:
        return f"{score} is {number(clean, 1)} on {samples}; nothing was attacked."
    attack = attack_title(summary.attack)
    past, infinitive = ("cut", "lower") if headline_score.higher else ("raised", "raise")
    if (clean - attacked if headline_score.higher else attacked - clean) > _SAME:
        result = f"{attack} {past} {score} from {number(clean, 1)} to {number(attacked, 1)}"
    else:
        result = f"{attack} did not {infinitive} {score}: {number(clean, 1)} before, {number(attacked, 1)} after"
    control = "" if shuffled is None else f"; the same changes shuffled: {number(shuffled, 1)}"
    return f"{result}{_largest(largest.get(model.model), terms.changed)}{control}."


def aftermath(summary: RunSummary, model: ModelSummary) -> str:
    """How small a change suffices, what smaller bounds leave, and what the attack's goal did to the boxes of one model.

    It is empty without any of these.

    For example: Per image, of 5.2 objects 0.3 are kept (4.1 before); 3.9 are mislabelled (0.2 before).
    """
    sentences = minimum_sentence(model), smaller_bounds(summary, model), _boxes(summary, model_at(model))
    return " ".join(filter(None, sentences))


def _boxes(summary: RunSummary, model: ModelSummary) -> str:
    before, after = (model.conditions.get(name, {}) for name in (CLEAN, ADVERSARIAL))
    only_class = summary.attack.get("only_class")
    key = "boxes" if only_class is None else "victim_boxes"
    if key not in before or key not in after:
        return ""
    of_class = "" if only_class is None else f" of class {only_class}"

    def change(fate: str) -> tuple[str, str]:
        return number(after[key][fate], 1), f"({number(before[key][fate], 1)} before)"

    kept, was = change("kept")
    text = f"Per image, of {number(objects(after[key]), 1)} objects{of_class} {kept} are kept {was}"
    if (goal := summary.attack.get("goal")) in _DONE:
        fate, verb = _DONE[goal]
        now, was = change(fate)
        text += f"; {now} {verb} {was}"
    if known(after.get("preserved")) is not None:
        was = f"({number(before.get('preserved'), 1)} % before)"
        text += f". Of the other classes' objects {number(after['preserved'], 1)} % are kept {was}"
    return f"{text}."


def overview(summary: RunSummary) -> str:
    """One sentence over several models: the range of the main score before and after."""
    models, headline_score = summary.models, words(summary).headline
    score = headline_score.label
    clean, attacked = (
        _range(headline_score.key, (model_at(model).conditions.get(name) for model in models))
        for name in (CLEAN, ADVERSARIAL)
    )
    if attacked is None:
        return f"{len(models)} models, not attacked" + (f": {score} {clean}." if clean else ".")
    return f"Under {attack_title(summary.attack)}, {score} of {len(models)} models went from {clean} to {attacked}."


def _range(score: str, conditions: Iterable[Scores | None]) -> str | None:
    values = [value for condition in conditions if condition and (value := known(condition.get(score))) is not None]
    if not values:
        return None
    low, high = number(min(values), 1), number(max(values), 1)
    return low if low == high else f"{low}{DASH}{high}"


def largest_changes(rows: Iterable[Line]) -> dict[str, float]:
    """By model the largest change of an image in grey levels, which rows alone tell."""
    largest: dict[str, float] = {}
    for row in rows:
        if isinstance(row, Row) and row.distortion is not None:
            largest[row.model] = max(largest.get(row.model, 0), row.distortion.linf_levels)
    return largest


def _largest(most: float | None, where: str) -> str:
    if most is None:
        return ""
    return f" with changes of at most {most:.0f} grey level{'s' * (most != 1)}{where}"
