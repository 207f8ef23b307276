"""Data sets of Hugging Face."""

from __future__ import annotations

from typing import Any, Final

from foolscape.data.dataset import DataSet
from foolscape.data.sample import Data
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION, SEGMENTATION


def _maps(spec: Spec, split: str | None, classes: tuple[str, ...] | None) -> Data[Any]:
    from foolscape.data.hugging_face.images import open_maps

    return open_maps(spec, split, classes)


def _objects(spec: Spec, split: str | None, _classes: tuple[str, ...] | None) -> Data[Any]:
    from foolscape.data.hugging_face.images import open_objects

    return open_objects(spec, split)


RECORD: Final = DataSet(
    name="hf",
    form="hf:DIR-or-ID[?image=COLUMN&label=COLUMN]",
    description="a data set of Hugging Face, in a folder or by name: label maps, or objects with boxes",
    splits=("validation", "test", "train"),
    openers={SEGMENTATION.name: _maps, DETECTION.name: _objects},
)
