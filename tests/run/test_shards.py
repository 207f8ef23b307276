"""Shards: each part by itself, and merged to what one process writes, to the byte; what does not belong is refused."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from foolscape.cli import main
from foolscape.errors import RunError, SettingError
from foolscape.records.places import SHARDS
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.merging.gather import without_shard
from foolscape.run.merging.merge import merge
from foolscape.run.settings.config import make_config
from foolscape.run.settings.resources import Resources, Shard, parts_of
from foolscape.run.transfer.execute import transfer

from .made import silent_progress, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

SILENT = Listener(lambda text: None, silent_progress)
COMMAND = ["foolscape", "run"]
NOT_COMPARED = ("timings.jsonl", "report.html", ".lock")

Act = Callable[[Path, Resources], Any]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 5)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
            "eps": "8/255", "probes": 1}  # fmt: skip


def running(settings: dict[str, Any]) -> Act:
    def act(out: Path, resources: Resources) -> Any:
        return execute(make_config(dict(settings)), out, COMMAND, SILENT, resources=resources)

    return act


def measured(act: Act, out: Path, of: int, numbers: range | None = None, costs: Path | None = None) -> list[Path]:
    """The directories of shards that were measured, below `out`."""
    places = []
    for number in numbers or range(1, of + 1):
        places.append(out / SHARDS / Shard(number, of).folder)
        act(places[-1], Resources(Shard(number, of), costs))
    return places


def whole(act: Act, places: list[Path], out: Path) -> dict[str, bytes]:
    """What is in a directory after the merge and the rest of the run."""
    merge(places, out, SILENT)
    act(out, Resources())
    return figures(out)


def figures(out: Path) -> dict[str, bytes]:
    """All that one process and many write alike: the files of a run but for pages and the clock."""
    return {
        str(path.relative_to(out)): re.sub(rb'"started": "[^"]*"', b"", path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and SHARDS not in path.relative_to(out).parts and path.name not in NOT_COMPARED
    }


def test_merged_shards_are_the_run_of_one_process(tmp_path: Path, settings: dict[str, Any]) -> None:
    act = running(settings)
    act(tmp_path / "one", Resources())
    places = measured(act, tmp_path / "parts", 3)
    assert [len(json.loads((place / "run.json").read_text())["shard"]["samples"]) for place in places] == [2, 2, 1]
    assert json.loads((places[2] / "shard.json").read_text())["shard"] == "3/3"
    found = whole(act, places[::-1], tmp_path / "parts")
    assert found == figures(tmp_path / "one")
    assert {"run.json", "rows.jsonl", "summary.json"} <= set(found)


def test_a_merge_that_was_stopped_goes_on(tmp_path: Path, settings: dict[str, Any]) -> None:
    act = running(settings)
    places = measured(act, tmp_path / "parts", 2)
    merge(places, tmp_path / "merged", SILENT)
    rows = tmp_path / "merged" / "rows.jsonl"
    complete = rows.read_bytes()
    rows.write_bytes(complete[: len(complete) // 2])
    merge(places, tmp_path / "merged", SILENT)
    assert sorted(rows.read_bytes().split(b"\n")) == sorted(complete.split(b"\n"))


def test_an_image_that_cannot_be_used_is_a_failure_of_its_shard_and_of_the_whole(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    broken = sorted((tmp_path / "photos").glob("*.png"))[1]
    broken.write_bytes(b"no picture")
    act = running(settings)
    act(tmp_path / "one", Resources())
    found = whole(act, measured(act, tmp_path / "parts", 2), tmp_path / "parts")
    assert found == figures(tmp_path / "one")
    assert json.loads(found["summary.json"])["failures"][0]["id"] == broken.stem


def test_a_transfer_with_an_ensemble_is_merged_with_its_runs(tmp_path: Path) -> None:
    nets, detectors = write_net(tmp_path), write_detector(tmp_path)
    shared = {"models": [f"{nets}:net", f"{detectors}:grid"], "data": f"folder:{write_squares(tmp_path / 'squares')}"}
    settings: dict[str, Any] = {**shared, "attack": "pgd", "steps": 2, "probes": 0, "ensembles": ["all"]}

    def act(out: Path, resources: Resources) -> Any:
        return transfer(dict(settings), out, COMMAND, SILENT, resources=resources)

    act(tmp_path / "one", Resources())
    assert whole(act, measured(act, tmp_path / "parts", 2), tmp_path / "parts") == figures(tmp_path / "one")


def seeded(settings: dict[str, Any], tmp_path: Path) -> None:
    del tmp_path
    settings["seed"] = 1


def retrained(settings: dict[str, Any], tmp_path: Path) -> None:
    path = Path(settings["models"][0].rpartition(":")[0])
    path.write_text(path.read_text() + "\n# changed\n")


def other_threads(settings: dict[str, Any], tmp_path: Path) -> None:
    del settings, tmp_path
    torch.set_num_threads(torch.get_num_threads() + 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [(seeded, "seed was 0, is 1"), (retrained, "has changed"), (other_threads, "threads was")],
)
def test_shards_of_different_runs_are_refused(
    tmp_path: Path, settings: dict[str, Any], change: Callable[[dict[str, Any], Path], None], words: str
) -> None:
    places = measured(running(settings), tmp_path / "here", 2, range(1, 2))
    threads = torch.get_num_threads()
    try:
        change(settings, tmp_path)
        places += measured(running(settings), tmp_path / "elsewhere", 2, range(2, 3))
    finally:
        torch.set_num_threads(threads)
    with pytest.raises(RunError, match=words):
        merge(places, tmp_path / "merged", SILENT)
    assert not (tmp_path / "merged").exists()


def test_what_is_missing_doubled_or_not_done_is_named(tmp_path: Path, settings: dict[str, Any]) -> None:
    act = running(settings)
    places = measured(act, tmp_path, 3)
    out = tmp_path / "merged"
    with pytest.raises(RunError, match=r"without 2/3.*--shard 2/3"):
        merge([places[0], places[2]], out, SILENT)
    shutil.copytree(places[0], tmp_path / "copy")
    with pytest.raises(RunError, match=r"each shard once, got 1/3 in .* and in .*copy"):
        merge([*places, tmp_path / "copy"], out, SILENT)
    act(tmp_path / "one", Resources())
    with pytest.raises(RunError, match=r"begun without --shard"):
        merge([*places, tmp_path / "one"], out, SILENT)
    rows = places[1] / "rows.jsonl"
    rows.write_text("".join(rows.read_text().splitlines(keepends=True)[:4]))
    with pytest.raises(RunError, match=r"2/3 in .* lacks 1 of 2"):
        merge(places, out, SILENT)
    assert not out.exists()


def test_parts_by_other_costs_do_not_divide_the_images(tmp_path: Path, settings: dict[str, Any]) -> None:
    act = running(settings)
    act(tmp_path / "one", Resources())
    timings = tmp_path / "one" / "timings.jsonl"
    lines = [json.loads(line) for line in timings.read_text().splitlines()]
    timings.write_text(
        "".join(json.dumps(line | {"seconds": 9.0 if not i else 1.0}) + "\n" for i, line in enumerate(lines))
    )
    places = measured(act, tmp_path / "by-cost", 2, costs=tmp_path / "one")
    sizes = [len(json.loads((place / "run.json").read_text())["shard"]["samples"]) for place in places]
    assert sizes == [1, 4]  # the dear one is alone
    assert whole(act, places, tmp_path / "by-cost") == figures(tmp_path / "one")
    others = measured(act, tmp_path / "alike", 2, range(2, 3))
    with pytest.raises(RunError, match="divided by other costs"):
        merge([places[0], *others], tmp_path / "merged", SILENT)
    with pytest.raises(SettingError, match=r"shard_costs: expected .* has attacked these samples"):
        measured(act, tmp_path / "none", 2, costs=tmp_path)


def test_a_directory_goes_on_as_the_shard_that_it_is(tmp_path: Path, settings: dict[str, Any]) -> None:
    act = running(settings)
    (place,) = measured(act, tmp_path, 3, range(1, 2))
    with pytest.raises(RunError, match=r"shard\.number was 1, is 2"):
        act(place, Resources(Shard(2, 3)))


def test_what_learns_from_clip_to_clip_is_not_divided(tmp_path: Path) -> None:
    tracker, davis = f"{write_tracker(tmp_path)}:colours?task=video", write_clips(tmp_path / "davis")
    settings = {"models": [tracker], "data": f"davis2017:{davis}", "attack": "ara", "variant": "released", "steps": 2}
    with pytest.raises(SettingError, match="shard: expected an attack that treats each clip by itself"):
        measured(running(settings), tmp_path, 2, range(1, 2))


def test_more_parts_than_images_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="no more parts than there are samples, 5, got 1/6"):
        measured(running(settings), tmp_path, 6, range(1, 2))


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "a/b", "1/0", "-1/2", "1 / 2"])
def test_a_part_is_counted_from_one(text: str) -> None:
    with pytest.raises(SettingError, match="expected PART/PARTS, counted from 1"):
        Shard.parse(text)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=60), st.integers(1, 9))
def test_parts_are_about_as_dear(costs: list[float], of: int) -> None:
    parts = parts_of(costs, of)
    assert sorted(place for part in parts for place in part) == list(range(len(costs)))
    sums = [sum(costs[place] for place in part) for part in parts]
    assert max(sums) - min(sums) <= max(costs) + 1e-9


def test_the_command_of_the_whole_names_no_shard() -> None:
    words = ["foolscape", "run", "--shard", "1/2", "--out", "x", "--shard-costs=y", "--shard=1/2", "--seed", "3"]
    assert without_shard(words) == ("foolscape", "run", "--out", "x", "--seed", "3")


def called(*words: str, code: int = 0) -> None:
    with pytest.raises(SystemExit) as left:
        main(words)
    assert left.value.code == code


def test_on_the_command_line(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "pgd", "--steps", "2",
             "--probes", "0"]  # fmt: skip
    for number in (1, 2):
        monkeypatch.setattr("sys.argv", ["foolscape", *words, "--shard", f"{number}/2", "--out", "parts"])
        called(*words, "--shard", f"{number}/2", "--out", "parts")
    assert 'class="unfinished"' in (tmp_path / "parts/shards/2-of-2/report.html").read_text()
    assert "when all parts are done: foolscape merge parts" in " ".join(capsys.readouterr().err.split())
    called("merge", "parts", "--json", "--quiet")
    assert json.loads(capsys.readouterr().out)["data"]["samples"] == 5
    assert json.loads((tmp_path / "parts/run.json").read_text())["command"] == ["foolscape", *words, "--out", "parts"]
    for more, expected in (
        (["--shard", "1/2"], "shard: expected --out DIR"),
        (["--shard", "1/2", "--out", "x", "--fail-under", "mIoU=1"], "give it to foolscape merge"),
        (["--shard-costs", "parts", "--out", "x"], "shard_costs: is for --shard"),
    ):
        called(*words, *more, code=2)
        assert expected in " ".join(capsys.readouterr().err.split())


def test_the_command_that_merges_can_be_pasted(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    called("run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "fgsm", "--probes", "0",
           "--shard", "1/5", "--out", "a & é")  # fmt: skip
    assert "when all parts are done: foolscape merge 'a & é'" in " ".join(capsys.readouterr().err.split())


def test_a_merge_of_what_is_not_there_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    called("merge", "typo", code=1)
    assert "got typo, where none was begun: nothing there; check" in " ".join(capsys.readouterr().err.split())
