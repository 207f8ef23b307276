"""What an evaluation found, from `foolscape.evaluate` or from a run's directory: `foolscape.load_run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import finalize

from torch import Tensor

from foolscape.api.finding import Finding
from foolscape.api.rows import ImageRow, JsonValue, image_rows
from foolscape.api.showing import SIDE, PictureLine, as_text, bars_of, curves_of, json_of, notebook
from foolscape.errors import RunError, unknown
from foolscape.extras import installed
from foolscape.pixels import Levels, to_unit
from foolscape.records.conditions import ADVERSARIAL, Condition
from foolscape.records.places import Kind
from foolscape.records.reader import Run, read_slices
from foolscape.records.slices import SliceRecord, SlicesRecord
from foolscape.records.summary import ModelSummary
from foolscape.records.timings import times_of
from foolscape.report.files import read_image
from foolscape.report.form import having_form
from foolscape.report.pictures.bound_curves import bound_curves
from foolscape.report.pictures.gallery import chosen, photographs
from foolscape.report.tables.headline import headline, largest_changes
from foolscape.report.tables.labels import unfinished as how_far
from foolscape.report.tables.labels import words
from foolscape.report.tables.run import overall
from foolscape.report.tables.run import tables as tables_of
from foolscape.report.tables.slices import of_run, worst_slices
from foolscape.report.tables.table import known
from foolscape.report.tables.trust import headline_of
from foolscape.verdict import Verdict

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # type: ignore[import-not-found,import-untyped,unused-ignore]

_THUMBNAILS: Final = (2, 1)
"""Of each model, images that broke most and that held best."""

Scores = Mapping[str, Mapping[str, Mapping[str, float | None]]]
"""By model, condition and score, in percent where a score is a share; None where it is not defined."""


class OwnedDirectory:
    """A directory that goes with this object, at the latest when the program ends.

    Attributes:
        path: where it is.
        of: in a store, what it is a copy of; None for none.
    """

    def __init__(self, of: Path | None = None) -> None:
        self.path, self.of = Path(mkdtemp(prefix="foolscape-")), of
        self.remove = finalize(self, rmtree, self.path, ignore_errors=True)


class Pair(NamedTuple):
    """An image before and after an attack, (3, H, W) in [0, 1] on 8-bit levels; `adversarial` is None without one."""

    clean: Tensor
    adversarial: Tensor | None


@dataclass(frozen=True, repr=False)
class Report:
    """A run: its figures, whether they can be trusted, and its images.

    Attributes:
        run: its files.
        kept: of a run that was written nowhere, or lies in a store: what goes with this object.
    """

    run: Run
    kept: OwnedDirectory | None = field(default=None, compare=False)

    @property
    def directory(self) -> Path | None:
        """Where the run lies; None where it was written nowhere."""
        return self.run.directory if self.kept is None else self.kept.of

    @property
    def finished(self) -> bool:
        """Whether all images are done; else figures are of those that are, and there is no verdict."""
        return not self.run.summary.unfinished

    @property
    def models(self) -> tuple[str, ...]:
        """The specs of the models."""
        return tuple(model.model for model in self.run.summary.models)

    @property
    def scores(self) -> Scores:
        """Every score of every model, clean, adversarial, and under the controls.

        Of several bounds the conditions name theirs, `adversarial@4/255`; `adversarial` alone is that at the largest.
        """
        return {
            model.model: {
                condition: {key: known(value) for key, value in scores.items() if not isinstance(value, dict)}
                for condition, scores in self._conditions(model)
            }
            for model in self.run.summary.models
        }

    @property
    def intervals(self) -> Mapping[str, Mapping[str, Mapping[str, tuple[float, float] | None]]]:
        """The 95 % interval of each of the `scores`; None where there is none."""
        return {
            model.model: {
                condition: {
                    key: None if None in ends else (float(ends[0]), float(ends[1]))
                    for key, ends in scores["ci95"].items()
                    if not isinstance(ends, dict)
                }
                for condition, scores in self._conditions(model)
            }
            for model in self.run.summary.models
        }

    def _conditions(self, model: ModelSummary) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What the summary holds of each condition of a model; those at the largest of several bounds by name, too."""
        yield from model.conditions.items()
        largest = self.run.record.largest
        for condition, scores in model.conditions.items():
            if largest is not None and Condition(condition).bound == largest:
                yield Condition(condition).name, scores

    @property
    def verdict(self) -> Verdict:
        """Whether the figures describe the models, and not a weak attack or a wrongly wired network."""
        trust = self.run.summary.trust
        return Verdict.NOT_DECIDED if trust is None else Verdict(trust.verdict)

    @property
    def verdicts(self) -> Mapping[str, Verdict]:
        """The same at each bound, rising, where there are several; the `verdict` is that at the largest."""
        trust = self.run.summary.trust
        return {} if trust is None else {bound: Verdict(word) for bound, word in trust.bounds.items()}

    @property
    def reasons(self) -> tuple[Finding, ...]:
        """The checks behind the verdict."""
        names = {model.slug: model.model for model in self.run.summary.models}
        trust = self.run.summary.trust
        return tuple(
            Finding(
                id=reason.id,
                check=reason.check,
                ok=reason.ok,
                seen=reason.seen,
                advice=reason.advice,
                model=names.get(reason.model, ""),
                bound=reason.bound,
            )
            for reason in (() if trust is None else trust.reasons)
        )

    @cached_property
    def slices(self) -> Mapping[str, tuple[SliceRecord, ...]]:
        """By model its scores on parts of the images and objects, the worst first; see docs/slices.md.

        Empty where there are none: of fewer than 8 images without a table, or written nowhere without one.
        """
        found = self._slices()
        return {} if found is None else {model.model: model.slices for model in found.models}

    def _slices(self) -> SlicesRecord | None:
        return read_slices(self.run.directory) if self.finished else None

    @cached_property
    def rows(self) -> tuple[ImageRow, ...]:
        """What was measured of every image by every model, at every bound."""
        classes = {model.model: model.classes for model in self.run.record.models}
        only = self.run.summary.attack.get("only_class")

        def attacked_class(model: str) -> int | None:
            return None if only is None else classes[model].index(only)

        with having_form(self.run.directory):
            return tuple(image_rows(self.run.rows, self.run.summary.task, attacked_class))

    def images(self, image: str, model: str | None = None, eps: str | Levels | None = None) -> Pair:
        """The image of this id as it was measured, and as `model`, by its spec, was fooled; None: the first model.

        Args:
            image: its id.
            model: its spec.
            eps: the bound, of several; None: the largest.

        Raises:
            UnknownNameError: no such image, model or bound.
            SettingError: `eps` is no bound.
            RunError: its file is not there any more.
        """
        slugs = {one.model: one.slug for one in self.run.record.models}
        if model is not None and model not in slugs:
            raise unknown("model", model, slugs)
        names = dict.fromkeys(row.id for row in self.run.rows)
        if image not in names:
            raise unknown("image", str(image), names)
        slug = slugs[model or next(iter(slugs))]
        directory, layout = self.run.directory, self.run.record.layout
        clean = read_image(directory, layout.found(directory, Kind.IMAGE, image))
        attacked = layout.found(directory, Kind.IMAGE, image, slug, self._attacked_at(eps))
        adversarial = read_image(directory, attacked)
        if clean is None:
            kept = self.run.record.kept
            why = (
                "was it deleted?"
                if kept == "all"
                else f"the run keeps {kept} of its pictures: keep all to make it again"
            )
            raise RunError(f"{self.run.directory}: expected the image {image}, got no file of it; {why}")
        return Pair(to_unit(clean)[0], None if adversarial is None else to_unit(adversarial)[0])

    def _attacked_at(self, eps: str | Levels | None) -> Condition:
        """The condition of the images that were attacked within `eps`."""
        record = self.run.record
        if eps is None:
            return ADVERSARIAL.at(record.largest)
        bound = str(eps if isinstance(eps, Levels) else Levels.parse(eps))
        known = record.bounds or (str(record.attack.get("eps")),)
        if bound not in known:
            raise unknown("eps", bound, known)
        return ADVERSARIAL.at(bound if record.bounds else None)

    def to_json(self) -> dict[str, JsonValue]:
        """What summary.json holds: see docs/run-directory.md."""
        document: dict[str, JsonValue] = json_of(self.run.document)
        return document

    def to_pandas(self) -> DataFrame:
        """A line for each of the `rows`; raises `MissingExtraError` without pandas."""
        with installed("pandas", "tables as data frames"):
            from pandas import DataFrame

        return DataFrame([row.to_json() for row in self.rows])

    def plot(self) -> Figure:
        """The headline score of every model under every condition, with its interval, as a figure of matplotlib.

        Of several bounds it is a curve over them.
        """
        score = words(self.run.summary).headline
        if self.run.record.bounds:
            return curves_of(
                {model.model: bound_curves(model, score.key) for model in self.run.summary.models},
                "bound in levels of 255",
                score.title,
            )
        return bars_of(self.scores, self.intervals, score)

    def __str__(self) -> str:
        """The tables, and the verdict, as a terminal shows them."""
        with having_form(self.run.directory):
            tables = (
                *tables_of(self.run.summary, times_of(self.run.directory, self.run.record)),
                *worst_slices(of_run(self.run.summary), self._slices()),
            )
            return as_text(tables, self.run.summary.trust)

    def __repr__(self) -> str:
        how = how_far(self.run.summary) or self.verdict
        where = "" if self.directory is None else f" in {self.directory}"
        return f"<Report of {', '.join(self.models)} under {self.run.summary.attack['name']}{where}, {how}>"

    def _repr_html_(self) -> str:
        """For a notebook: what came of it, the verdict, the tables and a few images."""
        with having_form(self.run.directory):
            summary = self.run.summary
            several = len(self.models) > 1
            largest = largest_changes(self.run.rows.outlines())
            sentences = [f"{model.model}: " * several + headline(summary, model, largest) for model in summary.models]
            pictures = [
                PictureLine(f"{model.model}, " * several + f"{title}: {view.judged.id}", photographs(view, SIDE)[0])
                for model in self.run.record.models
                for title, views in chosen(self.run, model, _THUMBNAILS)
                for view in views[: _THUMBNAILS[0]]
            ]
            verdict = None if summary.trust is None else headline_of(summary.trust)
            return notebook(
                how_far(summary).capitalize(),
                sentences,
                verdict=verdict,
                tables=overall(summary, times_of(self.run.directory, self.run.record)),
                pictures=pictures,
            )
