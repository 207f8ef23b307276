"""The rivals of a tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from foolscape.data.clips import Clip, ClipData, objects_in
from foolscape.metrics.clip_table import ClipSample
from foolscape.pixels import to_unit
from foolscape.run.tasks.base import EvalSample
from foolscape.run.tasks.video import Footage, LabelMaps, Masks, VideoSubject
from foolscape.run.wiring.hints import of_clips
from foolscape.run.wiring.judge import RivalRows, best_numbering
from foolscape.run.wiring.record import TaskWiring
from foolscape.run.wiring.rivals import FITTED, Rival, RivalView, single_views
from foolscape.tasks.video import Start, follow

Ints = NDArray[np.int64]

_VOID = 255
_FRAMES, _STEP = 24, 2
"""Of a clip every second frame is looked at, up to this one: trackers take long."""

_ADVICE = "return channel 0 for the background and channel i for label i of the first mask"


@dataclass(frozen=True)
class Shortened:
    """Clips of which a few frames are kept; what `VideoSubject` wants of its data.

    Attributes:
        source: the clips.
    """

    source: ClipData

    def load(self, sample_id: str) -> Clip:
        """The clip `sample_id` with at most `_FRAMES` / `_STEP` frames, and those where objects are given."""
        return shortened(self.source.load(sample_id))


def shortened(clip: Clip) -> Clip:
    """`clip` with every second of its first frames that are judged, and those where objects are given there."""
    judged = clip.judged if clip.truth is not None else range(len(clip.frames))
    first = [frame for frame in judged if frame < max(_FRAMES, judged[min(2 * _STEP, len(judged) - 1)] + 1)]
    starts = [one for one in clip.given if one.frame <= first[-1]]
    frames = sorted({0, *first[::_STEP], *(one.frame for one in starts)})
    return replace(
        clip,
        frames=clip.frames[frames],
        names=tuple(clip.names[frame] for frame in frames),
        given=tuple(replace(one, frame=frames.index(one.frame)) for one in starts),
        truth=None if clip.truth is None else clip.truth[[i for i, frame in enumerate(clip.judged) if frame in frames]],
        judged=tuple(frames.index(frame) for frame in clip.judged if frame in frames),
    )


@dataclass(frozen=True)
class VideoTrial:
    """A tracker on N clips; implements `check.Trial`.

    Attributes:
        subject: the model.
        cases: the clips, with the label maps of the model as it is.
    """

    subject: VideoSubject
    cases: Sequence[EvalSample[Footage, Masks]]

    @staticmethod
    def labelled(subject: VideoSubject, cases: Sequence[EvalSample[Footage, Masks]]) -> bool:
        """Whether what the cases hold as reference is the truth."""
        del subject
        return all(case.reference.clip.truth is not None for case in cases)

    @property
    def classes(self) -> tuple[str, ...]:
        """A tracker has none."""
        return ()

    @property
    def views(self) -> tuple[RivalView, ...]:
        """What is tried with another look at the frames."""
        return single_views()

    def clean(self) -> list[ClipSample]:
        """Rows of the model as it is."""
        return [self._row(case, case.prediction.labels) for case in self.cases]

    def floor(self) -> tuple[str, list[ClipSample]]:
        """The first mask in every frame, objects that are given later from then on."""
        return "the first mask kept still", [self._row(case, _still(case)) for case in self.cases]

    def elsewhere(self) -> None:
        """None: a clip's first mask is given, so that a tracker of another clip has nothing to do with it."""

    def row(self, index: int, view: RivalView) -> ClipSample:
        """The row of clip `index` seen through `view`; raises whatever a tracker does that does not take it."""
        case = self.cases[index]
        clip, device = case.reference.clip, self.subject.device
        frames = torch.cat([view.images(to_unit(frame)) for frame in clip.frames]).to(device)
        starts = [Start(one.frame, torch.from_numpy(one.mask.astype(np.int64)).to(device)) for one in clip.given]
        return self._row(case, follow(self.subject.tracker, frames, starts).to(torch.uint8).cpu().numpy())

    def free(self) -> list[RivalRows]:
        """Other numberings of the objects."""
        measured = [
            RivalRows(rival, [self._row(case, _moved(case, way)) for case in self.cases]) for rival, way in _ways()
        ]
        fitted = self._fitted()
        return measured if fitted is None else [*measured, fitted]

    def _row(self, case: EvalSample[Footage, Masks], labels: LabelMaps) -> ClipSample:
        return self.subject.measured(case, Masks(labels, case.prediction.names))

    def _fitted(self) -> RivalRows | None:
        """The numbering of each clip's objects that is best on every second frame, judged on the others."""
        rows, against, moved = [], [], 0
        for case in self.cases:
            own = _own(case.reference.clip)
            tables = _tables(case, own)
            clean = self._row(case, case.prediction.labels)
            meant = (
                best_numbering(sum(tables[1::2], np.zeros_like(tables[0]))) if len(tables) > 2 else np.arange(len(own))
            )
            moved += int((meant != np.arange(len(own))).any())
            rows.append(_halved(self._row(case, _renumbered(case.prediction.labels, own, meant))))
            against.append(_halved(clean))
        if 2 * moved < len(self.cases) or any(row is None for row in rows):
            return None  # a tracker that confuses objects now and then is no worse wired for it
        rival = Rival("objects", "with the objects of each clip numbered otherwise", advice=_ADVICE, rank=FITTED)
        return RivalRows(rival, rows, against)


def _ways() -> list[tuple[Rival, str]]:
    """The numberings of objects that are tried, and the names of what `_meant` does."""
    return [
        (Rival("objects-reversed", "with the objects in the reverse order", advice=_ADVICE), "reversed"),
        (Rival("objects-next", "with the objects' numbers off by one", advice=_ADVICE), "next"),
        (Rival("objects-before", "with the objects' numbers off by one the other way", advice=_ADVICE), "before"),
        (Rival("background-last", "with the background as the last channel", advice=_ADVICE), "background"),
    ]


def _meant(way: str, count: int) -> Ints:
    """(count,): what channel j of an answer with `count` channels, the background's among them, means."""
    channels = np.arange(count)
    if way == "background":
        return (channels + 1) % count
    objects = channels[1:]
    turned = {"reversed": objects[::-1], "next": np.roll(objects, -1), "before": np.roll(objects, 1)}
    return np.concatenate([channels[:1], turned[way]])


def _own(clip: Clip) -> Ints:
    """0 and the labels of the objects given in the first frame, as a tracker's channels have them."""
    return np.array([0, *objects_in(clip.given[0].mask)])


def _moved(case: EvalSample[Footage, Masks], way: str) -> LabelMaps:
    own = _own(case.reference.clip)
    return _renumbered(case.prediction.labels, own, _meant(way, len(own)))


def _renumbered(labels: LabelMaps, own: Ints, meant: Ints) -> LabelMaps:
    """`labels` with own[j] made own[meant[j]]; others stay."""
    table = np.arange(256, dtype=np.uint8)
    table[own] = own[meant]
    return table[labels]


def _tables(case: EvalSample[Footage, Masks], own: Ints) -> list[Ints]:
    """Of each judged frame but the first, (K + 1, K + 1) pixels by true and by predicted object."""
    footage, tables = case.reference, []
    place = np.full(256, -1)
    place[own] = np.arange(len(own))
    for frame, truth in list(zip(footage.judged, footage.reference, strict=True))[1:]:
        real, guess = place[truth], place[case.prediction.labels[frame]]
        counted = (real >= 0) & (guess >= 0) & (truth != _VOID)
        pairs = len(own) * real[counted] + guess[counted]
        tables.append(np.bincount(pairs, minlength=len(own) ** 2).reshape(len(own), len(own)))
    return tables


def _halved(row: ClipSample) -> ClipSample:
    """`row` with every second frame alone, from the first that counts on."""
    objects = tuple(replace(one, J=one.J[::2], F=one.F[::2]) for one in row.measured.objects)
    return replace(row, measured=replace(row.measured, objects=objects))


def _still(case: EvalSample[Footage, Masks]) -> LabelMaps:
    clip = case.reference.clip
    labels = np.zeros_like(case.prediction.labels)
    for one in clip.given:
        labels[one.frame :] = np.where(one.mask > 0, one.mask, labels[one.frame :])
    return labels


def _shortened(subject: VideoSubject) -> VideoSubject:
    short: Any = Shortened(subject.data)  # a subject asks its data for nothing but clips
    return replace(subject, data=short)


RECORD: Final = TaskWiring(VideoTrial, of_clips, samples=6, few=2, prepared=_shortened)
