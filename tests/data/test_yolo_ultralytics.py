"""YOLO trees read by `yolo:` and by ultralytics' own loader: the same boxes, and where we differ."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from foolscape.data.boxes import DetectionData
from foolscape.data.load import open_detection
from foolscape.errors import SampleError
from tests.data.made import frame
from tests.data.made_boxes import save

pytestmark = pytest.mark.skipif(find_spec("ultralytics") is None, reason="ultralytics is not installed: its loader")

BOXES = {
    "one": "0 0.25 0.5 0.5 1\n2 0.5 0.5 0.125 0.25\n1 0.123456 0.654321 0.2 0.3\n",
    "spaces": "0  .5\t5e-1 0.125 0.25 \r\n\r\n2 0.1 0.1 0.2 0.2",
    "marked": "\ufeff1 0.5 0.5 0.25 0.5\n",
    "polygons": "0 0.25 0.25 0.75 0.25 0.5 0.75\n1 0.1 0.2 0.9 0.15 0.8 0.85 0.3 0.95 0.2 0.5\n",
    "beyond": "0 0.5 0.5 1.005 0.5\n",
    "empty": "",
    "missing": None,
    # These we read in another way.
    "twice": "1 0.5 0.5 0.25 0.5\n1 0.5 0.5 0.25 0.5\n0 0.2 0.2 0.1 0.1\n",
    "mixed": "0 0.25 0.25 0.75 0.25 0.5 0.75\n1 0.5 0.5 0.25 0.5\n",
    "far": "0 0.5 0.5 0.25 0.5\n1 1.1 0.5 0.5 0.5\n",
    "negative": "0 0.5 0.5 0.25 0.5\n1 0.5 0.5 -0.25 0.5\n",
    # These neither takes.
    "class": "3 0.5 0.5 0.25 0.5\n",
    "pixels": "0 8 6 4 4\n",
    "short": "0 0.5 0.5 0.5\n",
    "scores": "0 0.5 0.5 0.5 0.5 0.9\n",
    "words": "cat 0.5 0.5 0.5 0.5\n",
}
TURNED = {"turned": "0 0.5 0.25 0.75 0.5 0.5 0.75 0.25 0.5\n2 0.1 0.1 0.4 0.1 0.4 0.3 0.1 0.3\n", "none": ""}


def write(root: Path, texts: dict[str, str | None]) -> Path:
    """A tree with images of 24x40 pixels."""
    (root / "labels/val/deep").mkdir(parents=True)
    for place, (name, text) in enumerate(texts.items()):
        below = "deep/" if place % 3 == 1 else ""
        save(root / f"images/val/{below}{name}.png", np.tile(frame(place), (2, 3, 1))[:, :40])
        if text is not None:
            (root / f"labels/val/{below}{name}.txt").write_bytes(text.encode())
    (root / "data.yaml").write_text(f"path: {root}\ntrain: images/val\nval: images/val\nnames: [cat, dog, 'no']\n")
    return root / "data.yaml"


Listed = dict[str, list[list[float]]]
"""The boxes of each image: class, x1, y1, x2, y2 in pixels."""


@pytest.fixture(scope="module")
def read(tmp_path_factory) -> Callable[[str], tuple[DetectionData, Listed]]:
    """A tree as we open it, and as ultralytics lists it, by the task; their cache lies beside the label files."""
    root = tmp_path_factory.mktemp("yolo")
    trees = {"detect": write(root / "boxes", BOXES), "obb": write(root / "turned", TURNED)}
    home = root / "home"
    (home / "Ultralytics").mkdir(parents=True)
    (home / "Ultralytics/Arial.ttf").touch()  # which it would else download
    apart = {"HOME": home, "YOLO_CONFIG_DIR": home, "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name("ultralytics_boxes.py"), *chain(*((f, t) for t, f in trees.items()))],
        env=os.environ | apart | {"YOLO_VERBOSE": "false"},
        cwd=home,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    theirs = dict(zip(trees, json.loads(done.stdout.strip().rpartition("\n")[2]), strict=True))
    assert all([*file.parent.glob("labels/**/*.cache")] for file in trees.values())

    def one(task: str) -> tuple[DetectionData, Listed]:
        data = open_detection(f"yolo:{trees[task]}")
        assert list(data.classes) == theirs[task]["names"]
        return data, theirs[task]["boxes"]

    return one


def ours(data: DetectionData, sample_id: str) -> list[list[float]]:
    """Class, x1, y1, x2, y2 in pixels."""
    truth = data.load(sample_id).truth
    return [[int(label), *box] for label, box in zip(truth.labels, truth.boxes.tolist(), strict=True)]


def same(one: list[list[float]], other: list[list[float]]) -> bool:
    """The same objects to 1e-4 pixels, in whatever order."""
    return len(one) == len(other) and np.allclose(sorted(one), sorted(other), rtol=0, atol=1e-4)


def test_their_loader_lists_the_same_boxes(read):
    data, found = read("detect")
    ids = {name.rpartition("/")[2]: name for name in data.ids}
    assert set(ids) == set(BOXES)
    for name in ("one", "spaces", "marked", "polygons", "empty", "missing"):
        assert same(ours(data, ids[name]), found[name]), name
        assert len(found[name]) == len([line for line in (BOXES[name] or "").splitlines() if line.strip()])
    for name in ("class", "pixels", "short", "scores", "words"):
        assert name not in found
        with pytest.raises(SampleError):
            data.load(ids[name])
    # Ours are clipped to the image, all of a repeated line count, and an image keeps its other lines.
    assert same(found["beyond"], [[0, -0.1, 6, 40.1, 18]])
    assert ours(data, ids["beyond"]) == [[0, 0, 6, 40, 18]]
    assert (len(found["twice"]), len(ours(data, ids["twice"]))) == (2, 3)
    for name, count in (("mixed", 2), ("far", 2), ("negative", 1)):
        assert name not in found
        assert len(ours(data, ids[name])) == count
    for name in ("twice", "beyond", "mixed", "far", "negative"):
        assert data.load(ids[name]).notes


def test_their_loader_lists_turned_boxes(read):
    data, found = read("obb")
    assert all(same(ours(data, name), found[name.rpartition("/")[2]]) for name in data.ids)
    assert [len(ours(data, name)) for name in data.ids] == [0, 2]
