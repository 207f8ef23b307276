"""`vost:DIR`: VOST, objects that are cut, torn or mixed.

Layout, lists and void (255): github.com/TRI-ML/VOST, evaluation/source/dataset.py. Its measure, in
evaluation/source/evaluation.py, is J over the frames without the first and last, and J over their last quarter; that of
the last quarter is not reported here, F is.
"""

from __future__ import annotations

from typing import Final

from foolscape.data.clip_trees import ClipTree, Layout, open_listed_clips
from foolscape.data.dataset import DataSet, fixed
from foolscape.spec import Spec
from foolscape.tasks.base import VIDEO

_LAYOUT: Final = Layout(title="VOST", splits=("val", "train", "test"), judged=frozenset({"val", "train"}))


def open_vost(spec: Spec, split: str | None = None) -> ClipTree:
    """List a split of `vost:DIR[?frames=N]`, by default val; raises as `open_listed_clips`."""
    return open_listed_clips(spec, split, _LAYOUT)


RECORD: Final = DataSet(
    name="vost",
    form="vost:DIR[?frames=N]",
    description="VOST: objects that are cut or torn; DIR has JPEGImages, Annotations, ImageSets",
    splits=_LAYOUT.splits,
    openers={VIDEO.name: fixed(open_vost)},
)
