"""A run that was interrupted has a report of what is there, and none of it is left when the run has finished."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from foolscape.cli.console import DONE, ERROR
from foolscape.cli.signals import INTERRUPTED, signals_end_it
from foolscape.errors import ModelError, RunError
from foolscape.records.places import PARTIAL
from foolscape.run import execute as module
from foolscape.run.directory.begun import as_json
from foolscape.run.universal.config import make_universal_config

from ..written import run_record
from .made import files_below, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .test_manners import foolscape

Command = list[object]


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """A command that takes no time, without --out, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    return ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm", "--probes", 0, "--quiet"]


def ends_after(images: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run ends with an error when so many images are done."""
    real: Callable[..., None] = module.evaluate

    def evaluate(subject: Any, ids: Any, *rest: Any) -> None:
        real(subject, ids[:images], *rest)
        raise error("the end")

    monkeypatch.setattr(module, "evaluate", evaluate)


def test_an_interrupted_run_leaves_a_page_that_goes_when_it_has_finished(
    tmp_path: Path, quick: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert foolscape(*quick, "--out", "whole") == DONE
    with monkeypatch.context() as patch:
        ends_after(2, KeyboardInterrupt, patch)
        assert foolscape(*quick, "--out", "out") == INTERRUPTED
    whole, out = tmp_path / "whole", tmp_path / "out"
    said = capfd.readouterr().err
    assert "interrupted; the same command again resumes it" in said
    assert "report of what is there: out/report.html" in said
    assert not (out / "summary.json").exists()
    page = (out / "report.html").read_text()
    assert "<title>Unfinished: FGSM cut mIoU" in page
    assert "Unfinished: 2 of 3 images. The figures are of these alone" in page

    assert foolscape("report", "out") == DONE
    assert "Scores, unfinished: 2 of 3 images" in capfd.readouterr().out
    assert "unfinished: 2 of 3 images" in (out / "report.md").read_text()
    assert "unfinished: 2 of 3 images" in (out / "report.tex").read_text()
    assert foolscape("report", "out", "--panel", "photo1") == DONE
    (out / "panel.png").unlink()

    assert foolscape(*quick, "--out", "out") == DONE
    names = [sorted(str(path.relative_to(of)) for path in of.rglob("*")) for of in (whole, out)]
    assert names[0] == names[1]
    assert files_below(whole) == files_below(out)
    summaries = [json.loads((of / "summary.json").read_text()) for of in (whole, out)]
    assert summaries[0] == summaries[1]
    assert "Unfinished" not in (out / "report.html").read_text()


@pytest.fixture
def heeded() -> Iterator[None]:
    """SIGHUP is not ignored, as it is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeded")
def test_a_signal_ends_a_run_as_ctrl_c_does(
    tmp_path: Path, quick: Command, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    real: Callable[..., None] = module.evaluate
    wanted = [signal.SIGTERM, signal.SIGHUP]

    def evaluate(subject: Any, ids: Any, *rest: Any) -> None:
        real(subject, ids[:1], *rest)
        os.kill(os.getpid(), wanted[0])
        raise AssertionError("the signal came to nothing")

    monkeypatch.setattr(module, "evaluate", evaluate)
    assert foolscape(*quick, "--out", "out") == 143
    said = capfd.readouterr().err
    assert "terminated; the same command again resumes it" in said
    assert "report of what is there: out/report.html" in said
    assert "Unfinished: 1 of 3 images." in (tmp_path / "out/report.html").read_text()
    del wanted[0]
    assert foolscape(*quick, "--out", "out") == 129
    assert {signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)} == {signal.SIG_DFL}


@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize(
    ("sent", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, INTERRUPTED, "interrupted")]
)
def test_a_signal_before_anything_is_begun_is_told_and_has_its_code(
    sent: int, code: int, word: str, tmp_path: Path, quick: Command, monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    def reserved(directory: Path) -> None:
        os.kill(os.getpid(), sent)
        raise AssertionError("the signal came to nothing")

    monkeypatch.setattr("foolscape.run.directory.lock.reserved", reserved)
    assert foolscape(*quick, "--out", "out") == code
    assert capfd.readouterr().err.strip() == word
    assert not (tmp_path / "out").exists()


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_end_it():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_figures_are_those_of_a_run_of_the_images_that_are_done(
    tmp_path: Path, quick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        ends_after(2, ModelError, patch)
        assert foolscape(*quick, "--out", "out") == ERROR
    assert foolscape(*quick, "--limit", 2, "--out", "two") == DONE
    so_far = json.loads((tmp_path / "out" / PARTIAL).read_text())
    two = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert so_far["models"][0]["conditions"] == two["models"][0]["conditions"]
    assert so_far["unfinished"] == [{"part": so_far["models"][0]["model"], "done": 2, "of": 3, "unit": "images"}]


def test_a_killed_run_is_reported_even_with_a_torn_row_or_none(
    tmp_path: Path, quick: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    assert foolscape(*quick, "--out", "out") == DONE
    out = tmp_path / "out"
    (out / "summary.json").unlink()
    rows = (out / "rows.jsonl").read_bytes()
    lines = rows.splitlines(keepends=True)
    for content, done in ((rows, 3), (b"".join(lines[:6]) + lines[6][:40], 1), (lines[0][:9], 0)):
        (out / "rows.jsonl").write_bytes(content)
        capfd.readouterr()
        assert foolscape("report", "out") == DONE
        assert f"unfinished: {done} of 3 images" in capfd.readouterr().out
        assert (out / "rows.jsonl").read_bytes() == content  # another process may be at work in it
    (out / "rows.jsonl").unlink()
    assert foolscape("report", "out") == DONE
    assert "No image is done yet." in (out / "report.html").read_text()


def test_a_command_that_was_refused_writes_nothing(
    tmp_path: Path, quick: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        ends_after(1, RunError, patch)
        assert foolscape(*quick, "--out", "out") == ERROR
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert foolscape(*quick, "--seed", 1, "--out", "out") == ERROR
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before


def test_a_transfer_tells_which_of_its_parts_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nets, detectors, data = write_net(tmp_path), write_detector(tmp_path), write_squares(tmp_path / "squares", 2)
    models = ("--model", f"{nets}:net", "--model", f"{detectors}:grid")
    command = ("transfer", *models, "--data", f"folder:{data}", "--attack", "fgsm", "--probes", 0, "--out", "out")
    real, calls = module.evaluate, []

    def second_is_interrupted(subject: Any, ids: Any, *rest: Any) -> None:
        calls.append(subject.spec)
        real(subject, ids[: 3 - len(calls)], *rest)
        if len(calls) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "evaluate", second_is_interrupted)
        assert foolscape(*command) == INTERRUPTED
    out = tmp_path / "out"
    inner = sorted(path.name for path in (out / "runs").iterdir())
    page = (out / "report.html").read_text()
    assert "Unfinished transfer: 1 of 4 parts done" in page
    capfd.readouterr()
    assert foolscape("report", "out") == DONE
    printed = capfd.readouterr().out
    assert f"| attack on {_escaped(nets)}:net | 2 | 2 images |" in (out / "report.md").read_text()
    assert f"| attack on {_escaped(detectors)}:grid | 1 | 2 images |" in (out / "report.md").read_text()
    for name in inner:
        assert f"runs/{name}: Scores" in printed
        assert f'href="runs/{name}/report.html"' in page
        assert (out / "runs" / name / "report.html").exists()
    assert foolscape(*command) == DONE
    assert not list(out.rglob(PARTIAL))
    assert sorted(path.name for path in out.glob("report.*")) == ["report.html"]


def _escaped(text: str) -> str:
    return text.replace("_", r"\_")


def _epochs(path: Path, metadata: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"tile": np.zeros(1, np.float32)}, path, {"foolscape": json.dumps(metadata)})


def test_a_hardening_and_a_pattern_tell_their_epochs(
    tmp_path: Path, quick: Command, capfd: pytest.CaptureFixture[str]
) -> None:
    out, split = tmp_path / "out", {"samples": 3, "sha256": "x"}
    plain = as_json(run_record())
    common = {key: plain[key] for key in ("schema", "command", "foolscape", "algorithms", "versions", "device", "seed")}
    assert foolscape(*quick, "--out", "out/before") == DONE
    config = {"train_split": "train", "epochs": 4}
    record = {**common, "kind": "harden", "config": config, "train": split, "test": split, "models": [], "attack": {}}
    (out / "run.json").write_text(json.dumps(record))
    _epochs(out / "checkpoint.safetensors", [{"loss": 1.25, "right": 60.5}, {"loss": 0.5, "right": 70.5}])
    assert foolscape("report", "out") == DONE
    printed = capfd.readouterr().out
    for words in ("Unfinished hardening: 1 of 3 parts done", "2  4 epochs", "before: Scores", "0.500", "70.5"):
        assert words in printed
    assert "Unfinished hardening" in (out / "report.html").read_text()

    pattern = tmp_path / "pattern"
    given: dict[str, object] = {
        "model": "a", "data": "scenes:", "target": "hide:x", "train_split": "train", "test_split": "test", "epochs": 3,
    }  # fmt: skip
    settled = make_universal_config(given).model_dump(mode="json")
    shape = {"tile": [1, 1], "start_sha256": None, "target_sha256": None, "train": split, "test": split}
    told = {**common, "kind": "universal", "config": settled, "models": plain["models"], **shape}
    _epochs(
        pattern / "learning" / "main.safetensors", {"steps": 1, "epochs": [{"loss": 2, "moved": 0.25, "stayed": 1}]}
    )
    (pattern / "run.json").write_text(json.dumps(told))
    assert foolscape("report", "pattern", "--format", "markdown") == DONE
    printed = capfd.readouterr().out
    assert "Unfinished universal perturbation: 0 of 2 parts done" in printed
    assert "| learning main | 1 | 3 epochs |" in printed
    assert "| 1 | 2.000 | 25.0 | 100.0 |" in printed
