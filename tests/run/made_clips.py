"""A small tracker and clips of coloured squares for it, in the layout of DAVIS 2016 or 2017."""

import json
from pathlib import Path
from textwrap import dedent

import numpy as np
from PIL import Image

from foolscape.data.palette import davis_palette

from ..attacks.clips import moving_squares

TRACKER = """
import torch
from torch import nn
from torch.nn import functional

class Colours(nn.Module):
    '''An object is where the colour is near its mean colour in the first frame.'''

    def forward(self, frames, first_mask):
        given = functional.one_hot(first_mask).permute(2, 0, 1).to(frames)
        seen = functional.avg_pool2d(frames, 3, stride=1, padding=1, count_include_pad=False)
        means = torch.einsum("khw,chw->kc", given, seen[0]) / given.sum(dim=(1, 2))[:, None]
        distance = (seen[:, None] - means[None, :, :, None, None]).square().sum(dim=2)
        later = (-300 * distance).softmax(dim=1)
        return torch.cat([given[None], later[1:]])

def colours():
    return Colours()

def blunt():
    class Blunt(Colours):
        def forward(self, frames, first_mask):
            softer = super().forward(frames, first_mask).pow(0.5)
            return softer / softer.sum(1, True)
    return Blunt()

def not_a_number():
    class Broken(Colours):
        def forward(self, frames, first_mask):
            return super().forward(frames, first_mask) * float("nan")
    return Broken()

def detached():
    class Broken(Colours):
        def forward(self, frames, first_mask):
            return super().forward(frames.detach(), first_mask) + 0 * frames[:, :1]
    return Broken()
"""


def write_tracker(folder: Path) -> str:
    """A file of small trackers in `folder`; returns its path, to which `:colours` and so on may be added."""
    path = folder / "trackers.py"
    path.write_text(dedent(TRACKER))
    return str(path)


def write_clips(folder: Path, count: int = 2, frames: int = 5, objects: int = 2) -> Path:
    """`count` clips in the layout of DAVIS 2017, split val; each has one frame more than the one before."""
    names = [f"clip{i}" for i in range(count)]
    (folder / "ImageSets/2017").mkdir(parents=True)
    (folder / "ImageSets/2017/val.txt").write_text("".join(f"{name}\n" for name in names))
    for i, name in enumerate(names):
        images, masks = (folder / kind / "480p" / name for kind in ("JPEGImages", "Annotations"))
        images.mkdir(parents=True)
        masks.mkdir(parents=True)
        clip, labels = moving_squares(frames + i, objects)
        for t, (frame, truth) in enumerate(zip(clip, labels, strict=True)):
            picture = (frame.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            # Lossless, whatever the suffix says: squares of a few levels would not survive JPEG.
            Image.fromarray(picture).save(images / f"{t:05d}.jpg", "PNG")
            mask = Image.fromarray(truth.numpy().astype(np.uint8))
            mask.putpalette([channel for colour in davis_palette() for channel in colour])
            mask.save(masks / f"{t:05d}.png")
    return folder


def write_youtube_vos(folder: Path) -> Path:
    """A clip of YouTube-VOS, split valid: a dog from frame 0 on, a squid, unseen in training, from frame 2."""
    clip, labels = moving_squares(6, 2)
    names = [f"{5 * t:05d}" for t in range(len(clip))]
    images, masks = (folder / "valid" / kind / "pond" for kind in ("JPEGImages", "Annotations"))
    images.mkdir(parents=True)
    masks.mkdir(parents=True)
    for name, frame in zip(names, clip, strict=True):
        picture = (frame.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(picture).save(images / f"{name}.jpg", "PNG")
    for t, label in ((0, 1), (2, 2)):
        Image.fromarray(np.where(labels[t] == label, label, 0).astype(np.uint8)).save(masks / f"{names[t]}.png")
    objects = {"1": {"category": "dog", "frames": names}, "2": {"category": "squid", "frames": names[2:]}}
    (folder / "valid/meta.json").write_text(json.dumps({"videos": {"pond": {"objects": objects}}}))
    seen = {"1": {"category": "dog", "frames": ["00000"]}}
    (folder / "train").mkdir()
    (folder / "train/meta.json").write_text(json.dumps({"videos": {"park": {"objects": seen}}}))
    return folder
