"""`--sample N`: some of the samples of a data set, drawn so that folders and classes have their share."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foolscape.data.boxes import DetectionSample
from foolscape.data.load import select
from foolscape.data.sample import VOID, Data, Sample
from foolscape.errors import SampleError, SettingError
from foolscape.seeds import seed_of
from foolscape.tasks.base import VIDEO

MOST_READ: Final = 400
"""Samples that are read to know their classes where the data set does not tell without."""

_PER_SAMPLE: Final = 4
"""So many candidates are read for each sample that is wanted, up to `MOST_READ`."""

Shows = Callable[[str], Collection[int]]
"""The classes that a sample shows, by its id; raises `SampleError` where that cannot be told."""


@dataclass(frozen=True)
class Drawn:
    """Samples that were chosen: their ids, and a remark on how they were drawn, where they were."""

    ids: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def chosen(
    data: Data[Any],
    ids: Sequence[str] | None = None,
    limit: int | None = None,
    sample: int | None = None,
    *,
    seed: int,
    unit: str = "image",
) -> Drawn:
    """What `select` takes of `data`, and of that as many as `sample` says, drawn by `draw`; None: all of it.

    Raises:
        UnknownNameError, SettingError: as `select` and `draw`.
    """
    selected = select(data, ids, limit, unit)
    return Drawn(selected) if sample is None else draw(data, selected, sample, seed, unit)


def draw(data: Data[Any], ids: Sequence[str], count: int, seed: int, unit: str = "image") -> Drawn:
    """`count` of the `ids` of `data`, all where there are no more.

    Each folder (the part of an id before its last `/`) gets its share of the samples, at least one where there are as
    many as folders. Within that, classes are served the rarest first, until each has its share, at least one
    (iterative stratification, Sechidis et al. 2011, On the stratification of multi-label data). Which sample comes
    first is a matter of the seed and its id alone, so that a data set that grows keeps most of its sample.

    Args:
        data: what tells the classes, by its method `shows` if it has one (see `shown_by`), else by reading samples.
        ids: of which to draw.
        count: how many.
        seed: of the order.
        unit: what a sample is called in remarks.

    Raises:
        SettingError: `count` below 1.
    """
    if count < 1:
        raise SettingError(f"expected a sample of at least 1 {unit}, got {count}; leave it out to take all")
    if count >= len(ids):
        return Drawn(tuple(ids), (f"sample: all {len(ids)} {unit}s, since no more than {count} are there",))
    order = sorted(ids, key=lambda name: seed_of(seed, "sample", name))
    folders = {_folder(name) for name in ids}
    by = f"over {len(folders)} folders" if len(folders) > 1 else "from one folder"
    told = f"sample: {count} of {len(ids)} {unit}s, drawn by seed {seed}, {by}"
    if data.classes is None or unit == VIDEO.unit:  # the objects of clips are of no class
        return Drawn(_ordered(ids, _shared_out(order, count)), (told,))
    shows, pool = shown_by(data), order
    if shows is None:
        pool = _shared_out(order, min(len(order), max(count, min(MOST_READ, _PER_SAMPLE * count))))
        told = f"{told} and classes, which were read in {len(pool)} of them"
        shows = _read_from(data)
    else:
        told = f"{told} and classes"
    return Drawn(_ordered(ids, _by_class(pool, _quotas(order, count), _classes(pool, shows))), (told,))


def shown_by(data: object) -> Shows | None:
    """The method `shows(sample_id)` of a data set, or of the one that it wraps; None where there is none."""
    while data is not None:
        shows: Shows | None = getattr(data, "shows", None)
        if shows is not None:
            return shows
        data = getattr(data, "source", None)
    return None


def _read_from(data: Data[Any]) -> Shows:
    """Reads the classes from the sample itself."""

    def shows(name: str) -> Collection[int]:
        sample = data.load(name)
        if isinstance(sample, Sample) and sample.labels is not None:
            return set(np.unique(sample.labels).tolist()) - {VOID}
        if isinstance(sample, DetectionSample) and sample.truth is not None:
            return set(sample.truth.labels[~sample.truth.crowd].tolist())
        return ()

    return shows


def _classes(names: Iterable[str], shows: Shows) -> dict[str, frozenset[int]]:
    """The classes of each sample; none of one that cannot be read, which may be drawn all the same."""
    found = {}
    for name in names:
        try:
            found[name] = frozenset(shows(name))
        except SampleError:
            found[name] = frozenset()
    return found


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _quotas(order: Sequence[str], count: int) -> dict[str, int]:
    """How many samples each folder gets: its share by largest remainders, at least one where they suffice."""
    sizes: dict[str, int] = {}
    for name in order:
        sizes[_folder(name)] = sizes.get(_folder(name), 0) + 1
    least = 1 if count >= len(sizes) else 0
    spare, total = count - least * len(sizes), len(order) - least * len(sizes)
    shares = {folder: spare * (size - least) / max(total, 1) for folder, size in sizes.items()}
    quotas = {folder: least + int(share) for folder, share in shares.items()}
    # Equal remainders are served in the order of the seed.
    for folder in sorted(shares, key=lambda one: int(shares[one]) - shares[one])[: count - sum(quotas.values())]:
        quotas[folder] += 1
    return quotas


def _shared_out(order: Sequence[str], count: int) -> list[str]:
    """The first samples of each folder, as many as it gets."""
    left = _quotas(order, count)
    chosen = []
    for name in order:
        if left[_folder(name)] > 0:
            left[_folder(name)] -= 1
            chosen.append(name)
    return chosen


def _by_class(pool: Sequence[str], quotas: Mapping[str, int], shown: Mapping[str, frozenset[int]]) -> list[str]:
    """Samples of the `pool` that fill the `quotas` of their folders, with the rarest classes served first."""
    count, left = sum(quotas.values()), dict(quotas)
    showing: dict[int, list[str]] = {}
    for name in pool:
        for label in shown[name]:
            showing.setdefault(label, []).append(name)
    wanted = {label: max(1, round(count * len(names) / len(pool))) for label, names in showing.items()}
    taken: dict[str, None] = {}

    def fits(name: str, *, within: bool) -> bool:
        """Whether there is room for a sample, and where `within` no class gets more than its share by it."""
        room = name not in taken and left[_folder(name)] > 0
        return room and (not within or all(wanted[label] > 0 for label in shown[name]))

    rarest = sorted(showing, key=lambda one: (len(showing[one]), one))
    rounds: list[tuple[Sequence[str], int | None]] = [(showing[label], label) for label in rarest]
    rounds.append((pool, None))
    for names, rare in rounds:
        for within in (True, False):
            for name in names:
                if rare is not None and wanted[rare] <= 0:
                    break
                if fits(name, within=within):
                    taken[name] = None
                    left[_folder(name)] -= 1
                    wanted |= {seen: wanted[seen] - 1 for seen in shown[name]}
    return list(taken)


def _ordered(ids: Sequence[str], names: Collection[str]) -> tuple[str, ...]:
    kept = set(names)
    return tuple(name for name in ids if name in kept)
