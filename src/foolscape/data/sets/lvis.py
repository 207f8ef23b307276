"""LVIS: 1,203 classes of objects on the photographs of COCO, of which some were looked for in each."""

from __future__ import annotations

import re
from typing import Final

from foolscape.data.boxes.annotated import AnnotatedImages
from foolscape.data.coco_boxes import open_coco_boxes
from foolscape.data.coco_index import Layout
from foolscape.data.dataset import DataSet, fixed
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION

_LAYOUT: Final = Layout("lvis_v1_SPLIT.json", re.compile("lvis_v1_(.+)"), ("annotations/", ""))
"""www.lvisdataset.org/dataset; images are those of COCO, by their coco_url: train2017/.., val2017/..."""


def open_lvis(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split, by default val, of `lvis:DIR`; see `open_coco_boxes`."""
    return open_coco_boxes(spec, split, _LAYOUT)


RECORD: Final = DataSet(
    name="lvis",
    form="lvis:DIR",
    description="LVIS v1: boxes of 1,203 classes; a class that was not looked for in an image is not judged there",
    splits=("val", "train"),
    openers={DETECTION.name: fixed(open_lvis)},
)
