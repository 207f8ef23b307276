"""A time budget: a command stops at a whole image or epoch, says so, and the same command goes on to the same bytes."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli import main
from foolscape.errors import OutOfTimeError, SettingError
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.run.settings.given_resources import seconds_of

from .made import silent_progress, write_net, write_photos


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 5)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
            "probes": 1}  # fmt: skip


def from_question(number: int) -> Callable[[], bool]:
    """Enough from the question `number` on."""
    asked = itertools.count(1)
    return lambda: next(asked) >= number


def measured(out: Path) -> int:
    return len({json.loads(line)["id"] for line in (out / "rows.jsonl").read_text().splitlines()})


@pytest.mark.parametrize("more", [{}, {"batch": 2}, {"eps": "2/255,8/255"}, {"attack": "none", "steps": None}])
def test_stopped_at_a_whole_image_and_continued_it_is_the_same_run(
    tmp_path: Path, settings: dict[str, Any], more: dict[str, Any]
) -> None:
    chosen = {name: value for name, value in {**settings, **more}.items() if value is not None}

    def act(out: Path, enough: Callable[[], bool]) -> Any:
        return execute(make_config(dict(chosen)), out, ["foolscape"], Listener(lambda _: None, silent_progress, enough))

    act(tmp_path / "one", lambda: False)
    with pytest.raises(OutOfTimeError, match="goes on from here"):
        act(tmp_path / "other", from_question(3))
    assert measured(tmp_path / "other") == 2
    act(tmp_path / "other", lambda: False)
    for name in ("rows.jsonl", "summary.json"):
        assert (tmp_path / "other" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_each_process_does_something_and_the_last_one_finishes(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["run", "--model", settings["models"][0], "--data", settings["data"], "--attack", "pgd", "--steps", "1",
             "--limit", "2", "--out", "out", "--time-budget", "0.001s"]  # fmt: skip
    codes = []
    for _ in range(4):
        with pytest.raises(SystemExit) as left:
            main(words)
        codes.append(left.value.code)
        if not codes[-1]:
            break
    # An image each; all are measured when the third begins, which has the verdict and the page left.
    assert codes == [6, 6, 0]
    said = " ".join(capsys.readouterr().err.split())
    assert "the time budget is spent; the same command goes on from here" in said
    assert "report of what is there: out/report.html" in said
    assert 'class="unfinished"' not in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2H", 7200), ("0.5h", 1800)]
)
def test_a_time_is_written_with_its_unit(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["30", "", "h", "m30", "-1h", "0s", "1d", "nans", 30, -1, 0.5, b"30m", ["30m"]])
def test_another_time_is_refused(text: object) -> None:
    with pytest.raises(SettingError, match="time-budget: expected a time such as 90s, 30m, 2h or 1h30m"):
        seconds_of(text)
