"""Two runs of one command give the same files, byte for byte; what the clock says stands apart, and reports read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foolscape.records.timings import read_timings
from foolscape.report import write_texts

from .made import do_run, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

FROM_RUN_TO_RUN = ("run.json", "timings.jsonl", "report.html", ".lock")
"""`started` in run.json, and so its page, and times."""


def maps(folder: Path) -> dict[str, object]:
    return {"models": [f"{write_net(folder)}:net"], "data": f"folder:{write_photos(folder / 'photos', 2)}"}


def boxes(folder: Path) -> dict[str, object]:
    return {"models": [f"{write_detector(folder)}:grid"], "data": f"folder:{write_squares(folder / 'squares')}"}


def clips(folder: Path) -> dict[str, object]:
    tracker = f"{write_tracker(folder)}:colours?task=video"
    return {"models": [tracker], "data": f"davis2017:{write_clips(folder / 'davis')}", "steps": 2}


@pytest.mark.parametrize("given", [maps, boxes, clips])
def test_two_runs_are_the_same_files(tmp_path: Path, given: Callable[[Path], dict[str, object]]) -> None:
    settings = given(tmp_path)
    found = []
    for name in ("one", "other"):
        out = tmp_path / name
        do_run(out, attack="pgd", limit=2, probes=1, **settings)
        paths = [path for path in sorted(out.rglob("*")) if path.is_file()]
        found.append({str(path.relative_to(out)): path.read_bytes() for path in paths})
        times = read_timings(out)
        assert {model for model, _ in times} == set(settings["models"])  # type: ignore[call-overload]
        assert len(times) == 2
        assert all(seconds > 0 for seconds in times.values())
    one, other = ({name: files[name] for name in files if name not in FROM_RUN_TO_RUN} for files in found)
    assert {"rows.jsonl", "summary.json"} < one.keys()
    assert one == other
    records = [json.loads(files["run.json"]) for files in found]
    assert records[0] | {"started": ""} == records[1] | {"started": ""}
    mean = sum(times.values()) / 2
    assert f"{mean:.2f}" in write_texts(out)[".md"]
