"""Every command that measures, in a store: the files of a folder, also when it goes on from an empty cache."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from foolscape.cli.console import DISTRUST, DONE

from ...stores.made import fresh_stores
from ...stores.shelf import Shelf, contents, fresh_shelf
from ..made import write_net, write_photos
from ..test_harden import setting
from ..test_manners import foolscape
from .made import CLOCK, folder, other_machine

pytestmark = [pytest.mark.usefixtures("examined_once"), pytest.mark.slow]

OUT = "shelf://bucket/x"

__all__ = ["setting"]


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> Iterator[None]:
    assert issubclass(Shelf, MemoryFileSystem)
    with fresh_stores(tmp_path / "cache"), fresh_shelf():
        yield


def figures(files: dict[str, bytes]) -> dict[str, bytes]:
    """What two runs have in common, in all directories of a command; of files with times that they are there."""
    timed = (*CLOCK, "sweep.json", "checkpoint.safetensors")
    return {
        place: b"" if place.rpartition("/")[2] in timed else content
        for place, content in files.items()
        if not place.startswith(".foolscape/") and place.rpartition("/")[2] != ".lock"
    }


def transfer(tmp_path: Path, setting: dict[str, object]) -> list[object]:
    del setting
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    return ["transfer", "--model", f"{nets}:net", "--model", f"{nets}:slow", "--data", f"folder:{photos}",
            "--attack", "pgd", "--steps", 2, "--probes", 0, "--ensemble", "all"]  # fmt: skip


def sweep(tmp_path: Path, setting: dict[str, object]) -> list[object]:
    del setting
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    grid = {"models": [f"{nets}:net"], "data": [f"folder:{photos}"], "attacks": ["pgd?steps=1", "fgsm"], "probes": 0}
    (tmp_path / "grid.yaml").write_text(json.dumps(grid))
    return ["sweep", tmp_path / "grid.yaml"]


def universal(tmp_path: Path, setting: dict[str, object]) -> list[object]:
    del tmp_path, setting
    words = (
        "universal --model bundled:scenes-unet --data scenes: --train-split train --test-split test --size 80x128 "
        "--train-limit 3 --limit 2 --epochs 2 --target hide:road"
    )
    return list(words.split())


def harden(tmp_path: Path, setting: dict[str, object]) -> list[object]:
    del tmp_path
    return ["harden", *(word for name, value in setting.items() for word in (f"--{name.replace('_', '-')}", value))]


@pytest.mark.parametrize("made", [transfer, sweep, universal, harden])
def test_a_command_in_a_store_has_the_files_of_one_in_a_folder(
    made: Callable[[Path, dict[str, object]], list[object]],
    tmp_path: Path,
    setting: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("foolscape.run.harden.config.JUDGE", "fgsm")
    command = [*made(tmp_path, setting), "--quiet"]
    fine = (DONE, DISTRUST, 3)  # 3: an image could not be used
    assert foolscape(*command, "--out", tmp_path / "here" / "x") in fine
    assert foolscape(*command, "--out", OUT) in fine
    expected = figures(folder(tmp_path / "here" / "x"))
    found = figures(contents("bucket/x"))
    if made is harden:  # whose trained network is called by where it lies
        assert {_unnamed(place) for place in found} == {_unnamed(place) for place in expected}
        assert b"weights=shelf://bucket/x/weights.safetensors" in contents("bucket/x")["after/run.json"]
    else:
        assert found == expected
    expected = found
    lost = [place for place in contents("bucket/x") if place.endswith(("summary.json", "transfer.json", "report.html"))]
    for place in lost:
        Shelf().rm_file(f"{OUT}/{place}")
    with other_machine(tmp_path / "other"):
        assert foolscape(*command, "--out", OUT) in fine
    assert figures(contents("bucket/x")) == expected


def _unnamed(place: str) -> str:
    """A place without what tells one network from another of its name."""
    return re.sub(r"/net-[0-9a-f]{6}", "/net", place)
