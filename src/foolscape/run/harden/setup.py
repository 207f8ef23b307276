"""Everything that a network is hardened with: itself, both splits, the attack; and run.json of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

import torch

from foolscape.attacks.plan import Plan
from foolscape.data.drawing import chosen
from foolscape.data.load import open_data
from foolscape.data.mapped import with_class_map
from foolscape.data.sample import SegmentationData
from foolscape.errors import DataError, ModelError, SettingError
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.records.run import HardenRecord
from foolscape.records.schema import SCHEMA
from foolscape.records.subjects import Split
from foolscape.run.directory.agreement import digest_of
from foolscape.run.directory.algorithms import algorithms, versions
from foolscape.run.harden.config import HardenConfig
from foolscape.run.settings.task_of import task_of
from foolscape.run.setup import LoadedModel, open_setup, over_evaluated
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.spec import BLACK_BOXES, EXPORTED, parse
from foolscape.tasks.base import SEGMENTATION


@dataclass(frozen=True)
class HardenSetup:
    """Everything loaded and settled before the first epoch."""

    entry: LoadedModel
    subject: SegmentationSubject
    segmenter: ModuleSegmenter
    plan: Plan
    train_ids: tuple[str, ...]
    test_ids: tuple[str, ...]
    fingerprints: tuple[dict[str, str], dict[str, str]]


def open_network(
    config: HardenConfig, device: torch.device, training: SegmentationData | None, *, hashed: bool = True
) -> HardenSetup:
    """Open network and data and check them against each other; of their images only where they are to be `hashed`."""
    if parse(config.model).scheme in (*EXPORTED, *BLACK_BOXES):
        raise SettingError(
            f"model: expected a network into which trained weights can be loaded, got {config.model}; train the one "
            "that it was made of"
        )
    task = task_of(config.model)
    if task != SEGMENTATION.name:
        raise SettingError(f"model: expected a segmentation network to train, got {config.model}, which is for {task}")
    (entry,) = open_setup(config.on_training, device).entries
    subject = entry.subject
    assert isinstance(subject, SegmentationSubject)
    segmenter = subject.segmenter
    if not isinstance(segmenter, ModuleSegmenter) or not any(
        p.is_floating_point() for p in segmenter.module.parameters()
    ):
        raise ModelError(
            f"model: expected a torch.nn.Module with weights, which foolscape adapts itself, got {config.model}; a "
            "ready-made segmenter hides its network: let the factory return the network"
        )
    if subject.channels is None:
        raise DataError(f"data: expected images with labels to train on, got {config.data}, which has none")
    subject = subject if training is None else replace(subject, data=training)
    train_ids = chosen(subject.data, None, config.train_limit, config.train_sample, seed=config.seed).ids
    opened = open_data(config.data, split=config.test_split, classes=entry.classes)
    mapped = with_class_map(opened, config.class_map)
    tested, _ = over_evaluated(config.on_test(config.model), [entry.classes], mapped, mapped)
    test_ids = chosen(tested, None, config.test_limit, config.test_sample, seed=config.seed).ids
    train = {name: subject.data.fingerprint(name) for name in train_ids if hashed}
    test = {name: tested.fingerprint(name) for name in test_ids if hashed}
    if shared := [name for name, value in test.items() if value in set(train.values())]:
        raise DataError(
            f"expected test images that are not in the training split, got {len(shared)} that are ({shared[0]}, ...); "
            "figures on the images that a network was trained on mean nothing"
        )
    plan = config.plan(entry.classes)
    return HardenSetup(entry, subject, segmenter, plan, train_ids, test_ids, (train, test))


def check_batch(config: HardenConfig, usable: int, listed: int) -> None:
    """Raise DataError where `usable` of the `listed` training images make no whole batch."""
    if usable < config.batch:
        raise DataError(
            f"expected at least {config.batch} training images, a whole batch, got {usable} of "
            f"{listed} that can be used; give a smaller --batch"
        )


def harden_record(
    config: HardenConfig, setup: HardenSetup, device: torch.device, command: Sequence[str]
) -> HardenRecord:
    """What run.json holds: everything that is needed to repeat the training."""
    train, test = setup.fingerprints
    return HardenRecord(
        schema=SCHEMA,
        kind="harden",
        foolscape=version("foolscape"),
        command=tuple(command),
        config=config.model_dump(mode="json"),
        device=device.type,
        seed=config.seed,
        models=(setup.entry.record(SEGMENTATION.name, SEGMENTATION.name),),
        attack=setup.plan.settings,
        train=Split(samples=len(setup.train_ids), sha256=digest_of(train), images=train),
        test=Split(samples=len(setup.test_ids), sha256=digest_of(test), images=test),
        algorithms=algorithms(config.attack, ("harden", SEGMENTATION.name), (config.model, config.data)),
        versions=versions(),
    )
