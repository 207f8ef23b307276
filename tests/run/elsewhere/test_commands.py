"""Commands and calls from Python take addresses, and refuse what is no place for a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import foolscape as fs
from foolscape.cli.console import DONE, ERROR
from foolscape.errors import RunError, SettingError
from foolscape.paths import run_folder_of
from foolscape.run.elsewhere.door import Workplace

from ...stores.shelf import Shelf, contents
from ..test_manners import foolscape
from .made import OUT, carried, figures, folder, other_machine

pytestmark = pytest.mark.usefixtures("examined_once")


def test_other_things_in_a_store_are_left_alone(settings: dict[str, Any]) -> None:
    Shelf().pipe_file("shelf://bucket/runs/val/photo.png", b"mine")
    with pytest.raises(RunError, match=r"expected an empty folder or a run at shelf://.*, got photo.png"):
        carried(settings)
    assert contents("bucket/runs/val") == {"photo.png": b"mine"}
    carried(settings, "shelf://bucket/other")
    with pytest.raises(RunError, match="got another one") as caught:
        carried({**settings, "seed": 3}, "shelf://bucket/other")
    assert "shelf://bucket/other" in str(caught.value)
    for wrong, word in (("s3://key:secret@bucket/x", "keys"), ("s3://bucket/x.zip", "archive")):
        with pytest.raises(SettingError, match=word):
            run_folder_of(wrong)


def test_a_command_that_is_refused_leaves_nothing() -> None:
    with pytest.raises(SettingError), Workplace(run_folder_of(OUT)).at_work(print):
        raise SettingError("refused")
    assert contents("bucket/runs/val") == {}


def test_commands_take_addresses(tmp_path: Path, settings: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    command = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "fgsm", "--probes", 0]
    assert foolscape(*command, "--out", OUT, "--quiet") == DONE
    assert f"report: {OUT}/report.html" in capfd.readouterr().err
    assert foolscape("status", OUT, "--json") == DONE
    assert json.loads(capfd.readouterr().out)["directory"] == OUT
    Shelf.given.clear()
    assert foolscape("report", OUT, "--format", "markdown") == DONE
    assert "mIoU" in capfd.readouterr().out
    assert {place.rpartition("/")[2] for place in Shelf.given} >= {"report.html", "report.md", "report.tex"}
    assert foolscape("run", "--config", f"{OUT}/run.json", "--out", tmp_path / "again", "--quiet") == DONE
    assert figures(folder(tmp_path / "again"))["rows.jsonl"] == contents("bucket/runs/val")["rows.jsonl"]
    report = fs.load_run(OUT)
    assert str(report.directory) == OUT
    assert report.images(report.rows[0].id).adversarial is not None
    assert foolscape(*command, "--out", OUT, "--dry-run") == DONE
    assert f"output: {OUT}, resumes what is there" in " ".join(capfd.readouterr().out.split())
    assert foolscape("status", "shelf://bucket/none") != DONE
    assert foolscape("report", "shelf://bucket/none") == ERROR
    assert "expected a run at shelf://bucket/none" in capfd.readouterr().err


def test_from_python_too(settings: dict[str, Any], expected: dict[str, bytes]) -> None:
    chosen = {name: value for name, value in settings.items() if name not in ("models", "data", "attack", "steps")}
    report = fs.evaluate(settings["models"][0], settings["data"], "pgd?steps=2", OUT, **chosen)
    found = figures(contents("bucket/runs/val"))
    assert found.keys() == expected.keys()
    assert found["rows.jsonl"] == expected["rows.jsonl"]
    assert str(report.directory) == OUT


def test_shards_in_a_store_are_merged_there(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "pgd", "--steps", 2,
               "--probes", 0, "--quiet"]  # fmt: skip
    for part in ("1/2", "2/2"):
        with other_machine(tmp_path / part.replace("/", "-")):
            assert foolscape(*command, "--out", OUT, "--shard", part) == DONE
    assert f"foolscape merge {OUT}" in capfd.readouterr().err
    assert foolscape("status", OUT, "--json") == DONE
    assert foolscape("merge", OUT, "--quiet") == DONE
    there = {place: one for place, one in contents("bucket/runs/val").items() if not place.startswith("shards/")}
    assert figures(there) == expected
    assert foolscape("merge", OUT, "--out", tmp_path / "whole", "--quiet") == DONE
    assert figures(folder(tmp_path / "whole")) == expected


def test_parts_and_a_sweep_from_python_too(settings: dict[str, Any], tmp_path: Path) -> None:
    (model,) = settings["models"]
    given = {"model": model, "data": settings["data"], "attack": "pgd?steps=2", "probes": 0}
    whole = fs.evaluate(**given)
    for number in (1, 2):
        fs.evaluate(**given, out=OUT, shard=f"{number}/2")
    assert fs.merge(OUT).to_json() == whole.to_json()
    grid = {"models": [model], "data": [settings["data"]], "attacks": ["pgd?steps=2"], "probes": 0}
    swept = fs.sweep(grid, "shelf://bucket/grid")
    assert swept.finished
    assert swept.report(swept.cells[0].name).to_json() == whole.to_json()
    with pytest.raises(RunError, match="expected a run, got a sweep, whose runs lie in runs/NAME below it"):
        fs.load_run("shelf://bucket/grid")
