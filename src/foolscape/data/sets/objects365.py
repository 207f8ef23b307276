"""Objects365: boxes of 365 classes."""

from __future__ import annotations

import re
from typing import Final

from foolscape.data.boxes.annotated import AnnotatedImages
from foolscape.data.coco_boxes import open_coco_boxes
from foolscape.data.coco_index import Layout
from foolscape.data.dataset import DataSet, fixed
from foolscape.spec import Spec
from foolscape.tasks.base import DETECTION

_LAYOUT: Final = Layout(
    "zhiyuan_objv2_SPLIT.json",
    re.compile("(?:zhiyuan_objv2|objects365)_(.+)"),
    ("annotations/", "", "*/"),
    outer=True,
)
"""Version 2 (www.objects365.org): file names begin with images/v1 or v2, and the archives with patch0, .. alone."""


def open_objects365(spec: Spec, split: str | None = None) -> AnnotatedImages:
    """List a split, by default val, of `objects365:DIR`; see `open_coco_boxes`."""
    return open_coco_boxes(spec, split, _LAYOUT)


RECORD: Final = DataSet(
    name="objects365",
    form="objects365:DIR",
    description="Objects365, version 2: boxes of 365 classes; drawn and mirrored objects count",
    splits=("val", "train"),
    openers={DETECTION.name: fixed(open_objects365)},
)
