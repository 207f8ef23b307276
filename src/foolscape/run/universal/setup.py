"""Everything that a universal perturbation is learnt and measured on: models, both splits, and what they are to see."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from foolscape.data.boxes import DetectionData
from foolscape.data.drawing import chosen
from foolscape.data.load import open_for, select
from foolscape.data.mapped import with_class_map
from foolscape.data.sample import SegmentationData
from foolscape.errors import CheckpointError, DataError, SettingError
from foolscape.run.settings.choice import refuse_black_box
from foolscape.run.settings.config import Task
from foolscape.run.settings.task_of import task_of
from foolscape.run.setup import LoadedModel, open_setup, over_evaluated
from foolscape.run.tasks.base import TaskRunner
from foolscape.run.universal.config import UniversalConfig
from foolscape.run.universal.record import able, universal_of
from foolscape.run.universal.targets import Scene, Static, Target, aim_of
from foolscape.run.universal.tile_file import read_tile
from foolscape.run.universal.universal_task import UniversalTask
from foolscape.tasks.base import task_named


@dataclass(frozen=True)
class TestedModel:
    """A model that the tile is measured on.

    Attributes:
        entry: the model.
        task: what it is for.
        universal_task: the model on the test split.
        data: the test split, as the task reads it.
        labelled: whether it has truth for the model.
    """

    entry: LoadedModel
    task: Task
    universal_task: UniversalTask[Any, Any]
    data: SegmentationData | DetectionData
    labelled: bool


@dataclass(frozen=True)
class UniversalSetup:
    """Everything loaded and settled before the first epoch.

    Attributes:
        training: the model on the training split.
        models: the models on the test split; the first is the one that the tile is learnt on.
        train_ids, test_ids: the images, none in both.
        notes: of the data, those of both splits.
        fingerprints: of the training and of the test images, by id.
        tile: (3, h, w), what learning starts from.
        started: sha256 of the file that it was read from, if any.
        first: (H, W, 3) uint8, the first training image that can be read.
        beside: (H, W, 3) uint8, another one of that size, if there is one; see `run.setup.Setup`.
        device: where the models are.
    """

    training: UniversalTask[Any, Any]
    models: tuple[TestedModel, ...]
    train_ids: tuple[str, ...]
    test_ids: tuple[str, ...]
    notes: tuple[str, ...]
    fingerprints: tuple[dict[str, str], dict[str, str]]
    tile: Tensor
    started: str | None
    first: NDArray[np.uint8]
    beside: NDArray[np.uint8] | None
    device: torch.device

    @property
    def task(self) -> Task:
        """Of the model that the tile is learnt on."""
        return self.models[0].task


def open_universal(config: UniversalConfig, device: torch.device, *, hashed: bool = True) -> UniversalSetup:
    """Open models and data and check them against each other; of their images only where they are to be `hashed`.

    Raises:
        FoolscapeError: a model, data set or target that does not fit; test images that are training images too.
    """
    refuse_black_box(config.model, "a universal perturbation")
    task = _task_of_images(config.model, config.task)
    run_setup = open_setup(config.of_run(config.model, config.train_split, task, training=True), device)
    (entry,) = run_setup.entries
    start, started = _start(config, entry.classes, (run_setup.first.shape[0], run_setup.first.shape[1]))
    tile = (start.shape[1], start.shape[2])
    aim = _fixed(aim_of(config.target, entry.classes, tile, task), entry.subject)
    training = universal_of(task).universal_task(entry.subject, aim)
    tested = _on(entry, task, config)
    models = [
        _tested_model(entry, task, tested, aim),
        *(_other(spec, config, aim, entry.classes, tile, device) for spec in config.transfer_to),
    ]
    common = _common([select(model.data) for model in models])[: config.limit]
    if not common:
        raise DataError(f"expected test images that {config.data} has for every model, got none")
    drawn = chosen(tested.data, common, None, config.sample, seed=config.seed)
    test_ids = drawn.ids
    train, test = (
        {name: data.fingerprint(name) for name in ids if hashed}
        for data, ids in ((run_setup.data, run_setup.ids), (tested.data, test_ids))
    )
    shared = [name for name, value in test.items() if value in set(train.values())]
    if shared:
        raise DataError(
            f"expected test images that are not in the training split, got {len(shared)} that are ({shared[0]}, ...); "
            "figures on the images that a tile was learnt on mean nothing"
        )
    notes = tuple(dict.fromkeys((*run_setup.data.notes, *tested.data.notes, *drawn.remarks)))
    return UniversalSetup(
        training,
        tuple(models),
        run_setup.ids,
        test_ids,
        notes,
        (train, test),
        start,
        started,
        run_setup.first,
        run_setup.beside,
        device,
    )


def _start(config: UniversalConfig, classes: tuple[str, ...], size: tuple[int, int]) -> tuple[Tensor, str | None]:
    """What learning starts from, and the sha256 of its file: zeros as in the paper, or a perturbation."""
    if config.start is None:
        return torch.zeros(3, *config.tile_for(size)), None
    tile = read_tile(config.start)
    if tile.classes != classes:
        raise CheckpointError(
            f"start: expected a perturbation made for a model with the classes {_few(classes)}, got one for "
            f"{_few(tile.classes)} at {config.start}; to measure a pattern on another model use --transfer-to"
        )
    height, width = tile.values.shape[1:]
    if config.tile not in (None, (height, width)):
        raise SettingError(f"tile: expected {height}x{width}, the size of the perturbation of --start, or none")
    if float(tile.values.abs().max()) > config.eps.unit + 1e-6:
        raise SettingError(
            f"start: expected a perturbation within eps, {config.eps}, got one beyond it; give its --eps"
        )
    return tile.values, hashlib.sha256(config.start.read_bytes()).hexdigest()


def _few(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:6]) + (f" and {len(classes) - 6} more" if len(classes) > 6 else "")


def _fixed(aim: Target, subject: TaskRunner[Any, Any]) -> Target:
    """A scene as what the model sees in it."""
    if not isinstance(aim, Scene):
        return aim
    return Static(subject.load(aim.name).prediction.astype(np.int64), tied=False)


def _other(
    spec: str,
    config: UniversalConfig,
    aim: Target,
    classes: tuple[str, ...],
    tile: tuple[int, int],
    device: torch.device,
) -> TestedModel:
    """Another model on the test split, with the same aim in its own classes."""
    if spec == config.model:
        raise SettingError(f"transfer_to: expected other models than the one that is attacked, got {spec}")
    task = _task_of_images(spec)
    run_setup = open_setup(config.of_run(spec, config.test_split, task, training=False), device)
    (entry,) = run_setup.entries
    if isinstance(aim, Static) and not aim.tied:
        if "scene" not in universal_of(task).kinds or entry.classes != classes:
            raise SettingError(f"transfer_to: expected a model of the same classes for a target scene, got {spec}")
    else:
        aim = aim_of(config.target, entry.classes, tile, task)
    return _tested_model(entry, task, entry.subject, aim)


def _task_of_images(spec: str, explicit: Task | None = None) -> Task:
    """The task of a model that sees one image at a time; raises `SettingError` for a tracker."""
    task = explicit or task_of(spec)
    if task not in able():
        raise SettingError(
            f"model: expected one for {' or '.join(able())}, got the {task_named(task).model} {spec}; use foolscape run"
        )
    return task


def _tested_model(entry: LoadedModel, task: Task, subject: Any, aim: Target) -> TestedModel:
    universal_task = universal_of(task).universal_task(subject, aim)
    return TestedModel(entry, task, universal_task, subject.data, subject.channels is not None)


def _on(entry: LoadedModel, task: Task, config: UniversalConfig) -> Any:
    """The same model on the test split."""
    opened = open_for(task_named(task), config.data, split=config.test_split, classes=entry.classes)
    mapped = with_class_map(opened, config.class_map)
    wanted = config.of_run(config.model, config.test_split, task, training=False)
    data, _ = over_evaluated(wanted, [entry.classes], mapped, mapped)
    subject: Any = entry.subject
    return replace(subject, data=data)


def _common(lists: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The ids that are in every list, in the order of the first."""
    return tuple(name for name in lists[0] if all(name in set(others) for others in lists[1:]))
