"""How the measuring commands behave: where they write, what they print where, and their exit codes."""

import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.cli import main, measure
from foolscape.cli.console import BELOW, DISTRUST, DONE, ERROR, SOME_FAILED, USAGE
from foolscape.cli.manners import AttackedScores, FailOn, below, fails, floors_of, verdict_of
from foolscape.errors import SettingError
from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.sample import Sample
from foolscape.metrics.score import scores_of
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.metrics.video import ClipScores, ObjectScores

from .made import write_net, write_photos
from .made_boxes import write_detector, write_squares


def foolscape(*arguments: object) -> int:
    """The exit code of a command line."""
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """A command that takes no time, without --out, in a directory of its own."""
    monkeypatch.chdir(tmp_path)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    return ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm", "--probes", 0]


def test_without_out_a_run_has_a_place_goes_on_there_and_takes_the_next(
    tmp_path: Path, quick: list[object], capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = (tmp_path / "runs" / f"nets-net-fgsm-{number}" for number in (1, 2))
    assert foolscape(*quick) == DONE
    said = capfd.readouterr().err
    assert said.startswith("out: runs/nets-net-fgsm-1\n")
    assert "report: runs/nets-net-fgsm-1/report.html" in said

    whole = (first / "rows.jsonl").read_bytes()
    (first / "summary.json").unlink()
    (first / "rows.jsonl").write_bytes(whole[: len(whole) // 2])
    assert foolscape(*quick, "--quiet") == DONE
    assert "out:" not in capfd.readouterr().err
    assert (first / "rows.jsonl").read_bytes().count(b"\n") == whole.count(b"\n")
    assert not second.exists()

    assert foolscape(*quick, "--seed", 1) == DONE
    assert json.loads((second / "run.json").read_text())["config"]["seed"] == 1
    (second / "summary.json").unlink()
    assert foolscape(*quick) == DONE  # the first is finished, the second another
    assert foolscape(*quick, "--seed", 1, "--new") == DONE
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == [f"nets-net-fgsm-{n}" for n in (1, 2, 3, 4)]
    assert not (second / "summary.json").exists()


def test_a_command_that_fails_before_it_begins_leaves_no_directory(tmp_path: Path, quick: list[object]) -> None:
    assert foolscape(*quick, "--size", "9x9", "--data", "folder:nowhere") == ERROR
    assert list((tmp_path / "runs").iterdir()) == []


def test_json_is_alone_on_standard_output(
    tmp_path: Path, quick: list[object], capfd: pytest.CaptureFixture[str]
) -> None:
    noisy = Path(tmp_path / "nets.py")
    noisy.write_text(noisy.read_text().replace("def net():", "def net():\n    print('loading')"))
    assert foolscape(*quick, "--json", "--out", "out") == DONE
    printed = capfd.readouterr()
    assert printed.out == (tmp_path / "out" / "summary.json").read_text()
    for word in ("loading", "mIoU %", "note:", "report:"):
        assert word in printed.err


def test_quiet_prints_the_result_alone(quick: list[object], capfd: pytest.CaptureFixture[str]) -> None:
    assert foolscape(*quick, "--quiet", "--out", "out") == DONE
    printed = capfd.readouterr()
    assert "mIoU %" in printed.out
    assert printed.err == "report: out/report.html\n"
    assert foolscape(*quick, "--quiet", "--json", "--out", "out") == DONE
    printed = capfd.readouterr()
    assert json.loads(printed.out)["task"] == "segmentation"
    assert printed.err == "report: out/report.html\n"


def test_footnotes_are_printed_on_request(
    tmp_path: Path, quick: list[object], capfd: pytest.CaptureFixture[str]
) -> None:
    note, remark = "Intervals:", "No labels:"
    assert foolscape(*quick, "--out", "out") == DONE
    printed = capfd.readouterr().out
    assert note not in printed
    assert remark in printed
    assert foolscape(*quick, "--out", "out", "--footnotes") == DONE
    assert note in capfd.readouterr().out
    assert foolscape("report", "out", "--footnotes") == DONE
    assert note in capfd.readouterr().out
    for page in ("report.html", "report.md", "report.tex"):
        assert note in (tmp_path / "out" / page).read_text()


def test_exit_codes_and_the_highest_wins(
    tmp_path: Path, quick: list[object], capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos" / "broken.png").write_bytes(b"not a picture")
    run = [*quick, "--out", "out"]
    assert foolscape(*run) == SOME_FAILED
    assert foolscape(*run, "--fail-under", "mIoU=0") == SOME_FAILED
    assert foolscape(*run, "--fail-under", "mIoU=0, pixel_accuracy=101") == BELOW
    said = capfd.readouterr().err
    assert "--fail-under: pixel_accuracy of" in said
    assert "expected at least 101" in said
    assert "--fail-under: mIoU" not in said


def test_floors_of_scores_that_there_are_not_are_refused_before_anything_runs(
    tmp_path: Path, quick: list[object], capfd: pytest.CaptureFixture[str]
) -> None:
    assert foolscape(*quick, "--fail-under", "AP50=40") == USAGE
    assert "a score of these models, mIoU, pixel_accuracy; got 'AP50'" in " ".join(capfd.readouterr().err.split())
    assert foolscape(*quick, "--fail-under", "mIoU") == USAGE
    assert foolscape(*quick, "--fail-on", "distrusted") == USAGE
    assert not (tmp_path / "runs").exists()
    given = ("--model", f"{write_detector(tmp_path)}:grid", "--data", "folder:x", "--fail-under")
    assert foolscape("run", *given, "preserved=40") == USAGE
    assert foolscape("harden", *given[:4], "--train-split", "a", "--test-split", "b", *given[4:], "hidden=1") == USAGE
    assert "mIoU, pixel_accuracy; got 'hidden'" in " ".join(capfd.readouterr().err.split())
    universal = ("universal", *given[:4], "--train-split", "a", "--test-split", "b", "--target", "hide:all", *given[4:])
    assert foolscape(*universal, "success=1") == USAGE
    assert "hidden, hidden_per_image, preserved" in " ".join(capfd.readouterr().err.split())


def test_a_transfer_is_judged_by_what_was_made_for_each_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nets, detectors, data = write_net(tmp_path), write_detector(tmp_path), write_squares(tmp_path / "squares", 1)
    models = ("--model", f"{nets}:net", "--model", f"{detectors}:grid")
    command = ("transfer", *models, "--data", f"folder:{data}", "--attack", "fgsm", "--probes", 0, "--quiet")
    assert foolscape(*command, "--json", "--fail-under", "AP50=101,mIoU=0") == BELOW
    printed = capfd.readouterr()
    out = tmp_path / "runs" / "transfer-nets-net-detectors-grid-fgsm-1"
    assert printed.out == (out / "transfer.json").read_text()
    assert f"AP50 of {detectors}:grid" in " ".join(printed.err.split())
    (out / "transfer.json").unlink()
    assert foolscape(*command) == DONE
    assert (out / "transfer.json").exists()
    assert foolscape(*command, "--fail-under", "pixel_accuracy=1") == USAGE


def test_a_verdict_decides_the_exit_code(
    quick: list[object], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from foolscape.run import execute as module

    real, verdicts = module.execute, {"verdict": "not trusted", "if": [], "reasons": []}

    def judged(*args: object, **more: object) -> dict[str, object]:
        return {**real(*args, **more), "trust": verdicts}  # type: ignore[arg-type]

    monkeypatch.setattr(module, "execute", judged)
    run = [*quick, "--out", "out"]
    assert foolscape(*run) == DONE
    assert foolscape(*run, "--fail-on", "distrust") == DISTRUST
    assert "the verdict is not trusted" in capfd.readouterr().err
    assert foolscape(*run, "--fail-on", "undecided", "--fail-under", "mIoU=101") == BELOW
    verdicts["verdict"] = "trusted"
    assert foolscape(*run, "--fail-on", "undecided") == DONE


@pytest.mark.parametrize(
    ("verdict", "distrust", "undecided"),
    [("trusted", False, False), ("not trusted", True, True), ("not decided", False, True)],
)
def test_verdicts_to_fail_on(verdict: str, distrust: bool, undecided: bool) -> None:
    assert not fails(verdict, None)
    assert fails(verdict, FailOn.DISTRUST) is distrust
    assert fails(verdict, FailOn.UNDECIDED) is undecided


def test_without_a_verdict_nothing_is_decided() -> None:
    assert verdict_of(None) == "not decided"


def test_floors_are_read_and_judged() -> None:
    assert floors_of(None) == {}
    assert floors_of("mIoU=40, AP50 = 1e1") == {"mIoU": 40.0, "AP50": 10.0}
    for wrong in ("", "mIoU", "mIoU=", "=4", "mIoU=x", "mIoU=nan", "mIoU=inf", "mIoU=1,", "mIoU=1,mIoU=2"):
        with pytest.raises(SettingError, match="fail-under: expected"):
            floors_of(wrong)
    found = [
        AttackedScores("a", ("mIoU",), {"mIoU": 40.0}),
        AttackedScores("b", ("mIoU",), {"mIoU": None}),
        AttackedScores("c", ("mIoU",), {}),
        AttackedScores("d", ("AP50",), {"AP50": 1.0}),
    ]
    assert below({"mIoU": 40.0}, found[:1]) == []
    told = below({"mIoU": 40.1, "AP50": 0.0}, found)
    assert [sentence.split(",")[0] for sentence in told] == [
        "mIoU of a is 40.00", "mIoU of b is not defined", "mIoU of c is not defined",
    ]  # fmt: skip


def test_the_keys_of_every_task_are_those_of_its_summaries() -> None:
    box, label = np.array([[0.0, 0.0, 9.0, 9.0]]), np.array([0])
    no = np.array([False])
    clip = ObjectScores(1, 0, (1.0,) * 4, (1.0,) * 4, "a")
    samples: dict[str, Sample[Any, Any]] = {
        "segmentation": Sample("a", {0: 1}, PixelsMeasured({0: 1}, {0: 1})),
        "detection": Sample("a", Truth(box, label, no, no, np.array([81.0])), Detected(box, np.array([1.0]), label)),
        "video": Sample("a", None, ClipScores((clip,))),
        "youtube-vos": Sample("a", None, ClipScores((clip, replace(clip, label=2, category="b")), ("a",))),
    }
    for task, sample in samples.items():
        measure = scores_of("video" if task == "youtube-vos" else task).measure_of([sample])
        assert measure.name == task
        scores = measure.score([sample], ["a"], 0, None)
        assert {key for key, value in scores.items() if not isinstance(value, dict)} == set(measure.keys_of())
    assert "preserved" in scores_of("detection").keys_of("person")
    davis, youtube = scores_of("video").default.keys_of(), scores_of("video").measures[0].keys_of()
    assert set(scores_of("video").keys_of()) == {*davis, *youtube}


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_and_version(capfd: pytest.CaptureFixture[str], option: str) -> None:
    for command in ([], ["run"], ["transfer"], ["universal"], ["harden"], ["report"], ["check"], ["list"], ["apply"]):
        assert foolscape(*command, option) == DONE
        assert "Usage: " in capfd.readouterr().out
    assert foolscape("--version") == DONE
    assert capfd.readouterr().out == f"foolscape {version('foolscape')}\n"
    assert foolscape() == USAGE


def test_a_demo_stays_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places: list[Path | None] = []
    monkeypatch.setattr(measure, "carry_out", lambda settle, out, manners: places.append(out))
    assert foolscape("demo", "--out", tmp_path) == DONE
    assert places == [tmp_path / "segmentation", tmp_path / "detection"]


def test_a_file_is_no_directory_to_write_to(quick: list[object], capfd: pytest.CaptureFixture[str]) -> None:
    Path("taken.py").write_text("")
    assert foolscape(*quick, "--out", "taken.py") == USAGE
    assert "out: expected a directory, or the name of a new one, got taken.py: a file" in capfd.readouterr().err
