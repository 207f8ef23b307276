"""Made data and random networks, so that the command of every row can be tried where nothing is at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from foolscape.published.base import Row
from foolscape.spec import written

_SIZE: Final = (48, 64)
_FRAMES: Final = 4
_BOXES: Final = {"car": (6, 20, 30, 40), "person": (38, 8, 52, 44)}
"""x1, y1, x2, y2 of two objects, by their names in VOC."""

_VALUES: Final = {"car": 7, "person": 15}
_PALETTE: Final = bytes([0, 0, 0, 200, 30, 30, 30, 30, 200]) + bytes(759)

_FEWER: Final[Mapping[str, Mapping[str, str]]] = {
    "run": {"limit": "1", "probes": "0"},
    "universal": {"limit": "1", "train_limit": "2", "epochs": "1", "tile": "16x16", "size": "48x64"},
}
_FEWEST_STEPS: Final = {"worst-case": {"budget": "30"}}
"""Per attack; all others get two steps."""


def made_model(row: Row) -> str:
    """A random network of the row's kind, with a sixteenth of its channels; of clips the bundled tracker."""
    if row.task == "video":
        return "bundled:scenes-tracker"
    if row.model.startswith("caffe:faster"):
        beside = "".join(f"&{option}=none" for option in row.beside)
        return f"{row.model}?weights=none{beside}&thin=16&shorter=64&longest=96"
    thinnable = row.model.startswith(("caffe:", "sea:"))
    return f"{row.model if thinnable else 'caffe:fcn-8s'}?weights=none&thin=16"


def made_settings(row: Row) -> dict[str, str]:
    """The row's settings with fewer steps, images and epochs, for the made data of its task."""
    settings = {**row.settings, **_FEWER[row.command]}
    for name in ("split", "train_split", "test_split"):
        if name in settings:
            settings[name] = "train" if name == "train_split" else "val"
    if settings.get("target", "").startswith("scene:"):
        settings["target"] = "scene:made0"
    if row.command == "run":
        settings |= _FEWEST_STEPS.get(settings["attack"], {"steps": "2"})
    return settings


def made_data(row: Row, folder: Path) -> str:
    """The spec of made data of the row's task, which are drawn into `folder` where they are not there."""
    if row.task == "video":
        if not (folder / "DAVIS").is_dir():
            _draw_davis(folder / "DAVIS")
        return written("davis2017", str(folder / "DAVIS"), {})
    if not (folder / "VOCdevkit").is_dir():
        _draw_voc(folder / "VOCdevkit" / "VOC2012")
    return written("voc", str(folder / "VOCdevkit"), {"year": "2012"})


def _picture(moved: int, seed: int) -> tuple[Image.Image, dict[str, tuple[int, int, int, int]]]:
    """Two coloured objects on noise, moved to the right, and their boxes."""
    noise = np.random.default_rng(seed).integers(90, 160, (*_SIZE, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    boxes = {name: (box[0] + moved, box[1], box[2] + moved, box[3]) for name, box in _BOXES.items()}
    for colour, box in zip(((200, 40, 40), (40, 60, 210)), boxes.values(), strict=True):
        ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), colour)
    return picture, boxes


def _mask(boxes: Mapping[str, tuple[int, int, int, int]], values: Mapping[str, int]) -> Image.Image:
    mask = Image.new("P", (_SIZE[1], _SIZE[0]))
    mask.putpalette(_PALETTE)
    for name, box in boxes.items():
        ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), values[name])
    return mask


def _draw_voc(root: Path) -> None:
    """A year of VOC with three images: labels, boxes, and the lists train and val of each."""
    for folder in ("JPEGImages", "SegmentationClass", "Annotations", "ImageSets/Segmentation", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for i in range(3):
        picture, boxes = _picture(2 * i, i)
        picture.save(root / "JPEGImages" / f"made{i}.jpg", quality=95)
        _mask(boxes, _VALUES).save(root / "SegmentationClass" / f"made{i}.png")
        (root / "Annotations" / f"made{i}.xml").write_text(_annotation(boxes))
    for task in ("Segmentation", "Main"):
        (root / "ImageSets" / task / "train.txt").write_text("made0\nmade1\n")
        (root / "ImageSets" / task / "val.txt").write_text("made2\n")


def _annotation(boxes: Mapping[str, tuple[int, int, int, int]]) -> str:
    """VOC's XML, whose corners count from one."""
    objects = "".join(
        f"<object><name>{name}</name><difficult>0</difficult><bndbox><xmin>{box[0] + 1}</xmin><ymin>{box[1] + 1}</ymin>"
        f"<xmax>{box[2]}</xmax><ymax>{box[3]}</ymax></bndbox></object>"
        for name, box in boxes.items()
    )
    size = f"<size><width>{_SIZE[1]}</width><height>{_SIZE[0]}</height><depth>3</depth></size>"
    return f"<annotation>{size}{objects}</annotation>"


def _draw_davis(root: Path) -> None:
    """DAVIS 2017 with a clip of two objects."""
    frames, masks = root / "JPEGImages" / "480p" / "made", root / "Annotations" / "480p" / "made"
    for folder in (frames, masks, root / "ImageSets" / "2017"):
        folder.mkdir(parents=True)
    for i in range(_FRAMES):
        picture, boxes = _picture(i, i)
        picture.save(frames / f"{i:05d}.jpg", quality=95)
        _mask(boxes, {"car": 1, "person": 2}).save(masks / f"{i:05d}.png")
    (root / "ImageSets" / "2017" / "val.txt").write_text("made\n")
