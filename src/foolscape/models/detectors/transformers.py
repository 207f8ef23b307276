"""The detectors of transformers: DETR, Conditional and Deformable DETR, RT-DETR (v1, v2), D-FINE and YOLOS.

transformers is an optional extra, imported here alone and only when such a model is asked for. Code that comes with a
model is never run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, UnknownNameError, unknown
from foolscape.models.common.class_map import ClassNames, name_channels
from foolscape.models.common.freezing import freeze
from foolscape.models.common.guard import guarded
from foolscape.models.common.huggingface import hub
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
from foolscape.models.detectors.preparation import Preparation, preparation_of
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
    """

    softmax: bool
    most: int | None = None
    multiple: int = 1
    detaches: bool = False
    moves: bool = False


FAMILIES: Final = {
    "detr": Family(softmax=True),
    "yolos": Family(softmax=True, multiple=16),
    "conditional_detr": Family(softmax=False, most=100),
    "deformable_detr": Family(softmax=False, most=100, detaches=True),
    "rt_detr": Family(softmax=False, detaches=True, moves=True),
    "rt_detr_v2": Family(softmax=False, detaches=True, moves=True),
    "d_fine": Family(softmax=False, detaches=True, moves=True),
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
    prepare: Preparation

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
        x, y, width, height = output.pred_boxes.unbind(-1)
        corners = torch.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], dim=-1)
        size = [images.shape[3], images.shape[2]]
        return output.logits, corners * corners.new_tensor([*size, *size])


def load(name: str, weights: str | None = None) -> tuple[nn.Module, object]:
    """The network `name` and its image processor.

    Args:
        name: an identifier of the Hugging Face hub, or a folder.
        weights: None: those that come with it; "none": random ones from seed 0, for which its configuration suffices.

    Raises:
        UnknownNameError: there are no such `weights`.
        CheckpointError: the weights are not those of the whole network.
        ModelError: transformers is not installed, or it cannot load the network or its image processor.
    """
    if weights not in (None, "none"):
        raise unknown(f"weights of transformers:{name} (a folder holds its own)", str(weights), ["none"])
    library = hub()
    try:
        config = library.AutoConfig.from_pretrained(name, trust_remote_code=False)
        _family(config.model_type)
        processor = library.AutoImageProcessor.from_pretrained(name, trust_remote_code=False)
        if weights == "none":
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return library.AutoModelForObjectDetection.from_config(config, trust_remote_code=False), processor
        module, info = library.AutoModelForObjectDetection.from_pretrained(
            name, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except UnknownNameError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
        kind = "folder" if Path(name).is_dir() else "identifier of the Hugging Face hub or a local folder"
        raise ModelError(
            f"expected a {kind} with an object detector and its image processor (config.json, "
            f"preprocessor_config.json, model.safetensors) at {name}, got {type(error).__name__}: {_first(error)}"
        ) from error
    lost = sorted(map(str, [*info["missing_keys"], *info["mismatched_keys"]]))
    if lost:
        raise CheckpointError(
            f"expected all weights of {type(module).__name__} in {name}, got none for {len(lost)} "
            f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}); these weights are another network's"
        )
    return module, processor


def adapt_queries(
    module: nn.Module, processor: object, class_names: ClassNames, *, device: torch.device | str = "cpu"
) -> QueryDetector:
    """The `Detector` of `module` with its image `processor`; frozen and moved to `device` itself, not copied.

    Args:
        module: a network of one of FAMILIES.
        processor: its image processor; only its settings are used.
        class_names: the network's own are those of its configuration.
        device: where to run.

    Raises:
        UnknownNameError: a network of another family.
        ModelError: the settings of the processor are not among those known, or the names do not fit.
    """
    network: Any = module
    family = _family(network.config.model_type)
    freeze(module, torch.device(device))
    straighten_behind_norms(module)  # RT-DETR and D-FINE move the channels behind a batch norm last
    labels: dict[int, str] = network.config.id2label
    own = tuple(labels[i] for i in sorted(labels))
    if own == tuple(f"LABEL_{i}" for i in range(len(own))):  # what transformers writes where nobody gave names
        own = ()
    named = name_channels(len(labels), ClassNames(class_names.option, own or None, class_names.file, class_names.data))
    prepare = preparation_of(processor, multiple=family.multiple)
    size = "their own size" if prepare.size is None else ", ".join(f"{k} {v}" for k, v in prepare.size.items())
    remarks = [SOFTMAX_NOTE if family.softmax else SIGMOID_NOTE, f"images are resized inside to {size}"]
    if family.detaches:
        remarks.append("gradients that the network cuts for its training are whole")
    if family.moves or getattr(network.config, "two_stage", False):  # the latter: Deformable DETR
        remarks.append(_MOVES)
    return QueryDetector(module, named.names, (*remarks, *named.notes), named.channels, family, prepare)


def _family(model_type: str) -> Family:
    if model_type not in FAMILIES:
        raise unknown("kind of detector in transformers", model_type, FAMILIES)
    return FAMILIES[model_type]


def _first(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0]
