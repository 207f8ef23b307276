"""What each layer knows of a task and of a data set: one record each, found by name, and no table of them all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import foolscape
from foolscape.by_name import names_in, record_of, record_or_none
from foolscape.data.dataset import DataSet
from foolscape.data.load import catalog
from foolscape.errors import UnknownNameError
from foolscape.metrics.score import TaskScores, scores_of
from foolscape.report.task import TaskReport
from foolscape.run.setup import TaskOpening
from foolscape.run.tasks.base import TaskRunning
from foolscape.run.universal.record import able, universal_of
from foolscape.run.wiring.record import TaskWiring
from foolscape.tasks.base import TASKS, task_named

LAYERS = {
    "foolscape.metrics.tasks": TaskScores,
    "foolscape.run.tasks": TaskRunning,
    "foolscape.run.opening": TaskOpening,
    "foolscape.run.wiring": TaskWiring,
    "foolscape.report.tasks": TaskReport,
}
SOURCE = Path(foolscape.__file__).parent


@pytest.mark.parametrize("package", LAYERS)
def test_every_layer_has_a_record_of_every_task(package: str) -> None:
    kind = LAYERS[package]
    assert names_in(package, kind) == tuple(sorted(TASKS))
    assert all(record_of(package, name, kind) for name in TASKS)
    with pytest.raises(UnknownNameError, match="unknown task 'segmentatoin'; did you mean segmentation"):
        record_of(package, "segmentatoin", kind)
    assert record_or_none(package, "no such/name", kind) is None


def test_tasks_have_names_of_their_own() -> None:
    assert all(name == task.name for name, task in TASKS.items())
    with pytest.raises(UnknownNameError, match="did you mean detection"):
        task_named("detektion")


def test_universal_perturbations_are_for_those_that_have_a_record() -> None:
    assert able() == ["segmentation", "detection"]
    with pytest.raises(UnknownNameError, match="unknown task 'video'"):
        universal_of("video")


@pytest.mark.parametrize("task", TASKS)
def test_scores_say_what_they_are(task: str) -> None:
    for measure in scores_of(task).measures:
        assert measure.main.key == measure.headline
        assert len({score.key for score in measure.scores}) == len(measure.scores)
        assert len({score.label for score in measure.scores}) == len(measure.scores)
        assert all(sentence.endswith(".") for sentence in measure.conventions.values())
        assert {*measure.below, measure.parts.key} <= set(measure.conventions)
        assert not any(score.measure for score in measure.own)
    names = [measure.name for other in TASKS for measure in scores_of(other).measures]
    assert len(set(names)) == len(names)


def test_a_data_set_is_called_as_its_module_and_is_for_tasks_that_there_are() -> None:
    for kind in catalog():
        assert record_or_none("foolscape.data.sets", kind.name, DataSet) is kind
        assert set(kind.openers) <= set(TASKS)


def test_no_code_asks_for_a_task_by_its_name() -> None:
    names = "|".join(TASKS)
    asks = re.compile(rf"""(?<!or )(==|!=|\bin\b)\s*\(?["']({names})["']|(?<!or )["']({names})["']\s*(:|==|!=)""")
    rooms = [SOURCE / room for room in ("attacks", "data", "metrics", "models", "report", "run", "testing")]
    files = [path for room in rooms for path in sorted(room.rglob("*.py"))]
    found = [f"{path}: {line}" for path in files for line in path.read_text().splitlines() if asks.search(line)]
    assert found == []
    assert len(files) > 100
