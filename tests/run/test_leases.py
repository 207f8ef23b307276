"""What goes with leases and what comes back, and what a worker does with two of them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.cluster.job import Answer, Lease, WorkerPlace
from foolscape.cluster.pool import Pool
from foolscape.errors import RunError
from foolscape.records.reader import read_record
from foolscape.records.run import RunRecord
from foolscape.run import evaluate as module
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import make_config
from foolscape.run.settings.resources import Resources
from foolscape.run.settings.task_of import with_task
from foolscape.run.spread.collected import beside, rows_in
from foolscape.run.spread.run_job import RunJob, RunWorker
from foolscape.run.spread.samples import key_of
from foolscape.run.sweep.drive import Means, sweep
from foolscape.run.sweep.grid import cells_of
from foolscape.run.sweep.lists import lists_of
from foolscape.run.tasks.clean import CleanPredictions

from .made import do_run, silent_progress, write_net, write_photos
from .made_workers import figures

DEADLINE = 60
COMMAND = ["foolscape", "run"]
SILENT = Listener(lambda _: None, silent_progress)
COUNTS = """
import os
from pathlib import Path
HERE = Path(__file__).parent

def counting():
    class Counting(Net):
        def forward(self, images):
            if not images.requires_grad:
                for image in images.detach().double().mean((1, 2, 3)).tolist():
                    with (HERE / "asked").open("a") as asked:
                        asked.write(f"{os.getpid()} {image:.9f}\\n")
            return super().forward(images)
    return Counting()
"""
"""Source of a network that writes down who asked it for a prediction, and the mean of the image."""


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos = write_photos(tmp_path / "photos", 4)
    return {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 1,
            "eps": "8/255", "probes": 0}  # fmt: skip


def opened(settings: dict[str, Any], tmp_path: Path, **job: Any) -> RunWorker:
    """A worker in this process, of a run that is in the folder `one`."""
    do_run(tmp_path / "one", **settings)
    record = read_record(tmp_path / "one")
    assert isinstance(record, RunRecord)
    config, _ = with_attack(with_task(make_config(dict(settings))))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return RunJob(config, record, **job).open(WorkerPlace("w", "here", "cpu", record.threads or 1, scratch))


def worked(worker: RunWorker, *samples: str, **inputs: bytes) -> list[Future[Answer]]:
    """The answers to a lease that was gone through; they may still come."""
    found = list(worker.work(Lease(tuple(key_of(0, name) for name in samples), inputs)))
    assert all(isinstance(answer, Future) for answer in found)
    return found  # type: ignore[return-value]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is finished before it is open."""
    rows, opens = module.rows_of_attack, threading.Event()

    def waiting(*args: Any) -> Any:
        assert opens.wait(DEADLINE)
        return rows(*args)

    monkeypatch.setattr(module, "rows_of_attack", waiting)
    yield opens
    opens.set()


@pytest.mark.parametrize("batch", [1, 2])
def test_the_next_lease_is_attacked_while_the_last_is_finished(
    tmp_path: Path, settings: dict[str, Any], gate: threading.Event, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    gate.set()
    worker = opened({**settings, "batch": batch}, tmp_path)
    gate.clear()
    attacked, asked = list[str](), module.answers_of

    def seen(case: Any, *args: Any) -> Any:
        attacked.append(case.id)
        return asked(case, *args)

    monkeypatch.setattr(module, "answers_of", seen)
    (first,) = worked(worker, "photo0")
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(worked, worker, "photo1", "photo2")
        while len(attacked) < 3:
            assert not coming.done()
        assert not first.done()
        gate.set()
        answers = [first.result(DEADLINE), *(answer.result(DEADLINE) for answer in coming.result(DEADLINE))]
    assert [answer.key for answer in answers] == ["0 photo0", "0 photo1", "0 photo2"]
    lines = (tmp_path / "one" / "rows.jsonl").read_bytes()
    for answer in answers:
        rows = rows_in(answer)
        assert len(rows) == 4
        for place, content in answer.files.items():
            assert content == (tmp_path / "one" / place).read_bytes()
            assert place.encode() in lines
    assert not [path for path in (tmp_path / "scratch").rglob("*") if path.is_file()]


def test_a_picture_that_cannot_be_written_is_told_and_the_next_lease_goes_on(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = opened(settings, tmp_path)
    rows = module.rows_of_attack

    def torn(case: Any, *args: Any) -> Any:
        if case.id == "photo0":
            raise OSError("the disk is full")
        return rows(case, *args)

    monkeypatch.setattr(module, "rows_of_attack", torn)
    (first,) = worked(worker, "photo0")
    with pytest.raises(OSError, match="the disk is full"):
        first.result(DEADLINE)
    (second,) = worked(worker, "photo1")
    assert len(rows_in(second.result(DEADLINE))) == 4


def test_an_image_that_is_another_here_is_refused_before_anything_is_attacked(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    worker = opened(settings, tmp_path)
    write_photos(tmp_path / "photos", 4, (16, 16))
    with pytest.raises(RunError, match=r"the image and annotation of photo0 that the driver has.* bring back those of"):
        worked(worker, "photo0")


def test_a_clean_prediction_comes_back_once_and_is_not_made_where_it_is_given(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    write = tmp_path / "nets.py"
    write.write_text(write.read_text() + COUNTS)
    worker = opened({**settings, "models": [f"{write}:counting"]}, tmp_path, remembers=True)
    asked = tmp_path / "asked"

    def predictions(lease: Callable[[], list[Future[Answer]]]) -> tuple[Answer, int]:
        asked.unlink(missing_ok=True)
        (answer,) = lease()
        return answer.result(DEADLINE), len(asked.read_text().splitlines())

    made, several = predictions(lambda: worked(worker, "photo0"))
    assert beside(made).clean
    given, fewer = predictions(lambda: worked(worker, "photo0", **{"clean 0 photo0": beside(made).clean}))
    assert not beside(given).clean
    assert fewer == several - 1
    assert (given.payload, given.files) == (made.payload, made.files)
    again, as_many = predictions(lambda: worked(worker, "photo0"))  # nothing is kept in the worker
    assert (beside(again).clean, as_many) == (beside(made).clean, several)


def test_clean_predictions_of_other_threads_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    model, data, threads = object(), object(), [1]
    monkeypatch.setattr("foolscape.run.tasks.clean.own_threads", lambda: threads[0])
    kept = CleanPredictions(model, data)
    assert kept.of(model, data, "a", lambda: "of one") == "of one"
    threads[0] = 2
    assert kept.packed("a") is None
    assert kept.of(model, data, "a", lambda: "of two") == "of two"
    threads[0] = 1
    packed = kept.take("a")
    assert packed is not None
    assert kept.packed("a") is None
    kept.put("b", packed)
    assert kept.of(model, data, "b", lambda: "new") == "of one"


def test_cells_of_a_sweep_share_the_clean_predictions_of_their_workers(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    write = tmp_path / "nets.py"
    write.write_text(write.read_text() + COUNTS)
    model, data = f"{write}:counting", settings["data"]
    grid = {"models": [model], "data": [data], "attacks": ["pgd?steps=1", "fgsm"], "eps": ["8/255"], "probes": 1}
    asked, means = tmp_path / "asked", Means(resources=Resources(workers=2))
    sweep(cells_of(lists_of(grid)), grid, tmp_path / "many", COMMAND, SILENT, means)
    last = sorted((tmp_path / "photos").iterdir())[2:]  # whoever opens a model looks at the first two
    images = (np.asarray(Image.open(path), dtype=np.float32) / 255 for path in last)
    clean = [f"{torch.from_numpy(image).double().mean().item():.9f}" for image in images]
    counted = [line.split()[1] for line in asked.read_text().splitlines()]
    asked.unlink()
    sweep(cells_of(lists_of(grid)), grid, tmp_path / "one", COMMAND, SILENT, Means())
    alone = [line.split()[1] for line in asked.read_text().splitlines()]
    assert [counted.count(mean) for mean in clean] == [alone.count(mean) for mean in clean]
    assert all(0 < alone.count(mean) < 6 for mean in clean)
    for cell in (tmp_path / "one" / "runs").iterdir():
        assert figures(tmp_path / "many" / "runs" / cell.name) == figures(cell)


def test_workers_get_images_of_one_size_together(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, size in enumerate([(16, 24), (24, 16), (16, 24), (24, 16), (16, 24)]):
        write_photos(tmp_path / "mixed" / str(number), 1, size).rename(tmp_path / f"mixed{number}")
        (tmp_path / f"mixed{number}" / "photo0.png").rename(tmp_path / "photos" / f"photo{number}.png")
    leased, answers = list[str](), Pool.answers

    def seen(self: Pool, keys: Sequence[str], **given: Any) -> Any:
        leased.extend(keys)
        return answers(self, keys, **given)

    monkeypatch.setattr(Pool, "answers", seen)
    for batch, order in ((1, "01234"), (2, "02413")):
        mixed = {**settings, "batch": batch}
        do_run(tmp_path / f"one-{batch}", **mixed)
        leased.clear()
        by_one = Resources(workers=1)
        execute(make_config(mixed), tmp_path / f"many-{batch}", COMMAND, SILENT, resources=by_one)
        assert leased == [f"0 photo{number}" for number in order]
        assert figures(tmp_path / f"many-{batch}") == figures(tmp_path / f"one-{batch}")
