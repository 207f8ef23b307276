"""A cut of the power at any moment, or a disk that is full, and the same command again: the same bytes."""

import json
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.cli.console import DONE, ERROR
from foolscape.report.pictures.plots import Plot
from foolscape.run.directory.lock import LOCK

from .made import write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker
from .power import lay_out, recorded, room_for
from .test_harden import NET, drawn
from .test_manners import foolscape

Command = list[object]


@pytest.fixture(autouse=True)
def nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the thread that tells how far a run is: what it writes is no part of the run, and comes at any moment."""
    monkeypatch.setattr("foolscape.run.watching.watched._Keeper._write", lambda self, progress: None)


def _run(folder: Path) -> Command:
    nets, photos = write_net(folder), write_photos(folder / "photos", 3)
    return [
        "run",
        "--model",
        f"{nets}:net",
        "--data",
        f"folder:{photos}",
        "--attack",
        "pgd",
        "--steps",
        2,
        "--probes",
        1,
    ]


def _clips(folder: Path) -> Command:
    tracker, davis = write_tracker(folder), write_clips(folder / "davis", 3, 4)
    return [
        "run", "--model", f"{tracker}:colours", "--data", f"davis2017:{davis}", "--attack", "ara",
        "--variant", "released", "--steps", 2, "--probes", 0, "--task", "video",
    ]  # fmt: skip


def _transfer(folder: Path) -> Command:
    nets, detectors, squares = write_net(folder), write_detector(folder), write_squares(folder / "squares", 2)
    models = ["--model", f"{nets}:net", "--model", f"{detectors}:grid", "--probes", 0]
    return [
        "transfer",
        *models,
        "--data",
        f"folder:{squares}",
        "--attack",
        "mi-fgsm",
        "--steps",
        2,
        "--ensemble",
        "all",
    ]


def _camvid(folder: Path) -> tuple[str, str]:
    root = folder / "camvid"
    for split, count in (("train", 4), ("test", 2)):
        for kind in (split, f"{split}annot"):
            (root / kind).mkdir(parents=True)
        for i in range(count):
            image, labels = drawn(i + 100 * (split == "test"), (16, 24))
            Image.fromarray(image).save(root / split / f"im{i}.png")
            Image.fromarray(labels.astype(np.uint8)).save(root / f"{split}annot" / f"im{i}.png")
    (folder / "net.py").write_text(NET)
    return f"{folder / 'net.py'}:net", f"camvid:{root}"


def _universal(folder: Path) -> Command:
    model, data = _camvid(folder)
    return ["universal", "--model", model, "--data", data, "--train-split", "train", "--test-split", "test",
            "--target", "untargeted", "--epochs", 2, "--sweep-eps", "5/255"]  # fmt: skip


def _harden(folder: Path) -> Command:
    model, data = _camvid(folder)
    return ["harden", "--model", model, "--data", data, "--train-split", "train", "--test-split", "test",
            "--epochs", 2, "--batch", 2, "--rate", "0.02"]  # fmt: skip


def _bounds(folder: Path) -> Command:
    return [*_run(folder), "--eps", "2/255,8/255", "--limit", 2]


def _learnt(folder: Path) -> Command:
    """Of an attack that learns from clip to clip, by itself within each bound."""
    return [*_clips(folder), "--eps", "2/255,8/255"]


COMMANDS: dict[str, Callable[[Path], Command]] = {
    "bounds": _bounds, "learnt": _learnt,
    "run": _run, "clips": _clips, "transfer": _transfer, "universal": _universal, "harden": _harden,
}  # fmt: skip


@pytest.fixture
def still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, in which no time passes: what a run says of seconds is the same each time.

    What takes long and is no matter of files is left out: figures of the pages, a strong judge of hardened networks.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    monkeypatch.setattr("foolscape.report.pictures.figures.png", lambda pixels: b"a figure")
    monkeypatch.setattr("foolscape.report.pictures.universal_curves.plot", _no_plot)
    monkeypatch.setattr("foolscape.report.pictures.bound_curves.plot", _no_plot)
    monkeypatch.setattr("foolscape.run.harden.config.JUDGE", "fgsm")
    return tmp_path


def _no_plot(caption: str, *given: object, **more: object) -> Plot:
    return Plot(caption, "data:", (0.0, 1.0))


def contents(out: Path) -> dict[str, object]:
    """All files of a run; rows in whatever order, and without the date on which it began."""
    found: dict[str, object] = {}
    for path in sorted(out.rglob("*")):
        if path.is_file() and path.name != LOCK:
            content = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", b"then", path.read_bytes())
            rows = path.name == "rows.jsonl"
            found[str(path.relative_to(out))] = sorted(content.split(b"\n")) if rows else content
    return found


def differing(whole: dict[str, object], out: Path) -> list[str]:
    here = contents(out)
    return [name for name in sorted({*whole, *here}) if whole.get(name) != here.get(name)]


def cut_and_go_on(folder: Path, kind: str, moments: int) -> list[str]:
    """Cut the power at so many random moments of a command and repeat it each time; where files ended as others."""
    command = [*COMMANDS[kind](folder), "--out", "there/out", "--quiet"]
    with recorded(folder) as ops:
        assert foolscape(*command) == DONE
    whole = contents(folder / "there")
    lay_out(ops, folder / "replayed", None)
    assert differing(whole, folder / "replayed" / "there") == []  # nothing was written that was not recorded
    rng = random.Random(kind)
    # When the command has said that it is done, it is: all of it is there without the command again.
    lay_out(ops, folder / "done", random.Random(0))
    assert differing(whole, folder / "done" / "there") == []
    wrong = []
    for _ in range(moments):
        shutil.rmtree(folder / "there")
        moment = rng.randrange(len(ops))
        lay_out(ops[:moment], folder, rng)
        assert foolscape(*command) == DONE, moment
        wrong += [f"operation {moment}: {name}" for name in differing(whole, folder / "there")]
    return wrong


def fill_and_go_on(folder: Path, kind: str, sizes: int) -> list[str]:
    """Let the disk be full at so many sizes, then repeat the command with room; where files ended as others."""
    command = [*COMMANDS[kind](folder), "--out", "there/out", "--quiet"]
    assert foolscape(*command) == DONE
    whole = contents(folder / "there")
    needed = sum(path.stat().st_size for path in (folder / "there").rglob("*") if path.is_file())
    wrong = []
    for i in range(sizes):
        shutil.rmtree(folder / "there")
        with room_for(needed * i // sizes):
            assert foolscape(*command) == ERROR
        assert list((folder).rglob("there/**/*.part")) == []
        assert foolscape(*command) == DONE
        wrong += [f"{i}/{sizes}: {name}" for name in differing(whole, folder / "there")]
    return wrong


def test_a_power_cut_during_a_run(still: Path) -> None:
    assert cut_and_go_on(still, "run", 4) == []


def test_a_full_disk_during_a_run(still: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert fill_and_go_on(still, "run", 3) == []
    said = capfd.readouterr().err
    assert said.count("'No space left on device'") == 3
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "moments"),
    [("run", 50), ("clips", 20), ("bounds", 20), ("learnt", 10), ("transfer", 40), ("universal", 50), ("harden", 40)],
)
def test_power_cuts_at_many_moments(still: Path, kind: str, moments: int) -> None:
    assert cut_and_go_on(still, kind, moments) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "sizes"), [("run", 20), ("clips", 5), ("transfer", 20), ("universal", 20), ("harden", 20)]
)
def test_full_disks_of_many_sizes(still: Path, kind: str, sizes: int, capfd: pytest.CaptureFixture[str]) -> None:
    assert fill_and_go_on(still, kind, sizes) == []
    assert "Traceback" not in capfd.readouterr().err


def test_the_cut_is_one(tmp_path: Path) -> None:
    """The disk that is simulated loses what was not synced: an ordinary rename, and what is in a file."""
    ops = [("mkdir", "a"), ("create", "a/x", 1), ("write", 1, b"12"), ("rename", "a/x", "a/y")]
    seen = set()
    for seed in range(400):
        lay_out(ops, tmp_path / str(seed), random.Random(seed))
        found = {
            str(p.relative_to(tmp_path / str(seed))): p.read_bytes() if p.is_file() else b""
            for p in (tmp_path / str(seed)).rglob("*")
        }
        seen.add(json.dumps({name: content.decode() for name, content in found.items()}, sort_keys=True))
    assert {"{}", '{"a": ""}', '{"a": "", "a/x": ""}', '{"a": "", "a/y": "12"}'} <= seen
    safe = [*ops, ("sync", 1), ("sync", "a"), ("sync", ".")]
    lay_out(safe, tmp_path / "safe", random.Random(0))
    assert (tmp_path / "safe/a/y").read_bytes() == b"12"
