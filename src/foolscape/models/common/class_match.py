"""How the class names of a model meet those of a data set: by name, by another writing, as a synonym, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.class_names import near, only
from foolscape.errors import ClassMatchError
from foolscape.models.common.class_map import distinct, shortly

SAME, WRITTEN, SYNONYM, MISSING = "same name", "written otherwise", "synonym", "the model has none"
"""How a class of the data is found among the model's."""

_SIMPLE: Final = re.compile(r"[^\W\d_][\w./+()-]*(?: [\w./+()-]+)*")
"""Names that a class map takes without quotes."""


@dataclass(frozen=True)
class ClassMatch:
    """The classes of a data set among a model's.

    Attributes:
        model: the model's names, distinct.
        data: the data set's, distinct.
        found: for each class of the data the index of the model's; None where it has none.
        how: for each class of the data one of the four ways above.
        origin: the names of the data before a class map, each with what the map calls it (None: it counts nowhere);
            empty without one.
    """

    model: tuple[str, ...]
    data: tuple[str, ...]
    found: tuple[int | None, ...]
    how: tuple[str, ...]
    origin: tuple[tuple[str, str | None], ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Classes of the data that the model does not have."""
        return tuple(name for name, place in zip(self.data, self.found, strict=True) if place is None)

    @property
    def idle(self) -> tuple[str, ...]:
        """Classes of the model that the data do not have."""
        return tuple(name for index, name in enumerate(self.model) if index not in self.found)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was forgiven: a note for each class that is called otherwise."""
        return tuple(
            f"class {theirs!r} of the data taken for {self.model[place]!r} of the model: {how}"
            for theirs, place, how in zip(self.data, self.found, self.how, strict=True)
            if place is not None and how != SAME
        )

    @property
    def line(self) -> str:
        """All of it, shortly."""
        other = f", {len(self.notes)} of them under another name" if self.notes else ""
        idle = f"; not in the data: {shortly(self.idle)}" if self.idle else ""
        return f"the model has all classes of the data ({len(self.data)}{other}){idle}"

    @property
    def channels(self) -> tuple[int, ...]:
        """For each class of the data the index of the model's; raises `ClassMatchError` where one is missing."""
        if self.missing:
            raise ClassMatchError(self._refusal(), self)
        return tuple(place for place in self.found if place is not None)

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        """For each class of the data, as it calls it: its name, the model's, and how they meet."""
        places, rows = dict(zip(self.data, range(len(self.data)), strict=True)), []
        for theirs, ours in self.origin or tuple((name, name) for name in self.data):
            if ours is None:
                rows.append((theirs, "", "counts nowhere, by the class map"))
                continue
            found, how = self.found[places[ours]], self.how[places[ours]]
            by_map = "class map" if theirs != ours else ""
            way = ", ".join(filter(None, (by_map, how if how != SAME or not by_map else "")))
            rows.append((theirs, "" if found is None else self.model[found], way))
        return rows

    @property
    def proposal(self) -> str:
        """The lines of a class map that would do, to be edited: what is not certain is marked with `# ?`."""
        lines = []
        for theirs, ours in self.origin or tuple((name, name) for name in self.data):
            place = None if ours is None else self.found[self.data.index(ours)]
            if ours is None or place is not None:
                lines.append(f"{quoted(theirs)}: {'void' if place is None else quoted(self.model[place])}")
                continue
            nearest = near(ours, self.model, 1)
            lines.append(f"{quoted(theirs)}: {quoted(nearest[0]) if nearest else 'void'}  # ?")
        return "\n".join(lines)

    def _refusal(self) -> str:
        named = "; ".join(self._with_near(name) for name in self.missing[:4])
        more = " ..." if len(self.missing) > 4 else ""
        return (
            f"expected a channel for each of the {len(self.data)} classes of the data set, got none for {named}{more}; "
            f"the model's {len(self.model)} classes: {shortly(self.model)}. Rename them with ?classes=FILE, or map the "
            "data's names to the model's: foolscape check --model M --data D --write-class-map FILE writes this, to be "
            "edited (void counts nowhere), for --class-map FILE:\n"
            f"{self.proposal}"
        )

    def _with_near(self, name: str) -> str:
        nearest = near(name, self.model)
        return repr(name) + (f" (is it {' or '.join(map(repr, nearest))}?)" if nearest else "")


def meet(
    model_classes: Sequence[str], data_classes: Sequence[str], origin: Sequence[tuple[str, str | None]] = ()
) -> ClassMatch:
    """The classes of a data set among those of a model.

    The same name counts, without case and outer spaces; then another writing (`_`, `-`), then a synonym, each only
    where it can be one class alone, which no other class of the data is. The model may have classes that the data lack.
    `origin`: see `ClassMatch`.

    Raises:
        ModelError: a name stands twice.
    """
    model, data = distinct(model_classes), distinct(data_classes)
    index = {name.strip().casefold(): place for place, name in enumerate(model)}
    found = [index.get(name.strip().casefold()) for name in data]
    how = [
        MISSING if place is None else SAME if model[place].strip() == name.strip() else WRITTEN
        for name, place in zip(data, found, strict=True)
    ]
    for way, synonyms in ((WRITTEN, False), (SYNONYM, True)):
        free = [name for place, name in enumerate(model) if place not in found]
        rest = [name for name, place in zip(data, found, strict=True) if place is None]
        for place, name in enumerate(data):
            other = only(name, free, synonyms=synonyms) if found[place] is None else None
            if other is not None and only(other, rest, synonyms=synonyms) == name:
                found[place], how[place] = model.index(other), way
    return ClassMatch(model, data, tuple(found), tuple(how), tuple(origin))


def match_classes(model_classes: Sequence[str], data_classes: Sequence[str]) -> tuple[int, ...]:
    """For each class of the data set the index of the model's channel, as `meet` finds it.

    Raises:
        ModelError: a name stands twice.
        ClassMatchError: the model lacks a class of the data set; near misses and a whole class map are proposed.
    """
    return meet(model_classes, data_classes).channels


def quoted(name: str) -> str:
    """`name` as a class map takes it."""
    return name if _SIMPLE.fullmatch(name) and name != "void" else json.dumps(name, ensure_ascii=False)
