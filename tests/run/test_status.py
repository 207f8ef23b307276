"""`foolscape status`: what is told of commands at work, ended, killed or gone with their machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli import main
from foolscape.cli.console import AT_WORK, DONE, ERROR, NOBODY
from foolscape.errors import RunError
from foolscape.records.places import PROGRESS
from foolscape.records.progress import PartProgress, Progress, WholeProgress, WorkerGone, WorkerProgress, progress_bytes
from foolscape.records.sweep import SWEEP
from foolscape.run.directory.lock import LOCK
from foolscape.run.listener import Listener
from foolscape.run.sweep.journal import earlier
from foolscape.run.watching.live import live_page
from foolscape.run.watching.standing import SILENT, State, standing_of
from foolscape.run.watching.tally import Tally
from foolscape.run.watching.words import of_whole

from .made import silent_progress

AT_WORK_IN = """
import sys, time
from pathlib import Path
from foolscape.run.directory.lock import locked, own
from foolscape.run.listener import Listener
from foolscape.run.watching.tally import Tally
from foolscape.run.watching.watched import watched
out = Path(sys.argv[1])
with locked(out), watched(out, Listener(print, None), Tally("run")):
    own(out)
    while not (out / "progress.json").exists():
        time.sleep(0.01)
    print("begun", flush=True)
    time.sleep(300)
"""


def begun(directory: Path, **told: Any) -> Path:
    """A directory with what a command of this process tells."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "run.json").write_text("{}")
    (directory / PROGRESS).write_bytes(progress_bytes(replace(Tally("run").progress(), **told)))
    return directory


def progress_of(directory: Path) -> Progress:
    """What the directory tells."""
    told = standing_of(directory).progress
    assert told is not None
    return told


def looked(capfd: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """The exit code of `foolscape status`, and what it prints."""
    with pytest.raises(SystemExit) as caught:
        main(["status", *map(str, arguments)])
    assert isinstance(caught.value.code, int)
    printed = capfd.readouterr().out
    return caught.value.code, printed if "--json" in arguments else " ".join(printed.split())


def test_a_command_is_at_work_until_it_is_killed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-c", AT_WORK_IN, str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        (out / "run.json").write_text("{}")
        code, said = looked(capfd, out)
        assert code == AT_WORK
        assert "running, foolscape run" in said
        before = (out / PROGRESS).read_bytes()
        process.send_signal(signal.SIGKILL)
        process.wait()
    code, said = looked(capfd, out)
    assert code == NOBODY
    assert "dead, foolscape run" in said
    assert "gone without a word" in said
    assert (out / PROGRESS).read_bytes() == before
    assert {path.name for path in out.iterdir()} == {LOCK, "run.json", PROGRESS}


def test_the_number_of_a_later_process_is_not_taken_for_it(tmp_path: Path) -> None:
    assert standing_of(begun(tmp_path)).state is State.RUNNING
    assert standing_of(begun(tmp_path, born="1")).state is State.DEAD
    assert standing_of(begun(tmp_path, pid=2**22 + 1, born=None)).state is State.DEAD


@pytest.mark.parametrize(
    ("ago", "changed", "state"),
    [(5.0, 5.0, State.RUNNING), (2 * SILENT, 2 * SILENT, State.DEAD), (2 * SILENT, 5.0, State.RUNNING),
     (5.0, 2 * SILENT, State.RUNNING), (-3600.0, 2 * SILENT, State.RUNNING)],
)  # fmt: skip
def test_of_another_machine_it_is_told_by_its_clock_or_the_files(
    tmp_path: Path, ago: float, changed: float, state: State
) -> None:
    updated = (datetime.now(UTC) - timedelta(seconds=ago)).isoformat()
    out = begun(tmp_path, host="elsewhere", updated=updated)
    when = datetime.now(UTC).timestamp() - changed
    os.utime(out / PROGRESS, (when, when))
    assert standing_of(out).state is state


def test_parts_of_a_run_are_in_one_table(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    part = PartProgress(title="pgd on net", done=2, total=8, failures=1, seconds=4.0)
    begun(tmp_path / "shards" / "1-of-4", state="finished", parts=(replace(part, done=8),), phase="page")
    begun(tmp_path / "shards" / "3-of-4", parts=(part,), phase="pgd on net", rate=0.5, left=12.0)
    begun(tmp_path / "shards" / "4-of-4", born="1", parts=(part,), phase="pgd on net")
    standing = standing_of(tmp_path)
    assert [one.state for one in standing.parts] == [State.FINISHED, State.NOT_BEGUN, State.RUNNING, State.DEAD]
    code, said = looked(capfd, tmp_path)
    assert code == AT_WORK
    assert "2 of 8, 1 failure, 0.50 images/s, about 12 s left" in said
    begun(tmp_path / "shards" / "3-of-4", state="stopped", reason="out of time", parts=(part,))
    code, said = looked(capfd, tmp_path, "--json")
    assert code == NOBODY
    found = json.loads(said)
    assert [one["state"] for one in found["parts"]] == ["finished", "not begun", "stopped", "dead"]
    assert found["parts"][2]["why"] == "out of time"
    for number in (2, 3, 4):
        begun(tmp_path / "shards" / f"{number}-of-4", state="finished")
    assert looked(capfd, tmp_path)[0] == DONE


def test_workers_have_a_line_each_and_lost_ones_their_reason(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    workers = (
        WorkerProgress(worker="w1", node="a", device="cuda:0", answered=7, pace=0.5),
        WorkerProgress(worker="w2", node="b", device="cuda:1", answered=0),
    )
    gone = WorkerGone(event="lost", worker="w0", node="a", reason="signal 9")
    begun(tmp_path, workers=workers, gone=(gone, gone), gone_count=3)
    text = looked(capfd, tmp_path)[1]
    assert "2 workers on 2 nodes w1 a cuda:0 7 images 0.5 s an image w2 b cuda:1 0 images" in text
    assert "2 lost: signal 9 1 more before" in text


def test_of_one_that_is_dead_no_speed_is_told_and_no_worker(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    part = PartProgress(title="pgd on net", done=3, total=9)
    workers = (WorkerProgress(worker="w1", node="a", device="cpu", answered=3, pace=0.5),)
    gone = WorkerGone(event="lost", worker="w0", node="a", reason="signal 9")
    told: dict[str, Any] = {"parts": (part,), "phase": "pgd on net", "rate": 2.0, "left": 3.0, "workers": workers,
                            "gone": (gone,), "gone_count": 1, "whole": WholeProgress(unit="cells", done=1, total=4,
                                                                                     ahead=200.0)}  # fmt: skip
    begun(tmp_path, **told)
    assert "2.00 images/s, about 3.0 s left" in looked(capfd, tmp_path)[1]
    begun(tmp_path, born="1", **told)
    code, said = looked(capfd, tmp_path)
    assert code == NOBODY
    assert "pgd on net: 3 of 9" in said
    assert "1 of 4 cells" in said
    assert "1 lost: signal 9" in said
    assert not any(word in said for word in ("left", "images/s", "1 worker"))


def test_a_command_of_several_runs_tells_of_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A sweep whose second cell of four is half done is 3/8 done, however many images that cell has."""
    whole = WholeProgress(unit="cells", done=1, total=4, ahead=200.0)
    part = PartProgress(title="cell 2/4, pgd on net", done=3, total=6)
    told = progress_of(begun(tmp_path, whole=whole, parts=(part,), left=100.0))
    assert told.share == 0.375
    said = looked(capfd, tmp_path)[1]
    assert "cell 2/4, pgd on net: 3 of 6, about 2 min left" in said
    assert "1 of 4 cells, about 5 min left for all" in said
    page = live_page(told, "street", has_report=False)
    assert "<h1>street: 1 of 4 cells</h1>" in page
    assert 'style="width: 37.5%"' in page
    unknown = replace(told, whole=replace(whole, ahead=None))
    assert of_whole(unknown) == "1 of 4 cells"
    ended = replace(told, whole=replace(whole, done=4), state="finished", left=None)
    assert (ended.share, of_whole(ended)) == (1.0, "4 of 4 cells")


def test_a_run_in_a_transfer_is_told_of_by_the_transfer(tmp_path: Path) -> None:
    begun(tmp_path)
    inner = tmp_path / "runs" / "net"
    inner.mkdir(parents=True)
    (inner / "run.json").write_text("{}")
    assert standing_of(inner).state is State.RUNNING
    (inner / "summary.json").write_text("{}")
    assert standing_of(inner) == replace(standing_of(inner), state=State.FINISHED, progress=None)


def test_a_sweep_does_not_mind_the_file_and_tells_of_its_runs(tmp_path: Path) -> None:
    (tmp_path / PROGRESS).write_bytes(progress_bytes(Tally("sweep").progress()))
    assert earlier(tmp_path) is None
    (tmp_path / SWEEP).write_text("{}")
    inner = tmp_path / "runs" / "net-pgd"
    inner.mkdir(parents=True)
    (inner / "run.json").write_text("{}")
    for directory in (tmp_path, inner):
        assert standing_of(directory).state is State.RUNNING


def test_without_a_progress_the_result_tells(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert standing_of(tmp_path).state is State.DEAD
    (tmp_path / "summary.json").write_text("{}")
    assert standing_of(tmp_path).state is State.FINISHED


def test_what_is_no_run_or_damaged_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError, match="nowhere: nothing there"):
        standing_of(tmp_path / "nowhere")
    assert looked(capfd, tmp_path)[0] == ERROR
    (begun(tmp_path) / PROGRESS).write_text('{"schema": 2, "command": 3}')
    with pytest.raises(RunError, match=r"progress\.json: expected the progress of a command, got command:"):
        standing_of(tmp_path)


def test_what_is_told_can_be_read_again() -> None:
    tally = Tally("run")
    listener = tally.listening(Listener(lambda _: None, silent_progress))
    with listener.progress("a", 3, 1):
        now = tally.progress()
    assert json.loads(progress_bytes(now))["parts"] == [{"title": "a", "done": 1, "total": 3}]
    assert isinstance(now, Progress)
