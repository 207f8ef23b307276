"""Messages about a directory name what is in its place."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from foolscape.cli import app
from foolscape.disk import in_words, make_folder
from foolscape.errors import RunError, SettingError, UnwritableError
from foolscape.in_place import found_at, unwritable


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, a link to nothing, one to itself, and one to a folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("words")
    (tmp_path / "lost").symlink_to("/nowhere/at/all")
    (tmp_path / "round").symlink_to("round")
    (tmp_path / "there").mkdir()
    (tmp_path / "other").symlink_to("there")
    return tmp_path


WORDS = {
    "file": "a file",
    "file/x": "the file file",
    "lost": "a link to /nowhere/at/all, where nothing is",
    "lost/x": "the link lost to /nowhere/at/all, where nothing is",
    "round": "a link to round, where nothing is",
    "none": "nothing there",
    "none/x": "nothing there",
    "there": "a folder",
    "other": "a folder",
}


@pytest.mark.parametrize(("name", "words"), WORDS.items())
def test_what_is_there_is_named(odd: Path, name: str, words: str) -> None:
    assert found_at(Path(name)) == words
    assert found_at(odd / name).startswith(words.split()[0])


@pytest.mark.parametrize("name", ["file", "file/x", "lost", "lost/x", "round"])
def test_whatever_makes_a_folder_tells_what_is_in_its_place(odd: Path, name: str) -> None:
    with pytest.raises(UnwritableError, match=r"(a|the) (file|link)\b.*, and no folder; .* remove it"), in_words(odd):
        make_folder(Path(name))


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "make room"),
        (errno.EACCES, "allow this user to write there"),
        (errno.EROFS, "mount it to be written to"),
        (errno.EIO, "mend that"),
    ],
)
def test_the_remedy_is_that_of_the_cause(number: int, remedy: str) -> None:
    said = unwritable(Path("out"), OSError(number, os.strerror(number), "out/rows.jsonl"))
    assert f"{os.strerror(number)!r} for out/rows.jsonl; what was finished is kept: {remedy} or choose" in said


@pytest.mark.parametrize("command", ["status", "rows", "report", "merge"])
@pytest.mark.parametrize("name", ["file", "lost", "none"])
def test_what_reads_a_directory_tells_what_is_in_its_place(odd: Path, command: str, name: str) -> None:
    with pytest.raises(RunError, match=WORDS[name]):
        app(args=[command, name], standalone_mode=False)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--out"),
        ("check", "--data", "scenes:", "--task", "segmentation", "--out"),
        ("demo", "--out"),
    ],
    ids=lambda words: words[0],
)
@pytest.mark.parametrize("name", ["file/x", "lost", "round"])
def test_what_writes_one_refuses_what_cannot_be_one(odd: Path, words: tuple[str, ...], name: str) -> None:
    with pytest.raises(SettingError, match=f"out: expected a directory, .* got {name}: {WORDS[name]}"):
        app(args=[*words, name], standalone_mode=False)
