"""From any `nn.Module` that detects objects to a `Detector`: what the network wants is found out by trying.

The network takes RGB in [0, 1] and returns `boxes` (B, N, 4), x1, y1, x2, y2 in pixels of its input, and `scores`
(B, N, C) of every candidate before NMS, as probabilities or as log-odds. Scores are what detections are ranked by: an
objectness is in them already. Where it is not, the network says `scores_hold_objectness = False` and returns it as
`objectness` (B, N) or (B, N, 1), and probabilities are multiplied here; see `user_scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.class_map import ClassNames, distinct, name_channels
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.wiring import AS_IT_IS, Wiring
from foolscape.models.common.wrappers import handed, modules_of, on_images, padded_for
from foolscape.models.detectors.common import (
    SIGMOID_NOTE,
    best_class,
    candidates_of,
    check_boxes,
    check_scores,
    detections_of,
    sigmoid_scores,
)
from foolscape.models.detectors.own_detect import IOU, OwnDetect, calls_of, own_detect
from foolscape.models.detectors.user_output import (
    DenseOutput,
    check_candidates,
    check_detections,
    check_output,
    dense_of,
)
from foolscape.models.detectors.user_scores import Meaning, meaning_of
from foolscape.models.probe.sizes import OtherSizes, by_trying
from foolscape.models.probe.trials import Tried, probe_images
from foolscape.models.segmenters.adapter import own_classes
from foolscape.tasks.detection import Candidates, Detections, Detector
from foolscape.tasks.finite import tested_now

_MOST: Final = 100
"""Detections kept per image by our own NMS: as many as COCO counts."""


@dataclass(frozen=True)
class ModuleDetector:
    """A network, and what has to be done to its input and output. Made by `adapt_detector`.

    Attributes:
        module: the network, in eval mode, its parameters frozen.
        classes, notes: as of a `Detector`.
        multiple: images are padded at the right and bottom (replicated) to sides divisible by this; boxes stay where
            they are.
        meaning: whether the scores are probabilities or log-odds, with or without an objectness. Decided once, by
            `adapt_detector`.
        channels: how many classes the network scores.
        only_size: (H, W), if the network takes images of this size alone.
        wiring: what is done to images before the network sees them, and to its classes and boxes afterwards.
        others: as of a `ModuleSegmenter`.
    """

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    multiple: int
    meaning: Meaning
    channels: int
    only_size: tuple[int, int] | None = None
    wiring: Wiring = AS_IT_IS
    others: OtherSizes[DenseOutput] | None = field(default=None, compare=False, repr=False)

    @property
    def two_stage(self) -> bool:
        """Candidate n is the same one in every call."""
        return False

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:  # noqa: ARG002
        """The network's candidates; scores are class log-odds, the background's 0. See `Detector.candidates`.

        Raises:
            ModelError: the output has no boxes or scores, their shapes do not agree, or there are none.
        """
        dense = self._forward(images)
        if tested_now():
            self.meaning.check(dense)
        return candidates_of(dense.boxes, sigmoid_scores(self.meaning.log_odds(dense)), images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections by the network's own `detect`, if it has one, else by NMS. See `Detector.detect`."""
        own = own_detect(self.module)
        if own is not None:
            return self._found_by(own, images, score_threshold)
        dense = self._forward(images)
        self.meaning.check(dense)
        chances = self.meaning.chances(dense)
        check_boxes(dense.boxes)
        check_scores(dense.scores)
        check_scores(chances)  # an objectness may be NaN too
        return [best_class(*one, score_threshold, IOU, _MOST) for one in zip(dense.boxes, chances, strict=True)]

    def _found_by(self, own: OwnDetect, images: Tensor, score_threshold: float) -> list[Detections]:
        """What the network's own `detect` finds in `images`.

        A threshold drops what is NaN, and an image on which all is would be one without objects; so the scores are
        tested, too: those of the call that `detect` makes of the network, or else of another.
        """
        self._check_size(images)
        faults: list[ModelError | None] = []

        def detected(padded: Tensor) -> list[Detections]:
            inputs = handed(self.wiring.images(padded))
            with (
                calls_of(self.module, inputs, lambda output: faults.append(self._fault(output, padded))),
                guarded(f"detect of {on_images(self.module, padded)}"),
            ):
                answer = own(inputs, score_threshold)
            detections = check_detections(answer, padded, self.channels)
            return _sorted(detections, self.wiring, padded, self.channels, score_threshold)

        try:
            found = padded_for(images, self.multiple, self.others, detected)
        except ModelError:
            for fault in filter(None, faults):  # what is wrong with the scores says more
                raise fault from None
            raise
        if not faults:
            check_scores(self._forward(images).scores)
        for fault in filter(None, faults):
            raise fault
        return found

    def _fault(self, output: object, padded: Tensor) -> ModelError | None:
        try:
            check_scores(self._read(output, padded).scores)
        except ModelError as error:
            return error
        return None

    def _forward(self, images: Tensor) -> DenseOutput:
        self._check_size(images)
        return padded_for(images, self.multiple, self.others, self._dense)

    def _dense(self, padded: Tensor) -> DenseOutput:
        """What the network returns for `padded` images."""
        with guarded(on_images(self.module, padded)):
            output = self.module(handed(self.wiring.images(padded)))
        return self._read(output, padded)

    def _read(self, output: object, padded: Tensor) -> DenseOutput:
        """Boxes and scores in what the network returned for `padded` images."""
        dense = dense_of(output)
        check_output(dense, padded, self.channels)
        boxes = self.wiring.boxes(dense.boxes, padded.shape[2:])
        return dense._replace(boxes=boxes, scores=self.wiring.channels(dense.scores, 2))

    def _check_size(self, images: Tensor) -> None:
        size = (images.shape[2], images.shape[3])
        if self.only_size is not None and size != self.only_size:
            height, width = self.only_size
            raise ModelError(
                f"expected images of {height} x {width} (height x width), the only size this network takes, got "
                f"{size[0]} x {size[1]}; give --size {height}x{width}"
            )


@dataclass(frozen=True)
class CheckedDetector:
    """A detector that somebody else wrote, its answers checked at every call. Made by `checked`.

    Attributes:
        inner: the detector itself.
        classes, notes, two_stage: as of a `Detector`.
        wiring: as of a `ModuleDetector`; boxes are pixels already.
    """

    inner: Detector
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    two_stage: bool
    wiring: Wiring = AS_IT_IS

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        """The candidates of `inner`; see `Detector.candidates`."""
        inputs = self.wiring.images(images)
        with guarded(f"candidates of {on_images(self.inner, images)}"):
            answer = self.inner.candidates(handed(inputs), boxes)
        candidates = check_candidates(answer, images, len(self.classes))
        classes, background = candidates.scores[:, :-1], candidates.scores[:, -1:]
        scores = torch.cat([self.wiring.channels(classes, 1), background], dim=1)
        return candidates_of(candidates.boxes, scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections of `inner`; see `Detector.detect`."""
        self.candidates(images)  # for its check: a threshold drops what is NaN
        inputs = self.wiring.images(images)
        with guarded(f"detect of {on_images(self.inner, images)}"):
            answer = self.inner.detect(inputs, score_threshold)
        detections = check_detections(answer, images, len(self.classes))
        return _sorted(detections, self.wiring, images, len(self.classes), score_threshold)


Wired = TypeVar("Wired", ModuleDetector, CheckedDetector)


def adapt_detector(
    module: nn.Module, class_names: ClassNames, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> ModuleDetector:
    """The `Detector` of `module`, which is put into eval mode, frozen and moved to `device` itself, not copied.

    A few forward passes find out whether the sides must be padded, and whether the scores are probabilities (all in
    [0, 1]) or log-odds. What had to be done stands in the notes.

    Args:
        module: see the head of this file.
        class_names: the network's own are taken from its `classes`.
        image_size: (H, W) of the images it will see.
        device: where to run.

    Raises:
        ModelError: no image size was accepted, the output does not hold what it must, or the names do not fit.
    """
    remarks = freeze(module, torch.device(device))
    fitted = by_trying(module, image_size, torch.device(device), _read)
    dense = fitted.output
    check_boxes(dense.boxes)
    check_scores(dense.scores)
    meaning = meaning_of(dense, module)
    ranked = "the network's own detect" if own_detect(module) else f"NMS at an IoU of {IOU:g}, at most {_MOST} boxes"
    notes = [*remarks, SIGMOID_NOTE, *meaning.notes(dense), f"detections are those of {ranked}"]
    if fitted.multiple > 1:
        notes.append(f"image sides are padded to be divisible by {fitted.multiple}")
    if fitted.only:
        notes.append(f"the network takes no other image size than {image_size[0]} x {image_size[1]}")
    channels = dense.scores.shape[2]
    named = name_channels(channels, replace(class_names, own=own_classes(module)))
    if len(named.names) != channels:
        raise ModelError("expected the name of a class for every channel, got N/A or __background__ among them")
    return ModuleDetector(
        module,
        named.names,
        (*notes, *named.notes),
        fitted.multiple,
        meaning,
        channels,
        image_size if fitted.only else None,
        others=OtherSizes(module, torch.device(device), _read, known={image_size: fitted.multiple}),
    )


def checked(
    detector: Detector, class_names: ClassNames, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> CheckedDetector:
    """A detector that somebody else wrote, tried once at `image_size` and checked at every later call.

    Raises:
        ModelError: its first answer breaks the protocol, or the names given do not fit.
    """
    notes = [note for module in modules_of(detector) for note in freeze(module, torch.device(device))]
    names = distinct(detector.classes)
    if class_names.option is not None:
        names = name_channels(len(names), class_names).names
    outer = CheckedDetector(detector, names, (*detector.notes, *notes), bool(detector.two_stage))
    with torch.no_grad():
        check_scores(outer.candidates(probe_images(image_size, torch.device(device))).scores)
    return outer


def wired(detector: Wired, wiring: Wiring) -> Wired:
    """`detector` with `wiring` applied to its input and output, and recorded in its notes."""
    return replace(detector, wiring=wiring, notes=(*detector.notes, *wiring.notes))


def _sorted(
    detections: Sequence[Detections], wiring: Wiring, images: Tensor, classes: int, score_threshold: float
) -> list[Detections]:
    """What a network's own `detect` `detections` in `images`, as foolscape counts classes and writes boxes."""
    size = images.shape[2:]
    return [
        detections_of(wiring.boxes(one.boxes, size), one.scores, wiring.labels(one.labels, classes), score_threshold)
        for one in detections
    ]


def _read(output: object, images: Tensor) -> Tried[DenseOutput]:
    """Boxes and scores in what a network returned for `images`; what is wrong with them, no other size will change."""
    dense = dense_of(output)
    check_output(dense, images, None)
    candidates_of(dense.boxes, dense.scores, images)
    return Tried(dense, clean=True)
