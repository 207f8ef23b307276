"""Workers: whoever measures an image, and however many are killed meanwhile, the run is that of one process."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape import extras
from foolscape.cluster.pool import Pool
from foolscape.errors import MissingExtraError, OutOfTimeError, RunError, SettingError
from foolscape.records.places import WORKERS
from foolscape.run import execute as module
from foolscape.run.execute import execute
from foolscape.run.harden.config import make_harden_config
from foolscape.run.harden.execute import harden
from foolscape.run.listener import Listener, never
from foolscape.run.settings.config import make_config
from foolscape.run.settings.given_resources import resources_of
from foolscape.run.settings.resources import Resources
from foolscape.run.transfer.execute import transfer
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal

from .made import silent_progress, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker
from .made_workers import DRIVER, MORTAL, children, figures, wait_for, worker_pids

COMMAND = ["foolscape", "run"]


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 6)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
            "eps": "8/255", "probes": 0}  # fmt: skip


def act(settings: dict[str, Any], out: Path, workers: int | None = None, listener: Listener | None = None) -> Any:
    heard = listener or Listener(lambda _: None, silent_progress)
    return execute(make_config(dict(settings)), out, COMMAND, heard, resources=Resources(workers=workers))


@dataclass
class Crew:
    """Who worked: how many answers of workers were taken, of each pool."""

    pools: list[Pool] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    @property
    def answered(self) -> int:
        return sum(self.answers)

    def heard(self, pool: Pool | None) -> None:
        """`Listener.crew`; at the end of a pool its workers are still there."""
        if pool is None:
            self.answers.append(sum(state.answered for state in self.pools[-1].workers()))
        else:
            self.pools.append(pool)

    def listener(self, enough: Callable[[], bool] = never, said: list[str] | None = None) -> Listener:
        say = said.append if said is not None else (lambda _: None)
        return Listener(say, silent_progress, enough, crew=self.heard)


@pytest.fixture
def mortal(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of a run of a network that waits and dies as its files say."""
    nets = Path(settings["models"][0].rpartition(":")[0])
    nets.write_text(nets.read_text() + MORTAL)
    monkeypatch.setenv(DRIVER, str(os.getpid()))
    return {**settings, "models": [f"{nets}:mortal"], "steps": 1}


def test_workers_that_are_killed_change_nothing(tmp_path: Path, mortal: dict[str, Any]) -> None:
    act(mortal, tmp_path / "one")
    hold, crew, said = tmp_path / "hold", Crew(), list[str]()
    hold.touch()

    def noted() -> str:
        place = tmp_path / "many" / WORKERS
        return place.read_text() if place.exists() else ""

    def kill() -> None:
        try:
            wait_for(lambda: crew.pools)
            (pool,) = crew.pools
            for number in (1, 2):
                wait_for(lambda: len(pool.workers()) == 2)
                os.kill(worker_pids()[-1], signal.SIGKILL)
                wait_for(lambda number=number: len(pool.losses) == number)  # type: ignore[misc]
                # Noted at once: a driver that is killed later has told of it.
                wait_for(lambda number=number: len(noted().splitlines()) == number)  # type: ignore[misc]
        finally:
            hold.unlink()

    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kill)
        act(mortal, tmp_path / "many", 2, crew.listener(said=said))
        killed.result()
    assert figures(tmp_path / "many") == figures(tmp_path / "one")
    lost = [json.loads(line) for line in noted().splitlines()]
    assert [note["event"] for note in lost] == ["lost", "lost"]
    assert all("signal 9" in note["reason"] for note in lost)
    assert sum("was lost" in line for line in said) == 2
    assert crew.answered == 6
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
def test_an_image_that_kills_its_worker_is_a_counted_failure(tmp_path: Path, mortal: dict[str, Any]) -> None:
    last = sorted((tmp_path / "photos").glob("*.png"))[-1]
    (tmp_path / "deadly").write_text(str(np.asarray(Image.open(last), dtype=np.float64).mean() / 255))
    summary = act(mortal, tmp_path / "out", 2)
    assert [failure["id"] for failure in summary["failures"]] == [last.stem]
    assert "expected a worker to answer, got none" in summary["failures"][0]["reason"]
    assert summary["models"][0]["samples"] == 5


def test_an_image_that_a_network_raises_on_is_a_failure_as_in_one_process(
    tmp_path: Path, mortal: dict[str, Any]
) -> None:
    photos = sorted((tmp_path / "photos").glob("*.png"))
    bright = np.asarray(Image.open(photos[2])) // 2 + 127
    Image.fromarray(bright).save(photos[2])
    means = [np.asarray(Image.open(photo), dtype=np.float64).mean() / 255 for photo in photos]
    assert sum(abs(mean - means[2]) < 0.05 for mean in means) == 1
    (tmp_path / "raises").write_text(str(means[2]))
    act(mortal, tmp_path / "one")
    crew = Crew()
    summary = act(mortal, tmp_path / "many", 1, crew.listener())
    assert [failure["id"] for failure in summary["failures"]] == [photos[2].stem]
    assert "too much for it" in summary["failures"][0]["reason"]
    one = figures(tmp_path / "one")
    left = [place for place in one if Path(place).name == photos[2].name]  # of no row
    assert figures(tmp_path / "many") == {place: content for place, content in one.items() if place not in left}
    assert crew.answered == len(photos)


@pytest.mark.parametrize("breaks", [False, True])
def test_other_attacks_are_tried_by_workers_with_the_same_result(
    tmp_path: Path, mortal: dict[str, Any], breaks: bool
) -> None:
    mortal |= {"probes": 2, "attack": "fgsm", "steps": None}
    first = sorted((tmp_path / "photos").glob("*.png"))[0]
    mean = np.asarray(Image.open(first), dtype=np.float64).mean() / 255
    raises, crew = tmp_path / "raises", Crew()

    def phase(what: str) -> None:
        if breaks and what == "trying other attacks":
            raises.write_text(str(mean))

    found = {}
    for name, workers in (("one", None), ("many", 2)):
        raises.unlink(missing_ok=True)
        act(mortal, tmp_path / name, workers, replace(crew.listener(), phase=phase))
        (kept,) = (tmp_path / name / "probes").glob("*.json")
        found[name] = json.loads(kept.read_text())
    assert figures(tmp_path / "many") == figures(tmp_path / "one")
    if breaks:
        assert "too much for it" in found["one"]["failed"]
    else:
        tried = sum(len(results) for results in found["many"]["images"].values())
        assert tried > 2
        assert crew.answered == 6 + tried


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
def test_nodes_get_a_copy_of_the_working_directory_where_asked(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FOOLSCAPE_RAY_COPY", "1")
    relative = {**settings, "models": [f"{Path(settings['models'][0]).name}"], "data": "folder:photos"}
    act(relative, tmp_path / "runs" / "one")
    resources, crew = Resources(workers=1, cluster="local"), Crew()
    execute(make_config(relative), tmp_path / "runs" / "many", COMMAND, crew.listener(), resources=resources)
    assert figures(tmp_path / "runs" / "many") == figures(tmp_path / "runs" / "one")
    assert crew.answered == 6
    absolute = {**relative, "models": settings["models"]}
    nets = Path(settings["models"][0].rpartition(":")[0])
    real = module.workers

    def gone(job: Any, *rest: Any) -> Any:
        nets.rename(nets.with_name("elsewhere.py"))
        return real(job, *rest)

    monkeypatch.setattr(module, "workers", gone)
    with pytest.raises(RunError, match=r"nets\.py.*name files by paths below it"):
        execute(make_config(absolute), tmp_path / "runs" / "other", COMMAND, Crew().listener(), resources=resources)


def test_a_cluster_that_is_not_there_is_refused_before_anything_is_opened(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SettingError, match=r"ray start --head"):
        act_on(settings, tmp_path / "out", "127.0.0.1:1")
    with pytest.raises(SettingError, match="an address is HOST:PORT"):
        act_on(settings, tmp_path / "out", "somewhere")
    with pytest.raises(SettingError, match="workers: expected the number of workers of a local cluster"):
        act_on(settings, tmp_path / "out", "local", None)
    monkeypatch.setattr(extras.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foolscape\[ray\]'"):
        act_on(settings, tmp_path / "out", "auto")
    assert not (tmp_path / "out").exists()


def act_on(settings: dict[str, Any], out: Path, address: str, workers: int | None = 1) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("it was opened")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_setup", opened)
        resources = Resources(workers=workers, cluster=address)
        execute(
            make_config(dict(settings)), out, COMMAND, Listener(lambda _: None, silent_progress), resources=resources
        )


@pytest.mark.slow
def test_a_transfer_by_workers_is_that_of_one_process(tmp_path: Path) -> None:
    nets, detectors = write_net(tmp_path), write_detector(tmp_path)
    shared = {"models": [f"{nets}:net", f"{detectors}:grid"], "data": f"folder:{write_squares(tmp_path / 'squares')}"}
    settings: dict[str, Any] = {**shared, "attack": "pgd", "steps": 2, "probes": 0, "ensembles": ["all"]}
    crew = Crew()
    transfer(dict(settings), tmp_path / "one", COMMAND, Listener(lambda _: None, silent_progress))
    transfer(dict(settings), tmp_path / "many", COMMAND, crew.listener(), resources=Resources(workers=1))
    assert figures(tmp_path / "many") == figures(tmp_path / "one")
    images = len(json.loads((tmp_path / "one" / "run.json").read_text())["samples"])
    # Each network attacked, and both together, and each measured on all that came of it.
    assert crew.answered == 2 * images + images + 2 * images


@pytest.mark.slow
def test_a_universal_perturbation_by_workers_is_that_of_one_process(tmp_path: Path) -> None:
    settings = {"model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train", "test_split": "test",
                "size": "48x64", "train_limit": 3, "limit": 1, "epochs": 1, "target": "hide:road"}  # fmt: skip
    config, silent = make_universal_config(dict(settings)), Listener(lambda _: None, silent_progress)
    universal(config, tmp_path / "one", COMMAND, silent)
    answered = set()
    for count in (1, 2, 3):
        crew = Crew()
        universal(config, tmp_path / f"by-{count}", COMMAND, crew.listener(), resources=Resources(workers=count))
        assert figures(tmp_path / f"by-{count}") == figures(tmp_path / "one")
        answered.add(crew.answered)
    (number,) = answered
    assert number >= 3 + 3  # each training image is looked at, and its gradient is taken


@pytest.mark.slow
def test_a_hardening_by_workers_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    splits = {"data": "scenes:", "train_split": "train", "test_split": "test", "train_limit": 2, "test_limit": 1}
    settings = {"model": "bundled:scenes-unet", **splits, "epochs": 2, "batch": 2, "crop": "32x32", "size": "48x64"}
    config, silent = make_harden_config(dict(settings)), Listener(lambda _: None, silent_progress)
    weights, answered = {}, {}
    for count in (1, 2, 3):
        out, crew = tmp_path / f"by-{count}", Crew()
        resources = Resources(workers=count)
        if count == 3:  # the first epoch by three, the second by this process alone
            stopping = crew.listener(lambda out=out: (out / "checkpoint.safetensors").exists())  # type: ignore[misc]
            with pytest.raises(OutOfTimeError):
                harden(config, out, COMMAND, stopping, resources=resources)
            harden(config, out, COMMAND, silent)
        else:
            harden(config, out, COMMAND, crew.listener(), resources=resources)
        weights[count], answered[count] = (out / "weights.safetensors").read_bytes(), crew.answers
    assert weights[1] == weights[2] == weights[3]
    # The test image before, two training images in each of two epochs, and the test image after.
    assert answered[1] == answered[2]
    assert answered[1][1] == 2 * 2
    assert answered[3] == [answered[1][0], 2]
    assert min(answered[1]) > 0
