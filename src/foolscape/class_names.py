"""Class names as people write them: what is the same name for case and separators, and names of the same thing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Final

SYNONYMS: Final = (
    ("airplane", "aeroplane"),
    ("bicycle", "pushbike"),
    ("car", "automobile"),
    ("cell phone", "mobile phone"),
    ("couch", "sofa"),
    ("dining table", "diningtable"),
    ("donut", "doughnut"),
    ("hair drier", "hair dryer"),
    ("motorcycle", "motorbike", "minibike"),
    ("person", "pedestrian"),
    ("potted plant", "pottedplant"),
    ("refrigerator", "fridge"),
    ("sidewalk", "pavement"),
    ("traffic light", "traffic signal"),
    ("tv", "tvmonitor", "television"),
)
"""Names of the same thing, one group a line, in small letters.

They are those that differ between the lists of COCO (Lin et al. 2014: couch, tv, motorcycle), VOC (Everingham et al.
2010: sofa, tvmonitor, motorbike), Cityscapes (Cordts et al. 2016: sidewalk, person), ADE20K (Zhou et al. 2017, whose
list names synonyms itself: "minibike, motorbike", "traffic light, traffic signal") and CamVid (Brostow et al. 2009:
Pavement, Pedestrian). What is only near (tree and vegetation, rider and bicyclist) is none.
"""


def plain(name: str) -> str:
    """What is the same for every way in which a name is written: case, `_`, `-` and spaces do not count."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


_GROUPS: Final = {name: group[0] for group in SYNONYMS for name in group}


def meaning(name: str) -> str:
    """What is the same for every name of a thing, however it is written."""
    return _GROUPS.get(plain(name), plain(name))


def only(name: str, known: Iterable[str], *, synonyms: bool = True) -> str | None:
    """The only one of `known` that `name` is: by its writing, else as a synonym; None for none, and for several."""
    names = tuple(known)
    for same in (plain, meaning) if synonyms else (plain,):
        found = [one for one in names if same(one) == same(name)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


def near(name: str, known: Sequence[str], most: int = 2) -> list[str]:
    """Those of `known` that `name` may be a misspelling or a variant of, the nearest first; synonyms come first."""
    same = [one for one in known if meaning(one) == meaning(name)]
    spelled = {plain(one): one for one in known}
    alike = [spelled[one] for one in difflib.get_close_matches(plain(name), spelled, n=most, cutoff=0.5)]
    return list(dict.fromkeys((*same, *alike)))[:most]
