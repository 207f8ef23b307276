"""Small networks, photographs and runs for the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
from PIL import Image

from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config

NET = """
import time
import torch
from torch import nn

class Net(nn.Module):
    classes = ("red", "green", "blue")

    def __init__(self, delay=0.0):
        super().__init__()
        self.delay = delay
        self.mix = nn.Conv2d(3, 12, 3, padding=1, bias=False)
        self.head = nn.Conv2d(12, 3, 1, bias=False)
        generator = torch.Generator().manual_seed(1)
        for layer in (self.mix, self.head):
            layer.weight.data = torch.randn(layer.weight.shape, generator=generator)

    def forward(self, images):
        time.sleep(self.delay)
        return self.head(nn.functional.softsign(self.mix(images - 0.5)))

def net():
    return Net()

def slow():
    return Net(delay=0.01)

def not_a_number():
    class Broken(Net):
        def forward(self, images):
            return super().forward(images) * float("nan")
    return Broken()

def detached():
    class Broken(Net):
        def forward(self, images):
            return super().forward(images.detach()) + 0 * images[:, :1].sum(1, keepdim=True)
    return Broken()

def rounded():
    class Broken(Net):
        def forward(self, images):
            return super().forward((images * 255).round() / 255)
    return Broken()

def transposed():
    class Broken(Net):
        def forward(self, images):
            return super().forward(images)[:, :, :, :3]
    return Broken()

def nameless():
    model = Net()
    del type(model).classes
    return model

def street():
    class Street(Net):
        classes = ("sky", "building", "road", "pavement", "tree", "sign", "car", "bicycle", "person")
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(12, 9, 1, bias=False)
            self.head.weight.data = torch.randn(9, 12, 1, 1, generator=torch.Generator().manual_seed(2))
    return Street()
"""

QUIET_STEPS = {"attack": "dag", "steps": 40, "step": "2/255"}


def write_net(folder: Path) -> str:
    """A file of small networks in `folder`; returns its path, to which `:net` and so on may be added."""
    path = folder / "nets.py"
    path.write_text(dedent(NET))
    return str(path)


def write_photos(folder: Path, count: int = 4, size: tuple[int, int] = (16, 24)) -> Path:
    """`count` smooth pictures of varying difficulty."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        coarse = (110 + (20 + 10 * i) * rng.random((3, 4, 3))).astype(np.uint8)
        Image.fromarray(coarse).resize(size[::-1], Image.Resampling.BICUBIC).save(folder / f"photo{i}.png")
    return folder


@contextmanager
def silent_progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    yield lambda name: None


def do_run(out: Path, said: list[str] | None = None, **settings: Any) -> dict[str, Any]:
    """`execute` with these settings; remarks go to `said`."""
    listener = Listener(say=(said if said is not None else []).append, progress=silent_progress)
    return execute(make_config(settings), out, ["foolscape", "run"], listener)


def run_unprobed(out: Path, said: list[str] | None = None, **settings: Any) -> dict[str, Any]:
    """`do_run` without the attacks that are tried beside the run's own, which take most of a small run's time.

    For tests that say nothing of the verdict.
    """
    return do_run(out, said, **{"probes": 0, **settings})


def files_below(folder: Path) -> dict[str, bytes]:
    """All PNG files below a folder by their relative path."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.png"))}
