"""Trackers that are wired wrongly are named as what they are, and the bundled one is not accused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from foolscape.data.load import open_clips
from foolscape.metrics.tasks.video import DAVIS
from foolscape.models.load import load_tracker
from foolscape.records.types import Object as Record
from foolscape.run.tasks.video import Masks, VideoSubject
from foolscape.run.wiring import examine, wiring_reasons
from foolscape.run.wiring.judge import Court
from foolscape.run.wiring.video import Shortened, VideoTrial, shortened
from foolscape.verdict import Reason

from .made import with_predictions

SIZE = (80, 128)


@dataclass(frozen=True)
class Few:
    """The first clips of the street with two objects or more, kept: drawing them takes longer than following."""

    clips: dict[str, Any]

    def load(self, sample_id: str) -> Any:
        return self.clips[sample_id]


@pytest.fixture(scope="module")
def subject() -> VideoSubject:
    data, clips = open_clips("scenes:?frames=8", split="test"), {}
    for name in data.ids:
        clip = data.load(name)
        if clip.given[0].mask.max() > 1:
            clips[name] = clip
        if len(clips) == 4:
            break
    few: Any = Few(clips)
    model = load_tracker("bundled:scenes-tracker", image_size=SIZE).model
    return VideoSubject("net.py:build", "net", model, [], few, SIZE, torch.device("cpu"))


@pytest.fixture(scope="module")
def trial(subject: VideoSubject) -> VideoTrial:
    short: Any = Shortened(subject.data)
    subject = replace(subject, data=short)
    return VideoTrial(subject, [subject.load(name) for name in ids(subject)])


def ids(subject: VideoSubject) -> list[str]:
    data: Any = subject.data
    return list(getattr(data, "source", data).clips)


def judged(trial: Any) -> Record:
    """The record of what needs no further pass."""
    record = Court(DAVIS, (), 0).judged(trial.clean(), trial.floor(), trial.free())
    for won in record["rivals"]:
        won["advice"] = "return them in order"
    return record


def reason_of(record: Record) -> Reason:
    (reason,) = wiring_reasons(record)
    return reason


def renumbered(change: Callable[[Any, int], Any]) -> Callable[[Masks], Masks]:
    """Label maps with `change` of (labels, number of objects)."""
    return lambda masks: replace(masks, labels=change(masks.labels, int(masks.labels.max())).astype(np.uint8))


def test_the_bundled_tracker_is_not_accused(subject: VideoSubject) -> None:
    reason = reason_of(examine(subject, ids(subject), 0))
    assert reason.ok is not False, reason
    assert not reason.advice.startswith("add --input")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m, k: np.where(m > 0, k + 1 - m, 0), "with the objects in the reverse order it would be"),
        (lambda m, k: (m - 1) % (k + 1), "with the background as the last channel it would be"),
    ],
)
def test_objects_out_of_order_are_named(trial: VideoTrial, change: Any, says: str) -> None:
    reason = reason_of(judged(with_predictions(trial, renumbered(change))))
    assert reason.ok is False, reason
    assert says in reason.seen


def test_wrong_frames_are_named(subject: VideoSubject) -> None:
    class Fed:
        notes = ()

        def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
            return subject.tracker.propagate(frames / 255, first_mask)

    reason = reason_of(examine(replace(subject, tracker=Fed()), ids(subject), 0))
    assert reason.ok is False, reason
    assert "with values of 0 to 255" in reason.seen


def test_objects_that_are_lost_are_worse_than_the_first_mask_kept_still(trial: VideoTrial) -> None:
    wrong = with_predictions(trial, renumbered(lambda m, _: np.concatenate([m[:1], 0 * m[1:]])))
    reason = reason_of(judged(wrong))
    assert reason.ok is False
    assert "no better than" in reason.seen


def test_without_truth_there_are_hints(subject: VideoSubject) -> None:
    data: Any = subject.data
    bare: Any = Few({name: replace(clip, truth=None, judged=()) for name, clip in list(data.clips.items())[:1]})
    reason = reason_of(examine(replace(subject, data=bare), list(bare.clips), 0))
    assert (reason.ok, reason.assumed) == (None, "the clean predictions are right")
    assert "of their first area in the last frame" in reason.seen


def test_a_clip_is_shortened_to_every_second_of_its_first_frames(subject: VideoSubject) -> None:
    data: Any = subject.data
    clip = shortened(next(iter(data.clips.values())))
    assert clip.names == ("00000", "00002", "00004", "00006")
    assert clip.judged == (0, 1, 2, 3)
    assert clip.truth is not None
    assert len(clip.truth) == len(clip.frames) == 4
