"""The semantic segmentation networks of transformers: with logits at every pixel, or by mask classification.

transformers is an optional extra, imported only when such a model is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.attention import AUTO, MATH, attention
from foolscape.models.common.class_map import ClassNames, name_channels
from foolscape.models.common.preparation import Preparation, crops, preparation_of, resized_to
from foolscape.models.common.pretrained import Place, is_unnamed, own_names, remember
from foolscape.models.segmenters.mask_queries import as_logits, class_scores, resized
from foolscape.models.segmenters.split import Split


@dataclass(frozen=True)
class MaskFamily:
    """Where a network that classifies masks keeps what, as its `post_process_semantic_segmentation` reads it.

    Attributes:
        classes, masks: the names of the class logits (B, Q, C + 1) and mask logits (B, Q, h, w) in its output.
        mask_size: (H, W) to which the masks are resized before their sigmoid; None: not at all.
        antialias: whether the scores of an image smaller than the masks are smoothed.
        told: whether it is told its task, in words.
        splits: whether its image processor may cut images into squares side by side, or pad them to one.
        masked: whether its attention adds -1e9 where it is not to look, with which the fused kernels of PyTorch 2.15
            give wrong gradients on the CPU (up to 87 % off).
    """

    classes: str = "class_queries_logits"
    masks: str = "masks_queries_logits"
    mask_size: tuple[int, int] | None = None
    antialias: bool = False
    told: bool = False
    splits: bool = False
    masked: bool = False


MASK_FAMILIES: Final = {
    "maskformer": MaskFamily(),
    "mask2former": MaskFamily(mask_size=(384, 384)),
    "oneformer": MaskFamily(antialias=True, told=True),
    "eomt": MaskFamily(splits=True, masked=True),
    "eomt_dinov3": MaskFamily(splits=True, masked=True),
    "detr": MaskFamily("logits", "pred_masks"),
}
"""By the `model_type` of the configuration."""

_TASK: Final = "the task is semantic"
"""What OneFormer is told (Jain et al. 2023, section 3.1)."""


class PixelNetwork(nn.Module):
    """A network with logits at every pixel, behind its image processor."""

    def __init__(self, network: nn.Module, prepare: Preparation) -> None:
        super().__init__()
        self.network = network
        self.prepare = prepare

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class logits (B, C, H, W), resized as the library does."""
        output: Any = self.network(pixel_values=self.prepare(images))
        logits = getattr(output, "segmentation_logits", None)
        return resized(output.logits if logits is None else logits, (images.shape[2], images.shape[3]))


class MaskNetwork(nn.Module):
    """A network that classifies masks, behind its image processor; see `mask_queries`."""

    tokens: Tensor | None

    def __init__(
        self, network: nn.Module, prepare: Preparation, family: MaskFamily, split: Split | None, tokens: Tensor | None
    ) -> None:
        super().__init__()
        self.network = network
        self.prepare = prepare
        self.family = family
        self.split = split
        self.register_buffer("tokens", tokens, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> the logarithms of class scores (B, C, H, W)."""
        prepared = self.prepare(images)
        if self.split is None:
            scores = self._scores(prepared, self.family.mask_size)
        else:
            scores = self.split.joined(prepared, self._scores)
        return as_logits(resized(scores, (images.shape[2], images.shape[3]), antialias=self.family.antialias))

    def _scores(self, prepared: Tensor, mask_size: tuple[int, int] | None) -> Tensor:
        """Class scores of what the network sees, at its masks' size or at `mask_size`."""
        told = {} if self.tokens is None else {"task_inputs": self.tokens.expand(prepared.shape[0], -1)}
        with attention(MATH if self.family.masked else AUTO):
            output = self.network(pixel_values=prepared, **told)
        classes, masks = getattr(output, self.family.classes), getattr(output, self.family.masks)
        return class_scores(classes, masks if mask_size is None else resized(masks, mask_size))


@dataclass(frozen=True)
class Pretrained:
    """A network of transformers behind its image processor, its channels not yet named.

    Attributes:
        module: takes RGB in [0, 1].
        config: the network's.
        notes: what a table is to say of it.
    """

    module: nn.Module
    config: Any
    notes: tuple[str, ...]

    def named(self, names: ClassNames) -> tuple[nn.Module, tuple[str, ...], tuple[str, ...]]:
        """The module with a channel for each class, the classes' names, and remarks on them.

        Raises:
            ModelError: there are none, or another number of them.
        """
        found = name_channels(len(self.config.id2label), own_names(self.config, names))
        count = len(self.config.id2label)
        module = self.module if len(found.channels) == count else Chosen(self.module, found.channels)
        left = count - len(found.channels)
        unused = (f"{left} unused channel{'s' if left > 1 else ''} without a class left out",) if left else ()
        return module, found.names, (*found.notes, *unused)


class Chosen(nn.Module):
    """Some of the channels of a network."""

    def __init__(self, network: nn.Module, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.network = network
        self.channels = channels

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, len(channels), H, W)."""
        scores: Tensor = self.network(images)
        return scores.index_select(1, torch.tensor(self.channels, device=scores.device))


def classes_of(config: Any) -> tuple[str, ...] | None:
    """What the network calls its classes itself; None where its configuration names none."""
    labels: dict[int, str] = config.id2label
    own = tuple(labels[i] for i in sorted(labels))
    return None if is_unnamed(own) else name_channels(len(own), ClassNames(own=own)).names


def build(place: Place, config: Any) -> Pretrained:
    """The semantic segmentation network of `place`, of `config`.

    Raises:
        ModelError, CheckpointError: as `Place.network`; or its image processor does something unknown.
    """
    what = "a semantic segmentation network"
    family = MASK_FAMILIES.get(config.model_type)
    auto = "AutoModelForSemanticSegmentation" if family is None else "AutoModelForUniversalSegmentation"
    processor = place.processor()
    network = place.network(auto, config, what)
    remember(network, processor)
    prepare, remarks = _preparation(processor)
    if getattr(processor, "do_reduce_labels", False):
        remarks += ("trained on labels less one: channel 0 is the label 1 of its data, whose 0 is void",)
    notes = (*place.notes(config), f"images are resized inside to {prepare.rule}", *remarks)
    if family is None:
        return Pretrained(PixelNetwork(network, prepare), config, notes)
    split = Split.of(processor) if family.splits else None
    tokens = _tokens(place) if family.told else None
    notes += ("scores: log of the sum over queries of class probability times mask (mask classification)",)
    if family.masked:
        notes += ("attention without fused kernels, whose gradient is wrong with this network's masks",)
    return Pretrained(MaskNetwork(network, prepare, family, split, tokens), config, notes)


def _preparation(processor: Any) -> tuple[Preparation, tuple[str, ...]]:
    """What the processor does, without its crop of the middle, and a remark on that."""
    prepare = preparation_of(processor)
    crop = crops(processor)
    if crop is None:
        return prepare, ()
    sides = prepare.rule.sides or {}
    if "height" not in sides:
        return prepare, (f"the image processor's crop of the middle, {crop[0]} x {crop[1]}, is left out",)
    if (sides["height"], sides["width"]) == crop:
        return prepare, ()
    note = f"the image processor's crop of the middle is left out: whole images become {crop[0]} x {crop[1]}"
    return resized_to(prepare, *crop), (note,)


def _tokens(place: Place) -> Tensor:
    """(1, L) what a network is told, by the tokenizer that comes with it."""
    try:
        processor = place.whole_processor()
        text: Callable[..., Any] = processor.tokenizer
        found = text([_TASK], padding="max_length", max_length=processor.task_seq_length, truncation=True)
    except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
        raise ModelError(
            f"expected the tokenizer of {place.name}, which the network is told its task by, got "
            f"{type(error).__name__}: {error}"
        ) from error
    return torch.tensor(found["input_ids"]) * torch.tensor(found["attention_mask"])
