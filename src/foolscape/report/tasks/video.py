"""How a video run shows its clips: what they score, frame by frame, and objects over the frame that lost most."""

from __future__ import annotations

from typing import Final

import numpy as np

from foolscape.metrics.slices.clips import MEAN_J
from foolscape.records.conditions import ADVERSARIAL, CLEAN, PERMUTED
from foolscape.records.row import AnyRow
from foolscape.records.sentences import OF_CLIPS
from foolscape.report.files import Pixels
from foolscape.report.pictures import figures
from foolscape.report.pictures.clip_scores import clip_score, frame_scores
from foolscape.report.pictures.clips import reels
from foolscape.report.pictures.film import TRUTH, Film, brought_to, painted
from foolscape.report.tables.table import number
from foolscape.report.task import Drawing, Facts, ImageView, Layers, Loss, TaskReport
from foolscape.report.tasks.points import points_lost


def _standing(view: ImageView) -> tuple[float, ...]:
    value = clip_score(view.judged)
    return (value if np.isfinite(value) else float("inf"),)


def _facts(view: ImageView) -> Facts:
    titles = {CLEAN: "J&F", ADVERSARIAL: "attacked", PERMUTED: "shuffled"}
    scores = tuple(
        (title, number(clip_score(view.rows[condition]), 1))
        for condition, title in titles.items()
        if condition in view.rows
    )
    frames, objects = len(Film(view).names), len(view.judged.measured.objects)
    return (*scores, ("objects", str(objects)), *((("frames", str(frames)),) if frames else ()))


def _lost(view: ImageView) -> Loss | None:
    before, after = (_region(view.rows[name]) for name in (CLEAN, ADVERSARIAL))
    return points_lost(before, after, "J")


def _region(row: AnyRow) -> float:
    """J of a row in percent, the mean over its objects; NaN without any."""
    objects = row.measured.objects
    return float(np.mean([100 * np.mean(one.J) for one in objects])) if objects else float("nan")


def _layers(view: ImageView, side: int) -> Layers:
    """Of the frame on which the attack took most; of a clip that was not attacked, of the one with the lowest score."""
    film = Film(view)
    colours = film.colours
    index = _hardest_hit(film)
    if index is None:
        return Layers(None, None, None, None, frozenset())
    height, width = view.judged.size

    def with_masks(kind: str) -> Pixels | None:
        labels = film.labels(index, kind) if kind in film.kinds else None
        if labels is None:
            return None
        pixels = painted(film.photo(index, kind), labels, colours, (width, height))
        return figures.fitted(pixels, smooth=True, side=side)

    clean, attacked = film.labels(index, CLEAN), film.labels(index, ADVERSARIAL) if view.attacked else None
    difference = None
    if clean is not None and attacked is not None and clean.shape == attacked.shape:
        changed = brought_to(figures.changed(clean, attacked, colours), (width, height), smooth=False)
        difference = figures.fitted(changed, smooth=False, side=side)
    return Layers(with_masks(CLEAN), with_masks(ADVERSARIAL), with_masks(TRUTH), difference, frozenset())


def _hardest_hit(film: Film) -> int | None:
    """The index of the frame that tells most; None where no frame is known or measured."""
    rows = film.view.rows
    before, after = (frame_scores(rows[name], film.judged) if name in rows else {} for name in (CLEAN, ADVERSARIAL))
    worth = {frame: after[frame] - before[frame] for frame in before if frame in after} if after else before
    known = [frame for frame in worth if frame < len(film.names)]
    return min(known, key=lambda frame: worth[frame], default=None)


_DRAWING: Final = Drawing(
    prediction="masks",
    changed="where the masks changed",
    extremes=("Lowest J&F", "Highest J&F"),
    note="",
    truth_in_panel=True,
    standing=_standing,
    facts=_facts,
    lost=_lost,
    layers=_layers,
    image="first frame",
)


RECORD: Final = TaskReport(
    _DRAWING,
    without_labels="No labels: scores are against the model's own tracking of the clean clip, so the clean score is "
    "100 by construction.",
    sentences=OF_CLIPS,
    changed=" to the first frame",
    part_score=MEAN_J,
    reels=reels,
)
