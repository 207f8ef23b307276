"""`lvos:DIR`: LVOS v1 and v2, long clips whose objects come and go, with a mask for a part of the frames.

Layout, SPLIT_meta.json, and that the test split has first masks alone: github.com/LingyiHongfd/LVOS, README.md.
That a split is called valid, too, and its list meta.json: github.com/LingyiHongfd/lvos-evaluation, evaluation_method.py
and lvos/lvos_seperate.py. By lvos/evaluation.py of it an object counts from the frame in which it is given to the one
before its last; here, from the frame with a mask behind it to the last but one of the clip.
"""

from __future__ import annotations

from typing import Final

from foolscape.data.clip_trees import ClipTree, Layout, open_split_folders
from foolscape.data.dataset import DataSet, fixed
from foolscape.spec import Spec
from foolscape.tasks.base import VIDEO

_LAYOUT: Final = Layout(
    title="LVOS",
    splits=("val", "valid", "train", "test"),
    judged=frozenset({"val", "valid", "train"}),
    metas=("{split}_meta.json", "meta.json"),
)


def open_lvos(spec: Spec, split: str | None = None) -> ClipTree:
    """List a split of `lvos:DIR[?frames=N]`, by default val; raises as `open_split_folders`."""
    return open_split_folders(spec, split, _LAYOUT)


RECORD: Final = DataSet(
    name="lvos",
    form="lvos:DIR[?frames=N]",
    description="LVOS: long clips whose objects may appear late, masks in part of the frames; DIR has val, train, test",
    splits=("val", "train", "test"),
    openers={VIDEO.name: fixed(open_lvos)},
)
