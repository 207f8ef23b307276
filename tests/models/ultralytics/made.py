"""Networks of ultralytics with random weights, small images, and checkpoints of them."""

from __future__ import annotations

import copy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from foolscape.models.common.ultralytics.library import library
from foolscape.models.detectors.ultralytics import YoloDetector, head_of
from foolscape.models.load import load_detector

if find_spec("ultralytics") is None:  # importing it here would leave what it replaces in the process
    pytest.skip("ultralytics is not installed", allow_module_level=True)

SIZE = (48, 64)
CLASSES = ("car", "bicycle", "person")

TINY = """
nc: 3
backbone: [[-1, 1, Conv, [8, 3, 2]], [-1, 1, Conv, [16, 3, 2]], [-1, 1, Conv, [16, 3, 2]]]
head: [[[2], 1, Detect, [nc]]]
"""
"""A configuration that is built in no time."""


def images(batch: int = 1, height: int = SIZE[0], width: int = SIZE[1]) -> Tensor:
    """(B, 3, H, W) in [0, 1], whole levels."""
    coarse = torch.rand((batch, 3, 6, 8), generator=torch.Generator().manual_seed(5))
    fine = nn.functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=False)
    return (fine.clamp(0, 1) * 255).round() / 255


@cache
def names(folder: Path) -> Path:
    path = folder / "classes.txt"
    path.write_text("\n".join(CLASSES) + "\n")
    return path


def detector(spec: str, folder: Path, size: tuple[int, int] = SIZE) -> YoloDetector:
    """The detector of a configuration with `CLASSES`, its scores spread as a trained network's are."""
    joined = "&" if "?" in spec else "?"
    found: YoloDetector = load_detector(f"ultralytics:{spec}{joined}classes={names(folder)}", image_size=size).model
    enliven(found.module)
    return found


def enliven(module: nn.Module) -> None:
    """Untrained heads score everything alike, near 0, and RT-DETR's boxes stay where they are: let them differ."""
    head = head_of(module)
    generator = torch.Generator().manual_seed(1)
    for name in ("cv3", "one2one_cv3"):
        for branch in getattr(head, name, None) or ():
            last = branch[-1]
            nn.init.normal_(last.weight, std=1.0, generator=generator)
            nn.init.normal_(last.bias, generator=generator)
    for box, score in zip(getattr(head, "dec_bbox_head", ()), getattr(head, "dec_score_head", ()), strict=True):
        nn.init.normal_(box.layers[-1].weight, std=0.2, generator=generator)
        nn.init.normal_(score.weight, std=0.2, generator=generator)


def as_the_library_has_it(found: YoloDetector) -> Any:
    """A copy of the network that picks its best cells itself."""
    module = copy.deepcopy(found.module)
    vars(head_of(module)).pop("postprocess", None)
    return module


def checkpoint(path: Path, *, half: bool = True, **more: object) -> Path:
    """A file as the library's training leaves it: whole modules, pickled."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        module = library().tasks.DetectionModel(yaml.safe_load(TINY), verbose=False)
    module.names = dict(enumerate(CLASSES))
    module = module.half() if half else module
    torch.save({"epoch": -1, "ema": None, "model": module, "train_args": {"imgsz": 96, "task": "detect"}, **more}, path)
    return path
