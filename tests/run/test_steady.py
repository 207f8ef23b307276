"""What run.json says of models that do not give the same answer twice, or another one in company."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from foolscape.run.checks import steady
from foolscape.run.listener import Listener
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal

from .made import do_run, silent_progress, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

NETS = """
def keeps_training():
    class Training(Net):
        def __init__(self):
            super().__init__()
            self.norm = nn.BatchNorm2d(3)
        def forward(self, images):
            return self.norm.train()(super().forward(images))
    return Training()

def drops():
    class Dropping(Net):
        def forward(self, images):
            return nn.functional.dropout(super().forward(images), 0.1)
    return Dropping()
"""
DETECTORS = """
def beside():
    class Beside(Grid):
        def forward(self, images):
            dense = super().forward(images)
            return {**dense, "scores": dense["scores"] * images.mean()}
    return Beside()
"""
TRACKERS = """
def drops():
    class Dropping(Colours):
        def forward(self, frames, first_mask):
            return super().forward(nn.functional.dropout(frames, 0.1), first_mask)
    return Dropping()
"""


def found(out: Path, **settings: Any) -> tuple[dict[str, Any], list[str]]:
    """By id, `ok` of the only model, and what was said of it."""
    said: list[str] = []
    do_run(out, said, **settings)
    (reasons,) = json.loads((out / "run.json").read_text())["consistency"].values()
    return {reason["id"]: reason["ok"] for reason in reasons}, said


@pytest.fixture
def nets(tmp_path: Path) -> str:
    path = Path(write_net(tmp_path))
    path.write_text(path.read_text() + NETS)
    return str(path)


@pytest.mark.parametrize("attack", [{"attack": "none"}, {"attack": "fgsm", "probes": 0, "batch": 3}])
@pytest.mark.parametrize(
    ("name", "ok"),
    [("net", [True, True]), ("keeps_training", [True, False]), ("drops", [False, False])],
)
def test_segmenters(tmp_path: Path, nets: str, attack: dict[str, Any], name: str, ok: list[bool]) -> None:
    if (name, attack["attack"]) == ("drops", "fgsm"):
        pytest.skip("refused by the check of the gradient")
    photos = f"folder:{write_photos(tmp_path / 'photos', 3)}"
    settings = {"models": [f"{nets}:{name}"], "data": photos, **attack}
    answer, said = found(tmp_path / "out", **settings)
    assert answer == dict(zip(("same-twice", "same-in-company"), ok, strict=True))
    assert sum("look there for train()" in line for line in said) == ok.count(False)
    # It is looked for once: a run that goes on keeps what it found.
    assert found(tmp_path / "out", **settings)[0] == answer


def test_detectors_and_trackers(tmp_path: Path) -> None:
    detectors, trackers = Path(write_detector(tmp_path)), Path(write_tracker(tmp_path))
    detectors.write_text(detectors.read_text() + DETECTORS)
    trackers.write_text(trackers.read_text() + TRACKERS)
    squares = f"folder:{write_squares(tmp_path / 'squares', 2)}"
    clips = f"davis2017:{write_clips(tmp_path / 'davis', 1)}"
    for name, ok in (("grid", True), ("beside", False)):
        settings = {"models": [f"{detectors}:{name}?task=detection"], "data": squares, "attack": "none"}
        assert found(tmp_path / name, **settings)[0] == {"same-twice": True, "same-in-company": ok}
    for name, ok in (("colours", True), ("drops", False)):
        settings = {"models": [f"{trackers}:{name}"], "data": clips, "attack": "none", "task": "video"}
        assert found(tmp_path / f"clips-{name}", **settings)[0] == {"same-twice": ok}


def test_a_second_image_of_the_run_is_the_company(tmp_path: Path, nets: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_photos(tmp_path / "photos", 1)
    write_photos(tmp_path / "others", 2, (16, 32))
    for path in (tmp_path / "others").iterdir():
        path.rename(folder / f"wide-{path.name}")
    seen: list[tuple[torch.Size, int]] = []
    real = steady.consistency

    def looking(scorer: Any, images: torch.Tensor, batch: int) -> Any:
        seen.append((images.shape, batch))
        return real(scorer, images, batch)

    monkeypatch.setattr(steady, "consistency", looking)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{folder}", "attack": "fgsm", "probes": 0, "batch": 2}
    do_run(tmp_path / "mixed", **settings)
    do_run(tmp_path / "one", **settings, size="16x24")
    assert [(tuple(shape), batch) for shape, batch in seen] == [((2, 3, 16, 24), 2), ((3, 3, 16, 24), 2)]


def test_a_universal_pattern_has_it_of_every_model(tmp_path: Path) -> None:
    settings = {
        "model": "bundled:scenes-unet", "data": "scenes:", "size": "64x96", "train_limit": 2, "limit": 1, "epochs": 1,
        "train_split": "train", "test_split": "test", "target": "hide:road", "transfer_to": ["bundled:scenes-dilated"],
    }  # fmt: skip
    listener = Listener(lambda text: None, silent_progress)
    universal(make_universal_config(settings), tmp_path / "out", ["foolscape", "universal"], listener)
    kept = json.loads((tmp_path / "out/run.json").read_text())["consistency"]
    assert {spec: [reason["ok"] for reason in reasons] for spec, reasons in kept.items()} == {
        "bundled:scenes-unet": [True, True],
        "bundled:scenes-dilated": [True, True],
    }
