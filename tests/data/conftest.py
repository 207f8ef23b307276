"""Small files for the tests of the data sets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

CATEGORIES = {1: "person", 3: "car", 4: "motorcycle", 63: "couch", 24: "zebra", 72: "tv"}


@pytest.fixture
def picture() -> np.ndarray:
    """(12, 16, 3) uint8: no two pixels alike."""
    return np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


@pytest.fixture
def save() -> Callable[..., Path]:
    """Writes an array or an image to a path, whose folders it makes."""

    def write(path: Path, content: np.ndarray | Image.Image, **options: object) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        image = content if isinstance(content, Image.Image) else Image.fromarray(content)
        image.save(path, **options)
        return path

    return write


@pytest.fixture
def pair(save, picture) -> Callable[..., np.ndarray]:
    """Writes an image and a label map; the labels count up from 0 to `classes` - 1 and over again."""

    def write(image: Path, label: Path, classes: int, void: int | None = None) -> np.ndarray:
        labels = (np.arange(12 * 16).reshape(12, 16) % classes).astype(np.uint8)
        if void is not None:
            labels[0, :3] = void
        save(image, picture)
        save(label, labels)
        return labels

    return write


@pytest.fixture
def coco(tmp_path, save, picture):
    """Writes a data set of 12x16 images from annotations."""

    def write(
        annotations: list[dict[str, Any]], *, file="annotations/instances_val2017.json", folder="val2017", **more
    ):
        ids = sorted({a["image_id"] for a in annotations} | {9})
        images = [{"id": i, "file_name": f"{i:06d}.png", "height": 12, "width": 16} for i in reversed(ids)]
        categories = [{"id": i, "name": name, "supercategory": "x"} for i, name in CATEGORIES.items()]
        content = {"images": images, "annotations": annotations, "categories": categories, **more}
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(json.dumps(content))
        for image in content["images"]:
            save(tmp_path / folder / image["file_name"], picture)
        return f"coco:{tmp_path}"

    return write
