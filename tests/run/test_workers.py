"""Workers: whoever measures an image, and however many are killed meanwhile, the run is that of one process."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.cli.resources import resources_of
from foolscape.errors import OutOfTimeError, RunError, SettingError
from foolscape.records.places import WORKERS
from foolscape.run import execute as module
from foolscape.run.execute import execute
from foolscape.run.harden.config import make_harden_config
from foolscape.run.harden.execute import harden
from foolscape.run.listener import Listener
from foolscape.run.settings.config import make_config
from foolscape.run.settings.resources import Resources
from foolscape.run.transfer.execute import transfer
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal

from .made import silent_progress, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

COMMAND = ["foolscape", "run"]
NOT_COMPARED = ("timings.jsonl", "report.html", ".lock", WORKERS)

MORTAL = """
import os, signal
from pathlib import Path
DEADLY = Path(__file__).parent / "deadly"

def mortal():
    class Mortal(Net):
        def forward(self, images):
            if DEADLY.exists() and os.environ["FOOLSCAPE_TEST_DRIVER"] != str(os.getpid()):
                if abs(float(images.detach().double().mean()) - float(DEADLY.read_text())) < 1e-6:
                    os.kill(os.getpid(), signal.SIGKILL)
            return super().forward(images)
    return Mortal()
"""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 6)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
            "eps": "8/255", "probes": 0}  # fmt: skip


def act(settings: dict[str, Any], out: Path, workers: int | None = None, listener: Listener | None = None) -> Any:
    heard = listener or Listener(lambda _: None, silent_progress)
    return execute(make_config(dict(settings)), out, COMMAND, heard, resources=Resources(workers=workers))


def figures(out: Path) -> dict[str, bytes]:
    """All that one process and many write alike; the rows as a set."""
    found = {
        str(path.relative_to(out)): re.sub(rb'"started": "[^"]*"', b"", path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name not in NOT_COMPARED
    }
    found["rows.jsonl"] = b"\n".join(sorted(found["rows.jsonl"].split(b"\n")))
    return found


def children() -> list[int]:
    """The processes that this one has started."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def killing(numbers: set[int], said: list[str] | None = None) -> Listener:
    """Kills a worker each time that so many images are settled."""
    settled = 0

    @contextmanager
    def progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        del title, total, done

        def tick(name: str) -> None:
            nonlocal settled
            del name
            settled += 1
            if settled in numbers:
                os.kill(max(children()), signal.SIGKILL)

        yield tick

    return Listener(said.append if said is not None else (lambda _: None), progress)


def test_workers_that_are_killed_change_nothing(tmp_path: Path, settings: dict[str, Any]) -> None:
    act(settings, tmp_path / "one")
    said: list[str] = []
    act(settings, tmp_path / "many", 2, killing({1, 3}, said))
    assert figures(tmp_path / "many") == figures(tmp_path / "one")
    lost = [json.loads(line) for line in (tmp_path / "many" / WORKERS).read_text().splitlines()]
    assert [note["event"] for note in lost] in (["lost"], ["lost", "lost"])  # the run may end before the last is heard
    assert all("signal 9" in note["reason"] for note in lost)
    assert any("was lost" in line for line in said)
    assert children() == []


def test_a_run_goes_on_with_another_number_of_workers(tmp_path: Path, settings: dict[str, Any]) -> None:
    act(settings, tmp_path / "one")
    questions = iter(range(100))
    with pytest.raises(OutOfTimeError):
        act(settings, tmp_path / "many", 2, Listener(lambda _: None, silent_progress, lambda: next(questions) >= 2))
    assert children() == []
    assert len((tmp_path / "many" / "rows.jsonl").read_text().splitlines()) == 4 * 3
    act(settings, tmp_path / "many")
    assert figures(tmp_path / "many") == figures(tmp_path / "one")


@pytest.mark.slow
def test_an_image_that_kills_its_worker_is_a_counted_failure(tmp_path: Path, settings: dict[str, Any]) -> None:
    nets = Path(settings["models"][0].rpartition(":")[0])
    nets.write_text(nets.read_text() + MORTAL)
    mortal = {**settings, "models": [f"{nets}:mortal"], "steps": 1}
    last = sorted((tmp_path / "photos").glob("*.png"))[-1]
    mean = float(np.asarray(Image.open(last), dtype=np.float64).mean() / 255)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOLSCAPE_TEST_DRIVER", str(os.getpid()))
        (tmp_path / "deadly").write_text(str(mean))
        summary = act(mortal, tmp_path / "out", 2)
    assert [failure["id"] for failure in summary["failures"]] == [last.stem]
    assert "expected a worker to answer, got none" in summary["failures"][0]["reason"]
    assert summary["models"][0]["samples"] == 5


def test_a_worker_with_other_weights_is_refused(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = module.workers

    def changed(job: Any, *rest: Any) -> Any:
        nets = Path(settings["models"][0].rpartition(":")[0])
        nets.write_text(nets.read_text() + "\n# another\n")
        return real(job, *rest)

    monkeypatch.setattr(module, "workers", changed)
    with pytest.raises(RunError, match=r"expected a worker to take the job, got none: .*nets\.py.* has changed"):
        act(settings, tmp_path / "out", 1)
    note = json.loads((tmp_path / "out" / WORKERS).read_text().splitlines()[0])
    assert note["event"] == "refused"


def test_what_learns_from_clip_to_clip_has_no_workers(tmp_path: Path) -> None:
    tracker, davis = f"{write_tracker(tmp_path)}:colours?task=video", write_clips(tmp_path / "davis")
    learning = {"models": [tracker], "data": f"davis2017:{davis}", "attack": "ara", "variant": "released", "steps": 2}
    with pytest.raises(SettingError, match="workers: expected an attack that treats each clip by itself"):
        act(learning, tmp_path / "out", 2)


@pytest.mark.parametrize(
    ("given", "workers", "devices"),
    [({}, None, ()), ({"workers": 3}, 3, ()), ({"devices": "0"}, None, ("cuda:0",)),
     ({"devices": ["0", "1"], "workers": 4}, 4, ("cuda:0", "cuda:1")), ({"devices": ["cpu"]}, None, ("cpu",))],
)  # fmt: skip
def test_workers_and_devices(given: dict[str, object], workers: int | None, devices: tuple[str, ...]) -> None:
    resources = resources_of(dict(given))
    assert resources.cluster is None
    assert (resources.workers, resources.devices) == (workers, devices)
    assert resources.spread == bool(given)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"workers": 0}, "workers: expected a number from 1 on"), ({"devices": ["0", "0"]}, "devices: expected each once"),
     ({"devices": []}, "devices: expected devices such as"), ({"cluster": "dask"}, "cluster: expected ray"),
     ({"cluster": "ray", "devices": "0"}, "whose nodes have their own")],
)  # fmt: skip
def test_no_worker_and_a_device_twice_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        resources_of(dict(given))


def test_workers_share_the_threads() -> None:
    assert Resources(workers=3).threads_of(8) == 2
    assert Resources(devices=("cuda:0", "cuda:1")).threads_of(8) == 4
    assert Resources(workers=16).threads_of(8) == 1
    assert Resources().threads_of(8) == 8


@pytest.mark.slow
def test_thirty_runs_with_deaths_at_random(tmp_path: Path, settings: dict[str, Any]) -> None:
    write_photos(tmp_path / "photos", 40)
    act(settings, tmp_path / "one")
    expected = figures(tmp_path / "one")
    draw = random.Random(0)
    for number in range(30):
        out, begin = tmp_path / f"many-{number}", time.monotonic()
        while True:
            deaths = set(draw.sample(range(1, 41), draw.randint(0, 3)))
            stop = draw.randint(5, 60)  # of one part of the run, after which another number of workers goes on
            killer, asked = killing(deaths), iter(range(1000))
            heard = Listener(killer.say, killer.progress, lambda asked=asked, stop=stop: next(asked) >= stop)  # type: ignore[misc]
            try:
                act(settings, out, draw.randint(1, 3), heard)
            except OutOfTimeError:
                continue
            break
        assert figures(out) == expected, f"run {number}, after {time.monotonic() - begin:.0f} s"


@pytest.mark.parametrize(("text", "address"), [("ray", "auto"), ("ray:local", "local"), ("ray:h:6379", "h:6379")])
def test_a_cluster_is_named_by_its_address(text: str, address: str) -> None:
    resources = resources_of({"cluster": text})
    assert (resources.cluster, resources.spread) == (address, True)


@pytest.mark.slow
def test_on_a_ray_cluster_it_is_the_same_run(tmp_path: Path, settings: dict[str, Any]) -> None:
    act(settings, tmp_path / "one")
    silent = Listener(lambda _: None, silent_progress)
    resources = Resources(workers=2, cluster="local")
    execute(make_config(dict(settings)), tmp_path / "many", COMMAND, silent, resources=resources)
    assert figures(tmp_path / "many") == figures(tmp_path / "one")


@pytest.mark.slow
def test_a_transfer_by_workers_is_that_of_one_process(tmp_path: Path) -> None:
    nets, detectors = write_net(tmp_path), write_detector(tmp_path)
    shared = {"models": [f"{nets}:net", f"{detectors}:grid"], "data": f"folder:{write_squares(tmp_path / 'squares')}"}
    settings: dict[str, Any] = {**shared, "attack": "pgd", "steps": 2, "probes": 0, "ensembles": ["all"]}
    silent = Listener(lambda _: None, silent_progress)
    transfer(dict(settings), tmp_path / "one", COMMAND, silent)
    transfer(dict(settings), tmp_path / "many", COMMAND, silent, resources=Resources(workers=1))
    assert figures(tmp_path / "many") == figures(tmp_path / "one")


@pytest.mark.slow
def test_a_universal_perturbation_by_workers_is_that_of_one_process(tmp_path: Path) -> None:
    settings = {"model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train", "test_split": "test",
                "size": "80x128", "train_limit": 6, "limit": 2, "epochs": 2, "target": "hide:road"}  # fmt: skip
    config, silent = make_universal_config(dict(settings)), Listener(lambda _: None, silent_progress)
    universal(config, tmp_path / "one", COMMAND, silent)
    for count in (1, 2, 3):
        universal(config, tmp_path / f"by-{count}", COMMAND, silent, resources=Resources(workers=count))
        assert figures(tmp_path / f"by-{count}") == figures(tmp_path / "one")


@pytest.mark.slow
def test_a_hardening_by_workers_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    splits = {"data": "scenes:", "train_split": "train", "test_split": "test", "train_limit": 4, "test_limit": 1}
    settings = {"model": "bundled:scenes-unet", **splits, "epochs": 2, "batch": 2, "crop": "64x64", "size": "80x128"}
    config, silent = make_harden_config(dict(settings)), Listener(lambda _: None, silent_progress)
    weights = {}
    for count in (1, 2, 3):
        out = tmp_path / f"by-{count}"
        if count == 3:  # the first epoch by three, the second by this process alone
            stopping = Listener(
                lambda _: None, silent_progress, lambda out=out: (out / "checkpoint.safetensors").exists()
            )
            with pytest.raises(OutOfTimeError):
                harden(config, out, COMMAND, stopping, resources=Resources(workers=count))
            harden(config, out, COMMAND, silent)
        else:
            harden(config, out, COMMAND, silent, resources=Resources(workers=count))
        weights[count] = (out / "weights.safetensors").read_bytes()
    assert weights[1] == weights[2] == weights[3]
