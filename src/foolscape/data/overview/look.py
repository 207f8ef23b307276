"""Reading samples of a data set, and counting what is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from foolscape.data.overview.oddities import OddityWatch, ids_of
from foolscape.data.overview.views import VIEWS, SampleView
from foolscape.data.sample import Data
from foolscape.errors import SampleError
from foolscape.records.overview import ClassCount, DrawnSample, Overview
from foolscape.tasks.base import SEGMENTATION, Task

LOOKED_AT: Final = 200
"""Samples that are read where nobody says how many: enough to see what is usual, in a minute or so."""

_TILES: Final = 12


@dataclass
class _Tally:
    images: Counter[int] = field(default_factory=Counter)
    things: Counter[int] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    remarks: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, str]] = field(default_factory=list)
    ignored: int = 0
    bare: int = 0
    labelled: bool = False

    def see(self, view: SampleView) -> None:
        self.sizes["x".join(map(str, view.tile.image.shape[:2]))] += 1
        self.remarks.update(view.notes)
        self.ignored += view.ignored
        if view.things is None:
            return
        self.labelled = True
        self.bare += not view.things
        self.images.update(view.things.keys())
        self.things.update(view.things)


def evenly_spread(ids: Sequence[str], most: int = LOOKED_AT) -> tuple[str, ...]:
    """At most so many of the `ids`, spread evenly over all of them, in their order."""
    if len(ids) <= most:
        return tuple(ids)
    places = np.linspace(0, len(ids) - 1, most).round().astype(int)
    return tuple(ids[place] for place in places.tolist())


def look_over(
    data: Data[Any], task: Task, ids: Sequence[str], on_sample: Callable[[str], None] = lambda _: None
) -> Overview:
    """Read the samples `ids` of `data`, which was opened for `task`, and count what is in them.

    Samples are read one after the other; those that are to be drawn are read once more, so that memory holds a few.
    A sample that cannot be used is counted with its reason.
    """
    make, things = VIEWS[task.name]
    tally, watch = _Tally(), OddityWatch()
    for name in ids:
        try:
            view = make(data.load(name))
        except SampleError as error:
            tally.failures.append((name, str(error)))
        else:
            tally.see(view)
            watch.see(view)
        on_sample(name)
    oddities = watch.worst()
    failed = {name for name, _ in tally.failures}
    usable = [name for name in ids if name not in failed]
    shown = dict.fromkeys((*ids_of(oddities), *evenly_spread(usable, _TILES)))
    return Overview(
        spec=data.spec,
        split=data.split,
        task=task.name,
        classes=data.classes,
        total=len(data.ids),
        looked_at=len(ids),
        failures=tuple(tally.failures),
        sizes=tuple(tally.sizes.most_common()),
        counts=_counts(data.classes or (), tally),
        things=things,
        void=_share(tally) if tally.labelled else None,
        edge_ratio=watch.ratio if task is SEGMENTATION else None,
        bare=tally.bare,
        notes=data.notes,
        remarks=tuple(tally.remarks.most_common()),
        oddities=oddities,
        tiles=_tiles(data, make, tuple(shown)[:_TILES]),
    )


def _counts(classes: Sequence[str], tally: _Tally) -> tuple[ClassCount, ...]:
    total = sum(tally.things.values())
    return tuple(
        ClassCount(name, tally.images[index], tally.things[index], 100 * tally.things[index] / total if total else 0.0)
        for index, name in enumerate(classes)
    )


def _share(tally: _Tally) -> float:
    total = sum(tally.things.values()) + tally.ignored
    return 100 * tally.ignored / total if total else 0.0


def _tiles(data: Data[Any], make: Callable[[Any], SampleView], ids: Sequence[str]) -> tuple[DrawnSample, ...]:
    return tuple(make(data.load(name)).tile for name in ids)
