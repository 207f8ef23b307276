"""Commands in processes of their own that are stopped in the middle, or lose what works for them: nothing shows it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.extras import is_installed
from foolscape.records.places import WORKERS

from .made import write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_workers import children, figures, wait_for

HELD = '''
import time
from pathlib import Path
HERE = Path(__file__).parent

def wait(what):
    """While there is a file of this name."""
    if (HERE / what).exists():
        (HERE / f"{what}-reached").touch()
    while (HERE / what).exists():
        time.sleep(0.02)

def held():
    class Held(Net):
        def forward(self, images):
            if images.requires_grad:
                wait(f"{images.detach().double().mean():.6f}")
            return super().forward(images)
    wait("opening")
    return Held()
'''
"""Source of a network that waits at the beginning of an attack on an image while there is a file called like its mean,
and, when it is opened, while there is one called `opening`."""


class Command:
    """`foolscape` with these words, in a folder of its own."""

    def __init__(self, folder: Path, *words: object) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "foolscape", *map(str, words)],
            cwd=folder,
            env=os.environ | {"OMP_NUM_THREADS": "1"},  # as many as a worker has
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(self) -> tuple[int, str]:
        """Its exit code, and what it said."""
        _, said = self.process.communicate(timeout=300)
        return self.process.returncode, said


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Makes the network wait at a photo, or at `opening`; all waits end with the test."""
    made = list[Path]()

    def at(what: str) -> Path:
        if what.startswith("photo"):
            pixels = np.asarray(Image.open(tmp_path / "photos" / f"{what}.png"), dtype=np.float32) / 255
            what = f"{pixels.astype(np.float64).mean():.6f}"
        made.append(tmp_path / what)
        made[-1].touch()
        (tmp_path / f"{what}-reached").unlink(missing_ok=True)
        return made[-1]

    yield at
    for path in made:
        path.unlink(missing_ok=True)


def reached(held: Path) -> None:
    wait_for(held.with_name(f"{held.name}-reached").exists, 120)


@pytest.fixture
def net(tmp_path: Path) -> str:
    write_photos(tmp_path / "photos", 5)
    nets = Path(write_net(tmp_path))
    nets.write_text(nets.read_text() + HELD)
    return f"{nets}:held"


def written(path: Path, **settings: Any) -> Path:
    path.write_text(json.dumps(settings))
    return path


def below(process: subprocess.Popen[str]) -> list[int]:
    """The workers of a command, which are forked from a server."""
    return [worker for server in children(process.pid) for worker in children(server)]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [None, 2])
def test_a_sweep_that_is_stopped_in_the_middle_of_a_cell_goes_on_to_the_same_bytes(
    tmp_path: Path, net: str, hold: Callable[[str], Path], workers: int | None
) -> None:
    grid = written(
        tmp_path / "grid.yaml", models=[net], data=["folder:photos"], attacks=["pgd?steps=1", "fgsm"], eps=["8/255"],
        probes=0,
    )  # fmt: skip
    assert Command(tmp_path, "sweep", grid, "--out", "one").ended()[0] == 0
    many = ("sweep", grid, "--out", "many", *(() if workers is None else ("--workers", workers)))
    for photo, number in (("photo2", signal.SIGINT), ("photo4", signal.SIGTERM)):
        held = hold(photo)
        command = Command(tmp_path, *many)
        reached(held)
        command.process.send_signal(number)
        code, said = command.ended()
        assert code == 128 + number, said
        held.unlink()
    if workers is None:
        assert Command(tmp_path, *many).ended()[0] == 0
    else:  # and once more, without what its workers are forked from
        held = hold("photo3")
        command = Command(tmp_path, *many)
        reached(held)
        (server,) = children(command.process.pid)
        os.kill(server, signal.SIGKILL)
        wait_for(lambda: server not in children(command.process.pid))
        held.unlink()
        code, said = command.ended()
        assert code == 0, said
    runs = sorted(path.name for path in (tmp_path / "one" / "runs").iterdir())
    assert len(runs) == 2
    for run in runs:
        assert figures_of(tmp_path / "many" / "runs" / run) == figures_of(tmp_path / "one" / "runs" / run)
    tables = [json.loads((tmp_path / out / "sweep.json").read_text())["rows"] for out in ("one", "many")]
    assert tables[0] == tables[1]


@pytest.mark.slow
def test_of_two_merges_at_the_same_time_one_says_that_the_other_is_at_work(
    tmp_path: Path, net: str, hold: Callable[[str], Path]
) -> None:
    run = ("run", "--model", net, "--data", "folder:photos", "--attack", "pgd?steps=1", "--probes", 0, "--quiet")
    for part in ("1/2", "2/2"):
        assert Command(tmp_path, *run, "--shard", part, "--out", "parts").ended()[0] == 0
    assert Command(tmp_path, *run, "--out", "one").ended()[0] == 0
    held = hold("opening")
    first = Command(tmp_path, "merge", "parts")
    reached(held)
    code, said = Command(tmp_path, "merge", "parts").ended()
    assert code == 1
    assert "at work in it; wait for it" in " ".join(said.split())
    held.unlink()
    assert first.ended()[0] == 0
    shutil.rmtree(tmp_path / "parts" / "shards")
    assert figures_of(tmp_path / "parts") == figures_of(tmp_path / "one")


SPLITS = "--model bundled:scenes-unet --data scenes: --train-split train --test-split test --size 48x64"
COMMANDS = {
    "transfer": "transfer --model {nets}:net --model {grid}:grid --data folder:squares --attack pgd?steps=2 --probes 0",
    "universal": f"universal {SPLITS} --train-limit 3 --limit 1 --epochs 2 --target hide:road",
    "harden": f"harden {SPLITS} --train-limit 4 --test-limit 1 --epochs 2 --batch 2 --crop 32x32",
}


@pytest.mark.slow
@pytest.mark.parametrize("what", list(COMMANDS))
def test_a_command_whose_workers_and_their_server_are_killed_writes_the_same_bytes(tmp_path: Path, what: str) -> None:
    words = COMMANDS[what].format(nets=write_net(tmp_path), grid=write_detector(tmp_path)).split()
    for place in ("one", "many"):
        write_squares(tmp_path / place / "squares")
    assert Command(tmp_path / "one", *words, "--workers", 2, "--out", "out").ended()[0] == 0
    command = Command(tmp_path / "many", *words, "--workers", 2, "--out", "out")
    wait_for(lambda: len(below(command.process)) == 2, 120)
    os.kill(below(command.process)[0], signal.SIGKILL)
    wait_for(lambda: list((tmp_path / "many" / "out").rglob(WORKERS)), 120)
    (server,) = children(command.process.pid)
    os.kill(server, signal.SIGKILL)
    code, said = command.ended()
    assert code == 0, said
    assert "was lost" in said
    one, many = figures_of(tmp_path / "one" / "out"), figures_of(tmp_path / "many" / "out")
    assert many == one != {}


def figures_of(out: Path) -> dict[str, bytes]:
    """Of all runs in `out`, what does not depend on where it lies, nor on the command."""
    found = {}
    for run in sorted(path.parent for path in out.rglob("run.json")):
        for place, content in (figures(run) if (run / "rows.jsonl").exists() else own_figures(run)).items():
            if place == "progress.json":
                continue
            name = str(run.relative_to(out) / place)
            found[name] = re.sub(rb'"command": \[[^]]*\]', b"", content) if place == "run.json" else content
    return found


def own_figures(out: Path) -> dict[str, bytes]:
    """What is written by a command that has no rows."""
    return {place: (out / place).read_bytes() for place in ("weights.safetensors", "summary.json")}


@pytest.mark.slow
@pytest.mark.skipif(not is_installed("ray"), reason="needs foolscape[ray]")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_ends_its_local_cluster(
    tmp_path: Path, net: str, hold: Callable[[str], Path], number: signal.Signals
) -> None:
    before = set(Path("/tmp").glob("fsray-*"))
    held = hold("photo2")
    command = Command(
        tmp_path, "run", "--model", net, "--data", "folder:photos", "--attack", "fgsm", "--probes", 0,
        "--workers", 1, "--cluster", "ray:local", "--out", "out",
    )  # fmt: skip
    reached(held)
    (begun,) = set(Path("/tmp").glob("fsray-*")) - before
    command.process.send_signal(number)
    assert command.ended()[0] == 128 + number
    wait_for(lambda: not begun.exists() and not belonging_to(begun), 60)


def belonging_to(folder: Path) -> list[str]:
    """The processes that have the name of a folder among their words or variables."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and process.name != str(os.getpid()):
            try:
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
            if str(folder).encode() in told:
                found.append(process.name)
    return found
