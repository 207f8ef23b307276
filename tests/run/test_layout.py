"""The pictures of many samples lie in sub-folders; nothing else of a run is otherwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from foolscape.api.written import load_run
from foolscape.cli.console import DONE
from foolscape.records import places

from .made import files_below, write_net, write_photos
from .test_manners import foolscape


def test_a_run_in_sub_folders_comes_to_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    command: list[object] = ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm"]
    command += ["--probes", 0, "--quiet", "--out"]
    assert foolscape(*command, tmp_path / "flat") == DONE
    monkeypatch.setattr(places, "FLAT", 2)
    monkeypatch.setattr(places, "_TOGETHER", 2)
    assert foolscape(*command, tmp_path / "deep") == DONE
    flat, deep = files_below(tmp_path / "flat"), files_below(tmp_path / "deep")
    assert sorted(path.name for path in (tmp_path / "deep/clean").iterdir()) == ["0000", "0001"]
    assert deep["clean/0001/photo2.png"] == flat["clean/photo2.png"]
    assert (tmp_path / "deep/summary.json").read_bytes() == (tmp_path / "flat/summary.json").read_bytes()
    pair = load_run(tmp_path / "deep").images("photo2")
    assert pair.adversarial is not None
    # A run that was begun in one folder goes on, and its page finds the pictures there.
    assert foolscape(*command, tmp_path / "flat") == DONE
    page = (tmp_path / "flat/report.html").read_text()
    assert "not kept" not in page
    assert page.count("data:image") == (tmp_path / "deep/report.html").read_text().count("data:image")
    assert files_below(tmp_path / "flat").keys() == flat.keys()
