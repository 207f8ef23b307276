"""Video object segmentation: trackers and clips."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
import torch

from foolscape.data.clips import Clip
from foolscape.data.load import open_clips
from foolscape.data.palette import davis_palette
from foolscape.data.sizes import said_of_size
from foolscape.errors import SettingError
from foolscape.models.load import load_tracker
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.pixels import to_unit
from foolscape.run.checks.firsts import answers, first_answered, first_usable
from foolscape.run.settings.config import FLOAT32, RunConfig
from foolscape.run.setup import LoadedModel, Setup, TaskOpening, plans_and_probes, with_chosen
from foolscape.run.tasks.video import VideoSubject, load_clip_at
from foolscape.tasks.base import VIDEO
from foolscape.tasks.video import Tracker, numbered


def open_video(config: RunConfig, device: torch.device) -> Setup:
    """Data and models of a run."""
    if config.memory_format != "contiguous":
        raise SettingError(f"memory_format: expected contiguous for a tracker, got {config.memory_format}")
    if config.precision != FLOAT32:
        raise SettingError(f"precision: expected {FLOAT32} for clips, whose trackers mix types, got {config.precision}")
    if config.batch not in (None, 1):
        raise SettingError(f"batch: expected 1 for clips, which are followed one by one, got {config.batch}")
    for name in ("classes", "class_map", "eval_classes"):
        if (value := getattr(config, name)) is not None:
            raise SettingError(f"{name}: a tracker has none, got {value}; leave it out")
    data = open_clips(config.data, split=config.split)
    drawn, ids = with_chosen(data, config, VIDEO.unit)
    first = first_usable(data, ids, lambda name: load_clip_at(data, name, config.size))
    plans, probes = plans_and_probes(config, config.models[0], ())
    entries = []
    for spec in config.models:
        loaded = load_tracker(spec, image_size=(first.frames.shape[1], first.frames.shape[2]), device=device)
        subject = VideoSubject(loaded.spec, loaded.slug, loaded.model, davis_palette(), data, config.size, device)
        entries.append(
            LoadedModel(subject, plans, (), loaded.model.notes, loaded.sha256, loaded.model, loaded.identity, probes)
        )

    def answered(clip: Clip) -> bool:
        return all(answers(_clip_scorer(e.scorer, clip, device).logits, clip.frames[0], device) for e in entries)

    first = first_answered(first, ids, lambda name: load_clip_at(data, name, config.size), answered)
    scored = tuple(replace(entry, scorer=_clip_scorer(entry.scorer, first, device)) for entry in entries)
    noted = said_of_size(drawn, ids, config.size, lambda clip: clip.frames.shape[1:3])
    return Setup(noted, ids, first.frames[0], scored)


def _clip_scorer(tracker: Tracker, clip: Clip, device: torch.device) -> ClipScorer:
    """What the check of the gradient differentiates: two frames that follow the first one of a clip."""
    later = torch.cat([to_unit(frame) for frame in clip.frames[1:3]]).to(device)
    mask, _ = numbered(torch.from_numpy(clip.given[0].mask.astype(np.int64)))
    return ClipScorer(tracker, later, mask.to(device))


RECORD: Final = TaskOpening(open_video)
