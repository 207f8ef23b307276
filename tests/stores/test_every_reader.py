"""Every reader of files reads from an archive in a store what it reads from a folder, to the last note."""

from pathlib import Path

import pytest

from foolscape.paths import path_of

from ..fuzz.families import boxes, clip_trees, coco, images, masks, published, tools, trees, video, voc
from .made import files_of, put, zipped

FAMILIES = [
    family
    for module in (boxes, clip_trees, coco, images, masks, published, tools, trees, video, voc)
    for family in module.FAMILIES
]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_same_is_read(tmp_path: Path, family) -> None:
    root = tmp_path / "data"
    root.mkdir()
    family.make(root)
    here = family.read(root)
    archive = zipped(tmp_path / "c.zip", {f"data/{name}": content for name, content in files_of(root).items()})
    place = f"{put('memory://b', {'c.zip': archive.read_bytes()})}/c.zip/data"
    there = family.read(path_of(place))
    assert (there.totals, there.facts) == (here.totals, here.facts)
    assert [text.replace(place, str(root)) for text in there.said] == list(here.said)
