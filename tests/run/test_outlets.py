"""What is written for those who watch: a live page, figures for Prometheus, a log of events."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from foolscape.cli.console import DONE, OUT_OF_TIME, USAGE
from foolscape.cli.manners import AttackedScores, JobOutcome, Manners
from foolscape.cli.watching import observed
from foolscape.errors import OutOfTimeError, SettingError
from foolscape.records.places import LIVE
from foolscape.records.progress import PartProgress, Progress, WorkerGone, WorkerProgress
from foolscape.run.directory.lock import reserved
from foolscape.run.listener import Settled
from foolscape.run.watching.live import LivePage, live_page
from foolscape.run.watching.log import EventLog
from foolscape.run.watching.metrics import metrics_text
from foolscape.run.watching.tally import Tally

from .made import write_net, write_photos
from .test_manners import foolscape

PART = PartProgress(title="pgd on <net>", done=3, total=12, failures=1, seconds=9.0)
WORKER = WorkerProgress(worker="w1", node="a", device="cuda:0", answered=3, pace=0.5)
GONE = WorkerGone(event="lost", worker="w0", node="a", reason="signal 9")


def now(**told: object) -> Progress:
    base = replace(Tally("run").progress(), phase=PART.title, parts=(PART,), rate=0.5, left=18.0)
    return replace(base, **told)  # type: ignore[arg-type]


def test_the_page_reloads_itself_while_the_command_is_at_work() -> None:
    page = live_page(now(workers=(WORKER,), gone=(GONE,), gone_count=1), "val", has_report=True)
    assert '<meta http-equiv="refresh" content="10">' in page
    assert "width: 25.0%" in page
    assert "pgd on &lt;net&gt;; 1 failure, 0.50 images/s, about 18 s left" in page
    assert "1 lost: signal 9" in page
    assert "report.html" not in page
    page = live_page(now(state="finished", rate=None, left=None), "val", has_report=True)
    assert "refresh" not in page
    assert '<a href="report.html">' in page
    assert "out of time" in live_page(now(state="stopped", reason="out of time"), "val", has_report=False)


def test_the_page_is_written_every_ten_seconds_and_at_the_end(tmp_path: Path) -> None:
    page, times = LivePage(tmp_path), []
    for seconds in range(26):
        page(now(seconds=float(seconds)))
        if (tmp_path / LIVE).exists():
            times.append(seconds)
            (tmp_path / LIVE).unlink()
    page(now(seconds=26.0, state="finished"))
    assert times == [0, 10, 20]
    assert (tmp_path / LIVE).exists()


def test_figures_have_the_form_of_prometheus() -> None:
    outcomes = {("net", "fooled"): 2, ("net", "failed"): 1, ('b"\\\n', "measured"): 4}
    text = metrics_text(now(workers=(WORKER,), gone_count=2), "val", outcomes)
    label = r'\w+="(?:[^"\\\n]|\\["\\n])*"'
    line = re.compile(rf"(# (HELP|TYPE) foolscape_\w+ .+|foolscape_\w+\{{{label}(,{label})*\}} \S+)")
    assert [one for one in text.splitlines() if not line.fullmatch(one)] == []
    for expected in (
        'foolscape_images_done_total{run="val",model="net"} 3',
        'foolscape_images_failed_total{run="val",model="net"} 1',
        'foolscape_images_done_total{run="val",model="b\\"\\\\\\n"} 4',
        'foolscape_part_images{run="val",part="pgd on <net>"} 12', 'foolscape_images_per_second{run="val"} 0.5',
        'foolscape_workers{run="val"} 1', 'foolscape_workers_lost_total{run="val"} 2', 'foolscape_running{run="val"} 1',
    ):  # fmt: skip
        assert expected in text.splitlines()
    assert "per_second" not in metrics_text(now(rate=None), "val", {})


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_log_has_a_line_for_each_thing_that_happens(tmp_path: Path) -> None:
    path, out = tmp_path / "run.jsonl", tmp_path / "runs" / "val"
    manners = Manners(quiet=True, log=path, metrics=tmp_path / "run.prom", live=True)
    with reserved(out), observed("run", out, manners) as (heard, finished):
        heard.phase("checks")
        with heard.progress("pgd on net", 2, 0) as tick:
            heard.settled(Settled("net", "a", 1.23456, True))
            tick("a")
            heard.settled(Settled(None, "b", reason="it is torn"))
            tick("b")
        finished(JobOutcome([AttackedScores("net", ["mIoU"], {"mIoU": 40.5})], 1, "trusted"))
        assert (out / LIVE).exists()
    with pytest.raises(OutOfTimeError), reserved(out), observed("run", out, manners):
        raise OutOfTimeError("spent")
    found = lines(path)
    assert [one["event"] for one in found] == ["begun", "phase", "part", "image", "image", "finished", "begun",
                                               "stopped"]  # fmt: skip
    assert {"model": "net", "id": "a", "outcome": "fooled", "attack_seconds": 1.235}.items() <= found[3].items()
    assert {"model": None, "id": "b", "outcome": "failed", "reason": "it is torn"}.items() <= found[4].items()
    assert found[5]["models"] == [{"model": "net", "attacked": {"mIoU": 40.5}}]
    assert found[5]["verdict"] == "trusted"
    assert found[7]["reason"] == "out of time"
    assert "foolscape_running" in (tmp_path / "run.prom").read_text()


def test_workers_that_join_and_go_are_told_once(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log", "run", "val")
    log(now(workers=(WORKER,)))
    log(now(workers=(WORKER,), gone=(GONE,), gone_count=1))
    log(now(workers=(WORKER,), gone=(GONE,), gone_count=1))
    log.close()
    log.tell("late")
    assert [one["event"] for one in lines(tmp_path / "log")] == ["begun", "worker joined", "worker lost"]


@pytest.mark.parametrize("flag", ["log", "metrics"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path, flag: str) -> None:
    for path in (tmp_path, tmp_path / "nowhere" / "file"):
        with (
            pytest.raises(SettingError, match=f"{flag}: expected the name of a file in a folder that is there"),
            observed("run", tmp_path / "out", Manners(quiet=True, **{flag: path})),  # type: ignore[arg-type]
        ):
            pass


def test_a_command_keeps_what_it_is_asked_to(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    log, out = tmp_path / "log.jsonl", tmp_path / "out"
    words = ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm", "--probes", 0,
             "--quiet", "--out", out, "--log", log, "--live"]  # fmt: skip
    assert foolscape(*words, "--time-budget", "0.001s") == OUT_OF_TIME
    assert foolscape(*words) == DONE
    events = [one["event"] for one in lines(log)]
    assert events.count("image") == 2
    assert [event for event in events if event in ("begun", "stopped", "finished")] == ["begun", "stopped", "begun",
                                                                                        "finished"]  # fmt: skip
    assert "report.html" in (out / LIVE).read_text()
    assert foolscape(*words[:-3], "--metrics", tmp_path) == USAGE
