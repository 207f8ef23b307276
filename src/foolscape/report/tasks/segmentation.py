"""How a segmentation run shows its images: label maps in class colours."""

from __future__ import annotations

from typing import Final

import numpy as np

from foolscape.metrics.segmentation import Counts, pixel_accuracy
from foolscape.report.files import read_labels
from foolscape.report.pictures import figures
from foolscape.report.pictures.figures import Pixels
from foolscape.report.tables.table import Json, number
from foolscape.report.tasks.view import Drawing, Facts, Layers, Loss, TaskReport, View, points_lost


def _standing(view: View) -> tuple[float, ...]:
    value = _accuracy(view, view.judged)
    return (value if np.isfinite(value) else float("inf"),)


def _facts(view: View) -> Facts:
    titles = {"clean": "pixel accuracy", "adversarial": "attacked", "permuted": "shuffled"}
    return tuple(
        (title, f"{number(_accuracy(view, view.rows[condition]), 1)} %")
        for condition, title in titles.items()
        if condition in view.rows
    )


def _lost(view: View) -> Loss | None:
    before, after = (_accuracy(view, view.rows[name]) for name in ("clean", "adversarial"))
    return points_lost(before, after, "accuracy")


def _layers(view: View, side: int) -> Layers:
    directory, name, slug = view.run.directory, view.judged["name"], view.model["slug"]
    colours = figures.palette(view.model["colours"], len(view.model["classes"]))
    clean = read_labels(directory, "predictions", slug, "clean", name)
    attacked = read_labels(directory, "predictions", slug, "adversarial", name) if view.attacked else None
    own = read_labels(directory, "truth", slug, name)
    truth = own if own is not None else read_labels(directory, "truth", name)
    maps = [labels for labels in (clean, attacked, truth) if labels is not None]

    def drawn(labels: Pixels | None) -> Pixels | None:
        if labels is None:
            return None
        return figures.fitted(figures.coloured(labels, colours), smooth=False, side=side)

    return Layers(
        clean=drawn(clean),
        attacked=drawn(attacked),
        truth=drawn(truth),
        difference=_difference(clean, attacked, colours, side),
        classes=frozenset(int(label) for labels in maps for label in np.unique(labels)),
    )


def _difference(clean: Pixels | None, attacked: Pixels | None, colours: Pixels, side: int) -> Pixels | None:
    if clean is None or attacked is None or clean.shape != attacked.shape:
        return None
    return figures.fitted(figures.changed(clean, attacked, colours), smooth=False, side=side)


def _accuracy(view: View, row: Json) -> float:
    return float(pixel_accuracy(Counts.from_json(row["counts"], len(view.model["classes"]))))


_DRAWING: Final = Drawing(
    measured="counts",
    said="prediction",
    changed="where the class changed",
    extremes=("Lowest accuracy", "Highest accuracy"),
    note="",
    truth_in_panel=False,
    standing=_standing,
    facts=_facts,
    lost=_lost,
    layers=_layers,
)

RECORD: Final = TaskReport(
    _DRAWING,
    without_labels="No labels: scores are against the model's own clean prediction, so the clean score is 100 by "
    "construction.",
    target="pixel",
)
