"""`foolscape report` on every kind of directory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, USAGE
from foolscape.errors import RunError
from foolscape.report.pages.harden import write_hardening_report
from foolscape.report.pages.universal import write_universal_report
from foolscape.report.run_kinds import kind_of, unfinished

from . import fake_harden, fake_transfer, fake_universal

Make = Callable[..., Path]
WRITTEN = ("report.html", "report.md", "report.tex")


def report(*arguments: object) -> object:
    """The exit code of `foolscape report`."""
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, arguments)])
    return caught.value.code


@pytest.fixture(params=["run", "transfer", "universal", "harden"])
def directory(request: pytest.FixtureRequest, make: Make, tmp_path: Path) -> Path:
    if request.param == "run":
        return make()
    if request.param == "transfer":
        return fake_transfer.write(tmp_path / "transfer", fake_transfer.matrix())
    if request.param == "harden":
        return fake_harden.write(tmp_path / "harden")
    return fake_universal.write(tmp_path / "universal")


def test_every_kind_is_printed_and_written(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = {
        "run": "bundled:street-net",
        "transfer": "net:boxes",
        "universal": "hidden %",
        "harden": "before and after",
    }
    word = words[directory.name]
    assert report(directory) == DONE
    assert word in capfd.readouterr().out
    for name in WRITTEN:
        assert word.replace("%", "") in (directory / name).read_text(encoding="utf-8")
    assert report(directory, "--format", "markdown") == DONE
    assert capfd.readouterr().out == (directory / "report.md").read_text(encoding="utf-8")
    assert report(directory, "--format", "latex") == DONE
    assert capfd.readouterr().out == (directory / "report.tex").read_text(encoding="utf-8")


def test_what_has_not_finished_says_how_to_go_on(directory: Path) -> None:
    assert not unfinished(directory)
    for name in ("summary.json", "transfer.json"):
        (directory / name).unlink(missing_ok=True)
    assert unfinished(directory)
    with pytest.raises(RunError, match=f"not finished; .* recorded images are skipped: foolscape {directory.name}"):
        kind_of(directory)


def test_what_is_no_run_has_not_been_begun(tmp_path: Path) -> None:
    for text in ("", "[]", "{", '{"kind": "other"}'):
        (tmp_path / "run.json").write_text(text)
        assert not unfinished(tmp_path)
    assert not unfinished(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (lambda path: fake_transfer.write(path, fake_transfer.matrix()), "runs/MODEL"),
        (fake_universal.write, "a universal perturbation"),
        (fake_harden.write, "before or after"),
    ],
)
def test_a_panel_is_of_a_run(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], write: Callable[[Path], Path], words: str
) -> None:
    directory = write(tmp_path / "out")
    assert report(directory, "--panel", "a") == USAGE
    assert words in capfd.readouterr().err
    assert not (directory / "report.html").exists()


def test_a_kind_of_a_newer_version_is_refused(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    path = make() / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"kind": "video"}))
    assert report(path.parent) == ERROR
    assert "got kind 'video'" in capfd.readouterr().err


def test_a_universal_page_needs_its_pattern(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    directory = fake_universal.write(tmp_path / "universal")
    path = directory / "perturbation.safetensors"
    path.unlink()
    for make in (lambda: path.mkdir(), lambda: (path.rmdir(), path.symlink_to("."))):
        make()
        assert report(directory) == ERROR
        assert "expected the perturbation, got: " in capfd.readouterr().err


def test_a_universal_page_says_what_its_percentages_are_of(tmp_path: Path) -> None:
    directory = fake_universal.write(tmp_path / "universal")
    write_universal_report(directory)
    page = " ".join((directory / "report.html").read_text().split())
    assert "hides 77 percent of what was to be hidden (1234 pixels in 1 image) and leaves 97 percent" in page
    assert "What the percentages are of: hidden (1234 pixels in 1 image), preserved (4000 pixels in 2 images)." in page
    summary = json.loads((directory / "summary.json").read_text())
    summary["conditions"]["adversarial"]["hidden"] = None
    (directory / "summary.json").write_text(json.dumps(summary))
    write_universal_report(directory)
    assert "hidden is not defined" in (directory / "report.html").read_text()
    del summary["conditions"]["adversarial"]["counted"]  # as a run of an earlier version has it
    (directory / "summary.json").write_text(json.dumps(summary))
    write_universal_report(directory)
    assert "What the percentages are of" not in (directory / "report.html").read_text()


@pytest.mark.parametrize(
    ("ok", "words"),
    [
        (True, None),
        (False, "That is no gain beyond chance: mIoU under attack +1.0 (-2.0 to +4.0)."),
        (None, "70.0 and 80.0. Whether that is a gain is not known: mIoU under attack +1.0 (-2.0 to +4.0)."),
    ],
)
def test_a_gain_within_chance_is_called_so(tmp_path: Path, ok: bool | None, words: str | None) -> None:
    directory = fake_harden.write(tmp_path / "harden")
    summary = json.loads((directory / "summary.json").read_text())
    gain = {"model": "after", "id": "gain", "check": "harder to fool", "ok": ok, "advice": "", "assumed": "",
            "seen": "mIoU under attack +1.0 (-2.0 to +4.0)"}  # fmt: skip
    summary["trust"] = {"verdict": "not decided", "if": [], "reasons": [gain]}
    (directory / "summary.json").write_text(json.dumps(summary))
    write_hardening_report(directory)
    page = " ".join((directory / "report.html").read_text().split())
    assert ("no gain beyond chance" in page) == (ok is False)
    assert words is None or words in page
