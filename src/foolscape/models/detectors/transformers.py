"""The detectors of transformers: DETR and its descendants, YOLOS.

transformers is an optional extra, imported here alone and only when such a model is asked for. Code that comes with a
model is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import unknown
from foolscape.models.common.class_map import ClassNames, name_channels
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.preparation import preparation_of
from foolscape.models.common.pretrained import Place, own_names, remember
from foolscape.models.common.whole_gradient import straighten_behind_norms, whole_gradient
from foolscape.models.common.wrappers import on_images
from foolscape.models.detectors.common import (
    SIGMOID_NOTE,
    SOFTMAX_NOTE,
    candidates_of,
    check_scores,
    detections_of,
    pick,
    sigmoid_scores,
    softmax_scores,
)
from foolscape.sending import numbers_on
from foolscape.tasks.detection import Candidates, Detections


@dataclass(frozen=True)
class Family:
    """What one kind of network does with its queries.

    Attributes:
        softmax: whether the head is a softmax whose last channel is "no object"; if not, a sigmoid for each class.
        most: (query, class) pairs that a sigmoid head's detections are chosen from; None: as many as queries.
        multiple: image sides that follow from the shortest edge are cut to a multiple of this.
        detaches: whether the network cuts gradients in the forward pass, a device for training it.
        moves: whether the queries are the best places of the image, so that query n may be another place in each image.
        best: whether each query is detected as its best class alone.
        padded: whether boxes are shares of the square around the image, which lies in its upper left.
        quads: whether boxes are a middle and the offsets of four corners, and not upright; those around them are taken.
        antialias: whether its image processor smooths what it resizes.
    """

    softmax: bool
    most: int | None = None
    multiple: int = 1
    detaches: bool = False
    moves: bool = False
    best: bool = False
    padded: bool = False
    quads: bool = False
    antialias: bool = True


Prepare = Callable[[Tensor], Tensor]
"""From images (B, 3, H, W) in [0, 1] to what the network sees."""

FAMILIES: Final = {
    "detr": Family(softmax=True),
    "yolos": Family(softmax=True, multiple=16),
    "conditional_detr": Family(softmax=False, most=100),
    "deformable_detr": Family(softmax=False, most=100, detaches=True),
    "rt_detr": Family(softmax=False, detaches=True, moves=True),
    "rt_detr_v2": Family(softmax=False, detaches=True, moves=True),
    "d_fine": Family(softmax=False, detaches=True, moves=True),
    "deimv2": Family(softmax=False, detaches=True, moves=True),
    "dab-detr": Family(softmax=False, most=100, detaches=True),
    "lw_detr": Family(softmax=False, most=100, detaches=True, moves=True),
    "rf_detr": Family(softmax=False, detaches=True, moves=True),
    "table-transformer": Family(softmax=True),
    "pp_doclayout_v2": Family(softmax=False, detaches=True, moves=True, antialias=False),
    "pp_doclayout_v3": Family(softmax=False, detaches=True, moves=True, antialias=False),
    "pp_doclayout_v4": Family(softmax=False, detaches=True, moves=True, quads=True, antialias=False),
}
"""By the `model_type` of the configuration; as each family's `post_process_object_detection` reads its outputs."""

_MOVES: Final = "queries are the most promising places of each image: query n may change its place as the image changes"


@dataclass(frozen=True)
class QueryDetector:
    """A network of transformers. Made by `adapt_queries`.

    Attributes:
        module: in eval mode, its parameters frozen.
        classes, notes: as of a `Detector`.
        channels: the network's label of each class.
        family: what its head means.
        prepare: what its image processor does.
    """

    module: nn.Module
    classes: tuple[str, ...]
    notes: tuple[str, ...]
    channels: tuple[int, ...]
    family: Family
    prepare: Prepare

    @property
    def two_stage(self) -> bool:
        """Candidate n is query n in every call."""
        return False

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:  # noqa: ARG002
        """The queries' boxes, in pixels of `images`, and scores; see `Detector.candidates`.

        DETR, YOLOS: the logits of the softmax, "no object" as background. The others: class log-odds, background 0.
        """
        logits, found_boxes = self._forward(images)
        if self.family.softmax:
            scores = softmax_scores(logits, self.channels)
        else:
            scores = sigmoid_scores(pick(logits, self.channels))
        return candidates_of(found_boxes, scores, images)

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The detections, without NMS, by the rule of the network's image processor. See `Detector.detect`."""
        logits, boxes = self._forward(images)
        check_scores(logits)
        if self.family.softmax:
            scores, labels = logits.softmax(dim=-1)[..., :-1].max(dim=-1)
        elif self.family.best:
            scores, labels = logits.sigmoid().max(dim=-1)
        else:
            most = min(self.family.most or logits.shape[1], logits[0].numel())
            scores, pairs = logits.sigmoid().flatten(1).topk(most, dim=1)
            queries = pairs.div(logits.shape[2], rounding_mode="floor")
            labels = pairs % logits.shape[2]
            boxes = boxes.gather(1, queries[..., None].expand(-1, -1, 4))
        return [detections_of(*one, score_threshold, self.channels) for one in zip(boxes, scores, labels, strict=True)]

    def _forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Class logits (B, N, K), and boxes (B, N, 4) in pixels of `images`."""
        network: Any = self.module
        with guarded(on_images(network, images)), whole_gradient(self.family.detaches):
            output = network(pixel_values=self.prepare(images))
        corners = (_around if self.family.quads else _upright)(output.pred_boxes)
        size = [max(images.shape[2:])] * 2 if self.family.padded else [images.shape[3], images.shape[2]]
        return output.logits, corners * numbers_on(corners.device, (*size, *size), corners.dtype)


def _upright(boxes: Tensor) -> Tensor:
    """Corners (.., 4) of `boxes` (.., 4), a middle and a size."""
    middles, halves = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([middles - halves, middles + halves], dim=-1)


def _around(boxes: Tensor) -> Tensor:
    """Corners (.., 4) of what is around `boxes` (.., 10), a middle and the offsets of four corners, 0.5 being none."""
    corners = boxes[..., None, :2] + boxes[..., 2:].reshape(*boxes.shape[:-1], 4, 2) - 0.5
    return torch.cat([corners.amin(dim=-2), corners.amax(dim=-2)], dim=-1)


def load(place: Place, config: Any) -> tuple[nn.Module, object]:
    """The network of `place`, of `config`, and its image processor.

    Raises:
        UnknownNameError: it is of another family.
        CheckpointError, ModelError: as `Place.network`.
    """
    _family(config.model_type)
    processor = place.processor()
    network = place.network("AutoModelForObjectDetection", config, "an object detector")
    remember(network, processor)
    return network, processor


def adapt_queries(
    module: nn.Module,
    processor: object,
    class_names: ClassNames,
    *,
    device: torch.device | str = "cpu",
    notes: Sequence[str] = (),
) -> QueryDetector:
    """The `Detector` of `module` with its image `processor`; frozen and moved to `device` itself, not copied.

    Args:
        module: a network of one of FAMILIES.
        processor: its image processor; only its settings are used.
        class_names: the network's own are those of its configuration.
        device: where to run.
        notes: remarks on it that are known already.

    Raises:
        UnknownNameError: a network of another family.
        ModelError: the settings of the processor are not among those known, or the names do not fit.
    """
    network: Any = module
    family = _family(network.config.model_type)
    freeze(module, torch.device(device))
    straighten_behind_norms(module)  # RT-DETR and D-FINE move the channels behind a batch norm last
    named = name_channels(len(network.config.id2label), own_names(network.config, class_names))
    prepare = preparation_of(processor, multiple=family.multiple, antialias=family.antialias)
    remarks = [*notes, SOFTMAX_NOTE if family.softmax else SIGMOID_NOTE, f"images are resized inside to {prepare.rule}"]
    if family.detaches:
        remarks.append("gradients that the network cuts for its training are whole")
    if family.moves or getattr(network.config, "two_stage", False):  # the latter: Deformable DETR
        remarks.append(_MOVES)
    return QueryDetector(module, named.names, (*remarks, *named.notes), named.channels, family, prepare)


def _family(model_type: str) -> Family:
    if model_type not in FAMILIES:
        raise unknown("kind of detector in transformers", model_type, FAMILIES)
    return FAMILIES[model_type]
