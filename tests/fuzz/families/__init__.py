"""A module for each family of inputs: how a sound one is made, how it is mutated, how it is read."""

from __future__ import annotations

from typing import Final

from tests.fuzz.cases import Family
from tests.fuzz.families import (
    archives,
    boxes,
    checkpoints,
    clip_trees,
    coco,
    hugging_face,
    images,
    lists,
    masks,
    published,
    runs,
    settings,
    specs,
    tables,
    tools,
    trees,
    video,
    voc,
)

FAMILIES: Final[tuple[Family, ...]] = (
    *coco.FAMILIES,
    *voc.FAMILIES,
    *boxes.FAMILIES,
    *tools.FAMILIES,
    *trees.FAMILIES,
    *clip_trees.FAMILIES,
    *published.FAMILIES,
    *masks.FAMILIES,
    *tables.FAMILIES,
    *hugging_face.FAMILIES,
    *archives.FAMILIES,
    *lists.FAMILIES,
    *settings.FAMILIES,
    *specs.FAMILIES,
    *checkpoints.FAMILIES,
    *images.FAMILIES,
    *video.FAMILIES,
    *runs.FAMILIES,
)
