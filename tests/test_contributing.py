"""CONTRIBUTING.md is true: what it shows runs, and the places it names are there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foolscape.attacks.registry import REGISTRY
from foolscape.cli import app
from foolscape.metrics.score import Score, scores_of
from tests.conftest import ROOT
from tests.tasks.test_records import LAYERS

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
CHANGES = dict(re.findall(r"^### (\d)\. .*?\n(.*?)(?=^### |\Z)", TEXT, re.DOTALL | re.MULTILINE))


def shown(change: str, language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```", CHANGES[change], re.DOTALL | re.MULTILINE)
    assert len(found) == 1
    return str(found[0])


def test_every_place_it_names_is_there() -> None:
    places = set(re.findall(r"`((?:src|docs|tests)/[\w/.]+)`", TEXT)) | set(re.findall(r"\]\(([\w/.]+)\)", TEXT))
    assert len(places) > 20
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_a_task_needs_a_record_in_each_room_that_it_lists() -> None:
    listed = set(re.findall(r"^\| `src/foolscape/([\w/]+)/`", CHANGES["6"], re.MULTILINE))
    assert listed == {"tasks", *(package.removeprefix("foolscape.").replace(".", "/") for package in LAYERS)}


@pytest.mark.parametrize("change", ["1", "2", "3"])
def test_what_it_shows_runs(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(shown(change, "python"))
    (tmp_path / "net.py").write_text(
        "import torch\n\ndef build():\n    torch.manual_seed(0)\n    return torch.nn.Conv2d(3, 2, 3, padding=1)\n"
    )
    command, *options = shlex.split(shown(change, "console"))
    assert command == "foolscape"
    known = set(REGISTRY)
    try:
        done = CliRunner().invoke(app, options, env={"COLUMNS": "200"})
    finally:
        for name in set(REGISTRY) - known:
            del REGISTRY[name]
    assert done.exit_code == 0, done.output
    (place,) = tmp_path.glob("runs/*/summary.json")
    summary = json.loads(place.read_text())
    (model,) = summary["models"]
    assert not summary["failures"]
    assert model["samples"] == {"1": 1, "2": 1, "3": 4}[change]
    assert model["iterations"]["mean"] == 2
    assert 0 < model["distortion"]["linf_levels"] <= 8
    assert {"1": "mine.py:squared" in str(summary["attack"]), "2": summary["attack"]["name"] == "mine.py:sharper",
            "3": summary["data"]["spec"] == "mine.py:Stripes"}[change]  # fmt: skip


def test_the_score_is_one() -> None:
    here: dict[str, object] = {}
    exec(shown("4", "python"), here)
    score = here["WRONG"]
    assert isinstance(score, Score)
    assert score.measure in [measure.name for measure in scores_of("segmentation").measures]
