"""A part of a split, for data sets that are not divided: `val[:80%]`, `val[80%:]`, `[:500]`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from foolscape.data.attributes import attributes_of
from foolscape.data.costs import cost_of
from foolscape.data.sample import Data
from foolscape.errors import DataError, SettingError

S = TypeVar("S")

_PART = re.compile(r"(?P<split>[^\[\]]*)\[(?P<first>\d+%?)?:(?P<last>\d+%?)?\]")


@dataclass(frozen=True)
class Part(Generic[S]):
    """Some of the samples of `source`, in its order; implements `Data` as it does.

    Attributes:
        source: the data set.
        split: as it was asked for, such as val[:80%].
        ids: of the samples.
        remarks: notes besides those of `source`.
    """

    source: Data[S]
    split: str | None
    ids: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def spec(self) -> str:
        """The spec of the source."""
        return self.source.spec

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The classes of the source."""
        return self.source.classes

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source, and `remarks`."""
        return (*self.source.notes, *self.remarks)

    def fingerprint(self, sample_id: str) -> str:
        """As of the source."""
        return self.source.fingerprint(sample_id)

    def load(self, sample_id: str) -> S:
        """As of the source."""
        return self.source.load(sample_id)

    def cost(self, sample_id: str) -> float:
        """As of the source."""
        return cost_of(self.source, sample_id)

    def attributes(self, sample_id: str) -> dict[str, str]:
        """As of the source."""
        return attributes_of(self.source, sample_id)


def split_of(text: str | None) -> tuple[str | None, tuple[str | None, str | None] | None]:
    """The split that `text` names, and the two ends of the part of it; None where all of it is meant.

    Raises:
        SettingError: brackets that do not hold two ends.
    """
    if text is None or not ("[" in text or "]" in text):
        return text, None
    match = _PART.fullmatch(text)
    if match is None:
        raise SettingError(
            f"split: expected a name, or a part of one such as val[:80%] or val[100:200], got {text!r}; number the "
            "images from 0, or give percent"
        )
    return match["split"] or None, (match["first"], match["last"])


def part(source: Data[S], text: str, ends: tuple[str | None, str | None]) -> Part[S]:
    """The samples of `source` between the `ends`; raises `DataError` where there are none."""
    total = len(source.ids)
    first, last = _place(ends[0], total, 0), _place(ends[1], total, total)
    ids = tuple(source.ids[first:last])
    if not ids:
        raise DataError(f"{source.spec}: expected images in the part {text}, got none of {total}")
    # As in Python what is not there is left out; but a count in a command must not be taken for that of the samples.
    beyond = f"the part {text} goes beyond the {total} that there are, and has {len(ids)}"
    return Part(source, text, ids, (beyond,) if last > total else ())


def _place(end: str | None, total: int, default: int) -> int:
    """The place of an end among `total` images; percent are rounded down, and more than 100 lie beyond the last."""
    if end is None:
        return default
    return total * int(end[:-1]) // 100 if end.endswith("%") else int(end)
