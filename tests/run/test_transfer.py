"""Transfer: who is fooled by whose change, alone and summed, across tasks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.errors import RunError, SettingError
from foolscape.report.pages.transfer import print_transfer, write_transfer_texts
from foolscape.run.listener import Listener
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import Setup, open_setup
from foolscape.run.transfer.execute import transfer

from .made import silent_progress, write_net
from .made_boxes import write_detector, write_squares


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    nets, detectors = write_net(tmp_path), write_detector(tmp_path)
    data = f"folder:{write_squares(tmp_path / 'squares')}"
    return {"models": [f"{nets}:net", f"{detectors}:grid"], "data": data, "attack": "pgd", "probes": 0}


def measure(out: Path, settings: dict[str, Any]) -> dict[str, Any]:
    return transfer(settings, out, ["foolscape", "transfer"], Listener(lambda text: None, silent_progress))


def test_every_change_is_measured_on_every_network(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    matrix = measure(out, settings)
    one, other = (column["slug"] for column in matrix["columns"])
    assert [(c["task"], c["score"]) for c in matrix["columns"]] == [("segmentation", "mIoU"), ("detection", "AP50")]
    lines = {line["name"]: line for line in matrix["lines"]}
    assert (matrix["data"]["samples"], matrix["failures"]) == (3, [])
    assert list(lines) == [
        "clean", one, other, f"{one} + {other}", f"{one}, PERM", f"{other}, PERM", f"{one} + {other}, PERM",
    ]  # fmt: skip
    assert lines["clean"]["scores"] == {one: 100, other: 100}
    assert lines["clean"]["distortion"] is None
    # Each falls to its own change, and to the sum; the order of the pixels is what matters to the detector.
    assert lines[one]["scores"][one] < 50
    assert lines[other]["scores"][other] < 5
    assert lines[f"{one} + {other}"]["scores"][other] < 50
    assert lines[f"{other}, PERM"]["scores"][other] > 90
    assert lines[one]["distortion"]["linf_levels"] == 8
    assert 8 < lines[f"{one} + {other}"]["distortion"]["linf_levels"] <= 16
    # Each network's own run is a run like any other, and says the same.
    own = json.loads((out / "runs" / other / "summary.json").read_text())["models"][0]["conditions"]
    assert own["adversarial"]["AP50"] == lines[other]["scores"][other]
    assert own["permuted"]["AP50"] == lines[f"{other}, PERM"]["scores"][other]
    assert own["adversarial"]["ci95"]["AP50"] == lines[other]["ci95"][other]
    assert matrix["reference"] == "clean prediction"


def test_a_network_is_opened_once(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def counted(config: RunConfig, device: torch.device) -> Setup:
        opened.extend(config.models)
        return open_setup(config, device)

    for module in ("transfer.networks", "execute"):
        monkeypatch.setattr(f"foolscape.run.{module}.open_setup", counted)
    measure(tmp_path / "out", settings)
    assert opened == settings["models"]


def test_the_same_command_again_goes_on_and_another_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    whole = measure(out, settings)
    rows = (out / "rows.jsonl").read_bytes()
    (out / "rows.jsonl").write_bytes(rows[: len(rows) // 2])
    (out / "transfer.json").unlink()
    assert measure(out, settings) == whole
    assert json.loads((out / "transfer.json").read_text()) == json.loads(json.dumps(whole))
    with pytest.raises(RunError, match="another one"):
        measure(out, settings | {"seed": 1})


def test_settings_for_detectors_reach_them_alone(tmp_path: Path, settings: dict[str, Any]) -> None:
    settings |= {"goal": "vanish", "only_class": "red", "limit": 1, "memory_format": "channels_last"}
    matrix = measure(tmp_path / "out", settings)
    goals = [matrix["attacks"][column["slug"]].get("goal") for column in matrix["columns"]]
    assert goals == [None, "vanish"]
    assert matrix["attacks"][matrix["columns"][1]["slug"]]["only_class"] == "red"
    assert matrix["data"]["samples"] == 1


def test_an_image_that_one_network_cannot_use_is_left_out_for_all(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "squares" / "torn.png").write_bytes(b"no picture")
    matrix = measure(tmp_path / "out", settings)
    assert matrix["data"]["samples"] == 3
    assert {failure["id"] for failure in matrix["failures"]} == {"torn"}


def test_one_change_for_several_networks_is_a_line_of_its_own(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    settings |= {"limit": 2, "steps": 8, "ensembles": ["all"]}
    matrix = measure(out, settings)
    one, other = (column["slug"] for column in matrix["columns"])
    lines = {line["name"]: line for line in matrix["lines"]}
    together = lines[f"ensemble of {one} and {other}"]
    assert (together["sources"], together["joint"], together["permuted"]) == ((one, other), True, False)
    # Both fall to a change that is no larger than either's own, where each's own leaves the other as it was.
    assert together["distortion"]["linf_levels"] == 8
    assert together["scores"][other] < lines[one]["scores"][other] - 20
    assert together["scores"][one] < lines[other]["scores"][one]
    assert f"ensemble of {one} and {other}, PERM" in lines
    assert [e["attack"]["gradients_per_step"] for e in matrix["ensembles"]] == [2]
    assert [one["ok"] for one in matrix["trust"]["reasons"] if one["id"] == "beats-foreign"] == [True, True]
    assert matrix["trust"]["verdict"] == "not decided"  # --probes 0
    page = (out / "report.html").read_text()
    assert "A &amp; B" in page
    assert "Can this be trusted?" in page
    # Killed after the ensemble's first image: the same again.
    place = next((out / "ensembles").iterdir())
    images = {path.name: path.read_bytes() for path in (place / "images").iterdir()}
    assert len(images) == 2
    first, _ = (place / "rows.jsonl").read_text().splitlines()
    (place / "rows.jsonl").write_text(first + "\n")
    (out / "transfer.json").unlink()
    assert measure(out, settings) == matrix
    assert {path.name: path.read_bytes() for path in (place / "images").iterdir()} == images


def test_without_a_name_each_network_has_the_strongest_attack_that_fits(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    settings |= {"goal": "vanish", "limit": 1, "steps": 25, "probes": 0}
    del settings["attack"]
    attacks = list(measure(tmp_path / "apart", settings)["attacks"].values())
    assert [attack["name"] for attack in attacks] == ["worst-case", "annealed"]
    assert [attack.get("budget", attack["steps"]) for attack in attacks] == [25, 25]
    assert "goal vanish has one objective" in attacks[1]["chosen"]
    joined = measure(tmp_path / "joined", settings | {"ensembles": ["all"]})
    assert {attack["name"] for attack in joined["attacks"].values()} == {"annealed"}
    assert joined["ensembles"][0]["attack"]["steps"] == 25


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ensembles": ["nets-net+x"]}, "network of an ensemble"),
        ({"ensembles": "all"}, "list of names"),
        ({"ensembles": ["all", "all"]}, "twice"),
        ({"ensembles": ["all"], "attack": "worst-case"}, "cannot be shared"),
        ({"ensembles": ["all"], "attack": "pgd-min", "eps": None}, "cannot be shared"),
        ({"ensembles": ["all"], "resample_candidates": 2}, "leave resample_candidates out"),
    ],
)
def test_ensembles_that_there_are_not(
    tmp_path: Path, settings: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        measure(tmp_path / "out", settings | change)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"models": ["bundled:scenes-unet"]}, "two or more"),
        ({"models": ["bundled:scenes-unet", "bundled:scenes-dilated"], "goal": "vanish"}, "goal: expected a model"),
        ({"task": "detection"}, "each model tells its own"),
        ({"attack": "none"}, "expected one whose changes"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path, settings: dict[str, Any], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingError, match=words):
        measure(tmp_path / "out", settings | change)


def test_the_report_shows_the_matrix_and_escapes_names(
    tmp_path: Path, settings: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    out = tmp_path / "out"
    Image.fromarray(np.full((32, 48, 3), 120, np.uint8)).save(tmp_path / "squares" / "blank.png")
    matrix = measure(out, settings)
    matrix["columns"][0]["model"] = "<script>alert(1)</script>"
    (out / "transfer.json").write_text(json.dumps(matrix))
    from foolscape.report.pages.transfer import write_transfer_report

    page = write_transfer_report(out).read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for words in ("A + B, shuffled", "mIoU", "AP50", "clean"):
        assert words in page
    print_transfer(out, Console(width=80))
    printed = capfd.readouterr().out
    assert "A + B, shuffled" in printed
    # A command that does better is one line, to be pasted.
    assert max(len(line) for line in printed.splitlines() if "foolscape run" not in line) <= 80
    texts = write_transfer_texts(out)
    assert texts[".md"].count("| clean") == 1
    assert r"\toprule" in texts[".tex"]
