"""Watching: what a command at work tells in its progress file, and what is told of one that was killed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from foolscape.cli import console
from foolscape.cluster.engine import Answered, Died, Joined
from foolscape.cluster.job import Answer, Loss
from foolscape.cluster.pool import Pool
from foolscape.errors import OutOfTimeError, RunError
from foolscape.records.places import PROGRESS
from foolscape.records.progress import PartProgress, Progress, WorkerGone, WorkerProgress, read_progress
from foolscape.records.row import failure
from foolscape.run.directory.lock import locked, own, reserved
from foolscape.run.listener import Listener, Settled
from foolscape.run.watching import watched as module
from foolscape.run.watching.speed import Speed
from foolscape.run.watching.tally import Tally
from foolscape.run.watching.watched import watched

from .made import silent_progress

SILENT = Listener(lambda _: None, silent_progress)


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def told(out: Path) -> Progress:
    progress = read_progress(out)
    assert progress is not None
    return progress


def test_speed_is_that_of_the_last_images_and_falls_while_one_is_late() -> None:
    speed = Speed(0)
    assert speed.rate(50) is None
    for second in (10, 20, 30):
        speed.settle(second)
    assert speed.rate(30) == speed.rate(40) == pytest.approx(0.1)
    assert speed.rate(70) == pytest.approx(3 / 60)
    for hundredth in range(1, 10_001):
        speed.settle(100 + hundredth / 100)
    assert speed.rate(200) == pytest.approx(100, rel=0.05)  # the first three do not count any more


def test_what_a_command_tells_is_added_up() -> None:
    clock = Clock()
    heard: list[object] = []
    tally = Tally("run", clock)
    listener = tally.listening(replace(SILENT, phase=heard.append, settled=heard.append))
    assert tally.progress().phase == "opening models and data"
    listener.phase("checks")
    with listener.progress("pgd on net", 10, 2) as tick:
        for name, success in (("a", True), ("b", False), ("c", None)):
            clock.time += 4
            listener.settled(Settled("net", name, 4.0, success))
            tick(name)
        clock.time += 4
        listener.heard([failure("net", "d", "it is torn")], None)
        tick("d")
        now = tally.progress()
    assert (now.phase, now.rate, now.left, now.seconds, now.failures) == ("pgd on net", 0.25, 16, 16, 1)
    assert now.part is not None
    assert (now.part.done, now.part.total, now.part.failures) == (6, 10, 1)
    assert heard == ["checks", Settled("net", "a", 4.0, True), Settled("net", "b", 4.0, False),
                     Settled("net", "c", 4.0), Settled("net", "d", reason="it is torn")]  # fmt: skip
    assert tally.outcomes == {("net", "fooled"): 1, ("net", "not fooled"): 1, ("net", "measured"): 1,
                              ("net", "failed"): 1}  # fmt: skip
    tally.ended("finished")
    assert tally.progress().rate is None


class Hands:
    """An engine whose workers answer as the test says."""

    def __init__(self, *events: object) -> None:
        self.events = list(events)

    def start(self, job: bytes) -> None: ...
    def share(self, inputs: dict[str, bytes]) -> None: ...
    def submit(self, worker: str, number: int, lease: object) -> None: ...
    def end(self, worker: str, reason: str) -> None: ...
    def stop(self) -> None: ...

    def poll(self, timeout: float) -> object:
        return self.events.pop(0)

    def expected(self) -> int:
        return 1


def test_time_left_is_that_of_the_workers_there_are() -> None:
    events = (Joined("w1", "n1", "cpu"), Joined("w2", "n2", "cpu"), Answered("w1", 0, Answer("a", b"", {}, 6.0)),
              Died("w2", "n2", "signal 9"), Answered("w1", 0, Answer("b", b"", {}, 6.0)))  # fmt: skip
    tally = Tally("run", Clock())
    listener = tally.listening(SILENT)
    with Pool({}, Hands(*events)) as pool, listener.progress("pgd on net", 4, 0) as tick:  # type: ignore[arg-type]
        listener.crew(pool)
        answers = pool.answers(["a", "b", "c"], costs=dict.fromkeys("abc", 2.0))
        next(answers)
        tick("a")
        both = tally.progress()
        next(answers)
        tick("b")
        one = tally.progress()
        listener.crew(None)
    assert [(worker.worker, worker.answered, worker.pace) for worker in both.workers] == [("w1", 1, 6.0), ("w2", 0, 6)]
    assert both.left == pytest.approx(9, abs=0.1)
    assert one.left == pytest.approx(12, abs=0.1)
    assert [(gone.event, gone.worker, gone.reason) for gone in one.gone] == [("lost", "w2", "signal 9")]
    after = tally.progress()
    assert (after.workers, after.gone, after.gone_count) == ((), one.gone, 1)
    assert isinstance(pool.losses[0], Loss)


@pytest.mark.parametrize(("count", "lines"), [(2, 3), (40, 1)])
def test_the_terminal_shows_rate_time_left_failures_and_workers(
    monkeypatch: pytest.MonkeyPatch, count: int, lines: int
) -> None:
    monkeypatch.setattr(console, "err_console", Console(file=(printed := StringIO()), width=200))
    part = PartProgress(title="pgd on net", done=3, total=9, failures=1)
    workers = [WorkerProgress(worker=f"w{n}", node="a", device="cuda:0", answered=n, pace=2.0) for n in range(count)]
    gone = WorkerGone(event="lost", worker="w9", node="a", reason="signal 9")
    now = replace(Tally("run").progress(), parts=(part,), rate=0.05, left=120.0, workers=tuple(workers), gone=(gone,),
                  gone_count=1)  # fmt: skip
    with console.listener(lambda: now).progress("pgd on net", 9, 3):
        pass
    bar, *below = printed.getvalue().rstrip().splitlines()
    assert bar.endswith("3/9 1 failure, 20 s an image, about 2 min left")
    assert below[0] == f"  {count} workers, 1 lost: signal 9"
    assert len(below) == lines


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [(None, "finished", ""), (OutOfTimeError("spent"), "stopped", "out of time"),
     (KeyboardInterrupt(), "stopped", "interrupted"), (RunError("no room"), "stopped", "no room"),
     (ValueError("odd\nmore"), "stopped", "ValueError: odd")],
)  # fmt: skip
def test_the_file_tells_how_a_command_ended(
    tmp_path: Path, error: BaseException | None, state: str, reason: str
) -> None:
    def act() -> None:
        with (
            reserved(tmp_path / "out"),
            watched(tmp_path / "out", SILENT, Tally("run")) as heard,
            locked(tmp_path / "out"),
        ):
            heard.phase("checks")
            own(tmp_path / "out")
            (tmp_path / "out" / "run.json").write_text("{}")
            if error is not None:
                raise error

    if error is None:
        act()
    else:
        with pytest.raises(type(error)):
            act()
    progress = told(tmp_path / "out")
    assert (progress.state, progress.reason, progress.phase) == (state, reason, "checks")
    assert (progress.pid, progress.command) == (os.getpid(), "run")


def test_the_refused_one_of_two_commands_leaves_the_file_alone(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with reserved(out), watched(out, SILENT, Tally("first")):
        wait_for(lambda: (out / PROGRESS).exists())
        with pytest.raises(RunError, match="got a run that is at work in it"), reserved(out):
            pass
        with pytest.raises(RunError), watched(tmp_path / "else", SILENT, Tally("second")):
            raise RunError("it is another's")
    assert not (tmp_path / "else").exists()
    out.mkdir()
    (out / "run.json").write_text("{}")
    with pytest.raises(RunError), reserved(out), watched(out, SILENT, Tally("third")), locked(out):
        raise RunError("expected the command that began it")
    assert not (out / PROGRESS).exists()


def test_nothing_is_written_among_other_files_and_nothing_stays_of_what_was_not_begun(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    for out in (tmp_path / "mine", tmp_path / "new" / "deep"):
        with pytest.raises(RunError), reserved(out), watched(out, SILENT, Tally("run")):
            raise RunError("no such model")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["letter.txt", "mine"]


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_passing", full)
    ended = []
    with reserved(tmp_path / "out"), watched(tmp_path / "out", SILENT, Tally("run")):
        ended.append("whole")
    assert ended == ["whole"]
    assert not (tmp_path / "out" / PROGRESS).exists()


def wait_for(held: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not held():
        assert time.monotonic() < end
        time.sleep(0.02)
