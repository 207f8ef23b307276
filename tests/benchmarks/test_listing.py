"""benchmarks/listing.py: its trees are read, and what is measured is said."""

import json

import pytest


@pytest.mark.parametrize("kind", ["masks", "yolo", "kitti", "voc", "openimages", "coco", "labelme"])
def test_every_tree_is_listed_and_measured(tmp_path, capsys, kind):
    import listing

    assert set(listing.KINDS) == {"masks", "yolo", "kitti", "voc", "openimages", "coco", "labelme"}
    spec = listing.KINDS[kind](tmp_path, [f"{place:012d}" for place in range(5)])
    listing.measure(kind, spec, profiled=False)
    found = json.loads(capsys.readouterr().out)
    assert found["images"] == 5
    assert found["list_s"] >= 0
    assert found["first_s"] >= 0
    assert found["memory_mb"] >= 0
