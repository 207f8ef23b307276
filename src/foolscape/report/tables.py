"""The tables of a run as neutral records, from `summary.json` alone; `render.py` prints them.

The scores stand as in Table 1 of Xie et al. (2017): ORIG, ADVR, PERM, one line per model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from foolscape.metrics import CONVENTIONS

DASH: Final = "\N{EN DASH}"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
CONDITIONS: Final[dict[str, str]] = {"clean": "ORIG", "adversarial": "ADVR", "permuted": "PERM", "noise": "NOISE"}
"""What the tables call each condition of a run, in their order."""

_SENTENCES: Final[dict[str, str]] = {
    **CONVENTIONS,
    "clean": "ORIG: the clean images.",
    "adversarial": "ADVR: the attacked images.",
    "permuted": "PERM: the attack's change with its pixels in random order.",
    "noise": "NOISE: uniform noise within the attack's bound, or of its L2 length where it has none.",
    "eight_bit": "Everything is measured on 8-bit images.",
    "success_rate": "Success: at most 1 % of the counted pixels are still right at 8 bits.",
    "claimed_rate": "Claimed: the attack's own stopping rule, before rounding.",
}
"""What a table says where the run has no sentence of its own under that key."""

_SCORES: Final[dict[str, str]] = {"mIoU": "mIoU %", "pixel_accuracy": "pixel acc. %"}
_MISSING: Final = DASH
_NAMED: Final = 3
"""How many images a line of the failures names."""
_FLOAT_MATTERS: Final = 0.05
"""Points by which the score before rounding must differ from the 8-bit one to be shown beside it."""

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Cell:
    """What stands in one cell: a value, and remarks that are set smaller below or beside it."""

    value: str
    detail: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table before it has a format.

    Attributes:
        name: one word, for anchors and labels.
        title: a short heading.
        headers: one cell per column, the unit as its detail.
        rows: as many cells each.
        notes: sentences for the caption: what was measured and by which convention.
        texts: how many leading columns are words; the others are numbers and are set to the right.
    """

    name: str
    title: str
    headers: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    texts: int = 1


def tables(summary: Json) -> tuple[Table, ...]:
    """Every table of a run that has something to say, in reading order."""
    found = [scores(summary)]
    if any(model.get("distortion") for model in summary["models"]):
        found.append(costs(summary))
    found += [per_class(summary, model) for model in summary["models"]]
    if summary.get("failures"):
        found.append(failures(summary))
    return tuple(found)


def scores(summary: Json) -> Table:
    """mIoU and pixel accuracy of every model under every condition, with their intervals."""
    models = summary["models"]
    present = [name for name in CONDITIONS if any(name in model["conditions"] for model in models)]
    rows = []
    for model in models:
        for position, (score, label) in enumerate(_SCORES.items()):
            name = Cell(model["model"], (_images(model["samples"]),)) if position == 0 else Cell("")
            rows.append((name, Cell(label), *(_score(model["conditions"], name, score) for name in present)))
    return Table(
        name="scores",
        title="Scores",
        headers=(Cell("model"), Cell(""), *(Cell(CONDITIONS[name]) for name in present)),
        rows=tuple(rows),
        notes=(
            *reference_notes(summary),
            " ".join(_conventions(summary, *present)),
            *_float_note(models),
            *_conventions(summary, "eight_bit", "mIoU", "pixel_accuracy", "void", "ci95"),
            *(f"{model['model']}: {note}." for model in models for note in model.get("notes", ())),
        ),
        texts=2,
    )


def costs(summary: Json) -> Table:
    """What the attack cost and how far it moved the images: means over the images of each model."""
    headers = (
        Cell("model"),
        Cell("success %", ("claimed %",)),
        Cell("iterations", ("max",)),
        Cell("time", ("s/image",)),
        Cell("Linf", ("levels",)),
        Cell("L2", ("[0, 1]",)),
        Cell("p", (f"{TIMES}10⁻³",)),
        Cell("SSIM"),
    )
    return Table(
        name="costs",
        title="Cost and distortion of the attack",
        headers=headers,
        rows=tuple(_cost(model) for model in summary["models"]),
        notes=(
            "Means over images.",
            *_conventions(summary, "success_rate", "claimed_rate"),
            *_conventions(summary, "linf_levels", "l2", "perceptibility", "ssim"),
        ),
    )


def per_class(summary: Json, model: Json) -> Table:
    """IoU of each class that occurs in the truth of one model's images: ORIG, ADVR and the difference."""
    conditions = model["conditions"]
    attacked = "adversarial" in conditions
    rows = []
    for name, clean, adversarial in class_scores(model):
        cells = [Cell(name), Cell(number(clean, 1))]
        if attacked:
            difference = None if clean is None or adversarial is None else adversarial - clean
            cells += [Cell(number(adversarial, 1)), Cell(number(difference, 1, sign=True))]
        rows.append(tuple(cells))
    shown = ("class", "ORIG", "ADVR", "change") if attacked else ("class", "ORIG")
    return Table(
        name=f"classes-{model['slug']}",
        title=f"IoU by class, {model['model']}",
        headers=tuple(Cell(header, () if header == "class" else ("%",)) for header in shown),
        rows=tuple(rows),
        notes=_conventions(summary, "per_class"),
    )


def class_scores(model: Json) -> list[tuple[str, float | None, float | None]]:
    """(class, IoU clean, IoU attacked) of the classes that occur in the truth; None where a score is missing."""
    conditions = model["conditions"]
    clean = conditions.get("clean", {}).get("per_class") or {}
    attacked = conditions.get("adversarial", {}).get("per_class") or {}
    both = [(name, known(clean.get(name)), known(attacked.get(name))) for name in {**clean, **attacked}]
    return [row for row in both if row[1] is not None or row[2] is not None]


def failures(summary: Json) -> Table:
    """Samples that could not be used, counted by reason and model."""
    groups: dict[tuple[str, str], list[str]] = {}
    for failure in summary["failures"]:
        groups.setdefault((failure["reason"], failure.get("model") or "any"), []).append(str(failure["id"]))
    rows = []
    for (reason, model), ids in sorted(groups.items(), key=lambda group: -len(group[1])):
        more = (f"and {len(ids) - _NAMED} more",) if len(ids) > _NAMED else ()
        rows.append((Cell(reason), Cell(model), Cell(", ".join(ids[:_NAMED]), more), Cell(str(len(ids)))))
    return Table(
        name="failures",
        title="Left out",
        headers=(Cell("reason"), Cell("model"), Cell("images"), Cell("count")),
        rows=tuple(rows),
        notes=("These images are in no score of the models named.",),
        texts=3,
    )


def reference_notes(summary: Json) -> tuple[str, ...]:
    """The sentence that a reader must have when no labels were there; empty with labels."""
    if summary.get("reference") != "clean prediction":
        return ()
    return ("No labels: scores are against the model's own clean prediction, so ORIG is 100 by construction.",)


def known(value: Any) -> float | None:
    """`value` as a float; None where a score is absent, null or not a number."""
    return None if value is None or not math.isfinite(value) else float(value)


def number(value: Any, digits: int, *, sign: bool = False) -> str:
    """`value` with so many decimals, a true minus and never "-0.0"; a dash where it is not known."""
    if known(value) is None:
        return _MISSING
    text = f"{float(value):+z.{digits}f}" if sign else f"{float(value):z.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def _score(conditions: Json, name: str, score: str) -> Cell:
    condition = conditions.get(name)
    if condition is None:
        return Cell(_MISSING)
    detail = []
    ends = condition.get("ci95", {}).get(score)
    if ends and all(known(end) is not None for end in ends):
        detail.append(f"{number(ends[0], 1)}{DASH}{number(ends[1], 1)}")
    if name == "adversarial" and _float_differs(conditions, score):
        detail.append(f"float {number(conditions['adversarial_float'][score], 2)}")
    return Cell(number(condition.get(score), 2), tuple(detail))


def _float_differs(conditions: Json, score: str) -> bool:
    rounded = known(conditions.get("adversarial", {}).get(score))
    exact = known(conditions.get("adversarial_float", {}).get(score))
    return rounded is not None and exact is not None and abs(rounded - exact) > _FLOAT_MATTERS


def _float_note(models: list[Json]) -> tuple[str, ...]:
    if any(_float_differs(model["conditions"], score) for model in models for score in _SCORES):
        return ("float: the attacked image before rounding to 8 bits, where the score differs by more than 0.05.",)
    return ()


def _cost(model: Json) -> tuple[Cell, ...]:
    distortion, iterations = model.get("distortion", {}), model.get("iterations", {})
    perceptibility = known(distortion.get("perceptibility"))
    return (
        Cell(model["slug"]),
        Cell(number(model.get("success_rate"), 1), (number(model.get("claimed_rate"), 1),)),
        Cell(number(iterations.get("mean"), 1), (number(iterations.get("max"), 0),)),
        Cell(number(model.get("seconds_per_image"), 2)),
        Cell(number(distortion.get("linf_levels"), 1)),
        Cell(number(distortion.get("l2"), 2)),
        Cell(number(None if perceptibility is None else 1000 * perceptibility, 2)),
        Cell(number(distortion.get("ssim"), 4)),
    )


def _conventions(summary: Json, *names: str) -> tuple[str, ...]:
    """The sentences of the run itself, and ours where it has none."""
    own = summary.get("conventions", {})
    return tuple(str(own.get(name) or _SENTENCES[name]) for name in names)


def _images(n: int) -> str:
    return f"{n} image{'s' * (n != 1)}"
