"""run.json of a universal perturbation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import torch

from foolscape.records.run import UniversalRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import SampleRecord, Split
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.universal.config import UniversalConfig
from foolscape.run.universal.setup import TestedModel, UniversalSetup
from foolscape.run.universal.targets import picture_sha256


def universal_record_of(
    config: UniversalConfig, setup: UniversalSetup, device: torch.device, command: Sequence[str]
) -> UniversalRecord:
    """What run.json holds: everything that is needed to repeat the run."""
    train, test = setup.fingerprints
    return UniversalRecord(
        schema=SCHEMA,
        kind="universal",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config.model_dump(mode="json"),
        device=device.type,
        seed=config.seed,
        tile=(setup.tile.shape[1], setup.tile.shape[2]),
        start_sha256=setup.started,
        target_sha256=picture_sha256(config.target, setup.models[0].entry.classes),
        models=tuple(
            model.entry.record(model.task, truth)
            for model, truth in zip(setup.models, _truths(setup.models), strict=True)
        ),
        data_notes=tuple(setup.notes),
        train=Split(samples=len(setup.train_ids), sha256=digest_of(train), images=train),
        test=Split(samples=len(setup.test_ids), sha256=digest_of(test)),
        samples=tuple(SampleRecord(id=name, sha256=test.get(name)) for name in setup.test_ids),
        algorithms=algorithms(
            None,
            ("universal", *dict.fromkeys(model.task for model in setup.models)),
            (config.model, *config.transfer_to, config.data),
        ),
        versions=versions(),
    )


def _truths(models: Sequence[TestedModel]) -> list[str | None]:
    """For each model the folder of its truth: COCO's labels depend on the classes that a model brings."""
    folders_by_classes: dict[tuple[str, tuple[str, ...]], str] = {}
    folders: list[str | None] = []
    for model in models:
        if not model.labelled or model.data.classes is None:
            folders.append(None)
            continue
        count = sum(task == model.task for task, _ in folders_by_classes)
        own = model.task if not count else f"{model.task}-{count + 1}"
        folders.append(folders_by_classes.setdefault((model.task, tuple(model.data.classes)), own))
    return folders
