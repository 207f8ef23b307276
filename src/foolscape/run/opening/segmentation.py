"""Segmentation: networks and label maps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.data.load import open_data
from foolscape.data.mapped import with_class_map
from foolscape.data.sizes import said_of_size
from foolscape.errors import ModelError
from foolscape.models.common.wrappers import with_channels_last
from foolscape.models.load import Loaded, OpenedModel, open_model
from foolscape.pixels import to_unit
from foolscape.run.checks.firsts import answers, first_usable, pair
from foolscape.run.settings.config import RunConfig
from foolscape.run.setup import LoadedModel, Setup, TaskOpening, matched, over_evaluated, plans_and_probes, with_chosen
from foolscape.run.tasks.colours import colours
from foolscape.run.tasks.segmentation import SegmentationSubject, load_at
from foolscape.tasks.base import SEGMENTATION
from foolscape.tasks.segmentation import Segmenter

MOST_CLASSES = 254
"""Class maps are kept in 8 bits; 255 is void."""


def open_segmentation(config: RunConfig, device: torch.device) -> Setup:
    """Data and models of a run."""
    opened = [open_model(spec, SEGMENTATION.name, classes_file=config.classes) for spec in config.models]
    # COCO's labels depend on which classes the model knows.
    opened_data = open_data(config.data, split=config.split, classes=opened[0].names.explicit)
    data = with_class_map(opened_data, config.class_map)
    drawn, ids = with_chosen(data, config)
    first = first_usable(data, ids, lambda name: load_at(data, name, config.size).image)
    loaded = [_segmenter(one, config, first, data.classes, device) for one in opened]
    data, drawn = over_evaluated(config, [one.model.classes for one in loaded], data, drawn)
    entries = []
    for one in loaded:
        classes = one.model.classes
        match = matched(config, classes, data)
        channels = None if match is None else match.channels
        subject = SegmentationSubject(
            one.spec, one.slug, one.model, colours(classes), channels, data, config.size, device
        )
        plans, probes = plans_and_probes(config, subject.spec, classes)
        entries.append(
            LoadedModel(subject, plans, classes, one.model.notes, one.sha256, one.model, one.identity, probes, match)
        )
    scorers = [entry.scorer.logits for entry in entries]
    first, beside = pair(
        first,
        ids,
        lambda name: load_at(data, name, config.size).image,
        lambda image: all(answers(ask, image, device) for ask in scorers),
    )
    noted = said_of_size(drawn, ids, config.size, lambda sample: sample.image.shape)
    return Setup(noted, ids, first, tuple(entries), beside)


def _segmenter(
    opened: OpenedModel,
    config: RunConfig,
    first: NDArray[np.uint8],
    data_classes: tuple[str, ...] | None,
    device: torch.device,
) -> Loaded[Segmenter]:
    loaded: Loaded[Any] = opened.ready(
        image_size=(first.shape[0], first.shape[1]), device=device, data_classes=data_classes, image=to_unit(first)
    )
    if len(loaded.model.classes) > MOST_CLASSES:
        raise ModelError(f"expected at most {MOST_CLASSES} classes, got {len(loaded.model.classes)} from {loaded.spec}")
    if config.memory_format == "contiguous":
        return loaded
    segmenter = with_channels_last(loaded.model)
    segmenter = replace(segmenter, notes=(*segmenter.notes, "images and weights lie in memory channels last"))
    return replace(loaded, model=segmenter)


RECORD: Final = TaskOpening(open_segmentation)
