"""Detection: detectors and boxes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.data.load import open_detection
from foolscape.data.mapped import with_class_map
from foolscape.data.sizes import said_of_size
from foolscape.errors import SettingError
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.load import Loaded, open_model
from foolscape.pixels import to_unit
from foolscape.run.checks.firsts import answers, first_usable, pair
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import LoadedModel, Setup, TaskOpening, matched, over_evaluated, plans_and_probes, with_chosen
from foolscape.run.tasks.detection import DetectionSubject, load_boxes_at
from foolscape.tasks.base import DETECTION
from foolscape.tasks.detection import Detector


def open_boxes(config: RunConfig, device: torch.device) -> Setup:
    """Data and models of a run."""
    if config.memory_format != "contiguous":
        raise SettingError(f"memory_format: expected contiguous for a detector, got {config.memory_format}")
    data = with_class_map(open_detection(config.data, split=config.split), config.class_map)
    drawn, ids = with_chosen(data, config)
    first = first_usable(data, ids, lambda name: load_boxes_at(data, name, config.size).image)
    opened: list[Loaded[Any]] = [
        open_model(spec, DETECTION.name, classes_file=config.classes).ready(
            image_size=(first.shape[0], first.shape[1]),
            device=device,
            data_classes=data.classes,
            image=to_unit(first),
        )
        for spec in config.models
    ]
    data, drawn = over_evaluated(config, [loaded.model.classes for loaded in opened], data, drawn)
    entries = []
    for loaded in opened:
        classes = loaded.model.classes
        match = matched(config, classes, data)
        channels = None if match is None else match.channels
        subject = DetectionSubject(loaded.spec, loaded.slug, loaded.model, channels, data, config.size, device)
        plans, probes = plans_and_probes(config, subject.spec, classes)
        entries.append(
            LoadedModel(
                subject, plans, classes, loaded.model.notes, loaded.sha256, loaded.model, loaded.identity, probes, match
            )
        )
    scorers = [Scorer(entry.scorer).logits for entry in entries]
    first, beside = pair(
        first,
        ids,
        lambda name: load_boxes_at(data, name, config.size).image,
        lambda image: all(answers(ask, image, device) for ask in scorers),
    )
    scored = tuple(replace(entry, scorer=_scorer(entry.scorer, first, device)) for entry in entries)
    noted = said_of_size(drawn, ids, config.size, lambda sample: sample.image.shape)
    return Setup(noted, ids, first, scored, beside)


def _scorer(detector: Detector, first: NDArray[np.uint8], device: torch.device) -> Scorer:
    """What the check of the gradient differentiates: a two-stage detector's scores of the proposals of one image."""
    if not detector.two_stage:
        return Scorer(detector)
    with torch.no_grad():
        return Scorer(detector, detector.candidates(to_unit(first).to(device)).boxes)


RECORD: Final = TaskOpening(open_boxes)
