"""`--input` on the command line and in settings: the short form of what the specs say."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foolscape.cli import app
from foolscape.errors import SettingError
from foolscape.run.settings.inputs import wired

from .made import do_run, write_net, write_photos


def test_it_is_written_into_the_specs_of_own_models_alone() -> None:
    settings = {"models": ["net.py:build", "bundled:scenes-unet"], "ensembles": ["net.py:build+scenes-unet", "all"]}
    assert wired(settings | {"input": "bgr"}) == {
        "models": ["net.py:build?input=bgr", "bundled:scenes-unet"],
        "ensembles": ["net.py:build?input=bgr+scenes-unet", "all"],
    }
    assert wired({"model": "net.py:build", "transfer_to": ("m:f",), "input": "255"}) == {
        "model": "net.py:build?range=255",
        "transfer_to": ["m:f?range=255"],
    }
    assert wired(settings) == settings
    with pytest.raises(SettingError, match="expected a model of your own"):
        wired({"models": ["bundled:scenes-unet"], "input": "bgr"})
    with pytest.raises(SettingError, match="expected words such as bgr"):
        wired({"models": ["net.py:build"], "input": 255})


def test_a_run_records_it(tmp_path: Path) -> None:
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos", count=1)
    shared = ["--data", f"folder:{photos}", "--attack", "none", "--device", "cpu"]
    out = tmp_path / "out"
    told = ["run", "--model", f"{net}:net", *shared, "--input", "bgr,offset=1", "--out", str(out)]
    assert CliRunner().invoke(app, told).exit_code == 0
    (model,) = json.loads((out / "run.json").read_text())["models"]
    assert model["model"] == f"{net}:net?input=bgr&offset=1"
    assert "input of the network: channels in the order BGR" in model["notes"]


def test_check_takes_it(tmp_path: Path) -> None:
    net = write_net(tmp_path)
    told = ["check", "--model", f"{net}:net", "--size", "16x24", "--batch", "1", "--device", "cpu", "--input", "255"]
    result = CliRunner().invoke(app, told)
    assert "input of the network: 0 to 1 made 0 to 255" in result.output


def test_check_looks_at_data_too(tmp_path: Path) -> None:
    net = write_net(tmp_path)
    told = ["check", "--model", f"{net}:street", "--size", "16x24", "--batch", "1", "--device", "cpu"]
    result = CliRunner().invoke(app, [*told, "--data", "scenes:", "--split", "test", "--limit", "4"])
    assert result.exit_code == 1
    (line,) = [line for line in result.output.splitlines() if "the clean model is right: mIoU " in line]
    assert line.startswith("FAIL  ") or "not surely better than" in line
    assert "the clean model is right" not in CliRunner().invoke(app, told).output


def test_a_run_keeps_what_it_found_of_the_clean_model(tmp_path: Path) -> None:
    net = write_net(tmp_path)
    settings = {"models": [f"{net}:street"], "data": "scenes:", "size": "16x24", "limit": 2, "attack": "none"}
    do_run(tmp_path / "out", **settings)
    (place,) = (tmp_path / "out" / "wiring").glob("*.json")
    kept = place.read_text()
    assert json.loads(kept)["images"] == 2
    place.write_text(kept.replace('"images": 2', '"images": 3'))
    do_run(tmp_path / "out", **settings)
    assert json.loads(place.read_text())["images"] == 3
