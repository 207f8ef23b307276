"""Learning the tile of a point, saved after every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from foolscape.attacks.universal.learn import TrainingState, begin, learn
from foolscape.errors import CheckpointError, DataError, ModelError
from foolscape.records.schema import SCHEMA
from foolscape.records.training import LeftOut, TrainingRecord
from foolscape.records.types import to_json
from foolscape.run.directory.store import RunStore
from foolscape.run.faults import FAULTS, reason_of
from foolscape.run.listener import Listener
from foolscape.run.universal.config import CurvePoint, UniversalConfig
from foolscape.run.universal.setup import UniversalSetup
from foolscape.run.universal.targets import Hide
from foolscape.run.universal.tile_file import read_learning, write_learning
from foolscape.run.universal.training_samples import TrainingSamples
from foolscape.seeds import generator_for

TRAINING = "training.json"
"""What became of the training images."""


def training_images(
    config: UniversalConfig, setup: UniversalSetup, samples: TrainingSamples, store: RunStore
) -> TrainingRecord:
    """Which training images can be learnt from, as training.json holds it; looked at once.

    Raises:
        DataError: nothing is to change on any of them.
    """
    if config.epochs == 0:
        return TrainingRecord(schema=SCHEMA, images=(), showing=0, failures=())
    if (there := store.load_record(TRAINING, TrainingRecord)) is not None:
        return there
    showing: list[str] = []
    others: list[str] = []
    failures: list[LeftOut] = []
    for name in setup.train_ids:
        try:
            problem = samples(name).problem
        except FAULTS as error:
            failures.append(LeftOut(id=name, reason=reason_of(error)))
            continue
        (showing if bool(problem.moving.any()) else others).append(name)
    if not showing:
        what = "something is to change"
        if isinstance(setup.training.aim, Hide):
            what = f"the model sees what {config.target} names"
        reason = f"; the last: {failures[-1].reason}" if failures else ""
        raise DataError(f"expected training images on which {what}, got none of {len(setup.train_ids)}{reason}")
    used = set(showing) if config.showing else {*showing, *others}
    record = TrainingRecord(
        schema=SCHEMA,
        images=tuple(name for name in setup.train_ids if name in used),
        showing=len(showing),
        failures=tuple(failures),
    )
    store.save_json(TRAINING, to_json(TrainingRecord, record))
    return record


def learnt(
    config: UniversalConfig,
    point: CurvePoint,
    setup: UniversalSetup,
    images: Sequence[str],
    samples: TrainingSamples,
    store: RunStore,
    listener: Listener,
) -> TrainingState:
    """The tile of `point` after the last epoch; what earlier calls have learnt is read from the disk.

    Raises:
        ModelError: the model returns scores that are not finite.
    """
    place = f"learning/{point.name}.safetensors"
    learning = _before(store, place) or begin(setup.tile)
    recipe = config.recipe(point, setup.task)
    learning = learning.to(setup.device)
    title = f"learning {point.name} on {config.train_split}"
    with listener.progress(title, recipe.epochs * len(images), len(learning.epochs) * len(images)) as tick:
        while (epoch := len(learning.epochs)) < recipe.epochs:
            makers = [partial(samples, name, mirrored, tick) for name, mirrored in _turns(config, images, epoch)]
            learning = learn(learning, recipe, makers, generator_for(config.seed, "epoch", str(epoch)))
            if not np.isfinite(learning.epochs[-1].loss):
                raise ModelError(f"expected finite scores while learning, got a loss of {learning.epochs[-1].loss}")
            write_learning(store.directory, place, learning)
            listener.stop_if_enough()
    return learning


def _before(store: RunStore, place: str) -> TrainingState | None:
    """What earlier calls have learnt; None where they have not, or where it is damaged, which is said."""
    path = store.directory / place
    if not path.exists():
        return None
    try:
        return read_learning(path)
    except CheckpointError as error:
        store.say(f"{error}; it is learnt again from the start")
        return None


def _turns(config: UniversalConfig, images: Sequence[str], epoch: int) -> list[tuple[str, bool]]:
    """The images of an epoch, each with whether it is its mirror image's turn."""
    if not config.mirrors:
        return [(name, False) for name in images]
    drawn = torch.randint(2, (len(images),), generator=generator_for(config.seed, "mirror", str(epoch)))
    return list(zip(images, drawn.bool().tolist(), strict=True))
