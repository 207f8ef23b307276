"""A universal perturbation from its settings to its figures: learn a tile on one split, measure it on another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.constraints import Linf
from foolscape.attacks.controls import noise_within, shuffled
from foolscape.attacks.universal import Learning, Lesson, begin, learn
from foolscape.data.load import open_data, select
from foolscape.data.sample import VOID
from foolscape.errors import DataError, ModelError, SampleError
from foolscape.models.classes import match_classes
from foolscape.models.gradient import check_gradient, raise_unless_ok
from foolscape.models.load import load_model
from foolscape.pixels import to_image, to_unit
from foolscape.problem import IGNORE
from foolscape.report.files import read_object
from foolscape.run.aims import Aim, Hide, aim_of
from foolscape.run.bench import first_usable
from foolscape.run.colours import colours
from foolscape.run.evaluate import ADVERSARIAL, CLEAN, CONDITIONS, NOISE, PERMUTED
from foolscape.run.execute import Listener, choose_device
from foolscape.run.segmentation import LabelMap, SegmentationSubject, load_at
from foolscape.run.store import FAILED, Record, RunStore, open_run, safe_name
from foolscape.run.tile_file import Tile, read_learning, write_learning, write_tile
from foolscape.run.universal_config import UniversalConfig
from foolscape.run.universal_summary import summarise
from foolscape.seeds import generator_for

ARTEFACT = "perturbation.safetensors"
TRAINING = "training.json"
"""What became of the training images."""


@dataclass(frozen=True)
class Stand:
    """Everything loaded and settled before the first epoch.

    Attributes:
        train, test: the model on the two splits.
        train_ids, test_ids: the images, none in both.
        aim: what the model is to see.
        tile: (h, w).
        sha256: of the weights, where known.
    """

    train: SegmentationSubject
    test: SegmentationSubject
    train_ids: tuple[str, ...]
    test_ids: tuple[str, ...]
    aim: Aim
    tile: tuple[int, int]
    sha256: str | None


def universal(config: UniversalConfig, out: Path, command: Sequence[str], listener: Listener) -> Record:
    """Learn and measure the perturbation that `config` describes in the directory `out`, or go on with it.

    Returns:
        The summary.

    Raises:
        FoolscapeError: what is in `out` can be continued by the same call.
    """
    device = choose_device(config.device)
    stand, first = _open(config, device)
    for note in stand.test.segmenter.notes:
        listener.say(note)
    with open_run(out, _record(config, stand, device, command), CONDITIONS) as store:
        if "gradient" not in store.record:
            verdict = check_gradient(stand.train.segmenter, to_unit(first).to(device), seed=config.seed)
            raise_unless_ok(verdict)
            listener.say(verdict.message)
            store.record["gradient"] = verdict.message
            store.save_json("run.json", store.record)
        learning = _learn(config, stand, store, listener)
        tile = Tile(learning.tile.cpu(), stand.test.segmenter.classes, config.model_dump(mode="json"))
        write_tile(out / ARTEFACT, tile)
        settled = store.settled(config.model)
        with listener.progress(f"measuring on {config.test_split}", len(stand.test_ids), len(settled)) as tick:
            for name in stand.test_ids:
                if name not in settled:
                    store.append(_measure(name, stand, tile, config, store))
                    tick(name)
        training = read_object(out / TRAINING, "Run the same command again.")
        summary = summarise(store.record, store.rows, stand.aim, learning, training)
        store.save_json("summary.json", summary)
    return summary


def _open(config: UniversalConfig, device: torch.device) -> tuple[Stand, NDArray[np.uint8]]:
    """Both splits, the model and the aim; and the first training image."""
    data = open_data(config.data, split=config.train_split)
    train_ids = select(data, limit=config.train_limit)
    first = first_usable(data, train_ids, lambda name: load_at(data, name, config.size).image)
    size = (first.shape[0], first.shape[1])
    loaded = load_model(
        config.model, image_size=size, device=device, classes_file=config.classes, data_classes=data.classes
    )
    classes = loaded.segmenter.classes
    subjects = []
    for split in (config.train_split, config.test_split):
        data = open_data(config.data, split=split, classes=classes)
        channels = None if data.classes is None else match_classes(classes, data.classes)
        subjects.append(
            SegmentationSubject(
                config.model, loaded.slug, loaded.segmenter, colours(classes), channels, data, config.size, device
            )
        )
    train, test = subjects
    test_ids = select(test.data, limit=config.limit)
    seen = {train.data.fingerprint(name) for name in train_ids}
    shared = [name for name in test_ids if test.data.fingerprint(name) in seen]
    if shared:
        raise DataError(
            f"expected test images that are not in the training split, got {len(shared)} that are ({shared[0]}, ...); "
            "figures on the images that a tile was learnt on mean nothing"
        )
    tile = config.tile or size
    return Stand(train, test, train_ids, test_ids, aim_of(config.target, classes, tile), tile, loaded.sha256), first


def _record(config: UniversalConfig, stand: Stand, device: torch.device, command: Sequence[str]) -> Record:
    def digest(subject: SegmentationSubject, ids: Sequence[str]) -> str:
        lines = "\n".join(f"{name} {subject.data.fingerprint(name)}" for name in ids)
        return hashlib.sha256(lines.encode()).hexdigest()

    classes = stand.test.segmenter.classes
    return {
        "schema": 1,
        "kind": "universal",
        "foolscape": version("foolscape"),
        "command": list(command),
        "config": config.model_dump(mode="json"),
        "device": device.type,
        "tile": list(stand.tile),
        "weights_sha256": stand.sha256,
        "classes": list(classes),
        "colours": [list(colour) for colour in colours(classes)],
        "reference": "truth" if stand.test.channels is not None else "clean prediction",
        "train": {"samples": len(stand.train_ids), "sha256": digest(stand.train, stand.train_ids)},
        "test": {"samples": len(stand.test_ids), "sha256": digest(stand.test, stand.test_ids)},
        "samples": [{"id": name, "name": safe_name(name)} for name in stand.test_ids],
    }


def _learn(config: UniversalConfig, stand: Stand, store: RunStore, listener: Listener) -> Learning:
    """The tile after the last epoch; what earlier calls have learnt is read from the disk."""
    place, recipe = store.directory / "learning.safetensors", config.recipe
    learning = read_learning(place) if place.exists() else begin(stand.tile)
    device = stand.train.device
    learning = learning.to(device)
    if learning.epoch >= recipe.epochs:
        return learning
    usable = _usable(stand, store)
    lessons = [partial(_lesson, stand, name) for name in usable]
    with listener.progress(f"learning on {config.train_split}", recipe.epochs, learning.epoch) as tick:
        while learning.epoch < recipe.epochs:
            generator = generator_for(config.seed, "epoch", str(learning.epoch))
            learning = learn(learning, recipe, stand.train.segmenter.logits, lessons, generator)
            if not np.isfinite(learning.losses[-1]):
                raise ModelError(f"expected finite scores while learning, got a loss of {learning.losses[-1]}")
            write_learning(place, learning)
            tick(f"epoch {learning.epoch}")
    return learning


def _usable(stand: Stand, store: RunStore) -> list[str]:
    """The training images that can be learnt from; the others are listed in training.json with their reasons."""
    usable, failures, showing = [], [], 0
    for name in stand.train_ids:
        try:
            lesson = _lesson(stand, name)
        except (SampleError, ModelError) as error:
            failures.append({"id": name, "reason": str(error)})
            continue
        usable.append(name)
        showing += bool((lesson.target != lesson.prediction).any())
    store.save_json(TRAINING, {"schema": 1, "images": len(usable), "showing": showing, "failures": failures})
    if not showing:
        what = "something is to change"
        if isinstance(stand.aim, Hide):
            what = f"the model sees {stand.train.segmenter.classes[stand.aim.hidden]}"
        reason = f"; the last: {failures[-1]['reason']}" if failures else ""
        raise DataError(f"expected training images on which {what}, got none of {len(stand.train_ids)}{reason}")
    return usable


def _lesson(stand: Stand, name: str) -> Lesson:
    """A training image; the masks come from the clean prediction."""
    subject = stand.train
    image = load_at(subject.data, name, subject.size).image
    prediction = subject.predict(image).astype(np.int64)
    prediction[prediction == VOID] = IGNORE
    target = stand.aim(prediction)
    return Lesson(
        to_unit(image).to(subject.device),
        torch.from_numpy(prediction)[None].to(subject.device),
        torch.from_numpy(target)[None].to(subject.device),
        stand.aim.tied,
    )


def _measure(name: str, stand: Stand, tile: Tile, config: UniversalConfig, store: RunStore) -> list[Record]:
    """The rows of one test image, everything measured on 8-bit images."""
    subject, kept = stand.test, safe_name(name)
    try:
        case = subject.load(name)
        wanted = stand.aim(case.prediction.astype(np.int64))
    except (SampleError, ModelError) as error:
        return [{"model": config.model, "id": name, "condition": FAILED, "reason": str(error)}]
    clean = torch.from_numpy(case.image).permute(2, 0, 1).contiguous()
    bound = Linf(config.eps.unit)
    attacked = torch.from_numpy(store.save_image(f"images/{kept}.png", tile.added_to(case.image)))
    attacked = attacked.permute(2, 0, 1).contiguous()
    images: dict[str, Callable[[], NDArray[np.uint8]]] = {
        CLEAN: lambda: case.image,
        ADVERSARIAL: lambda: to_image(attacked),
        PERMUTED: lambda: to_image(shuffled(clean, attacked, generator_for(config.seed, "permuted", name))),
        NOISE: lambda: to_image(noise_within(clean, bound, generator_for(config.seed, "noise", name))),
    }
    store.save_image(f"clean/{kept}.png", case.image)
    rows = []
    for condition, image in images.items():
        prediction = case.prediction if condition == CLEAN else subject.predict(image())
        store.save_image(f"predictions/{condition}/{kept}.png", prediction, subject.colours)
        rows.append(
            {
                "model": config.model,
                "id": name,
                "name": kept,
                "condition": condition,
                "universal": _judged(case.prediction, wanted, prediction),
                **subject.measured(case, prediction),
            }
        )
    return rows


def _judged(before: LabelMap, wanted: NDArray[np.int64], after: LabelMap) -> Record:
    """Pixels that were to change and did, and pixels that were to stay and did (Metzen et al. 2017, section 4)."""
    moving = wanted != before
    return {
        "moving": int(moving.sum()),
        "left_class": int((moving & (after != before)).sum()),
        "reached": int((after == wanted).sum()),
        "staying": int((~moving).sum()),
        "stayed": int((~moving & (after == before)).sum()),
        "pixels": int(before.size),
    }
