"""Runs of schema 2 that were kept are reported, and their halves are finished, by every version that has the schema."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from foolscape.records.reader import read_run
from foolscape.report import write_report
from foolscape.run.directory.algorithms import versions
from tests.golden.reading import cpu

from .kept import COMMANDS, PLACE, made

_WORDS = ("check", "seen", "advice")
"""What a reason of the verdict says to people; later versions may say it otherwise."""
MADE_ON = (PLACE / "cpu.txt").read_text().strip()
"""What the digits of the kept runs depend on."""


def copied(name: str, kind: str, folder: Path) -> Path:
    """A copy to work on, as a run of the packages that are installed here: others are refused for a good reason."""
    out = Path(shutil.copytree(PLACE / name / kind, folder / "out"))
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | {"versions": versions()}, indent=1) + "\n")
    return out


@pytest.mark.parametrize("name", COMMANDS)
def test_a_finished_run_is_reported(name: str, tmp_path: Path) -> None:
    out = copied(name, "finished", tmp_path)
    run = read_run(out)
    assert {row.condition for row in run.rows} == {"clean", "adversarial", "permuted", "noise"}
    assert len(run.seconds) == len(run.record.samples) == 2
    page = write_report(out).read_text(encoding="utf-8")
    assert page.count("not kept") == 0
    assert run.record.models[0].model in page


@pytest.mark.parametrize(
    "name", [n if n == "segmentation" else pytest.param(n, marks=pytest.mark.slow) for n in COMMANDS]
)
def test_half_a_run_of_another_version_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    out = copied(name, "half", tmp_path)
    record = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps(record | {"foolscape": "0.1.9"}))
    begun = (out / "rows.jsonl").read_bytes().split(b"\n")[:4]
    made(name, out)
    assert (out / "rows.jsonl").read_bytes().split(b"\n")[:4] == begun
    if cpu() == MADE_ON:
        finished = PLACE / name / "finished"
        assert (out / "rows.jsonl").read_bytes() == (finished / "rows.jsonl").read_bytes()
        assert _figures(out / "summary.json") == _figures(finished / "summary.json")
        if json.loads((finished / "run.json").read_text())["foolscape"] == version("foolscape"):
            assert (out / "summary.json").read_bytes() == (finished / "summary.json").read_bytes()


def _figures(path: Path) -> object:
    """A summary without what it says to people."""
    return json.loads(path.read_text(), object_hook=lambda record: {k: v for k, v in record.items() if k not in _WORDS})
