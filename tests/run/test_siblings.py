"""A part that does not belong to those beside it is refused when it begins, on this machine and in a store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from foolscape.api.merging import merge
from foolscape.cli import app
from foolscape.errors import RunError
from foolscape.records.places import SHARDS
from foolscape.run.elsewhere.door import Workplace
from foolscape.run.execute import execute
from foolscape.run.settings.config import make_config
from foolscape.run.settings.resources import Resources, Shard
from foolscape.stores.registry import REGISTRY

from ..stores.made import fresh_stores
from ..stores.shelf import fresh_shelf
from .elsewhere.made import store_path
from .made import write_net, write_photos
from .test_shards import SILENT, figures, running, whole

pytestmark = pytest.mark.usefixtures("examined_once")


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> Iterator[None]:
    with fresh_stores(tmp_path / "cache"), fresh_shelf():
        yield


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 4)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
            "probes": 0}  # fmt: skip


def part(settings: dict[str, Any], out: Path, number: int, of: int = 2, costs: Path | None = None) -> Path:
    """Measure a part of the run below `out`, of this machine or of a store; where."""
    place = out / SHARDS / Shard(number, of).folder
    work = Workplace(place)
    with work.at_work(print) as folder:
        resources = Resources(Shard(number, of), costs)
        execute(make_config(dict(settings)), folder, ["foolscape", "run"], SILENT, resources=resources)
    work.close()
    return place


@pytest.fixture(params=["folder", "store"])
def out(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "out" if request.param == "folder" else store_path()


def begun(out: Path) -> list[str]:
    """The parts that are there."""
    REGISTRY.forget()
    return sorted(path.name for path in (out / SHARDS).iterdir() if (path / "run.json").exists())


def test_a_part_of_another_run_is_refused_before_it_is_measured(out: Path, settings: dict[str, Any]) -> None:
    part(settings, out, 1)
    for changed, of, words in (
        ({"seed": 1}, 2, r"begun in .*1-of-2, got one of another: .*seed was 0, is 1"),
        ({"steps": 3}, 2, r"steps was 2, is 3.* but for --shard; for another run choose another --out"),
        ({}, 3, r"it is one of 3 parts, not of 2"),
    ):
        with pytest.raises(RunError, match=words):
            part(settings | changed, out, 2, of)
    assert begun(out) == ["1-of-2"]
    part(settings, out, 2)
    assert begun(out) == ["1-of-2", "2-of-2"]
    part(settings, out, 1)  # goes on


def test_a_part_of_another_run_than_the_whole_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    execute(make_config(dict(settings)), out, ["foolscape", "run"], SILENT)
    with pytest.raises(RunError, match=rf"begun in {out}, got one of another: .*seed was 0, is 1"):
        part(settings | {"seed": 1}, out, 1)
    part(settings, out, 1)


def test_parts_by_other_costs_are_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    execute(make_config(dict(settings)), tmp_path / "one", ["foolscape", "run"], SILENT)
    timings = tmp_path / "one" / "timings.jsonl"
    lines = [json.loads(line) for line in timings.read_text().splitlines()]
    timings.write_text(
        "".join(json.dumps(line | {"seconds": 1.0 + 8 * (not i)}) + "\n" for i, line in enumerate(lines))
    )
    part(settings, tmp_path / "out", 2, costs=tmp_path / "one")
    with pytest.raises(RunError, match=r"1 of its samples are in both, as they were divided by other --shard-costs"):
        part(settings, tmp_path / "out", 1)


def test_a_part_takes_the_threads_of_those_beside_it(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    threads = torch.get_num_threads()
    places = [part(settings, out, 1)]
    try:
        torch.set_num_threads(threads + 1)
        places.append(part(settings, out, 2))
        assert torch.get_num_threads() == threads + 1
    finally:
        torch.set_num_threads(threads)
    assert [json.loads((place / "run.json").read_text())["threads"] for place in places] == [threads] * 2
    act = running(settings)
    act(tmp_path / "one", Resources())
    assert whole(act, places, out) == figures(tmp_path / "one")


def test_a_part_that_is_damaged_is_left_to_the_merge(tmp_path: Path, settings: dict[str, Any]) -> None:
    place = part(settings, tmp_path / "out", 1)
    (place / "run.json").write_text("{")
    other = part(settings, tmp_path / "out", 2)
    told = json.loads((other / "shard.json").read_text())
    assert (told["shard"], told["samples"], told["failures"]) == ("2/2", 2, [])
    assert len({json.loads(line)["id"] for line in (other / "rows.jsonl").read_text().splitlines()}) == 2
    with pytest.raises(RunError, match=r"1-of-2/run\.json"):
        merge([place, other], tmp_path / "whole")


def test_a_whole_is_not_merged_into_one_of_its_parts(tmp_path: Path, settings: dict[str, Any]) -> None:
    places = [part(settings, tmp_path / "out", number) for number in (1, 2)]
    before = {path: path.read_bytes() for path in places[0].rglob("*.json*")}
    words = "got .*1-of-2, which is one of its parts; choose another --out"
    with pytest.raises(RunError, match=words):
        app(args=["merge", *map(str, places), "--out", str(places[0])], standalone_mode=False)
    with pytest.raises(RunError, match=words.replace("--out", "out")):
        merge(places, places[0] / ".." / places[0].name)
    assert {path: path.read_bytes() for path in places[0].rglob("*.json*")} == before
