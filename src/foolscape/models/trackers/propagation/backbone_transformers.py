"""Vision networks of transformers as backbones for label propagation."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, SettingError
from foolscape.models.common.huggingface import hub, normalisation, pretrained_error
from foolscape.models.common.saved import check_quantised, portable, tell_saved
from foolscape.models.trackers.propagation.tracker import Backbone


class _Tokens(nn.Module):
    """A network of transformers from RGB in [0, 1] to features: patch tokens in rows, or maps as they are."""

    def __init__(self, network: nn.Module, layer: int | None, mean: Any, std: Any) -> None:
        super().__init__()
        self.network = network
        self.layer = layer
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        config: Any = network.config
        patch = getattr(config, "patch_size", 0)
        self.patch = int(patch if isinstance(patch, int) else patch[0])
        parameters = inspect.signature(network.forward).parameters
        self.more = {"interpolate_pos_encoding": True} if "interpolate_pos_encoding" in parameters else {}

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, C, h, w); a class token and registers, which stand first, are left out."""
        inputs = (images - self.get_buffer("mean")) / self.get_buffer("std")
        if self.layer is None:
            states = self.network(pixel_values=inputs, **self.more).last_hidden_state
        else:
            states = self.network(pixel_values=inputs, output_hidden_states=True, **self.more).hidden_states[self.layer]
        if states.ndim == 4:
            out: Tensor = states
            return out
        if not self.patch or images.shape[2] % self.patch or images.shape[3] % self.patch:
            raise ValueError(f"expected sides divisible by the patch size {self.patch}, got {tuple(images.shape[2:])}")
        height, width = images.shape[2] // self.patch, images.shape[3] // self.patch
        if states.shape[1] < height * width:
            raise ModelError(
                f"expected a token for each of {height} x {width} patches, got {states.shape[1]}; this network merges "
                "them: name an earlier layer, ?layer=N"
            )
        tokens: Tensor = states[:, -height * width :]
        return tokens.transpose(1, 2).reshape(len(images), -1, height, width)


def of_transformers(name: str, layer: str | None = None) -> Backbone:
    """A network of transformers: the patch tokens of a vision transformer, or the last map of a convolutional one.

    Args:
        name: an identifier of the Hugging Face hub, or a folder.
        layer: which of its hidden states, counted from 0, or from the end with -1; None: its last, normalised.

    Raises:
        SettingError: the layer is no number, or there is no such one.
        ModelError: transformers is not installed, or cannot load it.
        CheckpointError: weights are missing.
    """
    transformers = hub()
    try:
        number = None if layer is None else int(layer)
    except ValueError:
        raise SettingError(f"layer: expected a whole number, which of the hidden states, got {layer!r}") from None
    try:
        config = transformers.AutoConfig.from_pretrained(name, trust_remote_code=False)
        check_quantised(config, name)
        attention = portable(config)
        network, info = transformers.AutoModel.from_pretrained(
            name, config=config, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except CheckpointError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
        raise pretrained_error(name, "a vision model (config.json, model.safetensors)", error) from error
    # The pooler stands behind the features, and is not part of every checkpoint.
    lost = sorted(n for n in map(str, [*info["missing_keys"], *info["mismatched_keys"]]) if "pooler" not in n)
    if lost:
        raise CheckpointError(
            f"expected all weights of {type(network).__name__} in {name}, got none for {len(lost)} "
            f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}); these weights are another network's"
        )
    tell_saved(network, name, attention)
    count = int(getattr(network.config, "num_hidden_layers", 0))
    if number is not None and count and not -count - 1 <= number <= count:
        raise SettingError(f"layer: expected a number from {-count - 1} to {count} for {name}, got {number}")
    mean, std = normalisation(name)
    return Backbone(_Tokens(network, number, mean, std))
