"""Which pictures a run keeps: what is let go, when, and what of it is written down before.

A sample's pictures are written as those of any run, then what slices take from them, then its rows, which name all
files with their hashes; only then are its pictures let go. So a kill at any moment leaves pictures that are let go the
next time, and nothing that would have to be measured again.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from foolscape.carriers import not_here
from foolscape.disk import append_file, remove_file
from foolscape.records.conditions import CLEAN
from foolscape.records.places import PICTURES, TRAITS, is_picture
from foolscape.records.row import Line, rows_of
from foolscape.records.run import AnyRecord, RunRecord
from foolscape.records.traits import Traits, read_traits, traits_bytes
from foolscape.report.pictures.ranking import Ranking
from foolscape.report.task import ImageView

Distil = Callable[[Path, AnyRecord, Sequence[Line]], Traits | None]
"""(directory, run.json, the rows of a sample and a model) -> what is to be known when its pictures are gone."""


@dataclass
class Shown:
    """The images that the page of a run would show of those so far, and their pictures.

    Attributes:
        directory: of the run.
        record: run.json.
        rankings: by the model's spec.
    """

    directory: Path
    record: AnyRecord
    rankings: dict[str, Ranking] = field(default_factory=dict)

    def add(self, lines: Sequence[Line]) -> None:
        """Take all rows of a sample and model into account."""
        record, rows = self.record, rows_of(lines)
        if not rows or not isinstance(record, RunRecord) or record.kept != "shown":
            return
        model = record.model(rows[0].model)
        conditions = {row.condition.name: row for row in rows if row.condition.bound in (None, record.largest)}
        # All files of a sample stand on its first row, which the view may be without.
        files = {place: one for row in rows for place, one in row.files.items()}
        conditions[CLEAN] = replace(conditions.get(CLEAN, rows[0]), files=files)
        view = ImageView(self.directory, model, record.attack, conditions, record.largest, record.layout)
        self.rankings.setdefault(model.model, Ranking(model.task)).add(view)

    @property
    def places(self) -> set[str]:
        """Where the pictures are that are to stay."""
        return {place for view in self.views for place in view.rows[CLEAN].files}

    @property
    def views(self) -> Iterator[ImageView]:
        """The images; the clean row of each names all files of the sample."""
        return (view for ranking in self.rankings.values() for view in ranking.views)


@dataclass
class Keeper:
    """Lets pictures go of a run that does not keep all.

    Attributes:
        directory: of the run.
        record: run.json.
        distil: see there.
        shown: of the samples that are settled.
    """

    directory: Path
    record: AnyRecord
    distil: Distil
    shown: Shown

    def before(self, lines: Sequence[Line]) -> None:
        """Write down what must be known of a sample whose rows are about to be written."""
        if (traits := self.distil(self.directory, self.record, lines)) is not None:
            append_file(self.directory, TRAITS, traits_bytes(traits))

    def after(self, lines: Sequence[Line]) -> None:
        """Let go what need not stay, now that the rows of a sample are written."""
        before = self.shown.places
        self.shown.add(lines)
        staying = self.shown.places
        own = {place for line in lines for place in line.files}
        for place in (before | own) - staying:
            if is_picture(place):
                remove_file(self.directory / place)

    def sweep(self) -> None:
        """Let go all that need not stay: what a kill has left, or what failed, or what a run kept before."""
        _sweep(self.directory, self.shown.places)

    def catch_up(self, samples: Iterable[Sequence[Line]]) -> None:
        """Write down what must be known of settled samples whose pictures were kept so far."""
        known = {(one.model, one.id) for one in read_traits(self.directory)}
        for lines in samples:
            if (lines[0].model, lines[0].id) not in known:
                self.before(lines)


def _sweep(directory: Path, staying: set[str]) -> None:
    """Remove the pictures of a run but those `staying`, and the folders that are empty then."""
    for name in PICTURES:
        for folder, _, files in os.walk(directory / name, topdown=False):
            for file in files:
                place = (Path(folder) / file).relative_to(directory).as_posix()
                if is_picture(place) and place not in staying:
                    remove_file(directory / place)
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
    for place in not_here(directory):
        if is_picture(place) and place not in staying:
            remove_file(directory / place)
