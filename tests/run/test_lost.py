"""What of a run's directory was lost, torn, changed or planted: made again to the same bytes and said, or refused."""

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli.console import DONE, ERROR, SOME_FAILED
from foolscape.disk import append_file, read_file, write_file
from foolscape.errors import RunError, UnwritableError
from foolscape.metrics.segmentation import PixelsMeasured
from foolscape.records.conditions import ADVERSARIAL, CLEAN, FAILED, NOISE
from foolscape.records.row import Row
from foolscape.run.directory.keeping import Shown
from foolscape.run.directory.rows import KeptRows, keep_rows
from foolscape.run.directory.store import open_run

from ..written import model_record, run_record
from .made import files_below, write_net, write_photos
from .made_clips import write_clips, write_tracker
from .test_manners import foolscape

Command = list[object]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Command, Path]:
    """A command, and the directory of the run that came of it; tests copy it."""
    folder = tmp_path_factory.mktemp("finished")
    nets, photos = write_net(folder), write_photos(folder / "photos", 3)
    command: Command = ["run", "--model", f"{nets}:net", "--data", f"folder:{photos}", "--attack", "fgsm"]
    command += ["--probes", 1, "--out"]
    assert foolscape(*command, folder / "out", "--quiet") == DONE
    return command, folder / "out"


@pytest.fixture
def lying(finished: tuple[Command, Path], tmp_path: Path) -> tuple[Command, Path, dict[str, bytes]]:
    """A copy of the run, the command that made it, and all its pictures."""
    command, made = finished
    out = tmp_path / "out"
    for path in sorted(made.rglob("*")):
        if path.is_file():
            write_file(out, str(path.relative_to(made)), path.read_bytes())
    return [*command, out], out, files_below(made)


def rows_of(out: Path) -> list[Any]:
    """The rows in one order."""
    rows = [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]
    return sorted(rows, key=lambda row: (row["id"], row["condition"]))


def said_by(command: Command, capfd: pytest.CaptureFixture[str], code: int = DONE) -> str:
    capfd.readouterr()
    assert foolscape(*command) == code
    return " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize("kind", ["missing", "empty", "changed", "a folder"])
def test_a_lost_picture_is_made_again(
    lying: tuple[Command, Path, dict[str, bytes]], capfd: pytest.CaptureFixture[str], kind: str
) -> None:
    command, out, pictures = lying
    rows = rows_of(out)
    kinds = ("clean", "images/*", "predictions/*/clean", "predictions/*/noise")
    lost = [next(iter(out.glob(f"{folder}/photo{number % 3}.png"))) for number, folder in enumerate(kinds)]
    for path in lost:
        path.unlink()
        if kind == "empty":
            path.touch()
        elif kind == "changed":
            path.write_bytes(pictures[str(path.relative_to(out))][:-1] + b"x")
        elif kind == "a folder":
            path.mkdir()
    if kind == "a folder":
        assert "Is a directory" in said_by(command, capfd, ERROR)
        for path in lost:
            path.rmdir()
    said = said_by(command, capfd)
    assert files_below(out) == pictures
    assert rows_of(out) == rows
    if kind != "a folder":
        assert f"clean/photo0.png {'has changed' if kind == 'changed' else f'is {kind}'}; measured again" in said
    assert "measured again" not in said_by(command, capfd)


def _damaged(rows: bytes, kind: str) -> bytes:
    lines = rows.split(b"\n")
    damaged = {
        "NULs": b"\0" * len(lines[5]), "half": lines[5][:40], "empty": b"", "no UTF-8": b'{"id": "\xff"}',
        "a list": b"[1]",
        "deep": b"[" * 100_000, "twice": lines[5] + b"\n" + lines[5], "no id": b'{"condition": "clean", "model": null}',
    }[kind]  # fmt: skip
    return b"\n".join([*lines[:5], damaged, *lines[6:]])


@pytest.mark.parametrize("kind", ["NULs", "half", "empty", "no UTF-8", "a list", "deep", "twice", "no id"])
def test_a_damaged_line_costs_its_sample_alone(tmp_path: Path, kind: str) -> None:
    conditions = (CLEAN, ADVERSARIAL, NOISE)
    row = partial(Row, model="m", size=(1, 1), measured=PixelsMeasured({}, {}))
    record = run_record([model_record("m", labelled=False)], ("a", "b", "c"))
    with open_run(tmp_path, record, conditions) as store:
        for name in ("a", "b", "c"):
            store.append([row(id=name, condition=condition) for condition in conditions])
    path = tmp_path / "rows.jsonl"
    path.write_bytes(_damaged(path.read_bytes(), kind))
    said: list[str] = []
    with open_run(tmp_path, record, conditions, said.append) as store:
        assert [row.id for row in store.rows] == ["a"] * 3 + ["c"] * 3
    if kind != "twice":
        assert len(said) == 1
        assert "rows.jsonl, line 6: " in said[0]
    assert len(path.read_bytes().splitlines()) == 6


@pytest.mark.parametrize("content", ["", "\0\0\0", '{"schema": 1,', "[]", "[" * 100_000])
def test_a_damaged_record_is_refused_in_a_sentence(
    lying: tuple[Command, Path, dict[str, bytes]], capfd: pytest.CaptureFixture[str], content: str
) -> None:
    command, out, _ = lying
    (out / "run.json").write_text(content)
    said = said_by(command, capfd, ERROR)
    assert f"error: {out / 'run.json'}: expected" in said
    assert "delete that folder, or choose another --out" in said
    assert "run.json" in said_by(["report", out], capfd, ERROR)


def test_a_directory_of_schema_1_is_refused_with_the_version_that_reads_it(
    lying: tuple[Command, Path, dict[str, bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    command, out, _ = lying
    record = json.loads((out / "run.json").read_text())
    assert record["schema"] == 2
    (out / "run.json").write_text(json.dumps(record | {"schema": 1, "format": 2, "foolscape": "0.1.0"}))
    words = "run.json: expected schema 2, got schema 1: foolscape 0.1.0 reads it (pip install foolscape==0.1.0)"
    assert words in said_by(command, capfd, ERROR)
    assert words in said_by(["report", out], capfd, ERROR)


@pytest.mark.parametrize("content", ["", '{"a": 1}'])
def test_other_files_that_are_damaged_are_made_again(
    lying: tuple[Command, Path, dict[str, bytes]], capfd: pytest.CaptureFixture[str], content: str
) -> None:
    command, out, _ = lying
    places = [next(iter(out.glob(f"{folder}/*.json"))) for folder in ("probes", "wiring")]
    before = [path.read_bytes() for path in places]
    summary = json.loads((out / "summary.json").read_text())
    for path in (*places, out / "summary.json"):
        path.write_text(content)
    said = said_by(command, capfd)
    assert [path.read_bytes() for path in places] == before
    assert json.loads((out / "summary.json").read_text()) == summary
    # The lines of a terminal may break within a path.
    assert all(f"{path}:expected" in said.replace(" ", "") for path in places)


def test_nothing_is_written_through_a_link(
    lying: tuple[Command, Path, dict[str, bytes]], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command, out, pictures = lying
    precious = tmp_path / "precious"
    precious.write_text("years of work")
    names = ("report.html", "report.md", "report.tex", "panel.png", "summary.json", "clean/photo0.png")
    for name in names:
        (out / name).unlink(missing_ok=True)
        (out / name).symlink_to(precious)
    assert foolscape(*command) == DONE
    assert foolscape("report", out, "--panel", "photo1") == DONE
    assert not any((out / name).is_symlink() for name in names)
    assert files_below(out).items() >= pictures.items()
    (out / ".lock").unlink()
    (out / ".lock").symlink_to(precious)
    assert "a symbolic link in the place of a file" in said_by(command, capfd, ERROR)
    (out / ".lock").unlink()
    os.mkfifo(out / ".lock")
    assert "not a regular file" in said_by(command, capfd, ERROR)
    (out / ".lock").unlink()
    (out / "rows.jsonl").rename(tmp_path / "rows")
    (out / "rows.jsonl").symlink_to(precious)
    assert foolscape(*command) == DONE
    assert not (out / "rows.jsonl").is_symlink()
    (out / "images").rename(tmp_path / "elsewhere")
    (out / "images").symlink_to(tmp_path / "elsewhere")
    next(iter((tmp_path / "elsewhere").rglob("*.png"))).unlink()
    assert "remove the link" in said_by(command, capfd, ERROR)
    assert precious.read_text() == "years of work"


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        read_file(tmp_path / "pipe")
    with pytest.raises(UnwritableError):
        append_file(tmp_path, "pipe", b"x")
    write_file(tmp_path, "pipe", b"x")
    assert (tmp_path / "pipe").read_bytes() == b"x"


def test_a_copy_of_hard_links_stays_as_it_is(tmp_path: Path) -> None:
    append_file(tmp_path, "rows", b"a\n")
    os.link(tmp_path / "rows", tmp_path / "copy")
    append_file(tmp_path, "rows", b"b\n")
    assert (tmp_path / "rows").read_bytes() == b"a\nb\n"
    assert (tmp_path / "copy").read_bytes() == b"a\n"


def test_what_was_learnt_goes_from_the_last_state_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("foolscape.report.pictures.clips.plot", lambda *_, **__: None)  # figures of the page take long
    tracker, davis = write_tracker(tmp_path), write_clips(tmp_path / "davis", 3, 4)
    command: Command = ["run", "--model", f"{tracker}:colours", "--data", f"davis2017:{davis}", "--attack", "ara"]
    command += ["--task", "video", "--variant", "released", "--steps", 2, "--probes", 0, "--out", tmp_path / "out"]
    assert foolscape(*command) == DONE
    out = tmp_path / "out"
    rows, pictures = rows_of(out), files_below(out)
    states = sorted((out / "learnt").rglob("*.safetensors"))
    whole = {path: path.read_bytes() for path in states}
    assert [path.name for path in states] == ["clip1.safetensors", "clip2.safetensors"]
    frame = next(iter((out / "frames" / "clip1").iterdir()))
    for lost, again in (([states[1]], 1), ([frame], 2), (states, 3)):
        for path in lost:
            path.write_bytes(b"")
        said = said_by(command, capfd)
        assert "measured again" in said
        assert f"{again} samples on" in said or lost == [frame]
        assert (rows_of(out), files_below(out)) == (rows, pictures)
        assert {path: path.read_bytes() for path in states} == whole


def kept(out: Path) -> KeptRows:
    record = run_record([model_record()], ["a"])
    return keep_rows(out, [], record, Shown(out, record))


def test_rows_name_their_files_inside_the_run(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"s")
    for place in ("../secret", str(tmp_path / "secret")):
        row = {"model": "m", "id": "a", "condition": FAILED, "reason": "r", "files": {place: [1, "x"]}}
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / "rows.jsonl").write_text(json.dumps(row) + "\n")
        assert "outside the run" in kept(tmp_path / "out").lost[0]
    (tmp_path / "out" / "rows.jsonl").write_text(json.dumps({**row, "files": [], "learnt": 5}) + "\n")
    assert list(kept(tmp_path / "out").rows) == []


SIZES = """
import torch
from torch import nn

class Picky(nn.Module):
    classes = ("red", "green", "blue")

    def __init__(self, when):
        super().__init__()
        self.when = when
        self.mix = nn.Conv2d(3, 3, 1, bias=False)
        self.mix.weight.data = torch.randn(3, 3, 1, 1, generator=torch.Generator().manual_seed(1))

    def forward(self, images):
        if images.shape[2] >= 20 and (images.requires_grad or self.when == "always"):
            raise RuntimeError("The size of tensor a (20) must match the size of tensor b (16)")
        return self.mix(images - 0.5)

def always():
    return Picky("always")

def attacked():
    return Picky("attacked")
"""


@pytest.mark.parametrize(("when", "batch"), [("always", 1), ("attacked", 2)])
def test_a_size_that_a_network_does_not_take_is_the_failure_of_its_images(
    tmp_path: Path, when: str, batch: int, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.py").write_text(SIZES)
    write_photos(tmp_path / "photos", 3)
    write_photos(tmp_path / "photos" / "x", 1, (20, 24))
    command: Command = ["run", "--model", f"{tmp_path / 'net.py'}:{when}", "--data", f"folder:{tmp_path / 'photos'}"]
    command += ["--attack", "pgd", "--steps", 2, "--probes", 0, "--batch", batch, "--out"]
    assert foolscape(*command, tmp_path / "out") == SOME_FAILED
    rows = rows_of(tmp_path / "out")
    failed = [row for row in rows if row["condition"] == FAILED]
    assert [row["id"] for row in failed] == ["x/photo0"]
    assert "20" in failed[0]["reason"]
    assert len(rows) == 3 * 4 + 1
    assert "Traceback" not in capfd.readouterr().err


def test_a_run_of_another_shape_is_told_in_a_sentence(
    lying: tuple[Command, Path, dict[str, bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    command, out, _ = lying
    whole = {name: (out / name).read_bytes() for name in ("run.json", "summary.json", "rows.jsonl")}
    summary = json.loads(whole["summary.json"])
    for name, content in (
        ("summary.json", {"schema": 2}),
        ("summary.json", {**summary, "models": 5}),
        ("summary.json", {**summary, "models": [{}]}),
        ("summary.json", {**summary, "trust": {"verdict": []}}),
        ("summary.json", {**summary, "task": {}}),
        ("run.json", {**json.loads(whole["run.json"]), "models": None}),
    ):
        (out / name).write_text(json.dumps(content))
        said = said_by(["report", out], capfd, ERROR)
        assert "does not have the form of a run" in said, (name, content)
        (out / name).write_bytes(whole[name])
    lines = whole["rows.jsonl"].splitlines()
    first = json.loads(lines[0])
    (out / "rows.jsonl").write_bytes(b"\n".join([json.dumps({**first, "measured": 7}).encode(), *lines[1:], b""]))
    assert "line 1: measured: Input should be a dictionary" in said_by(["report", out], capfd, ERROR)
    assert "line 1: measured: Input should be a dictionary" in said_by(command, capfd)
    assert sorted((out / "rows.jsonl").read_bytes().splitlines()) == sorted(lines)


def test_tables_are_printed_where_no_report_can_be_written(
    lying: tuple[Command, Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = lying

    def refused(directory: Path, place: str, content: bytes) -> Path:
        if directory.resolve() == out.resolve():
            raise UnwritableError(f"expected to write to {directory}, got 'Read-only file system'; ...")
        return write_file(directory, place, content)

    for module in ("report.files", "report.pages.universal", "report", "run.directory.store"):
        monkeypatch.setattr(f"foolscape.{module}.write_file", refused)
    for name in ("summary.json", None):
        for form, heading in (("terminal", "mIoU"), ("markdown", "| mIoU"), ("latex", "\\begin{table}")):
            assert foolscape("report", out, "--format", form) == DONE
            printed = capfd.readouterr()
            assert heading in printed.out
            assert "no report.html, report.md and report.tex" in printed.err
            assert "Read-only file system" in printed.err
        if name:
            (out / name).unlink()
    with pytest.raises(RunError, match="Read-only"):
        raise UnwritableError("Read-only")
