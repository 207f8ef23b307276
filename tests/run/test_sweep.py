"""Sweeps: a grid of runs, each as if it were alone, in an order, within a budget, stopped and continued at will."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foolscape.cli import main
from foolscape.cli.console import DONE, OUT_OF_TIME, SOME_FAILED, USAGE
from foolscape.errors import OutOfTimeError, RunError
from foolscape.records.progress import WholeProgress
from foolscape.records.sweep import SweepRecord, read_sweep
from foolscape.records.timings import Timing, timing_bytes
from foolscape.report.tables.sweep import sweep_tables
from foolscape.report.tables.table import duration
from foolscape.run import gradient_check
from foolscape.run.checks import steady as checks_steady
from foolscape.run.execute import execute
from foolscape.run.listener import Listener
from foolscape.run.settings.resources import Resources
from foolscape.run.sweep import drive
from foolscape.run.sweep.drive import Means, sweep
from foolscape.run.sweep.grid import cells_of
from foolscape.run.sweep.lists import lists_of
from foolscape.run.tasks.clean import CleanPredictions

from .made import do_run, silent_progress, write_net, write_photos
from .made_workers import figures

pytestmark = pytest.mark.usefixtures("examined_once")


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, Any]:
    photos, nets = write_photos(tmp_path / "photos", 2), write_net(tmp_path)
    return {"models": [f"{nets}:net"], "data": [f"folder:{photos}"], "attacks": ["pgd?steps=1"], "probes": 0}


def act(out: Path, settings: dict[str, Any], means: Means | None = None, **heard: Any) -> SweepRecord:
    listener = Listener(**{"say": lambda _: None, "progress": silent_progress, **heard})
    sweep(cells_of(lists_of(settings)), settings, out, ["foolscape", "sweep"], listener, means or Means())
    return read_sweep(out)


def states(record: SweepRecord) -> list[tuple[str, str, str]]:
    return [(cell.model.rpartition(":")[2], cell.attack, cell.state) for cell in record.cells]


def named(settings: dict[str, Any], *names: str) -> list[str]:
    file = settings["models"][0].rpartition(":")[0]
    return [f"{file}:{name}" for name in names]


def begun(record: SweepRecord) -> list[str]:
    return [cell.name for cell in record.cells if cell.state != "waiting"]


def test_a_cell_is_the_run_that_it_would_be_alone(tmp_path: Path, settings: dict[str, Any]) -> None:
    settings |= {
        "attacks": ["fgsm", "pgd?steps=1"],
        "eps": ["2/255", "8/255"],
        "models": named(settings, "net", "slow"),
    }
    record = act(tmp_path / "out", settings)
    assert states(record) == [
        (model, attack, "done") for attack in ("pgd?steps=1", "fgsm") for model in ("net", "slow")
    ]  # fmt: skip
    third, alone = record.cells[2], tmp_path / "alone"  # its model was attacked before, in the same process
    do_run(alone, models=[third.model], data=settings["data"][0], attack="fgsm", eps="2/255,8/255", probes=0)
    for name in ("rows.jsonl", "summary.json"):
        assert (tmp_path / "out" / "runs" / third.name / name).read_bytes() == (alone / name).read_bytes()
    summary = json.loads((alone / "summary.json").read_text())["models"][0]["conditions"]
    rows = [row for row in record.rows if row.cell == third.name]
    assert [(row.bound, row.attacked, row.noise) for row in rows] == [
        (bound, summary[f"adversarial@{bound}"]["mIoU"], summary[f"noise@{bound}"]["mIoU"])
        for bound in ("2/255", "8/255")
    ]
    assert all(cell.estimate and cell.seconds and cell.ratio for cell in record.cells)
    second = record.cells[1]
    assert second.expected != second.estimate == pytest.approx(second.seconds / (second.ratio or 0))
    text = (tmp_path / "out" / "report.html").read_text()
    for cell in record.cells:
        assert f"runs/{cell.name}/report.html" in text
    assert main_code("report", tmp_path / "out", "--format", "markdown") == DONE


def main_code(*arguments: object) -> object:
    with pytest.raises(SystemExit) as caught:
        main([str(one) for one in arguments])
    return caught.value.code


def test_killed_and_continued_it_measures_no_cell_twice(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings |= {"seeds": [0, 1, 2]}
    out, done, execute = tmp_path / "out", list[Path](), drive.execute

    def killed_in_the_second(config: Any, place: Path, *args: Any, **kwargs: Any) -> Any:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(place)
        return execute(config, place, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(drive, "execute", killed_in_the_second)
        with pytest.raises(KeyboardInterrupt):
            act(out, settings)
    record = read_sweep(out)
    assert [(cell.state, cell.clocked) for cell in record.cells] == [("done", True), ("begun", True), ("waiting", True)]
    assert "1 of 3 cells" in (out / "report.html").read_text()
    first = (out / "runs" / record.cells[0].name / "summary.json").stat().st_mtime_ns
    (out / "sweep.json").unlink()  # all that cannot be seen from the runs is how long the trial took
    said: list[str] = []
    record = act(out, settings, say=said.append)
    assert [cell.state for cell in record.cells] == ["done"] * 3
    assert len(record.rows) == 3
    assert (out / "runs" / record.cells[0].name / "summary.json").stat().st_mtime_ns == first
    assert said[0] == "1 of 3 cells are finished already"
    assert [cell.clocked for cell in record.cells] == [False, True, True]
    assert record.cells[0].ratio is None


def test_what_a_killed_attempt_took_is_not_taken_for_all(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*args: object, **kwargs: object) -> None:
        record = read_sweep(tmp_path / "out")
        assert [(cell.state, cell.clocked) for cell in record.cells] == [("begun", False)]
        (tmp_path / "left.json").write_bytes((tmp_path / "out" / "sweep.json").read_bytes())
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(drive, "execute", killed)
        with pytest.raises(Killed):
            act(tmp_path / "out", settings)
    (tmp_path / "out" / "sweep.json").write_bytes((tmp_path / "left.json").read_bytes())  # as a kill leaves it
    (cell,) = act(tmp_path / "out", settings).cells
    assert (cell.state, cell.clocked, cell.ratio) == ("done", False, None)


def test_times_of_workers_at_a_time_are_divided(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers attack for 50 s each within 60 s: 50 s of the cell are its attack's, not 100."""

    def by_workers(config: Any, place: Path, *args: Any, resources: Resources, **kwargs: Any) -> object:
        assert resources.workers == 2
        found = execute(config, place, *args, **kwargs)
        lines = [timing_bytes(Timing(model=config.models[0], id=name, seconds=50.0)) for name in ("a", "b")]
        (place / "timings.jsonl").write_bytes(b"".join(lines))
        return found

    monkeypatch.setattr(drive, "execute", by_workers)
    means = Means(resources=Resources(workers=2), clock=Clock(60))
    (cell,) = act(tmp_path / "out", settings, means).cells
    assert (cell.seconds, cell.attacking) == (60, 50)
    (again,) = act(tmp_path / "out", settings, means).cells
    assert (again.seconds, again.attacking) == (60, 50)


def test_a_changed_file_keeps_what_is_the_same(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    before = act(out, settings | {"eps": ["2/255"], "seeds": [0, 1]})
    said: list[str] = []
    after = act(out, settings | {"eps": ["2/255", "8/255"], "seeds": [0]}, say=said.append)
    kept, added = before.cells[0].name, f"{before.cells[0].name}-2"
    assert [(cell.name, cell.bounds) for cell in after.cells] == [(kept, ("2/255",)), (added, ("8/255",))]
    assert [row.bound for row in after.rows] == ["2/255", "8/255"]
    assert after.gone == (before.cells[1].name,)
    assert any(before.cells[1].name in line and "not in the file any more" in line for line in said)
    shutil.rmtree(out / "runs" / kept)
    assert [cell.state for cell in act(out, settings | {"eps": "2/255"}).cells] == ["done"]


def test_a_cell_that_fails_is_told_and_the_others_go_on(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "lost.py").write_text("def net():\n    raise OSError('weights.pth <is> nowhere')\n")
    models = named(settings, "not_a_number", "detached", "net")
    settings |= {"models": [*models[:2], f"{tmp_path}/lost.py:net", models[2]]}
    file = tmp_path / "all.yaml"
    file.write_text(json.dumps(settings))
    assert main_code("sweep", file, "--out", tmp_path / "out", "--quiet") == SOME_FAILED
    record = read_sweep(tmp_path / "out")
    assert [state for *_, state in states(record)] == ["failed", "failed", "failed", "done"]
    page = (tmp_path / "out" / "report.html").read_text()
    for cell, words in zip(record.cells, ("finite", "gradient", "nowhere"), strict=False):
        assert words in cell.reason
        assert words in page
    assert "1 of 4 cells, 3 failed" in page


def test_a_model_that_has_changed_is_not_mixed_with_itself(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    name = act(out, settings).cells[0].name
    nets = Path(settings["models"][0].rpartition(":")[0])
    nets.write_text(nets.read_text().replace("manual_seed(1)", "manual_seed(7)"))
    first, second = act(out, settings | {"seeds": [0, 1]}).cells
    assert (first.state, second.state) == ("done", "failed")
    assert f"delete runs/{name} to measure it again" in second.reason
    shutil.rmtree(out / "runs" / name)
    assert [cell.state for cell in act(out, settings | {"seeds": [0, 1]}).cells] == ["done", "done"]


class Clock:
    """Goes on by `step` seconds whenever it is asked."""

    def __init__(self, step: float) -> None:
        self.step, self.now = step, 0.0

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def test_what_the_budget_does_not_hold_is_left(tmp_path: Path, settings: dict[str, Any]) -> None:
    settings |= {"seeds": [0, 1, 2]}
    out = tmp_path / "out"
    first = act(tmp_path / "first", settings | {"seeds": [0]}, Means(budget=1e9, clock=Clock(100)))
    budget = first.spent + first.cells[0].seconds / 2  # a half of what the second will take is left for it
    told: list[WholeProgress] = []
    record = act(out, settings, Means(budget=budget, clock=Clock(100)), whole=told.append)
    assert [cell.state for cell in record.cells] == ["done", "left", "left"]
    assert [(whole.done, whole.total) for whole in told] == [(0, 3), (1, 3)]
    assert told[0].ahead == pytest.approx(sum(cell.estimate or 0.0 for cell in record.cells[1:]), abs=0.1)
    assert f"takes about {duration(first.cells[0].seconds)}, " in record.cells[1].reason
    assert "1 of 3 cells, 2 left out" in (out / "report.html").read_text()
    record = act(out, settings, Means(budget=1e9, clock=Clock(1)))
    assert [cell.state for cell in record.cells] == ["done"] * 3
    assert record.spent > first.spent


def test_a_cell_ends_with_the_budget_at_a_whole_image(tmp_path: Path, settings: dict[str, Any]) -> None:
    out = tmp_path / "out"
    record = act(out, settings, Means(budget=150.0, clock=Clock(70)))
    assert [(cell.state, cell.reason) for cell in record.cells] == [("left", "begun; the budget is spent")]
    rows = (out / "runs" / record.cells[0].name / "rows.jsonl").read_text().splitlines()
    assert len({json.loads(line)["id"] for line in rows}) == 1


def test_out_of_time_it_goes_on_from_there(tmp_path: Path, settings: dict[str, Any]) -> None:
    asked = iter([False, True, True, True])
    with pytest.raises(OutOfTimeError):
        act(tmp_path / "out", settings, enough=lambda: next(asked))
    record = read_sweep(tmp_path / "out")
    assert [cell.state for cell in record.cells] == ["begun"]
    assert record.cells[0].seconds > 0


def test_a_model_is_opened_once_for_all_cells_on_its_data(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from foolscape.run.sweep import opened

    found, open_setup = [], opened.open_setup

    def counted(config: Any, device: Any) -> Any:
        found.append(config.models)
        return open_setup(config, device)

    monkeypatch.setattr(opened, "open_setup", counted)
    act(tmp_path / "out", settings | {"seeds": [0, 1], "attacks": ["pgd?steps=1", "none"]})
    assert len(found) == 1
    monkeypatch.setattr(opened, "free_share", lambda device: 0.0)
    (tmp_path / "two").mkdir()
    photos = write_photos(tmp_path / "more", 1)
    two = settings | {"data": [*settings["data"], f"folder:{photos}"]}
    act(tmp_path / "two", two)
    assert len(found) == 1 + 4  # tried, let go for want of memory, and opened again


def test_what_cells_have_in_common_is_found_once_and_each_is_the_run_that_it_would_be_alone(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Counter[str]()
    of, gradient, steady = CleanPredictions.of, gradient_check.check_gradient, checks_steady.consistency

    def counted(self: Any, model: Any, data: Any, name: str, predict: Callable[[], Any]) -> Any:
        def predicted() -> Any:
            made[name] += 1
            return predict()

        return of(self, model, data, name, predicted)

    def found(what: str, find: Callable[..., Any]) -> Callable[..., Any]:
        def finding(*given: Any, **named: Any) -> Any:
            made[what] += 1
            return find(*given, **named)

        return finding

    with monkeypatch.context() as patch:
        patch.setattr(CleanPredictions, "of", counted)
        patch.setattr(gradient_check, "check_gradient", found("gradient", gradient))
        patch.setattr(checks_steady, "consistency", found("consistency", steady))
        record = act(
            tmp_path / "out", settings | {"seeds": [0, 1], "attacks": ["pgd?steps=1", "fgsm", "none"], "probes": 1}
        )
    images = [path.stem for path in sorted((tmp_path / "photos").glob("*.png"))]
    assert made == {**dict.fromkeys(images, 1), "gradient": 2, "consistency": 1}  # the gradient with either seed
    for cell in record.cells:
        alone, here = tmp_path / cell.name, tmp_path / "out" / "runs" / cell.name
        attack, _, steps = cell.attack.partition("?steps=")
        given = {"models": [cell.model], "data": cell.data, "attack": attack, "seed": cell.seed, "probes": 1}
        do_run(alone, **given, **({"steps": int(steps)} if steps else {}))
        one, in_sweep = figures(alone), figures(here)
        in_sweep["run.json"] = in_sweep["run.json"].replace(b'"sweep"', b'"run"', 1)  # the command
        assert one == in_sweep


def test_clean_predictions_are_those_of_one_model_and_bounded() -> None:
    model, data = object(), object()
    kept = CleanPredictions(model, data, room=60)
    assert kept.of(model, data, "a", lambda: [1]) == [1]
    assert kept.of(model, data, "a", lambda: [2]) == [1]
    assert kept.of(object(), data, "a", lambda: [3]) == kept.of(model, object(), "a", lambda: [3]) == [3]
    assert kept.of(model, data, "a", list) is not kept.of(model, data, "a", list)
    for name in "bcdef":
        kept.of(model, data, name, lambda: [4])
    assert kept.of(model, data, "a", lambda: [5]) == [5]  # let go for the others
    assert kept.of(model, data, "f", lambda: [6]) == [4]


def test_another_directory_is_not_taken(tmp_path: Path, settings: dict[str, Any]) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    # Python may have written __pycache__ beside nets.py.
    with pytest.raises(RunError, match=r"expected an empty directory or a sweep in .*, got .*nets.py, notes.txt"):
        act(tmp_path, settings)


@pytest.fixture
def file(tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.chdir(tmp_path)

    def write(**more: Any) -> Path:
        path = tmp_path / "my grid.yaml"
        path.write_text(json.dumps({**settings, **more}))
        return path

    return write


def test_the_command_says_all_before_it_begins(file: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    assert main_code("sweep", file(seeds=[0, 1]), "--dry-run", "--budget", "1h") == DONE
    said = " ".join(capfd.readouterr().out.split())
    assert "cells, in their order" in said
    assert "seed 1" in said
    assert "budget 60 min, of which 60 min are left" in said
    assert "output: runs/sweep-my-grid, begins there; nothing was written" in said
    assert not Path("runs").exists()


def test_the_command_leaves_json_and_its_code(file: Callable[..., Path], capfd: pytest.CaptureFixture[str]) -> None:
    assert main_code("sweep", file(), "--json", "--quiet", "--budget", "0.001s") == OUT_OF_TIME
    assert json.loads(capfd.readouterr().out)["cells"][0]["state"] == "left"
    assert main_code("sweep", file(), "--json", "--quiet", "--fail-under", "mIoU=101") == 5
    found = json.loads(capfd.readouterr().out)
    assert found["rows"][0]["label"] == "mIoU"
    assert main_code("sweep", file(), "--new", "--dry-run") == DONE
    assert "runs/sweep-my-grid-2, begins there" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("more", "flags", "words"),
    [
        ({}, ["--budget", "lots"], "budget: expected a time"),
        ({}, ["--out", "x", "--new"], "new: is for sweeps without --out"),
        ({"shard": "1/2"}, [], "shard: is for a run"),
        ({"slices": "x.csv"}, [], "slices: is for a run"),
        ({"workers": 0}, [], "workers: expected a number"),
        ({"models": ["bundeled:x"]}, [], "bundeled"),
        ({"models": []}, [], "models: expected at least one"),
    ],
)
def test_wrong_settings_begin_nothing(
    file: Callable[..., Path], capfd: pytest.CaptureFixture[str], more: dict[str, Any], flags: list[str], words: str
) -> None:
    assert main_code("sweep", file(**more), *flags) == USAGE
    assert words in " ".join(capfd.readouterr().err.split())
    assert not Path("runs").exists()


def test_its_tables_name_what_there_is_not(tmp_path: Path, settings: dict[str, Any]) -> None:
    record = act(tmp_path / "out", settings | {"seeds": [0, 1]}, Means(budget=1e-9))
    table, left, took = sweep_tables(record)
    assert table.rows[0][-1].value == "left out"
    assert "are left" in left.rows[0][2].value
    assert len(took.rows) == 2


def test_the_largest_bound_is_told_of_the_smallest_changes(tmp_path: Path, settings: dict[str, Any]) -> None:
    record = act(tmp_path / "out", settings | {"attacks": "pgd-min?steps=20", "eps": ["2/255", "8/255"]})
    (row,) = record.rows
    assert row.bound == "8/255"
    assert row.median_levels is not None
    table, *_ = sweep_tables(record)
    assert table.rows[0][1].detail == ("within 8/255",)
    assert table.rows[0][5].detail == (f"median {row.median_levels} levels",)
