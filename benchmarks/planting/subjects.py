"""Networks on their data, as a run measures them, and with a mistake planted in front of or behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from foolscape.run.settings.config import make_config
from foolscape.run.settings.task_of import with_task
from foolscape.run.setup import open_setup
from foolscape.run.tasks.base import TaskRunner
from foolscape.run.tasks.detection import DetectionSubject
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.run.tasks.video import VideoSubject
from planting.mistakes import Mistake


def opened(settings: dict[str, object]) -> tuple[TaskRunner[Any, Any], tuple[str, ...]]:
    """What a run with `settings` measures, and the ids of its samples."""
    bench = open_setup(with_task(make_config(settings | {"attack": "none"})), torch.device("cpu"))
    subject: Any = bench.entries[0].subject
    spec = subject.spec if ".py:" in subject.spec else "net.py:build"  # advice is for networks that a user brings
    return replace(subject, spec=spec), bench.ids


def planted(subject: Any, mistake: Mistake) -> Any:
    """`subject` with a mistake; not of `remembering` where the mistake is not in how answers are read alone."""
    if isinstance(subject, VideoSubject):
        return replace(subject, tracker=_Tracker(subject.tracker, mistake))
    wrong: Any = subject
    if mistake.kind != "read" and isinstance(subject, SegmentationSubject):
        wrong = replace(wrong, segmenter=_Segmenter(subject.segmenter, mistake))
    if isinstance(subject, DetectionSubject):
        wrong = replace(wrong, detector=_Detector(subject.detector, mistake))
        if mistake.classes is not None:
            places = tuple(mistake.classes.index(name) for name in subject.detector.classes)
            assert subject.channels is not None
            wrong = replace(wrong, channels=tuple(places[i] for i in subject.channels))
    seen = subject.predicted if mistake.kind == "read" else wrong.predicted
    return _seeing(wrong, lambda image: mistake.read(seen(image)))


def remembering(subject: Any) -> Any:
    """`subject` that keeps what its network said of an image, for the many mistakes that ask it the same."""
    if isinstance(subject, VideoSubject):
        return replace(subject, tracker=_Remembering(subject.tracker))
    kept: dict[object, Any] = {}
    return _seeing(subject, lambda image: _once(kept, lambda: subject.predicted(image), image))


def _seeing(subject: Any, see: Callable[[Tensor], Any]) -> Any:
    """`subject` with another way from an image to a prediction."""

    class Seeing(type(subject)):  # type: ignore[misc]
        def predicted(self, image: Tensor) -> Any:
            return see(image)

    return Seeing(**vars(subject))


def _once(kept: dict[object, Any], ask: Callable[[], Any], *about: Tensor) -> Any:
    """What `ask` says, which is asked once."""
    key = tuple((tuple(one.shape), hash(one.contiguous().numpy().tobytes())) for one in about)
    if key not in kept:
        kept[key] = ask()
    return kept[key]


@dataclass(frozen=True)
class _Remembering:
    """A tracker whose answers are kept."""

    inner: Any
    kept: dict[object, Any] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        found: Tensor = _once(self.kept, lambda: self.inner.propagate(frames, first_mask), frames, first_mask)
        return found


def _through(images: Tensor, mistake: Mistake) -> Tensor:
    images = mistake.feed(images)
    return images.transpose(2, 3) if mistake.turned else images


@dataclass(frozen=True)
class _Segmenter:
    """A segmenter whose images somebody changes first."""

    inner: Any
    mistake: Mistake

    @property
    def classes(self) -> tuple[str, ...]:
        found: tuple[str, ...] = self.mistake.classes or self.inner.classes
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def logits(self, images: Tensor) -> Tensor:
        found: Tensor = self.inner.logits(_through(images, self.mistake))
        return found.transpose(2, 3) if self.mistake.turned else found


@dataclass(frozen=True)
class _Detector(_Segmenter):
    """A detector likewise."""

    @property
    def two_stage(self) -> bool:
        return bool(self.inner.two_stage)

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Any:
        return self.inner.candidates(_through(images, self.mistake), boxes)

    def detect(self, images: Tensor, score_threshold: float) -> Any:
        found = self.inner.detect(_through(images, self.mistake), score_threshold)
        if not self.mistake.turned:
            return found
        return [replace(one, boxes=one.boxes[:, [1, 0, 3, 2]]) for one in found]


@dataclass(frozen=True)
class _Tracker:
    """A tracker likewise, whose answer somebody changes, too."""

    inner: Any
    mistake: Mistake

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        mask = first_mask.T if self.mistake.turned else first_mask
        found = self.inner.propagate(_through(frames, self.mistake), mask)
        answer: Tensor = self.mistake.read(found.transpose(2, 3) if self.mistake.turned else found)
        return answer
