"""A small detector and photographs of coloured squares for it."""

from pathlib import Path
from textwrap import dedent

import numpy as np
from PIL import Image

CLASSES = ("red", "green", "blue")
CELL = 8

DETECTOR = """
import torch
from torch import nn

class Grid(nn.Module):
    '''One candidate per cell of 8 x 8 pixels; a class is a colour that stands out.'''

    classes = ("red", "green", "blue")

    def forward(self, images):
        cells = nn.functional.avg_pool2d(images, 8)
        scores = (40 * (3 * cells - cells.sum(1, keepdim=True)) - 3).sigmoid()
        y, x = torch.meshgrid(torch.arange(cells.shape[2]), torch.arange(cells.shape[3]), indexing="ij")
        corners = torch.stack([x, y, x + 1, y + 1], dim=-1).flatten(0, 1).to(images.dtype) * 8
        return {"boxes": corners.expand(len(images), -1, 4), "scores": scores.flatten(2).transpose(1, 2)}

    def detect(self, images, score_threshold, iou_threshold=0.5):
        dense = self(images)
        found = []
        for boxes, scores in zip(dense["boxes"], dense["scores"]):
            best, labels = scores.max(dim=1)
            kept = best >= score_threshold
            found.append({"boxes": boxes[kept], "scores": best[kept], "labels": labels[kept]})
        return found

def grid():
    return Grid()

def without_detect():
    class Silent(Grid):
        detect = None
    return Silent()

def without_candidates():
    class Empty(Grid):
        def forward(self, images):
            return {name: values[:, :0] for name, values in super().forward(images).items()}
    return Empty()

def not_a_number():
    class Broken(Grid):
        def forward(self, images):
            dense = super().forward(images)
            return {**dense, "boxes": dense["boxes"] * float("nan")}
    return Broken()
"""


def write_detector(folder: Path) -> str:
    """A file of small detectors in `folder`; returns its path, to which `:grid` and so on may be added."""
    path = folder / "detectors.py"
    path.write_text(dedent(DETECTOR))
    return str(path)


def write_squares(folder: Path, count: int = 3, size: tuple[int, int] = (32, 48)) -> Path:
    """`count` photographs: on grey, three squares of one cell each, a red, a green and a blue one."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    rows, columns = size[0] // CELL, size[1] // CELL
    for number in range(count):
        picture = 120 + rng.integers(0, 3, (*size, 3))
        places = rng.choice(rows * columns, 3, replace=False)
        for channel, place in enumerate(places):
            y, x = CELL * (place // columns), CELL * (place % columns)
            picture[y : y + CELL, x : x + CELL, channel] += 11
        Image.fromarray(picture.astype(np.uint8)).save(folder / f"squares{number}.png")
    return folder
