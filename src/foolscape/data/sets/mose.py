"""`mose:DIR`: MOSE v1 and v2, crowded scenes whose objects vanish and come back.

Layout, and that the validation split has first masks alone: github.com/henghuiding/MOSE-api, README.md.
"""

from __future__ import annotations

from typing import Final

from foolscape.data.clip_trees import ClipTree, Layout, open_split_folders
from foolscape.data.dataset import DataSet, fixed
from foolscape.spec import Spec
from foolscape.tasks.base import VIDEO

_LAYOUT: Final = Layout(title="MOSE", splits=("valid", "train", "test"), judged=frozenset({"train"}))


def open_mose(spec: Spec, split: str | None = None) -> ClipTree:
    """List a split of `mose:DIR[?frames=N]`, by default valid; raises as `open_split_folders`."""
    return open_split_folders(spec, split, _LAYOUT)


RECORD: Final = DataSet(
    name="mose",
    form="mose:DIR[?frames=N]",
    description="MOSE v1 and v2: crowded clips, truth in train alone, else the first masks; DIR has valid, train",
    splits=_LAYOUT.splits,
    openers={VIDEO.name: fixed(open_mose)},
)
