"""A killed run goes on to the same bytes, and no run overwrites another."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foolscape import disk
from foolscape.cli.console import DONE
from foolscape.errors import RunError
from foolscape.records.places import safe_name
from foolscape.run.directory.store import open_run

from ..written import run_record
from .made import QUIET_STEPS, do_run, files_below, run_unprobed, write_net, write_photos
from .test_manners import foolscape


def test_rows_cut_anywhere_are_made_whole_again(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "fgsm"}
    out = tmp_path / "out"
    whole = do_run(out, **settings)
    rows, files = (out / "rows.jsonl").read_bytes(), files_below(out)
    for cut in range(0, len(rows), len(rows) // 9):
        (out / "rows.jsonl").write_bytes(rows[:cut])
        (out / "summary.json").unlink()
        for png in out.rglob("*.png"):
            png.unlink()
        assert do_run(out, **settings) == whole
        assert files_below(out).items() <= files.items()


def _command(nets: str, photos: Path, out: Path) -> list[str]:
    return [
        "run", "--model", f"{nets}:slow", "--data", f"folder:{photos}", "--attack", "dag", "--step", "2/255",
        "--steps", "40", "--batch", "2", "--probes", "1", "--out", str(out),
    ]  # fmt: skip


def _start_and_wait_for_a_row(command: list[str], out: Path, rows: int) -> "subprocess.Popen[bytes]":
    """A process of its own with the command, as soon as there are more than so many rows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "foolscape", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not (out / "rows.jsonl").exists() or _rows(out) <= rows:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return process


def _rows(out: Path) -> int:
    return len((out / "rows.jsonl").read_text().splitlines())


def test_a_run_that_is_killed_and_killed_again_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 10)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert foolscape(*_command(nets, photos, whole)) == DONE
    rows = 0
    for signum, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        process = _start_and_wait_for_a_row(_command(nets, photos, killed), killed, rows)
        process.send_signal(signum)
        assert process.wait() == code
        assert rows < _rows(killed) < 10 * 4
        rows = _rows(killed)
    assert foolscape(*_command(nets, photos, killed)) == DONE
    summaries = [json.loads((out / "summary.json").read_text()) for out in (whole, killed)]
    assert summaries[0] == summaries[1]
    assert files_below(whole) == files_below(killed)


def test_another_command_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", **QUIET_STEPS}
    out = tmp_path / "out"
    run_unprobed(out, **settings)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    with pytest.raises(RunError, match=r"config\.seed was 0, is 1"):
        run_unprobed(out, seed=1, **settings)
    write_photos(photos, 3)
    with pytest.raises(RunError, match=r"data\.samples was 2, is 3"):
        run_unprobed(out, **settings)
    assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


def test_changed_weights_are_another_run(tmp_path: Path) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 1)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "fgsm"}
    run_unprobed(tmp_path / "out", **settings)
    source = Path(nets).read_text()
    Path(nets).write_text(source.replace("manual_seed(1)", "manual_seed(7)"))
    with pytest.raises(RunError, match=r"models\.0\.weights_sha256 was"):
        run_unprobed(tmp_path / "out", **settings)


def test_a_directory_with_other_things_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with (
        pytest.raises(RunError, match=r"expected an empty directory or a run .* got thesis.tex"),
        open_run(tmp_path, run_record(), ["clean"]),
    ):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_two_runs_in_one_directory_are_refused(tmp_path: Path) -> None:
    record = run_record()
    with (
        open_run(tmp_path / "out", record, ["clean"]),
        pytest.raises(RunError, match="a run that is at work in it"),
        open_run(tmp_path / "out", record, ["clean"]),
    ):
        pass
    with open_run(tmp_path / "out", record, ["clean"]):
        pass


def test_a_place_that_cannot_be_written_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(RunError, match="expected to write to"),
        open_run(tmp_path / "file" / "out", run_record(), ["clean"]),
    ):
        pass


def test_a_full_disk_loses_nothing_that_was_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 3)
    settings = {"models": [f"{nets}:net"], "data": f"folder:{photos}", "attack": "fgsm"}
    whole = run_unprobed(tmp_path / "whole", **settings)
    calls = 0
    real = os.fsync

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(disk.os, "fsync", full)
    with pytest.raises(RunError, match=r"No space left on device.*make room"):
        run_unprobed(tmp_path / "out", **settings)
    monkeypatch.setattr(disk.os, "fsync", real)
    assert 0 < _rows(tmp_path / "out") < 3 * 4
    assert run_unprobed(tmp_path / "out", **settings) == whole


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_file_names_are_safe_and_do_not_clash(one: str, other: str) -> None:
    for name in (safe_name(one), safe_name(other)):
        assert name.isascii()
        assert not set(name) & set('/\\:*?"<>| \0')
        assert not name.startswith(".")
        assert len(name) < 120
    if one != other:
        assert safe_name(one).lower() != safe_name(other).lower()
