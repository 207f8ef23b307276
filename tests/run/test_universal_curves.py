"""Universal perturbations beyond one tile on one segmenter: curves, detectors, other models, other aims."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.records.types import read
from foolscape.records.universal_summary import UniversalSummary
from foolscape.report.pages.universal import universal_tables, write_universal_report
from foolscape.run.listener import Listener
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal
from foolscape.run.universal.tile_file import read_tile

from .made import files_below, silent_progress

pytestmark = pytest.mark.usefixtures("examined_once")

SETTINGS: dict[str, object] = {
    "model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train[:6]", "test_split": "test[:2]",
    "size": "80x128", "epochs": 3, "step": "3/255", "target": "hide:road",
}  # fmt: skip
DETECTOR: dict[str, object] = {**SETTINGS, "model": "bundled:scenes-detector", "target": "hide:car", "size": None}


def measure(out: Path, **settings: Any) -> dict[str, Any]:
    config = make_universal_config({**SETTINGS, **settings})
    return universal(config, out, ["foolscape", "universal"], Listener(lambda text: None, silent_progress))


def test_curves_have_a_tile_of_their_own_at_every_point(tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = {"sweep_eps": ["2/255", "20/255", "10/255", "2/255"], "sweep_omega": [0.9]}
    summary = measure(out, **settings)
    eps, omega = summary["curves"]["eps"], summary["curves"]["omega"]
    assert [point["eps"] for point in eps] == ["2/255", "10/255", "20/255"]
    assert [point["omega"] for point in omega] == [0.6, 0.9]
    assert eps[1]["adversarial"] == omega[0]["adversarial"]
    assert eps[1]["adversarial"]["hidden"] == summary["conditions"]["adversarial"]["hidden"]
    assert eps[0]["adversarial"]["hidden"] < eps[2]["adversarial"]["hidden"]
    assert eps[0]["noise"]["hidden"] <= eps[2]["noise"]["hidden"]
    assert "noise" not in omega[1]  # of the same bound as the main one
    assert (summary["test"]["measured"], summary["failures"]) == (2, [])
    assert summary["training"]["gradient_evaluations"] == 18
    assert summary["training"]["gradient_evaluations_of_all_tiles"] == 72
    for name, levels in (("eps-2", 2), ("eps-20", 20), ("omega-0.9", 10)):
        tile = read_tile(out / f"points/{name}.safetensors")
        assert 0 < float(tile.values.abs().max()) * 255 <= levels + 1e-3
        assert (tile.settings["eps"], tile.settings["sweep_eps"]) == (f"{levels}/255", [])
        for path in (out / "clean").iterdir():
            before, after = (
                np.asarray(Image.open(p), int) for p in (path, out / f"images/scenes-unet-{name}/{path.name}")
            )
            assert 0 < np.abs(after - before).max() <= levels
    # A point of a curve is what a run that asks for it alone finds.
    alone = measure(tmp_path / "alone", eps="2/255")
    assert alone["conditions"]["adversarial"] == eps[0]["adversarial"]
    page = write_universal_report(out).read_text()
    assert page.count("data:image/svg+xml") == 4
    again = write_universal_report(out).read_text()
    assert page == again


def test_a_detector_loses_a_class_and_another_task_is_measured_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = {**DETECTOR, "epochs": 10, "eps": "40/255", "step": "8/255", "transfer_to": ["bundled:scenes-unet"]}
    summary = measure(out, **settings)
    scores = summary["conditions"]
    assert (scores["clean"]["hidden"], scores["clean"]["preserved"], scores["clean"]["invented"]) == (0, 100, 0)
    assert scores["adversarial"]["hidden"] > scores["noise"]["hidden"] + 20
    others = [
        value for name, value in scores["adversarial"]["per_class"].items() if name != "car" and value is not None
    ]
    assert scores["adversarial"]["AP50_others"] == pytest.approx(np.mean(others))
    assert (summary["test"]["measured"], summary["failures"]) == (2, [])
    (other,) = summary["transfer"]
    assert (other["model"], other["task"]) == ("bundled:scenes-unet", "segmentation")
    assert other["conditions"]["clean"]["hidden"] == 0
    assert other["conditions"]["adversarial"]["mIoU"] < other["conditions"]["clean"]["mIoU"]
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    assert {(row["model"], row["condition"]) for row in rows} == {
        (model, condition)
        for model in ("bundled:scenes-detector", "bundled:scenes-unet")
        for condition in ("clean", "adversarial", "permuted", "noise")
    }
    # Every model was measured on every test image under every condition.
    assert len(rows) == 2 * 2 * 4
    tables = universal_tables(read(UniversalSummary, summary))
    titles = [table.title for table in tables]
    assert titles[-2:] == ["The same pattern on bundled:scenes-unet", "Can this be trusted?"]
    page = write_universal_report(out).read_text()
    assert "invented" in page
    before = files_below(out)
    assert measure(out, **settings) == summary
    assert files_below(out) == before


@pytest.mark.parametrize("target", ["hide:all", "hide:car->person", "untargeted"])
def test_every_aim_of_a_detector_is_learnt(tmp_path: Path, target: str) -> None:
    summary = measure(tmp_path / "out", **{**DETECTOR, "target": target, "eps": "40/255", "step": "12/255"})
    losses = summary["training"]["losses"]
    assert losses[-1] < losses[0]
    assert (summary["training"]["images"], summary["test"]["measured"], summary["failures"]) == (6, 2, [])
    key = "success" if target == "untargeted" else "hidden"
    assert summary["conditions"]["clean"][key] == 0
    assert summary["conditions"]["adversarial"][key] > 0


def test_untargeted_and_a_scene_as_target(tmp_path: Path) -> None:
    summary = measure(tmp_path / "free", target="untargeted", eps="20/255", step="6/255", epochs=6)
    assert summary["conditions"]["clean"]["success"] == 0
    assert summary["conditions"]["adversarial"]["success"] > 2 * summary["conditions"]["noise"]["success"]
    assert summary["conditions"]["adversarial"]["mIoU"] < summary["conditions"]["noise"]["mIoU"] - 10
    scene = measure(tmp_path / "scene", target="scene:train-000003", eps="60/255", step="12/255", epochs=6)
    scores = scene["conditions"]
    assert scores["adversarial"]["success"] > scores["clean"]["success"]
    assert scene["training"]["losses"][-1] < scene["training"]["losses"][0]


RGB = """
from torch import nn

class Net(nn.Module):
    classes = ("red", "green", "blue")

    def forward(self, images):
        return 9 * images

def net():
    return Net()
"""


def test_only_images_that_show_the_class_are_learnt_from(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(RGB)
    (tmp_path / "photos").mkdir()
    for i, halves in enumerate(((0, 1), (1, 2), (0, 2), (2, 0))):
        image = np.full((32, 48, 3), 100, np.uint8)
        for side, channel in zip((slice(0, 24), slice(24, 48)), halves, strict=True):
            image[:, side, channel] = 110
        Image.fromarray(image).save(tmp_path / f"photos/{i}.png")
    settings = {
        "model": f"{tmp_path / 'net.py'}:net", "data": f"folder:{tmp_path / 'photos'}", "train_split": "[:3]",
        "test_split": "[75%:]", "size": None, "target": "hide:red",
    }  # fmt: skip
    every = measure(tmp_path / "every", **settings)
    some = measure(tmp_path / "some", **settings, showing=True)
    assert (every["training"]["images"], every["training"]["showing"]) == (3, 2)
    assert some["training"]["images"] == some["training"]["showing"] == 2
    assert (every["test"]["samples"], every["conditions"]["clean"]["mIoU"]) == (1, 100)
    # The left half is to stay blue and the right one to become anything but red: the tile does both, exactly.
    assert (every["conditions"]["adversarial"]["hidden"], every["conditions"]["adversarial"]["preserved"]) == (100, 100)
