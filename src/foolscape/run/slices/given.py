"""What is known of a run's images from elsewhere: a table, and the data set itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foolscape.data.attributes import attributes_of
from foolscape.data.sample import Data
from foolscape.run.slices.table import Attributes, SliceTable, matched
from foolscape.strict import lose_any


@dataclass(frozen=True)
class Given:
    """Attributes of images by id, and what was odd about them.

    Attributes:
        attributes: by id of the image.
        notes: in sentences.
        asked: whether a table was given, so that slices are wanted however few images there are.
    """

    attributes: Mapping[str, Mapping[str, str]]
    notes: tuple[str, ...] = ()
    asked: bool = False


def given_of(data: Data[Any], ids: Sequence[str], table: SliceTable | None) -> Given:
    """What the data set and a table say of the images `ids`; an attribute of both is the table's.

    Raises:
        SettingError: the table names none of the images.
        LossError: a line of it was left out, and nothing may be.
    """
    own = {name: attributes_of(data, name) for name in ids}
    if table is None:
        return Given({name: one for name, one in own.items() if one})
    found, notes = matched(table, data.ids, ids)
    lose_any(notes)
    return Given(joined(own, found, table.names), tuple(notes), asked=True)


def joined(
    own: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]], names: Sequence[str]
) -> Attributes:
    """Attributes of each image: those of a table (`found`), and of its own those of other `names`."""
    both = {
        name: {key: value for key, value in own.get(name, {}).items() if key not in names} | dict(found.get(name, {}))
        for name in {**own, **found}
    }
    return {name: one for name, one in both.items() if one}
