"""Models and data are opened once, and what a model calls its classes chooses the labels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from foolscape.data import load
from foolscape.data.voc import CLASSES
from foolscape.run import setup
from foolscape.run.opening import segmentation
from foolscape.run.settings.config import make_config

NET = """
from torch import nn

def build():
    with open({log!r}, "a") as log:
        log.write("made ")
    net = nn.Conv2d(3, {count}, 1)
    net.classes = {classes}
    return net
"""


@pytest.fixture
def coco(tmp_path: Path) -> str:
    """Two images of COCO, the second of which shows a class of VOC."""
    (tmp_path / "val2017").mkdir()
    (tmp_path / "annotations").mkdir()
    for i in range(2):
        Image.new("RGB", (24, 16), (90, 40 * i, 10)).save(tmp_path / f"val2017/{i}.png")
    square = {"iscrowd": 0, "area": 64, "bbox": [2, 2, 8, 8], "segmentation": [[2, 2, 10, 2, 10, 10, 2, 10]]}
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": 16, "width": 24} for i in range(2)],
        "annotations": [{"id": i, "image_id": i, "category_id": 13 if i == 0 else 17, **square} for i in range(2)],
        "categories": [{"id": 13, "name": "stop sign"}, {"id": 17, "name": "cat"}, {"id": 5, "name": "airplane"}],
    }
    (tmp_path / "annotations/instances_val2017.json").write_text(json.dumps(content))
    return f"coco:{tmp_path}"


def test_data_and_models_are_opened_once(tmp_path: Path, coco: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log, opened = tmp_path / "log", list[Mapping[str, Any]]()

    def counted(spec: str, **options: Any) -> object:
        opened.append(options)
        return load.open_data(spec, **options)

    monkeypatch.setattr(segmentation, "open_data", counted)
    (tmp_path / "net.py").write_text(NET.format(log=str(log), count=len(CLASSES), classes=CLASSES))
    settings = {"data": coco, "attack": "none", "task": "segmentation"}
    found = setup.open_setup(make_config(settings | {"models": [f"{tmp_path / 'net.py'}:build"]}), torch.device("cpu"))
    assert log.read_text() == "made "
    assert opened == [{"split": None, "classes": CLASSES}]
    assert found.data.classes == found.entries[0].classes == CLASSES
    assert found.ids == ("1",)
