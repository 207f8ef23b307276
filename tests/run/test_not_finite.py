"""An image on which a network answers no numbers is a failure with its reason, under every task and condition."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.errors import ModelError
from foolscape.run.listener import Listener
from foolscape.run.transfer.execute import transfer
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal
from foolscape.tasks.finite import check_finite
from foolscape.tasks.video import Start, follow

from .made import do_run, silent_progress, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

WRAPPERS = """
import torch
from nets import Net
from detectors import Grid
from trackers import Colours

def held(images):
    '''1 for each image, and NaN for a black one.'''
    brightest = images.amax((1, 2, 3), keepdim=True)
    return (brightest / brightest).detach()

class Segmenter(Net):
    def forward(self, images):
        return super().forward(images) * held(images)

class Eleven(Segmenter):
    classes = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
               "Bicyclist")
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Conv2d(12, 11, 1)

class Infinite(Net):
    def forward(self, images):
        scores = super().forward(images)
        return scores - scores.new_tensor(float("inf")) if held(images).isnan().any() else scores

class Rough(Net):
    '''NaN for an image whose neighbouring pixels differ by more than three levels in the mean, but no more than 50.'''
    def forward(self, images):
        rough = images.diff(dim=3).abs().mean((1, 2, 3), keepdim=True).detach()
        return super().forward(images) * torch.where((rough > 3 / 255) & (rough < 0.2), torch.nan, 1.0)

class Detector(Grid):
    '''Its own detect drops what is NaN.'''
    def forward(self, images):
        dense = super().forward(images)
        return {**dense, "scores": dense["scores"] * held(images)[:, 0]}

class Silent(Detector):
    detect = None

class Tracker(Colours):
    def forward(self, frames, first_mask):
        return super().forward(frames, first_mask) * held(frames[:1])
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    write_net(tmp_path)
    write_detector(tmp_path)
    write_tracker(tmp_path)
    (tmp_path / "wrapped.py").write_text(WRAPPERS)
    return str(tmp_path / "wrapped.py")


def blackened(folder: Path, name: str, size: tuple[int, int]) -> Path:
    """`folder` with a black photograph `name`, before all others by its name or behind them."""
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(folder / f"{name}.png")
    return folder


@pytest.mark.parametrize(
    ("kind", "name", "attack"),
    [
        ("Segmenter", "a_black", "pgd"),
        ("Infinite", "z_black", "none"),
        ("Detector", "a_black", "pgd"),
        ("Detector", "z_black", "none"),
        ("Silent", "a_black", "none"),
    ],
)
def test_the_image_fails_and_the_others_are_measured(
    tmp_path: Path, nets: str, kind: str, name: str, attack: str
) -> None:
    squares = kind in ("Detector", "Silent")
    size = (32, 48) if squares else (16, 24)
    data = write_squares(tmp_path / "p", 2, size) if squares else write_photos(tmp_path / "p", 2, size)
    bound: dict[str, Any] = {} if attack == "none" else {"eps": "4/255", "steps": 2, "probes": 1}
    model = f"{nets}:{kind}" + ("?task=detection" if squares else "")
    blackened(data, name, size)
    summary = do_run(tmp_path / "out", models=[model], data=f"folder:{data}", attack=attack, **bound)
    assert [(one["id"], one["model"]) for one in summary["failures"]] == [(name, model)]
    assert "finite" in summary["failures"][0]["reason"]
    assert summary["models"][0]["samples"] == 2


def test_a_clip_fails_as_an_image_does(tmp_path: Path, nets: str) -> None:
    data = write_clips(tmp_path / "davis", count=2)
    for path in (data / "JPEGImages/480p/clip0").iterdir():
        with Image.open(path) as picture:
            size = picture.size
        Image.new("RGB", size).save(path, "PNG")
    settings = {"attack": "annealed", "eps": "4/255", "steps": 2, "probes": 0}
    summary = do_run(tmp_path / "out", models=[f"{nets}:Tracker?task=video"], data=f"davis2017:{data}", **settings)
    assert [one["id"] for one in summary["failures"]] == ["clip0"]
    assert "NaN" in summary["failures"][0]["reason"]
    assert summary["models"][0]["samples"] == 1


def test_what_an_attack_or_a_control_makes_no_number_of_fails_too(tmp_path: Path, nets: str) -> None:
    data, nets = write_photos(tmp_path / "p", 2), f"{nets}:Rough"
    settings = {"data": f"folder:{data}", "attack": "square", "steps": 1, "probes": 0}
    summary = do_run(tmp_path / "small", models=[nets], eps="1/255", **settings)
    assert summary["failures"] == []
    summary = do_run(tmp_path / "large", models=[nets], eps="32/255", **settings)
    assert ["finite" in one["reason"] for one in summary["failures"]] == [True, True]
    rows = [json.loads(line) for line in (tmp_path / "large/rows.jsonl").read_text().splitlines()]
    assert {row["condition"] for row in rows} == {"failed"}


def test_a_transfer_and_a_universal_perturbation_count_it(tmp_path: Path, nets: str) -> None:
    data = f"folder:{blackened(write_photos(tmp_path / 'p', 2), 'a_black', (16, 24))}"
    listener = Listener(lambda text: None, silent_progress)
    settings = {"models": [f"{nets}:Segmenter", str(Path(nets).with_name("nets.py")) + ":net"], "data": data}
    settings |= {"attack": "pgd", "steps": 2, "probes": 0}
    matrix = transfer(settings, tmp_path / "t", [], listener)
    assert {one["id"] for one in matrix["failures"]} == {"a_black"}
    assert matrix["data"]["samples"] == 2


def test_a_universal_perturbation_learns_and_measures_without_it(tmp_path: Path, nets: str) -> None:
    for number, split in enumerate(("train", "test")):
        images, labels = tmp_path / f"cam/{split}", tmp_path / f"cam/{split}annot"
        images.mkdir(parents=True)
        labels.mkdir()
        for name, level in (("a_black", 0), ("one", 90), ("two", 130)):
            picture = level + np.arange(16 * 24 * 3).reshape(16, 24, 3) % (7 + number) * (level > 0)
            Image.fromarray(picture.astype(np.uint8)).save(images / f"{name}.png")
            Image.fromarray(np.full((16, 24), number, np.uint8)).save(labels / f"{name}.png")
    config = make_universal_config({
        "model": f"{nets}:Eleven", "data": f"camvid:{tmp_path / 'cam'}", "train_split": "train",
        "test_split": "test", "epochs": 1, "target": "untargeted", "size": "16x24",
    })  # fmt: skip
    summary = universal(config, tmp_path / "u", [], Listener(lambda text: None, silent_progress))
    assert [one["id"] for one in summary["failures"]] == ["a_black"]
    assert [one["id"] for one in summary["training"]["failures"]] == ["a_black"]


def test_check_finite() -> None:
    check_finite(torch.full((2, 3), 3e38))  # the sum overflows, the values do not
    with pytest.raises(ModelError, match=r"1 NaN and 1 infinite \(frames 1 of the batch\)"):
        check_finite(torch.tensor([[0.0, 1], [torch.nan, -torch.inf]]), "Tracker.propagate", "frames")


def test_no_tracker_is_followed_into_what_is_no_number() -> None:
    class Lost:
        notes = ()

        def propagate(self, frames: torch.Tensor, first_mask: torch.Tensor) -> torch.Tensor:
            return torch.full((len(frames), int(first_mask.max()) + 1, *frames.shape[2:]), torch.nan)

    with pytest.raises(ModelError, match=r"Tracker\.propagate must return finite scores"):
        follow(Lost(), torch.zeros(2, 3, 4, 4), [Start(0, torch.ones(4, 4, dtype=torch.int64))])
