"""What a run is estimated to take, and what is learnt from how wrong estimates were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from foolscape.errors import OutOfTimeError
from foolscape.records.progress import Foreseen
from foolscape.report.tables.table import duration
from foolscape.run.execute import execute
from foolscape.run.foresight import foresee, gradient_seconds
from foolscape.run.listener import Listener
from foolscape.run.preview import preview_run, preview_transfer
from foolscape.run.settings.choice import with_attack
from foolscape.run.settings.config import RunConfig, make_config
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import Setup, open_setup
from foolscape.run.transfer.execute import transfer
from foolscape.run.transfer.settings import make_transfer_config
from foolscape.run.universal.config import MAIN, make_universal_config
from foolscape.run.universal.foresight import foresee_universal
from foolscape.run.universal.setup import open_universal
from foolscape.run.watching import history
from foolscape.run.watching.history import NAME, Outcome, experience, remember
from foolscape.run.watching.words import of_estimate

from .made import silent_progress, write_net, write_photos


@pytest.fixture(autouse=True)
def own_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOOLSCAPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / NAME


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    photos = write_photos(tmp_path / "photos", 2)
    return make_config({"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{photos}", "attack": "pgd",
                        "steps": 2, "probes": 0})  # fmt: skip


def took(raw: float, told: float, seconds: float, kind: str = "own pgd cpu 1") -> Outcome:
    return Outcome(kind=kind, raw=raw, told=told, took=seconds)


def test_an_estimate_is_corrected_by_the_median_of_runs_of_its_kind() -> None:
    assert experience("own pgd cpu 1", 1).ratio == 1
    remember(took(10, 10, 5))
    remember(took(10, 5, 20))
    remember(took(10, 5, 4))
    remember(took(10, 10, 90, "own dag cpu 1"))
    known = experience("own pgd cpu 1", 1)
    assert known.ratio == 0.5
    assert known.shares == (2, 0.25, 1.25)


def test_a_short_try_says_nothing_of_a_long_run() -> None:
    """Twelve small images with two workers: a hundredth of a second of gradients, twelve of beginning and ending."""
    for _ in range(5):
        remember(took(0.01, 0.01, 12))
    known = experience("own pgd cpu 1", 3.0)
    assert (known.ratio, known.shares) == (1, ())
    assert experience("own pgd cpu 1", 0.02).ratio == 1200
    remember(took(2, 2, 5))
    known = experience("own pgd cpu 1", 3.0)
    assert (known.ratio, known.shares) == (2.5, (0.4,))


def test_the_history_stays_short_and_what_is_torn_in_it_is_left_out(
    own_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_KEPT", 4)
    for seconds in range(1, 12):
        remember(took(1, 1, seconds))
    assert 4 <= len(own_history.read_text().splitlines()) <= 8
    assert experience("own pgd cpu 1", 1).shares[-1] == 1 / 11
    with own_history.open("a") as file:
        file.write('{"kind": "own pgd cpu 1", "raw": 1')
    assert experience("own pgd cpu 1", 1).shares[-1] == 1 / 11


def test_a_home_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FOOLSCAPE_CACHE", str(tmp_path / "file" / "below"))
    remember(took(1, 1, 1))
    assert experience("own pgd cpu 1", 1).ratio == 1


def test_an_estimate_in_words() -> None:
    assert of_estimate(Foreseen(seconds=1500, memory=3_100_000_000)) == (
        "about 25 min, 3.1 GB, at most; no run of this kind and length has finished here yet"
    )
    assert of_estimate(Foreseen(seconds=30, runs=5, low=0.8, high=1.41)) == (
        "about 30 s; the last 5 estimates here were 0.8 to 1.4 of what it took"
    )
    assert of_estimate(Foreseen(seconds=30, runs=1, low=1.0, high=1.0)).endswith("estimate here was 1 of what it took")


def opened(config: RunConfig) -> tuple[RunConfig, Setup]:
    config, _ = with_attack(with_task(config))
    return config, open_setup(config, torch.device("cpu"))


def test_an_estimate_is_gradients_times_what_one_takes(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    config, setup = opened(config)
    monkeypatch.setattr("foolscape.run.foresight.gradient_seconds", lambda *_: 3.0)
    spec = config.models[0]
    first = foresee(config, setup, torch.device("cpu"), {spec: 2})
    assert first is not None
    assert first.raw == pytest.approx(3 * (2 * 2 + 2 * 5 / 3))  # steps; the clean image, attacked twice, two controls
    assert first.kind == "own pgd cpu 1"
    assert first.foreseen.memory is None or first.foreseen.memory > 1e6
    shared = foresee(config, setup, torch.device("cpu"), {spec: 2}, workers=2)
    assert shared is not None
    assert (shared.raw, shared.kind) == (pytest.approx(first.raw / 2), "own pgd cpu 2")
    assert foresee(config, setup, torch.device("cpu"), {spec: 0}) is None


def test_a_universal_perturbation_is_its_epochs_and_its_predictions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foolscape.run.foresight.gradient_seconds", lambda *_: 3.0)
    config = make_universal_config({
        "model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train[:6]", "test_split": "test[:2]",
        "size": "32x64", "epochs": 4, "target": "hide:road", "sweep_omega": [0.9],
    })  # fmt: skip
    setup = open_universal(config, torch.device("cpu"), hashed=False)
    spec = config.model
    whole = foresee_universal(config, setup, {}, {})
    assert whole is not None
    # 4 epochs of 6 images for both points; 5 predictions of each of 2 images: clean, both tiles, shuffled and noise.
    assert whole.raw == pytest.approx(3 * (2 * 4 * 6 + 2 * 5 / 3))
    assert whole.kind == "bundled universal cpu 1"
    later = foresee_universal(config, setup, {MAIN: 4, "omega-0.9": 3}, {spec: ["one"]}, workers=2)
    assert later is not None
    assert later.raw == pytest.approx(3 * (6 + 5 / 3) / 2)
    assert foresee_universal(config, setup, {MAIN: 4, "omega-0.9": 4}, {spec: ["one", "two"]}) is None


def test_whoever_draws_random_numbers_draws_the_same_ones(config: RunConfig) -> None:
    config, setup = opened(config)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    foresee(config, setup, torch.device("cpu"), {config.models[0]: 2})
    assert torch.equal(torch.rand(1), expected)
    assert gradient_seconds(setup.entries[0], torch.zeros(1, 3, 16, 24)) > 0


@contextmanager
def ends(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    raise OutOfTimeError("spent")
    yield lambda _: None


def test_what_a_run_took_is_told_and_remembered_if_it_was_done(
    tmp_path: Path, config: RunConfig, own_history: Path
) -> None:
    told: list[Foreseen] = []
    listener = Listener(lambda _: None, silent_progress, foreseen=told.append)
    with pytest.raises(OutOfTimeError):
        execute(config, tmp_path / "out", [], replace(listener, progress=ends))
    assert [one.took for one in told] == [None]
    assert not own_history.exists()
    execute(config, tmp_path / "out", [], listener)
    assert told[2] == replace(told[1], took=told[2].took)
    assert told[2].took is not None
    (line,) = own_history.read_text().splitlines()
    assert "nets" not in line
    assert '"own pgd cpu 1"' in line
    execute(config, tmp_path / "out", [], listener)  # nothing is left to be measured
    assert len(told) == 3


def test_dry_run_shows_the_estimate_and_writes_nothing(config: RunConfig, own_history: Path) -> None:
    def lines(sections: Any) -> dict[str, str]:
        return {name: text for section in sections for name, text in section.lines}

    assert "no run of this kind and length has finished here yet" in lines(preview_run(config, {}))["estimate"]
    assert not own_history.exists()


def test_a_transfer_is_its_runs_its_ensembles_and_its_predictions(
    tmp_path: Path, own_history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def counted(entry: Any, image: torch.Tensor) -> float:
        tried.append(image.numel())
        return 3.0

    monkeypatch.setattr("foolscape.run.foresight.gradient_seconds", counted)
    nets, photos = write_net(tmp_path), write_photos(tmp_path / "photos", 2)
    settings = {"models": [f"{nets}:net", f"{nets}:street"], "data": f"folder:{photos}", "attack": "pgd", "steps": 2,
                "probes": 0, "ensembles": ["all"]}  # fmt: skip
    own = 2 * 2 + 2 * 5 / 3  # steps; the clean image, attacked twice, two controls
    together = 2 * 2  # steps of the ensemble, of which each network takes one gradient
    lines = 1 + 2 * (2 + 1 + 1)  # the clean image; each change, their sum and that for both, each with its control
    whole = 3 * 2 * (own + together + 2 * lines / 3)
    config, ensembles = make_transfer_config(settings)
    shown = {name: text for section in preview_transfer(config, ensembles, {}) for name, text in section.lines}
    assert f"x {lines} changes x" in shown["predictions"]
    assert shown["estimate"].startswith(f"about {duration(whole)},")

    told: list[Foreseen] = []
    listener = Listener(lambda _: None, silent_progress, foreseen=told.append)
    stopped = replace(listener, enough=lambda: bool(list((tmp_path / "out/runs").glob("*/summary.json"))))
    with pytest.raises(OutOfTimeError):
        transfer(settings, tmp_path / "out", [], stopped)
    assert [(one.seconds, one.took) for one in told] == [(round(whole, 1), None)]
    assert not own_history.exists()
    tried.clear()
    transfer(settings, tmp_path / "out", [], listener)
    assert len(tried) == 2  # one gradient of each network, of which the first has its run behind it
    _, later, done = told
    assert later.seconds < told[0].seconds
    assert done == replace(later, took=done.took)
    assert '"own transfer cpu 1"' in own_history.read_text()
    transfer(settings, tmp_path / "out", [], listener)  # nothing is left
    assert len(told) == 3
