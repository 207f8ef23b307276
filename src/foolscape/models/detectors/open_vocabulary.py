"""Detectors of transformers that are told in words what to look for: OWL-ViT, OWLv2, Grounding DINO."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.class_map import distinct
from foolscape.models.common.freezing import freeze
from foolscape.models.common.preparation import preparation_of
from foolscape.models.common.pretrained import Place, remember
from foolscape.models.common.whole_gradient import straighten_behind_norms
from foolscape.models.detectors.common import SIGMOID_NOTE
from foolscape.models.detectors.encoded_words import encode_once
from foolscape.models.detectors.transformers import Family, Prepare, QueryDetector
from foolscape.sending import numbers_on

FAMILIES: Final = {
    "owlvit": Family(softmax=False, best=True),
    "owlv2": Family(softmax=False, best=True, padded=True),
    "grounding-dino": Family(softmax=False, best=True, detaches=True, moves=True),
    "mm-grounding-dino": Family(softmax=False, best=True, detaches=True, moves=True),
}
"""By the `model_type` of the configuration."""

_SEPARATORS: Final = (".", "?")
"""What stands between labels in the sentence that Grounding DINO reads."""


@dataclass(frozen=True)
class Prompted:
    """A network with its processor of images and words, not yet told anything.

    Attributes:
        network, processor: transformers'.
        family: what its head means.
        notes: where it comes from.
    """

    network: nn.Module
    processor: Any
    family: Family
    notes: tuple[str, ...]

    def told(self, labels: tuple[str, ...], prompt: str, device: torch.device | str) -> QueryDetector:
        """The detector of `labels`; `prompt` is what is said for each, with {} in the place of the label.

        Raises:
            ModelError: a label twice, or with a separator in it, or more words than the network reads.
        """
        texts = [prompt.replace("{}", label) for label in distinct(labels)]
        told = _grounded if "grounding" in getattr(self.network, "config").model_type else _owl  # noqa: B009
        module = told(self.network, self.processor.tokenizer, texts).to(torch.device(device))
        freeze(module, torch.device(device))
        straighten_behind_norms(module)
        prepare, size = _preparation(self.processor.image_processor, self.family)
        notes = (
            *self.notes,
            SIGMOID_NOTE,
            f"images are resized inside to {size}",
            f"it is asked for {', '.join(texts[:6])}{', ...' if len(texts) > 6 else ''}",
        )
        return QueryDetector(module, labels, notes, tuple(range(len(labels))), self.family, prepare)


@dataclass(frozen=True)
class Answer:
    """Class logits (B, N, C) and boxes (B, N, 4), middle and size as shares."""

    logits: Tensor
    pred_boxes: Tensor


@dataclass(frozen=True)
class PaddedSquare:
    """What OWLv2's image processor does, in float and differentiable.

    Attributes:
        side: of the square that the network sees.
        mean, std: for each channel.
    """

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, images: Tensor) -> Tensor:
        """`images` ((B, 3, H, W) in [0, 1]) padded with black to a square, smoothed where they shrink, and resized."""
        from torchvision.transforms.functional import gaussian_blur

        own = max(images.shape[2:])
        images = functional.pad(images, (0, own - images.shape[3], 0, own - images.shape[2]))
        if own > self.side:
            sigma = (own / self.side - 1) / 2
            images = gaussian_blur(images, [2 * math.ceil(3 * sigma) + 1] * 2, [sigma] * 2)
        images = functional.interpolate(images, size=(self.side, self.side), mode="bilinear", align_corners=False)
        mean, std = (
            numbers_on(images.device, values, images.dtype).view(1, 3, 1, 1) for values in (self.mean, self.std)
        )
        return (images - mean) / std


class OwlNetwork(nn.Module):
    """OWL-ViT or OWLv2 with the words that it is told."""

    def __init__(self, network: nn.Module, words: Tensor, mask: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("words", words, persistent=False)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, pixel_values: Tensor) -> Answer:
        """(B, 3, H, W) normalised -> a query at every patch."""
        batch = pixel_values.shape[0]
        words, mask = (self.get_buffer(name).repeat(batch, 1) for name in ("words", "mask"))
        output = self.network(pixel_values=pixel_values, input_ids=words, attention_mask=mask)
        return Answer(output.logits, output.pred_boxes)


class GroundedNetwork(nn.Module):
    """Grounding DINO with the sentence that it reads; a class's log-odds are those of its most likely token."""

    def __init__(self, network: nn.Module, sentence: dict[str, Tensor], spans: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.network = network
        self.spans = spans
        self.names = tuple(sentence)
        for name, value in sentence.items():
            self.register_buffer(f"text_{name}", value, persistent=False)

    def forward(self, pixel_values: Tensor) -> Answer:
        """(B, 3, H, W) normalised -> the queries that the network chooses."""
        batch = pixel_values.shape[0]
        text = {name: self.get_buffer(f"text_{name}").expand(batch, -1) for name in self.names}
        output = self.network(pixel_values=pixel_values, **text)
        logits = torch.stack([output.logits[..., start:end].amax(dim=-1) for start, end in self.spans], dim=-1)
        return Answer(logits, output.pred_boxes)


def load(place: Place, config: Any) -> Prompted:
    """The network of `place`, of `config`; raises as `Place.network`."""
    processor = place.whole_processor()
    network = place.network("AutoModelForZeroShotObjectDetection", config, "a detector that is told what to look for")
    remember(network, processor.image_processor)
    encode_once(network, "text_backbone", "text_model")
    return Prompted(network, processor, FAMILIES[config.model_type], place.notes(config))


def labels_of(text: str) -> tuple[str, ...]:
    """The labels in ?labels=a cat,a dog; raises `SettingError` if there is none between two commas."""
    labels = tuple(label.strip() for label in text.split(","))
    if not all(labels):
        raise SettingError(f"labels: expected words with commas between them, such as cat,dog, got {text!r}")
    return labels


def _owl(network: Any, tokenizer: Any, texts: list[str]) -> nn.Module:
    length = network.config.text_config.max_position_embeddings
    found = tokenizer(texts, padding="max_length", max_length=length, truncation=True)
    cut = [text for text in texts if len(tokenizer(text)["input_ids"]) > length]
    if cut:
        raise ModelError(f"expected labels of at most {length} tokens, got {cut[0]!r}; shorten it")
    return OwlNetwork(network, torch.tensor(found["input_ids"]), torch.tensor(found["attention_mask"]))


def _grounded(network: Any, tokenizer: Any, texts: list[str]) -> nn.Module:
    lower = [text.strip().lower() for text in texts]
    found = tokenizer(". ".join(lower) + ".")
    ids, most = found["input_ids"], network.config.max_text_len
    between = {*tokenizer.all_special_ids, *tokenizer.convert_tokens_to_ids(list(_SEPARATORS))}
    spans: list[tuple[int, int]] = []
    for place, token in enumerate(ids):
        if token not in between:
            start = spans.pop()[0] if spans and spans[-1][1] == place else place
            spans.append((start, place + 1))
    if len(spans) != len(texts):
        raise ModelError(
            f"expected labels of words alone, without {' '.join(_SEPARATORS)}, got {', '.join(texts)}, which are read "
            f"as {len(spans)} instead of {len(texts)}; change them with ?labels="
        )
    if len(ids) > most:
        raise ModelError(f"expected labels of at most {most} tokens in all, got {len(ids)}; ask for fewer")
    sentence = {name: torch.tensor([found[name]]) for name in ("input_ids", "token_type_ids", "attention_mask")}
    return GroundedNetwork(network, sentence, tuple(spans))


def _preparation(processor: Any, family: Family) -> tuple[Prepare, str]:
    """What is done to images, and to which size."""
    if family.padded:
        side = int(processor.size["height"])
        mean, std = tuple(processor.image_mean), tuple(processor.image_std)
        return PaddedSquare(side, mean, std), f"{side} x {side}, padded to a square"
    prepare = preparation_of(processor)
    return prepare, str(prepare.rule)
