"""Workers, parts, a time and grids from Python: the same files as from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import foolscape as fs
from foolscape.run import listener
from tests.api.made import batch, net
from tests.run.made import write_net, write_photos

ATTACK = "pgd?eps=8/255&steps=2"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 4)
    return {"model": f"{write_net(tmp_path)}:net", "data": f"folder:{photos}", "attack": ATTACK, "probes": 0}


def test_parts_are_merged_to_the_whole(tmp_path: Path, given: dict[str, Any]) -> None:
    whole = fs.evaluate(**given, out=tmp_path / "one")
    for number in (1, 2):
        part = fs.evaluate(**given, out=tmp_path / "parts", shard=f"{number}/2")
        assert not part.finished
        assert part.directory == tmp_path / "parts" / "shards" / f"{number}-of-2"
        assert (part.directory / "report.html").exists()
    merged = fs.merge(tmp_path / "parts")
    assert merged.finished
    assert merged.to_json() == whole.to_json()
    with pytest.raises(fs.FoolscapeError, match="out: expected a directory for the whole"):
        fs.merge([tmp_path / "parts" / "shards" / "1-of-2", tmp_path / "parts" / "shards" / "2-of-2"])
    for one, out in (("typo", None), ([], None), ([], tmp_path / "merged")):
        with pytest.raises(fs.FoolscapeError, match=r"got typo, where none was begun|those of the parts, got none"):
            fs.merge(one, out)


def test_a_part_keeps_the_pictures_that_the_whole_is_made_of(tmp_path: Path, given: dict[str, Any]) -> None:
    with pytest.raises(fs.FoolscapeError, match="keep: is for the whole, not for a part of it"):
        fs.evaluate(**given, out=tmp_path / "parts", shard="1/2", keep="none")
    assert not (tmp_path / "parts").exists()


def test_a_time_ends_at_a_whole_image_and_the_same_call_goes_on(
    tmp_path: Path, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fs.evaluate(**given, out=tmp_path / "one")
    times = iter(range(0, 10**6, 1000))
    with monkeypatch.context() as patch:
        patch.setattr(listener.time, "monotonic", lambda: float(next(times)))
        report = fs.evaluate(**given, out=tmp_path / "many", time_budget="30s")
    assert not report.finished
    assert report.verdict == "not decided"
    assert len(report.rows) == 1
    assert (tmp_path / "many" / "report.html").exists()
    again = fs.evaluate(**given, out=tmp_path / "many")
    assert again.finished
    assert again.to_json() == whole.to_json()
    with pytest.raises(fs.FoolscapeError, match="time_budget: expected a time such as"):
        fs.evaluate(**given, time_budget="soon")
    with pytest.raises(fs.FoolscapeError, match=r"time_budget: expected a time such as .*, got 1800"):
        fs.evaluate(**given, time_budget=1800)  # type: ignore[arg-type]


def test_workers_measure_what_one_process_does(tmp_path: Path, given: dict[str, Any]) -> None:
    whole = fs.evaluate(**given, out=tmp_path / "one")
    report = fs.evaluate(**given, out=tmp_path / "many", workers=1)
    assert report.to_json() == whole.to_json()
    assert json.loads((tmp_path / "many" / "run.json").read_text())["threads"] is not None


@pytest.mark.parametrize("means", [{"workers": 2}, {"devices": ["cpu"]}, {"shard": "1/2"}])
def test_what_only_this_process_has_is_refused_with_the_way_on(tmp_path: Path, means: dict[str, Any]) -> None:
    with pytest.raises(fs.FoolscapeError, match=r"in-memory:.*which only this one has.*net\.py:build"):
        fs.evaluate(net(), batch(), ATTACK, tmp_path / "out", **means)
    with pytest.raises(fs.FoolscapeError, match="in-memory"):
        fs.evaluate("bundled:scenes-unet", batch(), ATTACK, tmp_path / "out", **means)
    assert not (tmp_path / "out").exists()


def test_a_grid_from_python_is_that_of_its_file(tmp_path: Path, given: dict[str, Any]) -> None:
    grid = {"models": [given["model"]], "data": [given["data"]], "attacks": [ATTACK, "fgsm?eps=4/255"], "probes": 0}
    done = fs.sweep(grid, tmp_path / "grid")
    assert done.record.command == (f'fs.sweep(grid, out="{tmp_path / "grid"}")',)
    assert done.finished
    assert [row.cell for row in done.rows] == [cell.name for cell in done.cells]
    first = done.cells[0]
    alone = fs.evaluate(**given, out=tmp_path / "one")
    assert done.report(first.name).to_json() == alone.to_json()
    assert json.loads(done.to_json())["cells"][0]["name"] == first.name
    with pytest.raises(fs.FoolscapeError, match="unknown cell"):
        done.report("nothing")
    with pytest.raises(fs.FoolscapeError, match="out: expected a directory"):
        fs.sweep(grid)
    with pytest.raises(fs.FoolscapeError, match="budget: expected a time"):
        fs.sweep(grid, tmp_path / "grid", budget="soon")
