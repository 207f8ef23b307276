"""Whole runs of set-ups that are broken, sound, weakly and strongly attacked: the word, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foolscape.verdict import Verdict

from ..run.made import do_run

NETS = """
import torch
from torch import nn
from torch.nn import functional as F
from foolscape.models.bundled.load import bundled, bundled_tracker
from foolscape.models.common.wiring import IMAGENET_MEAN, IMAGENET_STD

MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))


class Net(nn.Module):
    def __init__(self, before=lambda x: x, after=lambda y: y, name="scenes-unet"):
        super().__init__()
        self.inner, self.before, self.after = bundled(name), before, after
        self.classes = self.inner.classes

    def forward(self, images):
        return self.after(self.inner(self.before(images)))


def right(): return Net()
def wants_bgr(): return Net(lambda x: x.flip(1))
def wants_255(): return Net(lambda x: x / 255)
def times_255(): return Net(lambda x: x * 255)
def centred(): return Net(lambda x: 2 * x - 1)
def normalised(): return Net(lambda x: (x - MEAN) / STD)
def turned(): return Net(lambda x: x.transpose(2, 3), lambda y: y.transpose(2, 3))
def background_first(): return Net(after=lambda y: y.roll(1, 1))
def shuffled_classes(): return Net(after=lambda y: y[:, [4, 2, 0, 1, 3, 8, 5, 7, 6]])
def mirrored(): return Net(lambda x: x.flip(3))
def two_exchanged(): return Net(after=lambda y: y[:, [0, 1, 2, 3, 4, 5, 6, 8, 7]])
def constant(): return Net(after=lambda y: 0 * y + torch.arange(9.0).view(1, 9, 1, 1))
def of_the_mean_image(): return Net(lambda x: 0 * x + torch.linspace(1, 0, x.shape[2])[:, None])
def untrained():
    net = Net()
    torch.manual_seed(0)
    for layer in net.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    return net
def coarse(): return Net(lambda x: F.interpolate(F.interpolate(x, scale_factor=0.5), scale_factor=2.0))
def grey(): return Net(lambda x: x.mean(1, keepdim=True).expand(-1, 3, -1, -1))
def half_resolution(): return Net(after=lambda y: F.avg_pool2d(y, 2))
def dropping(): return Net(after=lambda y: F.dropout(y, 0.3, training=True))
def by_batch(): return Net(after=lambda y: y - y.mean(dim=(0, 2, 3), keepdim=True) * 3)




class Tracks:
    def __init__(self, order):
        self.inner, self.order = bundled_tracker("scenes-tracker"), order

    def to(self, device):
        return self

    def propagate(self, frames, first_mask):
        found = self.inner.propagate(frames, first_mask)
        return torch.cat([found[:, :1], found[:, 1:].flip(1)], dim=1) if self.order else found


def tracks(): return Tracks(False)
def tracks_in_reverse(): return Tracks(True)
"""

STREET: dict[str, Any] = {"data": "scenes:", "split": "test", "limit": 8, "size": "96x160", "attack": "none"}
BOXES = STREET | {"size": "160x256"}
CLIPS = STREET | {"data": "scenes:", "limit": 6, "size": "160x256"}
ATTACKED = STREET | {"eps": "8/255"}

WIRED_WRONGLY = [
    ("wants_bgr", STREET, "add --input bgr"),
    ("wants_255", STREET, "add --input 255"),
    ("times_255", STREET, "add --input 1/255"),
    ("centred", STREET, "add --input 0.5..1"),
    ("normalised", STREET, "add --input undo-imagenet"),
    ("turned", STREET, "exchange"),
    ("background_first", STREET, "offset"),
    ("shuffled_classes", STREET, "a line"),
    ("two_exchanged", STREET, "a line"),
    ("mirrored", STREET, "flip(3)"),
    ("constant", STREET, "are the weights loaded"),
    ("of_the_mean_image", STREET, "look at the predictions"),
    ("untrained", STREET, "are the weights loaded"),
    ("tracks_in_reverse", CLIPS, "channel i for label i"),
]
OTHERWISE_BROKEN = [
    ("dropping", STREET, "same-twice"),
    ("by_batch", STREET, "same-in-company"),
    ("right", ATTACKED | {"attack": "fgsm"}, "converged"),
    ("right", ATTACKED | {"attack": "pgd", "steps": 2}, "converged"),
    ("right", ATTACKED | {"attack": "pgd", "step": "0.2/255"}, "converged"),
    ("right", ATTACKED | {"attack": "pgd", "eps": "0.5/255", "probes": 0}, "bound-below-a-level"),
    ("right", ATTACKED | {"attack": "pgd", "step": "20/255", "probes": 0}, "step-larger-than-bound"),
    ("right", STREET | {"attack": "dag", "steps": 3}, "converged"),
]
SOUND = [
    ("right", STREET),
    ("bundled:scenes-dilated", STREET),
    ("bundled:scenes-robust", STREET),
    ("coarse", STREET),
    ("grey", STREET),
    ("half_resolution", STREET),
    ("wants_bgr?input=bgr", STREET),
    ("wants_255?range=255", STREET),
    ("bundled:scenes-detector", BOXES),
    ("bundled:scenes-tracker", CLIPS),
    ("tracks", CLIPS),
    ("right", ATTACKED | {"attack": "worst-case", "budget": 60}),
]


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("nets") / "nets.py"
    path.write_text(NETS)
    return str(path)


def trust_of(place: Path, nets: str, name: str, settings: dict[str, Any]) -> dict[str, Any]:
    model = name if name.startswith("bundled:") else f"{nets}:{name}"
    found: dict[str, Any] = do_run(place / "out", models=[model], **settings)["trust"]
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings", "advice"), WIRED_WRONGLY)
def test_what_is_wired_wrongly_is_named(tmp_path: Path, nets: str, name: str, settings: Any, advice: str) -> None:
    trust = trust_of(tmp_path, nets, name, settings)
    assert trust["verdict"] == Verdict.NOT_TRUSTED
    (reason,) = (one for one in trust["reasons"] if one["ok"] is False)
    assert reason["id"] == "clean-model"
    assert advice in reason["advice"], reason


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings", "reason"), OTHERWISE_BROKEN)
def test_what_is_broken_otherwise_is_named(tmp_path: Path, nets: str, name: str, settings: Any, reason: str) -> None:
    trust = trust_of(tmp_path, nets, name, settings)
    assert trust["verdict"] == Verdict.NOT_TRUSTED
    assert reason in {one["id"] for one in trust["reasons"] if one["ok"] is False}, trust["reasons"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), SOUND)
def test_what_is_sound_is_trusted(tmp_path: Path, nets: str, name: str, settings: Any) -> None:
    trust = trust_of(tmp_path, nets, name, settings)
    assert trust["verdict"] == Verdict.TRUSTED, [one for one in trust["reasons"] if one["ok"] is not True]
