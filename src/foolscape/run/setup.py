"""What a run works on, by task: data and models opened, checked against each other, and the attacks settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.attacks.catalog import plan, plan_detection, plan_video
from foolscape.attacks.names import NONE
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.data.boxes import DetectionData
from foolscape.data.clips import Clip, ClipData
from foolscape.data.load import open_clips, open_data, open_detection, select
from foolscape.data.palette import davis_palette
from foolscape.data.sample import SegmentationData
from foolscape.data.sizes import said_of_size
from foolscape.errors import ModelError, SettingError
from foolscape.models.common.class_map import match_classes
from foolscape.models.common.wrappers import with_channels_last
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.load import Loaded, Made, load_detector, load_tracker, open_model
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.pixels import to_unit
from foolscape.run.checks.firsts import answers, first_answered, first_usable, pair
from foolscape.run.directory.store import Record
from foolscape.run.settings.config import FLOAT32, RunConfig
from foolscape.run.settings.user_data import enter_data
from foolscape.run.tasks.base import TaskRunner
from foolscape.run.tasks.colours import colours
from foolscape.run.tasks.detection import DetectionSubject, load_boxes_at
from foolscape.run.tasks.segmentation import SegmentationSubject, load_at
from foolscape.run.tasks.video import VideoSubject, load_clip_at
from foolscape.run.trust.probes import Probe, probes
from foolscape.tasks.detection import Detector
from foolscape.tasks.segmentation import Segmenter
from foolscape.tasks.video import Tracker, numbered

S = TypeVar("S")

MOST_CLASSES = 254
"""Class maps are kept in 8 bits; 255 is void."""


@dataclass(frozen=True)
class LoadedModel:
    """A model in a run.

    Attributes:
        subject: what is measured.
        plan: the attack; None: the clean model alone.
        probes: other attacks that are tried beside it, to see whether to trust it.
        classes, notes: of the model.
        sha256: of its weights, where they are known.
        identity: what else makes it the one it is; see `models.common.identity`.
        scorer: what the check of the input gradient takes: anything with `logits(images)`.
    """

    subject: TaskRunner[Any, Any]
    plan: Plan | None
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    sha256: str | None
    scorer: Any
    identity: Record
    probes: Mapping[str, Probe] = field(default_factory=dict)


@dataclass(frozen=True)
class Setup:
    """Everything loaded and settled before the first image is attacked.

    Attributes:
        data: the data set.
        ids: of the samples to measure.
        first: (H, W, 3) uint8, the first image that can be read and that all models answer, at the working size.
        entries: the models.
        beside: (H, W, 3) uint8, another image of that size, where one of the next few has it; of clips None.
        chosen: why the attack is this one; None where the user named it.
    """

    data: SegmentationData | DetectionData | ClipData
    ids: tuple[str, ...]
    first: NDArray[np.uint8]
    entries: tuple[LoadedModel, ...]
    beside: NDArray[np.uint8] | None = None
    chosen: str | None = None


def open_bench(config: RunConfig, device: torch.device) -> Setup:
    """Data and models of a run, whose task and attack are settled."""
    enter_data(config.data)
    openers = {"segmentation": _open_segmentation, "detection": _open_detection, "video": _open_video}
    return openers[str(config.task)](config, device)


def _open_segmentation(config: RunConfig, device: torch.device) -> Setup:
    made = [open_model(spec, "segmentation", classes_file=config.classes) for spec in config.models]
    # COCO's labels depend on which classes the model knows.
    data = open_data(config.data, split=config.split, classes=made[0].names.given)
    first = first_usable(data, _chosen(data, config), lambda name: load_at(data, name, config.size).image)
    loaded = [_segmenter(one, config, first, data.classes, device) for one in made]
    entries = []
    for one in loaded:
        classes = one.model.classes
        channels = None if data.classes is None else match_classes(classes, data.classes)
        subject = SegmentationSubject(
            one.spec, one.slug, one.model, colours(classes), channels, data, config.size, device
        )
        settled, tried = _settled(config, classes, plan)
        entries.append(
            LoadedModel(subject, settled, classes, one.model.notes, one.sha256, one.model, one.identity, tried)
        )
    ids = _chosen(data, config)
    asked = [entry.scorer.logits for entry in entries]
    first, beside = pair(
        first,
        ids,
        lambda name: load_at(data, name, config.size).image,
        lambda image: all(answers(ask, image, device) for ask in asked),
    )
    said = said_of_size(data, ids, config.size, lambda sample: sample.image.shape)
    return Setup(said, ids, first, tuple(entries), beside)


def _open_detection(config: RunConfig, device: torch.device) -> Setup:
    if config.memory_format != "contiguous":
        raise SettingError(f"memory_format: expected contiguous for a detector, got {config.memory_format}")
    data = open_detection(config.data, split=config.split)
    first = first_usable(data, _chosen(data, config), lambda name: load_boxes_at(data, name, config.size).image)
    entries = []
    for spec in config.models:
        loaded = load_detector(
            spec,
            image_size=(first.shape[0], first.shape[1]),
            device=device,
            classes_file=config.classes,
            data_classes=data.classes,
        )
        classes = loaded.model.classes
        channels = None if data.classes is None else match_classes(classes, data.classes)
        subject = DetectionSubject(loaded.spec, loaded.slug, loaded.model, channels, data, config.size, device)
        settled, tried = _settled(config, classes, plan_detection)
        entries.append(
            LoadedModel(
                subject, settled, classes, loaded.model.notes, loaded.sha256, loaded.model, loaded.identity, tried
            )
        )
    ids = _chosen(data, config)
    asked = [Scorer(entry.scorer).logits for entry in entries]
    first, beside = pair(
        first,
        ids,
        lambda name: load_boxes_at(data, name, config.size).image,
        lambda image: all(answers(ask, image, device) for ask in asked),
    )
    scored = tuple(replace(entry, scorer=_scorer(entry.scorer, first, device)) for entry in entries)
    said = said_of_size(data, ids, config.size, lambda sample: sample.image.shape)
    return Setup(said, ids, first, scored, beside)


def _open_video(config: RunConfig, device: torch.device) -> Setup:
    if config.memory_format != "contiguous":
        raise SettingError(f"memory_format: expected contiguous for a tracker, got {config.memory_format}")
    if config.precision != FLOAT32:
        raise SettingError(f"precision: expected {FLOAT32} for clips, whose trackers mix types, got {config.precision}")
    if config.batch not in (None, 1):
        raise SettingError(f"batch: expected 1 for clips, which are followed one by one, got {config.batch}")
    if config.classes is not None:
        raise SettingError(f"classes: a tracker has none, got {config.classes}; leave it out")
    data = open_clips(config.data, split=config.split)
    ids = select(data, config.ids, config.limit)
    first = first_usable(data, ids, lambda name: load_clip_at(data, name, config.size))
    planned, tried = _settled(config, (), lambda name, options, _: plan_video(name, options))
    entries = []
    for spec in config.models:
        loaded = load_tracker(spec, image_size=(first.frames.shape[1], first.frames.shape[2]), device=device)
        subject = VideoSubject(loaded.spec, loaded.slug, loaded.model, davis_palette(), data, config.size, device)
        entries.append(
            LoadedModel(subject, planned, (), loaded.model.notes, loaded.sha256, loaded.model, loaded.identity, tried)
        )

    def answered(clip: Clip) -> bool:
        return all(answers(_clip_scorer(e.scorer, clip, device).logits, clip.frames[0], device) for e in entries)

    first = first_answered(first, ids, lambda name: load_clip_at(data, name, config.size), answered)
    scored = tuple(replace(entry, scorer=_clip_scorer(entry.scorer, first, device)) for entry in entries)
    said = said_of_size(data, ids, config.size, lambda clip: clip.frames.shape[1:3])
    return Setup(said, ids, first.frames[0], scored)


def _clip_scorer(tracker: Tracker, clip: Clip, device: torch.device) -> ClipScorer:
    """What the check of the gradient differentiates: two frames that follow the first one of a clip."""
    later = torch.cat([to_unit(frame) for frame in clip.frames[1:3]]).to(device)
    mask, _ = numbered(torch.from_numpy(clip.given[0].mask.astype(np.int64)))
    return ClipScorer(tracker, later, mask.to(device))


def _scorer(detector: Detector, first: NDArray[np.uint8], device: torch.device) -> Scorer:
    """What the check of the gradient differentiates: a two-stage detector's scores of the proposals of one image."""
    if not detector.two_stage:
        return Scorer(detector)
    with torch.no_grad():
        return Scorer(detector, detector.candidates(to_unit(first).to(device)).boxes)


def _chosen(data: SegmentationData | DetectionData, config: RunConfig) -> tuple[str, ...]:
    return select(data, config.ids, config.limit)


def _segmenter(
    made: Made,
    config: RunConfig,
    first: NDArray[np.uint8],
    data_classes: tuple[str, ...] | None,
    device: torch.device,
) -> Loaded[Segmenter]:
    loaded: Loaded[Any] = made.ready(
        image_size=(first.shape[0], first.shape[1]), device=device, data_classes=data_classes
    )
    if len(loaded.model.classes) > MOST_CLASSES:
        raise ModelError(f"expected at most {MOST_CLASSES} classes, got {len(loaded.model.classes)} from {loaded.spec}")
    if config.memory_format == "contiguous":
        return loaded
    segmenter = with_channels_last(loaded.model)
    segmenter = replace(segmenter, notes=(*segmenter.notes, "images and weights lie in memory channels last"))
    return replace(loaded, model=segmenter)


def _settled(
    config: RunConfig, classes: tuple[str, ...], planner: Callable[[str, Settings, tuple[str, ...]], Plan]
) -> tuple[Plan | None, dict[str, Probe]]:
    """The attack, and what is tried beside it."""
    if not config.attacks:
        if config.options:
            given = ", ".join(f"{name} {value}" for name, value in config.options.items())
            raise SettingError(f"expected no settings of an attack beside --attack {NONE}, got {given}")
        if config.precision != FLOAT32:
            raise SettingError(f"precision: expected an attack, whose gradients it is of, got {config.precision} alone")
        return None, {}

    def planned(name: str, options: Settings) -> Plan:
        return planner(name, options, classes).at_precision(bf16=config.precision != FLOAT32)

    settled = planned(str(config.attack), config.options)
    return settled, probes(settled, config.options, planned)
