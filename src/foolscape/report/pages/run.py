"""The report of a run as one page that needs nothing else: no network, no other file, and no script but a player's."""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.reader import Run, read_run
from foolscape.records.subjects import DataRecord, ModelRecord
from foolscape.records.summary import ModelSummary
from foolscape.records.timings import times_of
from foolscape.records.types import Object, to_json
from foolscape.report.files import write_text
from foolscape.report.form import of_a_run
from foolscape.report.pages.template import template
from foolscape.report.pictures.bound_curves import bound_plots
from foolscape.report.pictures.clips import Reel
from foolscape.report.pictures.figures import palette
from foolscape.report.pictures.gallery import Gallery, css, gallery, swatches
from foolscape.report.pictures.minimum_curves import minimum_plots
from foolscape.report.tables import run as tables
from foolscape.report.tables.bounds import model_at
from foolscape.report.tables.headline import aftermath, headline, largest_changes, overview
from foolscape.report.tables.kept import kept_pictures
from foolscape.report.tables.labels import conventions, reference_notes, unfinished, words
from foolscape.report.tables.objects import object_scores, unlisted
from foolscape.report.tables.slices import of_run, slice_block
from foolscape.report.tables.table import counted, number
from foolscape.report.tables.trust import headline_of
from foolscape.report.task import report_of

_UNSHOWN: Final = ("colours", "slug", "task", "channels", "truth", "reference")
"""What of a model a page shows elsewhere, or is for programs alone."""
_OPEN_CLASSES: Final = 24
"""With more classes than this, the table by class starts folded."""


@dataclass(frozen=True)
class Bar:
    """One class of a model: its score clean and attacked as text, and as lengths in percent for the bars."""

    name: str
    colour: str
    clean: str
    attacked: str
    clean_length: float
    attacked_length: float


@dataclass(frozen=True)
class ModelPart:
    """What the page says about one model; it shows images in `gallery`, or clips in `reel`, the other is None."""

    name: str
    sentence: str
    aftermath: str
    bars: tuple[Bar, ...]
    bars_open: bool
    attacked: bool
    gallery: Gallery | None
    reel: Reel | None


@of_a_run
def write_report(directory: Path) -> Path:
    """Write `report.html` of the finished run in `directory`, all of it or nothing, and return its path.

    Raises:
        RunError: the run has not finished, a file is damaged, or the page cannot be written.
    """
    path = directory / "report.html"
    write_text(path, render(read_run(directory)))
    return path


def render(run: Run) -> str:
    """The page; a function of the files of the run alone, so the same run gives the same bytes."""
    summary, record = run.summary, run.record
    settings = {model.slug: model for model in record.models}
    reels = report_of(summary.task).reels
    shown = record.kept != "none"
    videos = reels(run, record.models) if reels is not None and shown else {}
    largest = largest_changes(run.rows.outlines())
    parts = tuple(
        _part(run, model, settings[model.slug], headline(summary, model, largest), videos.get(model.slug))
        for model in summary.models
    )
    overall = tables.overall(summary, times_of(run.directory, record))
    terms = words(summary)
    (per_class_note,) = conventions(summary, terms.parts.key)
    beside = " ".join([*(note for table in overall for note in (*table.remarks, *table.notes)), per_class_note])
    figures = summary.conventions.values() if any(model.conditions for model in summary.models) else ()
    return template("video.html.j2" if videos else "report.html.j2").render(
        title=parts[0].sentence if len(parts) == 1 else overview(summary),
        unfinished=unfinished(summary),
        kicker=_kicker(run),
        parts=parts,
        verdict=headline_of(summary.trust) if summary.trust else None,
        reference_notes=reference_notes(summary.task, summary.reference),
        tables=overall,
        plots=minimum_plots(summary),
        bound_plots=bound_plots(summary),
        slices=slice_block(of_run(summary), run.slices),
        failures=tables.failures(summary) if summary.failures else None,
        settings=_settings(run),
        kept=kept_pictures(record, run.directory),
        config=json.dumps(record.config, indent=2, ensure_ascii=False),
        attacked=any(part.attacked for part in parts),
        by_class=terms.parts.score,
        noun=terms.parts.noun,
        per_class_note=per_class_note,
        unlisted=list(dict.fromkeys(text for model in summary.models for text in unlisted(model))),
        conventions=[text for text in figures if text not in beside],
        version=record.foolscape,
        script_hash=_script_hash(),
    )


def _script_hash() -> str:
    """Of the player, the one script that the page lets a browser run."""
    digest = hashlib.sha256(template("player.js").render().encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _kicker(run: Run) -> str:
    data = run.summary.data
    where = " ".join(str(data[key]) for key in ("spec", "split") if data.get(key))
    return f"{run.summary.task}, {counted(data['samples'], words(run.summary).unit)} of {where}"


def _part(run: Run, model: ModelSummary, settings: ModelRecord, sentence: str, reel: Reel | None) -> ModelPart:
    labels = palette(settings.colours, 256)
    colours = dict(swatches(settings)) | {one.name: css(labels[min(one.label, 255)]) for one in object_scores(model)}
    scores = tables.listed_scores(model)
    bars = tuple(
        Bar(
            name=name,
            colour=colours.get(name, "#808080"),
            clean=number(clean, 1),
            attacked=number(attacked, 1),
            clean_length=min(max(clean or 0.0, 0.0), 100.0),
            attacked_length=min(max(attacked or 0.0, 0.0), 100.0),
        )
        for name, clean, attacked in scores
    )
    return ModelPart(
        name=model.model,
        sentence=sentence,
        aftermath=aftermath(run.summary, model),
        bars=bars,
        bars_open=len(bars) <= _OPEN_CLASSES,
        attacked=ADVERSARIAL in model_at(model).conditions,
        gallery=_gallery(run, settings) if reel is None else None,
        reel=reel,
    )


def _gallery(run: Run, model: ModelRecord) -> Gallery:
    """The images of a model; none where no pictures were kept."""
    if run.record.kept == "none":
        return Gallery(model.model, (), (), "")
    return gallery(run, model)


def _settings(run: Run) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Groups of (name, value) that say how to repeat the run."""
    record = run.record
    whole = [
        ("command", shlex.join(record.command)),
        ("started", record.started),
        ("seed", record.seed),
        ("device", record.device),
        ("batch", record.batch),
        ("narrowed", record.narrowed or None),
        *((name, record.config.get(name)) for name in ("precision", "memory_format", "attention", "compile")),
        ("reference", record.reference),
        ("foolscape", record.foolscape),
    ]
    groups = [("Run", _pairs(dict(whole))), ("Attack", _pairs(record.attack))]
    groups.append(("Data", _pairs(to_json(DataRecord, record.data))))
    for model in record.models:
        settings = {key: value for key, value in to_json(ModelRecord, model).items() if key not in _UNSHOWN}
        groups.append(("Model", _pairs(settings)))
    groups.append(("Versions", _pairs(record.versions)))
    return tuple((title, pairs) for title, pairs in groups if pairs)


def _pairs(values: Object) -> tuple[tuple[str, str], ...]:
    return tuple(
        (key.replace("_", " "), _plain(value)) for key, value in values.items() if value not in (None, [], (), "")
    )


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_plain(part) for part in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {_plain(part)}" for key, part in value.items())
    return str(value)
