"""The clips of a video run on its page: the first frame, a film strip, a player, the score of every frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, PERMUTED, label_of
from foolscape.records.reader import Run
from foolscape.records.row import rows_of
from foolscape.records.subjects import ModelRecord
from foolscape.report.pictures.clip_scores import frame_scores, object_score
from foolscape.report.pictures.figures import SIDE
from foolscape.report.pictures.film import Film
from foolscape.report.pictures.gallery import Figure, chosen, css, facts, figure, loss, photographs
from foolscape.report.pictures.player import Player, player
from foolscape.report.pictures.plots import Curve, Plot, plot
from foolscape.report.pictures.ranking import BEST, WORST
from foolscape.report.pictures.strip import Strip, strip
from foolscape.report.tables.table import DASH, number
from foolscape.report.task import Facts, ImageView, Loss

PAGE: Final = 24_000_000
"""Characters that all clips of a page may take: a browser opens such a page at once, and a mail still takes it."""
_CLIPS: Final = 2 * (WORST + BEST)
"""How many clips the models of a page may show together, if every one shows its worst."""
_CURVES: Final = {
    ADVERSARIAL: (label_of(ADVERSARIAL), "#c2410c", False),
    PERMUTED: (label_of(PERMUTED), "#8a7a2f", True),
    CLEAN: (label_of(CLEAN), "#3f6ea5", False),
}
"""Condition -> what its curve is called, its colour, whether it is a control."""


@dataclass(frozen=True)
class ObjectRow:
    """One object of a clip: its colour as CSS, what it is, and J&F under each condition of the clip."""

    colour: str
    name: str
    scores: tuple[str, ...]


@dataclass(frozen=True)
class ClipCase:
    """One clip of the page.

    Attributes:
        id: its name in the data.
        shape: (width, height) of its frames.
        loss: what the attack took; None: there was nothing to take.
        facts: scores, and what the attack took.
        figures: the first frame, its change, the attacked frame.
        strip: some frames with the objects over them; None where the run does not say which frames there are.
        player: None where no picture was kept.
        curve: J&F by frame; None where nothing was measured.
        conditions: that were measured, as the tables call them.
        objects: J&F under each of them.
    """

    id: str
    shape: tuple[int, int]
    loss: Loss | None
    facts: Facts
    figures: tuple[Figure, ...]
    strip: Strip | None
    player: Player | None
    curve: Plot | None
    conditions: tuple[str, ...]
    objects: tuple[ObjectRow, ...]


@dataclass(frozen=True)
class Reel:
    """The clips of one model under their headings, and how many clips it was measured on."""

    groups: tuple[tuple[str, tuple[ClipCase, ...]], ...]
    measured: int

    @property
    def shown(self) -> int:
        """How many clips are in the groups."""
        return sum(len(clips) for _, clips in self.groups)


def reels(run: Run, models: Sequence[ModelRecord]) -> dict[str, Reel]:
    """The clips of every model by its slug.

    The page must stay small: the more models, the fewer clips of each, and the players share what room the other
    pictures leave.

    Args:
        run: of videos.
        models: of the run.
    """
    most = most_shown(len(models))
    views = {model.slug: chosen(run, model, most) for model in models}
    stills = [(view, _still(view)) for groups in views.values() for _, group in groups for view in group]
    characters = PAGE - sum(_size(clip) for _, clip in stills)
    room = characters // max(len(stills), 1)
    clips = {id(view): _playing(view, clip, room) for view, clip in stills}
    specs = {model.slug: model.model for model in models}
    return {
        slug: Reel(
            tuple((title, tuple(clips[id(view)] for view in group)) for title, group in groups),
            sum(bool(rows_of(lines)) for lines in run.rows.samples(specs[slug])),
        )
        for slug, groups in views.items()
    }


def most_shown(models: int) -> tuple[int, int]:
    """How many of the worst and of the best clips each model shows."""
    count = max(1, min(WORST + BEST, _CLIPS // max(models, 1)))
    best = count * BEST // (WORST + BEST)
    return count - best, best


def _still(view: ImageView) -> ClipCase:
    """A clip without its player."""
    film, conditions = Film(view), [name for name in CONDITIONS if name in view.rows]
    photos, _ = photographs(view, SIDE)
    height, width = view.judged.size
    scores = _scores(film)
    return ClipCase(
        id=view.judged.id,
        shape=(int(width), int(height)),
        loss=loss(view),
        facts=facts(view),
        figures=tuple(map(figure, photos)),
        strip=strip(film, scores) if film.names else None,
        player=None,
        curve=_curve(film, scores),
        conditions=tuple(label_of(name) for name in conditions),
        objects=_objects(film, conditions),
    )


def _playing(view: ImageView, clip: ClipCase, room: int) -> ClipCase:
    film = Film(view)
    return replace(clip, player=player(film, clip.curve, _scores(film), room))


def _scores(film: Film) -> dict[str, dict[int, float]]:
    return {name: frame_scores(row, film.judged) for name, row in film.view.rows.items()}


def _curve(film: Film, scores: Mapping[str, Mapping[int, float]]) -> Plot | None:
    curves = [
        Curve(title, list(scores[name]), list(scores[name].values()), dashed=dashed, colour=colour)
        for name, (title, colour, dashed) in _CURVES.items()
        if scores.get(name)
    ]
    if not curves:
        return None
    last = max(len(film.names) - 1, *(max(curve.xs) for curve in curves), 1)
    # The ends lie a little outside, so that the first and the last frame are not cut in half.
    ends = (-0.01 * last, 1.01 * last)
    return plot("J&F of every frame", curves, "frame", "J&F %", percent=True, size=(5.8, 2.2), ends=ends)


def _objects(film: Film, conditions: Sequence[str]) -> tuple[ObjectRow, ...]:
    by_label = {
        name: {one.label: number(object_score(one), 1) for one in film.view.rows[name].measured.objects}
        for name in conditions
    }
    return tuple(
        ObjectRow(
            css(film.colours[min(one.label, 255)]),
            f"object {one.label}" + (f", {one.category}" if one.category else ""),
            tuple(by_label[name].get(one.label, DASH) for name in conditions),
        )
        for one in film.view.judged.measured.objects
    )


def _size(clip: ClipCase) -> int:
    """Characters that the pictures of a clip take in the page."""
    pictures = [*clip.figures, *(one for row in clip.strip.rows for one in row.figures)] if clip.strip else clip.figures
    return sum(len(one.data or "") for one in pictures) + (len(clip.curve.data) if clip.curve else 0)
