"""One set of boxes, written as COCO, YOLO and VOC, for the tests of what reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

Thing = tuple[str, int, int, int, int]
"""Class, x, y, width, height in whole pixels."""
Scene = tuple[np.ndarray, Sequence[Thing]]


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_coco(root: Path, scenes: Mapping[str, Scene], ids: Mapping[str, int]) -> str:
    """An annotation file alone, with the images in a folder of another name."""
    images, annotations = [], []
    for number, (name, (image, things)) in enumerate(scenes.items(), 7):
        save(root / f"photos/{name}.png", image)
        height, width = image.shape[:2]
        images.append({"id": number, "file_name": f"{name}.png", "height": height, "width": width})
        for label, *box in things:
            area = box[2] * box[3]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": ids[label], "bbox": box})
            annotations[-1] |= {"area": area, "iscrowd": 0, "segmentation": []}
    categories = [{"id": number, "name": label} for label, number in ids.items()]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (root / "boxes.json").write_text(json.dumps(content))
    return f"coco:{root / 'boxes.json'}?images=photos"


def write_yolo(root: Path, scenes: Mapping[str, Scene], classes: Sequence[str]) -> str:
    """data.yaml with images/val and labels/val."""
    for name, (image, things) in scenes.items():
        save(root / f"images/val/{name}.png", image)
        height, width = image.shape[:2]
        lines = [
            f"{classes.index(label)} {(x + w / 2) / width!r} {(y + h / 2) / height!r} {w / width!r} {h / height!r}\n"
            for label, x, y, w, h in things
        ]
        (root / "labels/val").mkdir(parents=True, exist_ok=True)
        (root / f"labels/val/{name}.txt").write_text("".join(lines))
    (root / "data.yaml").write_text(f"val: images/val\nnames: {json.dumps(list(classes))}\n")
    return f"yolo:{root}"


def voc_xml(image: np.ndarray, things: Sequence[Thing]) -> str:
    """An annotation of VOC, whose pixels are counted from 1."""
    height, width = image.shape[:2]
    objects = "".join(
        f"<object><name>{label}</name><difficult>0</difficult><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
        f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        for label, x, y, w, h in things
    )
    return f"<annotation><size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"


def write_voc(root: Path, scenes: Mapping[str, Scene]) -> str:
    """Annotations and JPEGImages alone, without lists."""
    (root / "Annotations").mkdir(parents=True)
    for name, (image, things) in scenes.items():
        save(root / f"JPEGImages/{name}.png", image)
        (root / f"Annotations/{name}.xml").write_text(voc_xml(image, things))
    return f"voc:{root}"
