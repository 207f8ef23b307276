"""How a segmentation run shows its images: label maps in class colours."""

from __future__ import annotations

from typing import Final

import numpy as np

from foolscape.metrics.segmentation import VOID, pixel_accuracy
from foolscape.metrics.slices.objects import PIXELS_RIGHT
from foolscape.metrics.tasks.segmentation import counts_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN, PERMUTED
from foolscape.records.places import Kind
from foolscape.records.row import AnyRow
from foolscape.report.files import Pixels, read_labels
from foolscape.report.pictures import figures
from foolscape.report.tables.table import number
from foolscape.report.task import Drawing, Facts, ImageView, Layers, Loss, TaskReport
from foolscape.report.tasks.points import points_lost


def _standing(view: ImageView) -> tuple[float, ...]:
    value = _accuracy(view, view.judged)
    return (value if np.isfinite(value) else float("inf"),)


def _facts(view: ImageView) -> Facts:
    titles = {CLEAN: "pixel accuracy", ADVERSARIAL: "attacked", PERMUTED: "shuffled"}
    return tuple(
        (title, f"{number(_accuracy(view, view.rows[condition]), 1)} %")
        for condition, title in titles.items()
        if condition in view.rows
    )


def _lost(view: ImageView) -> Loss | None:
    before, after = (_accuracy(view, view.rows[name]) for name in (CLEAN, ADVERSARIAL))
    return points_lost(before, after, "accuracy")


def _layers(view: ImageView, side: int) -> Layers:
    directory, slug = view.directory, view.model.slug
    colours = figures.palette(view.model.colours, len(view.model.classes))
    clean = read_labels(directory, view.place(Kind.PREDICTION, slug, CLEAN))
    after = view.place(Kind.PREDICTION, slug, view.condition(ADVERSARIAL))
    attacked = read_labels(directory, after) if view.attacked else None
    truth = _truth(view)
    maps = [labels for labels in (clean, attacked, truth) if labels is not None]

    def in_colours(labels: Pixels | None) -> Pixels | None:
        if labels is None:
            return None
        return figures.fitted(figures.coloured(labels, colours), smooth=False, side=side)

    return Layers(
        clean=in_colours(clean),
        attacked=in_colours(attacked),
        truth=in_colours(truth),
        difference=_difference(clean, attacked, colours, side),
        classes=frozenset(int(label) for labels in maps for label in np.unique(labels)),
    )


def _truth(view: ImageView) -> Pixels | None:
    """(H, W) the labels in the model's classes; None where there are none, or they were not kept."""
    model = view.model
    if model.truth is None or model.channels is None:
        return None
    labels = read_labels(view.directory, view.place(Kind.TRUTH, model.truth))
    if labels is None:
        return None
    own = np.full(256, VOID, dtype=np.uint8)
    own[: len(model.channels)] = model.channels
    truth: Pixels = own[labels]
    return truth


def _difference(clean: Pixels | None, attacked: Pixels | None, colours: Pixels, side: int) -> Pixels | None:
    if clean is None or attacked is None or clean.shape != attacked.shape:
        return None
    return figures.fitted(figures.changed(clean, attacked, colours), smooth=False, side=side)


def _accuracy(view: ImageView, row: AnyRow) -> float:
    return float(pixel_accuracy(counts_of(row.sample, len(view.model.classes))))


_DRAWING: Final = Drawing(
    prediction="prediction",
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
    part_score=PIXELS_RIGHT,
    parts="segments",
)
