"""Runs on detectors: the same run as for segmentation, and every goal does what it says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.errors import FoolscapeError, ModelError, SettingError

from .made import do_run, run_unprobed, write_net
from .made_boxes import DETECTOR, write_detector, write_squares


@pytest.fixture
def detectors(tmp_path: Path) -> str:
    return write_detector(tmp_path)


@pytest.fixture
def squares(tmp_path: Path) -> str:
    return f"folder:{write_squares(tmp_path / 'squares')}"


def measured(out: Path, detectors: str, data: str, **settings: Any) -> dict[str, Any]:
    summary = run_unprobed(out, models=[f"{detectors}:grid"], data=data, **settings)
    model: dict[str, Any] = summary["models"][0]
    return model


def test_the_summary_has_the_agreed_form(tmp_path: Path, detectors: str, squares: str) -> None:
    out = tmp_path / "out"
    summary = do_run(out, models=[f"{detectors}:grid"], data=squares, attack="pgd")
    assert (summary["schema"], summary["task"], summary["reference"]) == (2, "detection", "clean prediction")
    assert json.loads((out / "run.json").read_text())["config"]["task"] == "detection"
    (model,) = summary["models"]
    assert set(model["conditions"]) == {"clean", "adversarial", "permuted", "noise", "adversarial_float"}
    for scores in model["conditions"].values():
        assert {"AP", "AP50", "AP75", "mAP_voc07", "mAP_voc", "per_class", "ci95", "boxes"} <= set(scores)
    assert model["distortion"]["linf_levels"] == 8
    assert model["iterations"] == {"mean": 20, "max": 20}
    assert (out / "report.html").exists()
    for name in ("AP", "readable", "success_rate"):
        assert summary["conventions"][name]


def test_pgd_loses_every_box_and_its_controls_none(tmp_path: Path, detectors: str, squares: str) -> None:
    model = measured(tmp_path / "out", detectors, squares, attack="pgd")
    ap = {name: scores["AP50"] for name, scores in model["conditions"].items()}
    assert model["samples"] == 3
    assert ap["clean"] == 100  # by definition: the reference is the clean detections
    assert ap["adversarial"] < 5
    assert ap["permuted"] > 90
    assert ap["noise"] > 90
    assert model["success_rate"] == 100
    assert model["conditions"]["clean"]["boxes"] == {"kept": 3, "mislabelled": 0, "vanished": 0, "fabricated": 0}


@pytest.mark.parametrize("attack", ["dag", "pgd"])
def test_every_goal_does_what_it_says(tmp_path: Path, detectors: str, squares: str, attack: str) -> None:
    after = {}
    for goal in ("untargeted", "mislabel", "vanish", "vanish-only", "fabricate"):
        model = measured(tmp_path / goal, detectors, squares, attack=attack, goal=goal)
        assert model["success_rate"] == 100
        after[goal] = model["conditions"]["adversarial"]["boxes"]
    assert after["untargeted"]["kept"] == 0
    assert after["vanish"] == {"kept": 0, "mislabelled": 0, "vanished": 3, "fabricated": 0}
    assert after["vanish-only"] == after["vanish"]
    assert after["mislabel"]["mislabelled"] == 3
    assert after["mislabel"]["kept"] == 0
    assert after["fabricate"]["kept"] == 3
    assert after["fabricate"]["fabricated"] >= 3


@pytest.mark.parametrize("goal", ["mislabel", "vanish"])
def test_one_class_is_attacked_and_the_others_are_preserved(
    tmp_path: Path, detectors: str, squares: str, goal: str
) -> None:
    model = measured(tmp_path / "out", detectors, squares, attack="pgd", goal=goal, only_class="green")
    clean, attacked = model["conditions"]["clean"], model["conditions"]["adversarial"]
    assert clean["victim_boxes"]["kept"] == 1
    assert attacked["victim_boxes"]["kept"] == 0
    assert attacked["preserved"] == 100
    assert model["success_rate"] == 100


def test_dag_stops_when_the_eight_bit_image_is_fooled(tmp_path: Path, detectors: str, squares: str) -> None:
    model = measured(tmp_path / "rounded", detectors, squares, attack="dag")
    assert model["claimed_rate"] == model["success_rate"] == 100
    assert model["iterations"]["max"] < 150
    record = json.loads((tmp_path / "rounded" / "run.json").read_text())
    assert record["attack"]["quantise_steps"] is True
    by_paper = measured(tmp_path / "float", detectors, squares, attack="dag", quantise_steps=False)
    assert by_paper["iterations"]["mean"] <= model["iterations"]["mean"]


@pytest.mark.parametrize("more", [{"resample_candidates": 3}, {"variant": "released"}])
def test_dag_in_its_other_forms_is_no_weaker(
    tmp_path: Path, detectors: str, squares: str, more: dict[str, object]
) -> None:
    model = measured(tmp_path / "out", detectors, squares, attack="dag", **more)
    assert model["conditions"]["adversarial"]["AP50"] < 5
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert more.items() <= record["attack"].items()


def test_the_answer_does_not_depend_on_the_batch(tmp_path: Path, detectors: str, squares: str) -> None:
    settings = {
        "models": [f"{detectors}:grid"],
        "data": squares,
        "attack": "dag",
        "goal": "vanish",
        "resample_candidates": 4,
    }
    settings["step"] = "0.7/255"  # steps of half a level end on ties, which the last bit rounds up or down
    one = run_unprobed(tmp_path / "one", batch=1, **settings)
    three = run_unprobed(tmp_path / "three", batch=3, **settings)
    assert one["models"] == three["models"]


def test_a_resumed_run_gives_the_same_summary(tmp_path: Path, detectors: str, squares: str) -> None:
    out = tmp_path / "out"
    settings = {"models": [f"{detectors}:grid"], "data": squares, "attack": "pgd", "goal": "fabricate"}
    whole = run_unprobed(out, **settings)
    rows = (out / "rows.jsonl").read_bytes()
    (out / "rows.jsonl").write_bytes(rows[: len(rows) // 2])
    assert run_unprobed(out, **settings) == whole


def test_an_image_without_detections_is_neither_success_nor_failure(
    tmp_path: Path, detectors: str, squares: str
) -> None:
    Image.fromarray(np.full((32, 48, 3), 120, np.uint8)).save(Path(squares.partition(":")[2]) / "blank.png")
    out = tmp_path / "out"
    model = measured(out, detectors, squares, attack="pgd")
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    (blank,) = [row for row in rows if row["id"] == "blank" and row["condition"] == "adversarial"]
    assert blank["attack"]["success"] is None
    assert blank["attack"]["iterations"] == 0
    assert blank["distortion"]["linf_levels"] == 0
    assert (model["samples"], model["success_rate"]) == (4, 100)


def test_the_bundled_detector_is_fooled_on_the_street(tmp_path: Path) -> None:
    summary = run_unprobed(tmp_path / "out", models=["bundled:scenes-detector"], data="scenes:", attack="pgd", limit=2)
    (model,) = summary["models"]
    ap = {name: scores["AP50"] for name, scores in model["conditions"].items()}
    assert summary["reference"] == "truth"
    assert ap["clean"] > 60
    assert ap["adversarial"] < ap["clean"] / 10
    assert ap["permuted"] > ap["clean"] - 10


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"models": ["DET:without_candidates"]}, ModelError, "candidate"),
        ({"models": ["DET:not_a_number"]}, ModelError, "NaN"),
        ({"models": ["DET:grid", "NET:net"]}, SettingError, "models of one task"),
        ({"models": ["DET:grid"], "memory_format": "channels_last"}, SettingError, "memory_format"),
        (
            {"models": ["DET:grid"], "attack": "dag", "variant": "released", "goal": "fabricate"},
            SettingError,
            "released",
        ),
        ({"models": ["DET:grid?task=detektion"]}, SettingError, "did you mean detection"),
        ({"models": ["DET:grid"], "resample_candidates": 0}, SettingError, "resample_candidates"),
        ({"models": ["DET:grid"], "goal": "vanishh"}, SettingError, "did you mean vanish"),
        ({"models": ["DET:grid"], "only_class": "gren"}, SettingError, "did you mean green"),
        ({"models": ["DET:grid"], "data": "camvid:somewhere"}, SettingError, "no boxes"),
        ({"models": ["DET:grid"], "task": "segmentation"}, ModelError, "scores"),
        ({"models": ["DET:grid"], "task": "detecton"}, SettingError, "did you mean detection"),
        ({"models": ["NET:net"], "goal": "vanish"}, SettingError, "goal: is for detectors"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path, detectors: str, squares: str, settings: dict[str, Any], kind: type[FoolscapeError], words: str
) -> None:
    nets = write_net(tmp_path)
    models = [text.replace("DET", detectors).replace("NET", nets) for text in settings.pop("models")]
    with pytest.raises(kind, match=words):
        do_run(tmp_path / "out", **{"data": squares, "attack": "pgd", "models": models, **settings})


def test_a_network_without_detect_is_named_a_detector_by_its_user(tmp_path: Path, detectors: str, squares: str) -> None:
    settings = {"models": [f"{detectors}:without_detect"], "data": squares, "attack": "none"}
    with pytest.raises(ModelError):
        do_run(tmp_path / "guess", **settings)
    summary = do_run(tmp_path / "told", task="detection", **settings)
    assert summary["task"] == "detection"
    settings["models"] = [f"{detectors}:without_detect?task=detection"]
    assert do_run(tmp_path / "spec", **settings)["task"] == "detection"


def test_a_detector_of_one_class_is_attacked_too(tmp_path: Path, squares: str) -> None:
    path = tmp_path / "single.py"
    path.write_text(DETECTOR + SINGLE)
    settings = {"models": [f"{path}:single"], "data": squares}
    (model,) = run_unprobed(tmp_path / "dag", attack="dag", **settings)["models"]
    assert model["success_rate"] == 100
    with pytest.raises(SettingError, match="several classes to mislabel"):
        run_unprobed(tmp_path / "mislabel", attack="pgd", goal="mislabel", **settings)


SINGLE = """
def single():
    class Single(Grid):
        classes = ("red",)
        def forward(self, images):
            dense = super().forward(images)
            return {**dense, "scores": dense["scores"][:, :, :1]}
    return Single()
"""


def test_a_share_that_may_be_left_is_of_what_is_to_change(tmp_path: Path, detectors: str, squares: str) -> None:
    settings = {"attack": "dag", "goal": "vanish", "only_class": "red", "stop": 0.5}
    model = measured(tmp_path / "out", detectors, squares, **settings)
    # One red square in each image: half of it is nothing, and bystanders do not count.
    assert model["iterations"]["mean"] > 0
    assert model["conditions"]["adversarial"]["victim_boxes"]["kept"] == 0


def test_an_image_that_breaks_the_detector_is_recorded_and_the_run_goes_on(tmp_path: Path, squares: str) -> None:
    path = tmp_path / "fragile.py"
    path.write_text(DETECTOR + FRAGILE)
    Image.fromarray(np.full((32, 48, 3), 250, np.uint8)).save(Path(squares.partition(":")[2]) / "too-bright.png")
    summary = run_unprobed(tmp_path / "out", models=[f"{path}:fragile"], data=squares, attack="pgd")
    assert [failure["id"] for failure in summary["failures"]] == ["too-bright"]
    assert "finite" in summary["failures"][0]["reason"]
    assert summary["models"][0]["samples"] == 3


FRAGILE = """
def fragile():
    class Fragile(Grid):
        def forward(self, images):
            dense = super().forward(images)
            bright = images.mean((1, 2, 3), keepdim=False) > 0.9
            broken = torch.where(bright, float("nan"), 0.0)
            return {**dense, "boxes": dense["boxes"] + broken[:, None, None]}
    return Fragile()
"""
