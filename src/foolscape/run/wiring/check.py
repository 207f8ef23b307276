"""The model as it is against its rivals, on a few images of a run; the record of it is kept in the run's directory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from foolscape.errors import FoolscapeError
from foolscape.memory import is_short
from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.sample import Sample, Samples
from foolscape.metrics.score import scores_of
from foolscape.records.beside import AnyWiring
from foolscape.records.conditions import FAILED
from foolscape.records.types import Object
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.known import Known
from foolscape.run.tasks.base import EvalSample, TaskRunner
from foolscape.run.wiring.judge import Court, RivalRows
from foolscape.run.wiring.record import Trial, wiring_of
from foolscape.run.wiring.rivals import RivalView, advised
from foolscape.spec import is_black_box

MARGIN: Final = 5.0
"""Points by which a rival may be behind on the first few images and still be tried on all."""

MOST: Final = 6
"""Rivals that are tried on all images, those that did best on the first few."""

HINTED: Final = 8
"""Samples without truth that hints are taken from."""

NEARLY_ALL: Final = 98.0
"""A clean score from which on no rival can win by the points that name it."""


def check_wiring(
    subject: TaskRunner[Any, Any],
    ids: Sequence[str],
    seed: int,
    store: RunStore,
    eval_classes: Sequence[str] | None = None,
    known: Known | None = None,
) -> Object:
    """`examine`, kept in `wiring/SLUG.json` of the run's directory; what is there already stands."""
    place = f"wiring/{subject.slug}.json"
    record = store.load_json(place, AnyWiring)
    if not record:
        what = ("wiring", tuple(ids), seed, None if eval_classes is None else tuple(eval_classes))
        record = (known or Known()).of(what, lambda: examine(subject, ids, seed, eval_classes))
        store.save_json(place, record)
    return record


def examine(
    subject: TaskRunner[Any, Any], ids: Sequence[str], seed: int, eval_classes: Sequence[str] | None = None
) -> Object:
    """Whether the model is wired rightly, as far as its clean scores on up to 16 images (6 clips) of `ids` tell.

    Scores are over `eval_classes` alone where they are given: what the model makes of other classes is nobody's figure.

    Returns:
        A `WiringRecord` as JSON, its rivals those that score higher by `judge.POINTS` or more; of data without labels
        `WiringHints`; or `NotTried`. `wiring_reasons` reads it.
    """
    kind = wiring_of(subject.task.name)
    subject = kind.prepared(subject)
    try:
        cases = _cases(subject, spread(ids, kind.samples))
        if not cases:
            return {FAILED: "no image could be read"}
        if not kind.trial.labelled(subject, cases):
            return kind.hints(subject, cases[:HINTED], seed)
        return _examined(subject, kind.trial(subject, cases), kind.few, seed, eval_classes)
    except FoolscapeError as error:
        return {FAILED: str(error)}


def spread(ids: Sequence[str], most: int) -> list[str]:
    """At most `most` of `ids`, spread evenly over them."""
    places = np.linspace(0, len(ids) - 1, min(most, len(ids))).round().astype(int)
    return [ids[i] for i in sorted(set(places.tolist()))]


def _cases(subject: TaskRunner[Any, Any], names: Sequence[str]) -> list[EvalSample[Any, Any]]:
    """Those of the samples that can be read and predicted."""
    cases = []
    for name in names:
        try:
            cases.append(subject.load(name))
        except FAULTS as error:  # the run says so of each of them
            reason_of(error)
            continue
    return cases


def _examined(
    subject: TaskRunner[Any, Any], trial: Trial, few: int, seed: int, eval_classes: Sequence[str] | None
) -> Object:
    clean, scores = trial.clean(), scores_of(subject.task.name)
    court = Court(measure_over(eval_classes, scores.measure_of(clean), scores), trial.classes, seed)
    rivals = []
    if court.score(clean) < NEARLY_ALL:
        # A black box gets images as it gets them elsewhere, and each question may cost something.
        views = [] if is_black_box(subject.spec) else _best_views(trial, court, clean, few)
        rivals = [*trial.free(), *views]
    record = court.judged(clean, trial.floor(), rivals, trial.elsewhere())
    by_id = {one.rival.id: one.rival for one in rivals}
    for won in record["rivals"]:
        won["advice"] = advised(subject.spec, by_id[won["id"]])
    return record


def _best_views(trial: Trial, court: Court, clean: Samples, few: int) -> list[RivalRows]:
    """The views that do not fall behind on the first few images, on all of them."""
    count = len(trial.cases)
    first = sorted(range(count), key=lambda i: (i % max(count // few, 1), i))[:few]
    least = court.score([clean[i] for i in first]) - MARGIN
    scored = []
    for view in trial.views:
        rows = _rows(trial, view, first)
        if rows is not None and (score := court.score([rows[i] for i in first])) >= least:
            scored.append((score, view, rows))
    scored.sort(key=lambda one: -one[0])
    measured = []
    for _, view, rows in scored[:MOST]:
        others = _rows(trial, view, [i for i in range(count) if i not in rows])
        if others is not None:
            rows |= others
            measured.append(RivalRows(view.rival, [rows[i] for i in range(count)]))
    return measured


def _rows(trial: Trial, view: RivalView, indices: Sequence[int]) -> dict[int, Sample[Any, Any]] | None:
    """The rows of a view of the images `indices`; None where the network does not take it."""
    try:
        return {i: trial.row(i, view) for i in indices}
    except Exception as error:  # a network may raise anything for values or a size that it does not know
        if is_short(error):
            raise
        return None
