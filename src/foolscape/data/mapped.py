"""A data set whose classes are called, merged and left out as a class map says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from foolscape.data.attributes import attributes_of
from foolscape.data.boxes import DetectionSample
from foolscape.data.class_map_file import NamesMap, read_names_map
from foolscape.data.costs import cost_of
from foolscape.data.sample import VOID, Data, Sample
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Truth, everywhere

S = TypeVar("S", bound=Sample | DetectionSample)

_NAMED = 8
"""How many names a note has."""


@dataclass(frozen=True)
class Mapped(Generic[S]):
    """The data set `source` with other classes; implements `Data` for label maps and boxes.

    Attributes:
        source: the data set, with classes.
        classes: the names that its classes now have, in the order in which they first occur.
        places: for each class of the source the place in `classes`; None where it counts nowhere: its pixels are void,
            its objects regions that do not count, a crowd of every class.
        map: what was asked for; None where what counts nowhere is that which no score is over.
    """

    source: Data[S]
    classes: tuple[str, ...]
    places: tuple[int | None, ...]
    map: NamesMap | None

    @property
    def spec(self) -> str:
        """The spec of the source."""
        return self.source.spec

    @property
    def ids(self) -> Sequence[str]:
        """The ids of the source."""
        return self.source.ids

    @property
    def split(self) -> str | None:
        """The split of the source."""
        return self.source.split

    @property
    def renamed(self) -> tuple[tuple[str, str | None], ...]:
        """Each class of the source, of what it maps itself, with its name here; None: it counts nowhere."""
        names = self.source.classes or ()
        own = {
            theirs: None if place is None else self.classes[place]
            for theirs, place in zip(names, self.places, strict=True)
        }
        if not isinstance(self.source, Mapped):
            return tuple(own.items())
        return tuple((theirs, None if ours is None else own[ours]) for theirs, ours in self.source.renamed)

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source, and what became of its classes."""
        if self.map is None:
            gone = [name for name, place in zip(self.source.classes or (), self.places, strict=True) if place is None]
            return (
                *self.source.notes,
                f"{', '.join(_some(gone))}: no class of the model, and no score is over it; it counts nowhere",
            )
        merged = {ours: [theirs for theirs, name in self.renamed if name == ours] for ours in self.classes}
        changed = [f"{', '.join(theirs)} -> {ours}" for ours, theirs in merged.items() if theirs != [ours]]
        void = [theirs for theirs, name in self.renamed if name is None]
        parts = [*_some(changed), *([f"void: {', '.join(_some(void))}"] if void else [])]
        said = "; ".join(parts) or "nothing is called otherwise"
        return (
            *self.source.notes,
            f"class map {self.map.path.name}: {len(self.places)} classes of the data are {len(self.classes)}; {said}",
        )

    def fingerprint(self, sample_id: str) -> str:
        """sha256 of that of the source and of the map."""
        text = json.dumps([self.source.fingerprint(sample_id), self.classes, self.places])
        return hashlib.sha256(text.encode()).hexdigest()

    def load(self, sample_id: str) -> S:
        """The sample of the source, its truth in the classes of this one."""
        sample: Any = self.source.load(sample_id)
        name, mapping = ("labels", self._labels) if isinstance(sample, Sample) else ("truth", self._objects)
        truth = getattr(sample, name)
        mapped: S = sample if truth is None else dataclasses.replace(sample, **{name: mapping(truth)})
        return mapped

    def cost(self, sample_id: str) -> float:
        """As of the source."""
        return cost_of(self.source, sample_id)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """As of the source."""
        return attributes_of(self.source, sample_id)

    def _labels(self, labels: Any) -> Any:
        table = np.full(256, VOID, np.uint8)
        table[: len(self.places)] = [VOID if place is None else place for place in self.places]
        return table[labels]

    def _objects(self, truth: Truth) -> Truth:
        """The objects with their new labels, then those of no class, as a crowd of every class.

        That nobody looked for a class that is void says nothing of the others.
        """
        labels = np.array([-1 if place is None else place for place in self.places], np.int64)[truth.labels]
        kept, void = np.flatnonzero(labels >= 0), np.flatnonzero((labels < 0) & ~everywhere(truth))
        every = np.repeat(void, len(self.classes))
        chosen = np.concatenate([kept, every])
        return Truth(
            truth.boxes[chosen],
            np.concatenate([labels[kept], np.tile(np.arange(len(self.classes)), len(void))]),
            np.concatenate([truth.difficult[kept], np.zeros(len(every), np.bool_)]),
            np.concatenate([truth.crowd[kept], np.ones(len(every), np.bool_)]),
            truth.area[chosen],
        )


def with_class_map(data: Data[S], path: Path | None) -> Data[S]:
    """`data` with its classes as the file `path` says; itself for None.

    Raises:
        SettingError: no such file, a name in it that the data set does not have, data without labels, or no class
            is left.
    """
    if path is None:
        return data
    names_map = read_names_map(path)
    if data.classes is None:
        raise SettingError(
            f"class_map: expected data with classes, got {data.spec}, which has none; leave class_map out"
        )
    ours = names_map.of(data.classes)
    classes = tuple(dict.fromkeys(name for name in ours if name is not None))
    if not classes:
        raise SettingError(f"{path}: expected a class that counts, got void for all {len(ours)}; keep one")
    return Mapped(data, classes, tuple(None if name is None else classes.index(name) for name in ours), names_map)


def without_classes(data: Data[S], names: Collection[str]) -> Data[S]:
    """`data` with the classes called `names` counting nowhere; itself where there are none of these."""
    if data.classes is None or not names:
        return data
    kept = tuple(name for name in data.classes if name not in names)
    return Mapped(data, kept, tuple(kept.index(name) if name in kept else None for name in data.classes), None)


def _some(names: Sequence[str]) -> list[str]:
    """The first few of `names`, and how many more there are."""
    more = len(names) - _NAMED
    return [*names[:_NAMED], *([f"and {more} more"] if more > 0 else [])]
