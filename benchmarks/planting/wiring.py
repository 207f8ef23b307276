"""Mistakes of wiring: the row of the clean model, on groups of samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.run.tasks.video import VideoSubject
from foolscape.run.wiring import examine, wiring_reasons
from planting.case import CAUGHT, NAMED, OPEN, TRUSTED, Case
from planting.mistakes import BGR, FED, TIMES_255, TWICE, Mistake, named, of_boxes, of_maps, of_objects
from planting.subjects import opened, planted, remembering


@dataclass(frozen=True)
class Stand:
    """A network on a data set.

    Attributes:
        name: short.
        settings: of a run.
        samples: in a group.
        groups: from which on, and up to which one the figures are of. Those before were looked at while the checks
            were made.
        fed: in how many of the groups images are fed wrongly, which is asked anew for every mistake.
        attacked: the groups that attacks are tried on.
    """

    name: str
    settings: dict[str, object]
    samples: int
    groups: range
    fed: int
    attacked: range = range(0)


def bundled() -> list[Stand]:
    """What comes with foolscape."""
    street: dict[str, object] = {"data": "scenes:", "split": "test"}
    found = [
        Stand(name, street | {"models": [f"bundled:{name}"], "size": "96x160"}, 8, range(2, 5), 1, attacked)
        for name, attacked in (("scenes-unet", range(3)), ("scenes-dilated", range(3)), ("scenes-robust", range(0)))
    ]
    boxes = street | {"models": ["bundled:scenes-detector"]}
    clips = street | {"models": ["bundled:scenes-tracker"], "task": "video"}
    return [
        *found,
        Stand("scenes-detector", boxes, 8, range(2, 4), 1, range(2, 3)),
        Stand("scenes-tracker", clips, 4, range(2, 3), 1),
    ]


def real(place: Path) -> list[Stand]:
    """Pretrained networks and photographs below `place`, as `tests/real` has them."""
    if not place.is_dir():
        return []
    models, data = place / "models", place / "data"
    photographs = f"coco:{data / 'coco_val_mini'}"
    street: dict[str, object] = {
        "models": [f"{models / 'espnet.py'}:espnet_camvid"],
        "data": f"camvid:{data / 'camvid'}",
    }
    things: dict[str, object] = {"models": [f"{models / 'espnetv2.py'}:espnetv2_voc_s10"], "data": photographs}
    boxes: dict[str, object] = {"models": [f"{models / 'fastestdet.py'}:fastestdet_coco"], "data": photographs}
    followed = f"propagation:{models / 'espnetv2.py'}:espnetv2_features_s10"
    clips: dict[str, object] = {"models": [followed], "data": f"davis2016:{data / 'davis16_val'}"}
    return [
        Stand("ESPNet, CamVid", street | {"split": "test", "size": "144x192"}, 8, range(2, 5), 1, range(2, 3)),
        Stand("ESPNetv2, COCO", things | {"size": "288x288"}, 8, range(2, 4), 0),
        Stand("FastestDet, COCO", boxes | {"size": "352x352"}, 16, range(2, 3), 1, range(2, 3)),
        Stand("propagation, DAVIS", clips | {"size": "120x216", "task": "video"}, 4, range(1, 2), 1),
    ]


def cases(stand: Stand, groups: Sequence[int], seed: int) -> Iterator[Case]:
    """A network on some groups of samples, without a mistake and with each."""
    network, ids = opened(stand.settings)
    for group in groups:
        chosen = ids[stand.samples * group : stand.samples * (group + 1)]
        subject = remembering(network)
        yield _judged(subject, None, stand, group, chosen)
        fed = group - groups[0] < stand.fed
        for mistake in _mistakes(subject, chosen, np.random.default_rng(seed + group)):
            if fed or mistake.kind == "read":
                wrong = planted(subject if mistake.kind == "read" else network, mistake)
                yield _judged(wrong, mistake, stand, group, chosen)


def _mistakes(subject: Any, ids: Sequence[str], rng: np.random.Generator) -> Iterator[Mistake]:
    """Those that fit the network."""
    yield from FED if not isinstance(subject, VideoSubject) else (TIMES_255, BGR, TWICE)
    if isinstance(subject, SegmentationSubject):
        yield from of_maps(len(subject.segmenter.classes), rng)
    elif isinstance(subject, DetectionSubject):
        image = subject.load(ids[0]).image
        yield from of_boxes(subject.detector.classes, (image.shape[0], image.shape[1]), rng)
    else:
        yield from of_objects()


def _judged(subject: Any, mistake: Mistake | None, stand: Stand, group: int, ids: Sequence[str]) -> Case:
    """What the row of the clean model says of `subject` on the samples `ids`."""
    (reason,) = wiring_reasons(examine(subject, ids, 0))
    text = f"{reason.seen}; {reason.advice}"
    if mistake is None:
        return Case("sound", stand.name, "none", group, _WORDS.get(reason.ok, CAUGHT), text)
    verdict = _WORDS.get(reason.ok, NAMED if named(mistake, text) else CAUGHT)
    return Case(mistake.kind, stand.name, mistake.name, group, verdict, text)


_WORDS: Final = {True: TRUSTED, None: OPEN}
