"""Which images of a model a page shows, found as they come: the rest need not be held."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from foolscape.report.task import Drawing, ImageView, report_of
from foolscape.tasks.base import task_named

WORST: Final = 4
BEST: Final = 2

Group = tuple[str, list[ImageView]]
"""A heading and the images below it."""


@dataclass
class _Ends:
    """The first `worst` and the last `best` of what was added, in order, and how many there were."""

    worst: int
    best: int
    number: int = 0
    entries: list[tuple[tuple[object, ...], ImageView]] = field(default_factory=list)

    def add(self, key: tuple[object, ...], view: ImageView) -> None:
        self.number += 1
        ordered = sorted([*self.entries, (key, view)], key=_key)
        if self.number > self.worst + self.best:
            ordered = ordered[: self.worst] + ordered[len(ordered) - self.best :]
        self.entries = ordered

    @property
    def full(self) -> bool:
        """Whether there are as many as are shown."""
        return self.number >= self.worst + self.best

    @property
    def views(self) -> list[ImageView]:
        return [view for _, view in self.entries]


def _key(entry: tuple[tuple[object, ...], ImageView]) -> tuple[object, ...]:
    return entry[0]


@dataclass
class Ranking:
    """The weakest and the strongest of the images of one model, of those that were added so far.

    An image that is among these of all images is among them at any time from when it was added on: what drops out never
    comes back.

    Attributes:
        task: of the model.
        worst, best: how many of either are shown; every image where these are all.
    """

    task: str
    worst: int = WORST
    best: int = BEST

    def __post_init__(self) -> None:
        self._attacked = False
        self._begin()

    def _begin(self) -> None:
        self._every, self._counted = _Ends(self.worst, self.best), _Ends(self.worst, self.best)

    @property
    def _drawing(self) -> Drawing:
        return report_of(self.task).drawing

    def add(self, view: ImageView) -> None:
        """Take an image into account; one that was not attacked counts only where none was."""
        if view.attacked and not self._attacked:
            self._attacked = True
            self._begin()
        if self._attacked and not view.attacked:
            return
        standing = self._drawing.standing(view)
        key = (*standing, view.judged.id)
        self._every.add(key, view)
        if standing[0] < float("inf"):
            self._counted.add(key, view)

    @property
    def _shown(self) -> _Ends:
        """An image in which nothing counts is shown only where there are few others."""
        return self._counted if self._counted.full else self._every

    @property
    def views(self) -> list[ImageView]:
        """The images that are shown if no other comes, and those that may be if others do."""
        return self._shown.views

    def groups(self) -> list[Group]:
        """Headings and the images below them."""
        shown = self._shown
        if not shown.number:
            return []
        if self._every.number <= self.worst + self.best:
            return [(f"Every {task_named(self.task).unit}, weakest first", self._every.views)]
        weak, strong = ("Broke most", "Held best") if self._attacked else self._drawing.extremes
        views = shown.views
        groups = [(weak, views[: self.worst]), (strong, views[len(views) - self.best :][::-1])]
        return [(title, group) for title, group in groups if group]
