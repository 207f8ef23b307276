"""What the command line prints: on any standard output, and whatever names, notes and records hold."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli import outlet
from foolscape.cli.console import DONE, ERROR, USAGE, tell
from foolscape.printable import printable, printable_json
from tests.report import fake_run

from .made import write_net, write_photos
from .test_manners import foolscape

ODD = "a\x1b[31m\x9b2J\u202eb\x07\udcff"
SHOWN = "a\N{REPLACEMENT CHARACTER}[31m"


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A finished run whose names are hostile."""
    monkeypatch.chdir(tmp_path)
    failures = [{"id": fake_run.HOSTILE, "model": None, "reason": fake_run.HOSTILE}]
    plan = fake_run.Plan(
        fake_run.pictures([f"{fake_run.HOSTILE} {n}" for n in range(2)], 16, 24),
        models=(fake_run.HOSTILE,),
        classes=(f"sky{fake_run.HOSTILE}", "road", "building", "car"),
        failures=failures,
    )
    fake_run.write(tmp_path / "run", plan)
    return "run"


def printed(encoding: str, *arguments: object, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """Exit code and standard output of a command whose standard output has an `encoding`."""
    buffer = io.BytesIO()
    with monkeypatch.context() as patch:
        stream = io.TextIOWrapper(buffer, encoding=encoding)
        patch.setattr(sys, "stdout", stream)
        code = foolscape(*arguments)
        stream.flush()
        return code, buffer.getvalue().decode(encoding)


def test_printable() -> None:
    assert printable(ODD) == "a\ufffd[31m\ufffd2J\ufffdb\ufffd\ufffd"
    assert printable("one\ntwo\tthree é 漢") == "one two three é 漢"


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
def test_json_keeps_its_value_and_is_printable(encoding: str) -> None:
    value = {"a": [ODD, 'é 漢 🦊 \u2028 \\ " \n'], "b": 1.5}
    text = json.dumps(value, indent=1, ensure_ascii=False)
    shown = printable_json(text, encoding)
    assert json.loads(shown) == value
    assert all(line.isprintable() for line in shown.split("\n"))
    shown.encode(encoding)
    assert ("é" in shown) == (encoding != "ascii")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_tables_are_printed_in_any_encoding(
    finished: str, encoding: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for form in ("terminal", "markdown", "latex"):
        code, text = printed(encoding, "report", finished, "--format", form, "--footnotes", monkeypatch=monkeypatch)
        assert code == DONE
        assert "\x1b" not in text
        assert "mIoU" in text
    code, text = printed(encoding, "list", "attacks", monkeypatch=monkeypatch)
    assert (code, "dag" in text) == (DONE, True)
    assert "Error" not in capfd.readouterr().err


def test_signs_that_an_encoding_lacks_have_plain_ones() -> None:
    stream = io.TextIOWrapper(buffer := io.BytesIO(), encoding="ascii", errors=outlet.PLAINLY)
    stream.write("\N{MINUS SIGN}1 \N{MULTIPLICATION SIGN} é \N{EN DASH} “a” ≥ 漢")
    stream.flush()
    assert buffer.getvalue() == b'-1 x e - "a" >= ?'


def test_a_full_standard_output_is_an_error_that_is_told(
    finished: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    commands: list[tuple[str, ...]] = [
        ("report", finished),
        ("report", finished, "--format", "latex"),
        ("list", "data"),
    ]
    for command in commands:
        with monkeypatch.context() as patch, open("/dev/full", "w") as full:  # noqa: PTH123 - a device
            patch.setattr(sys, "stdout", full)
            assert foolscape(*command) == ERROR
        said = capfd.readouterr().err
        assert "error: expected a standard output that can be written, got: [Errno 28] No space left on device" in said
        assert "Traceback" not in said
    assert Path(finished, "report.html").exists()


def test_a_reader_that_has_left_is_no_error(
    finished: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for command in (("report", finished), ("list", "data")):
        reader, writer = os.pipe()
        os.close(reader)
        with monkeypatch.context() as patch, os.fdopen(writer, "w") as left:
            patch.setattr(sys, "stdout", left)
            assert foolscape(*command) == DONE
        assert "rror" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_closed_stream_is_no_error(finished: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, name, None)
    assert foolscape("report", finished) == DONE


def test_a_full_standard_error_ends_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 1)
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        monkeypatch.setattr(sys, "stderr", full)
        run = ("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "none", "--out", "out")
        assert foolscape(*run) == DONE
        monkeypatch.undo()
    assert (tmp_path / "out/summary.json").exists()


def test_no_escape_sequence_reaches_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a\x1b[31mb"
    nets, photos = write_net(tmp_path), write_photos(tmp_path / f"{name} photos", 1)
    (photos / f"{name}.png").write_bytes(b"no picture")
    run = ("run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "none", "--out", f"{name} out")
    assert foolscape(*run) == 3
    foolscape("report", f"{name} out")
    foolscape("report", name)
    foolscape("run", "--model", f"{name}:net", "--data", f"{name}:x")
    assert foolscape("list", name) == USAGE
    assert foolscape(f"--{name}") == USAGE
    tell(f"{name}\nerror: made up")
    out, err = capfd.readouterr()
    assert "\x1b" not in out + err
    assert f"{SHOWN}b" in err
    assert "\nerror: made up" not in err


LONG = "x" * 5000
MODEL, SCENES = ("--model", "bundled:scenes-unet"), ("--data", "scenes:", "--limit", 1, "--attack", "none")


@pytest.mark.parametrize("name", [LONG, "loop"])
@pytest.mark.parametrize(
    "command",
    [
        ("report", "{}"),
        ("apply", "{}", "--images", "{}", "--out", "{}"),
        ("check", "--model", "{}.py:net"),
        ("run", *SCENES, "--model", "{}.py:net"),
        ("run", *SCENES, "--model", "{}"),
        ("run", *SCENES, *MODEL, "--config", "{}"),
        ("run", *SCENES, *MODEL, "--classes", "{}"),
        ("run", *SCENES, *MODEL, "--out", "{}"),
        ("run", *MODEL, "--data", "{}"),
        ("run", *MODEL, "--data", "folder:{}"),
        ("run", "--model", "bundled:scenes-tracker", "--data", "video:{}?mask={}"),
        ("run", "--model", "bundled:scenes-detector", "--data", "coco:.?annotations={}"),
        ("run", *SCENES, "--model", "torchvision:fcn_resnet50?weights={}"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused_in_words(
    command: tuple[Any, ...],
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for link in ("loop", "loop.py"):
        Path(link).symlink_to(link)
    assert foolscape(*(str(word).replace("{}", name) for word in command)) in (ERROR, USAGE)
    assert "error: " in capfd.readouterr().err
