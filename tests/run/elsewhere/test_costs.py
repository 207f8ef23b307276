"""A run in a store whose seconds divide another into parts, finished or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foolscape.errors import OutOfTimeError, SettingError
from foolscape.records.places import TIMINGS
from foolscape.run.elsewhere.fetching import content_at
from foolscape.run.settings.resources import parts_of
from foolscape.stores.folder import folder_at

from ...stores.shelf import Shelf
from ..test_siblings import part
from .made import OUT, carried, store_path

pytestmark = pytest.mark.usefixtures("examined_once")


def samples(place: Path) -> list[int]:
    return json.loads((place / "run.json").read_text())["shard"]["samples"]


def slow_first(content: bytes) -> bytes:
    """The seconds of a run, of which the first image took nine times as long as the others."""
    lines = [json.loads(line) for line in content.splitlines()]
    return b"".join(json.dumps(line | {"seconds": 1.0 + 8 * (not place)}).encode() + b"\n"
                    for place, line in enumerate(lines))  # fmt: skip


def test_seconds_of_a_finished_run_divide_another(tmp_path: Path, settings: dict[str, Any]) -> None:
    carried(settings)
    folder = folder_at(store_path())
    content = folder.read(TIMINGS)
    folder.put(TIMINGS, slow_first(content).ljust(len(content), b"\n"))  # as long as the ledger says
    sizes = [len(samples(part(settings, tmp_path / "out", number, costs=store_path()))) for number in (1, 2)]
    assert sizes == [1, 3]


def test_seconds_of_a_run_that_was_stopped_lie_in_pieces(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foolscape.run.elsewhere.mirror.EVERY", 0.01)
    with pytest.raises(OutOfTimeError):
        carried(settings, most=2)
    folder = folder_at(store_path())
    with pytest.raises(FileNotFoundError):
        folder.read(TIMINGS)
    found = content_at(folder, TIMINGS)
    known = {json.loads(line)["id"]: json.loads(line)["seconds"] for line in found.splitlines()}
    assert known
    place = part(settings, tmp_path / "out", 1, costs=store_path())
    ids = [sample["id"] for sample in json.loads((place / "run.json").read_text())["samples"]]
    usual = sum(known.values()) / len(known)
    assert tuple(samples(place)) == parts_of([known.get(name, usual) for name in ids], 2)[0]


def test_where_there_are_no_seconds_it_is_said_why(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("words")
    for costs, words in (
        (store_path(), f"got {OUT}: no timings.jsonl"),
        (tmp_path / "none", "none: nothing there"),
        (tmp_path / "file", "file: a file"),
        (tmp_path, f"{tmp_path}: no timings.jsonl"),
    ):
        with pytest.raises(SettingError, match=words):
            part(settings, tmp_path / "out", 1, costs=costs)

    def refused(self: Shelf, path: str, **_: Any) -> bytes:
        raise PermissionError(f"{path} is not yours")

    monkeypatch.setattr(Shelf, "cat_file", refused)
    with pytest.raises(SettingError, match=rf"got {OUT}: PermissionError: .* is not yours"):
        part(settings, tmp_path / "out", 1, costs=store_path())
