"""From a folder or an identifier of the hub to `Sam2`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from foolscape.errors import ModelError, unknown
from foolscape.models.common.freezing import freeze
from foolscape.models.common.huggingface import normalisation
from foolscape.models.common.pretrained import Place
from foolscape.models.trackers.prompts import MASK, Prompt
from foolscape.models.trackers.sam2 import Sam2
from foolscape.models.trackers.sam2_families import FAMILIES, Family


def load(place: Place) -> tuple[nn.Module, tuple[str, ...]]:
    """The network at `place`, and what a table is to say of where it comes from.

    Raises:
        UnknownNameError: it is a network of another kind.
        CheckpointError: the weights are not those of the whole network.
        ModelError: transformers is not installed, or it cannot load the network.
    """
    what = "a tracker"
    config = place.config(what)
    family = _family(config)
    own = getattr(config, "tracker_config", None) or config
    return place.network(family.network, own, what), place.notes(config)


def _family(config: Any) -> Family:
    if config.model_type not in FAMILIES:
        raise unknown("kind of tracker in transformers", str(config.model_type), FAMILIES)
    return FAMILIES[config.model_type]


def adapt_sam2(
    network: nn.Module,
    *,
    name: str | None = None,
    device: torch.device | str = "cpu",
    prompt: Prompt = MASK,
    notes: tuple[str, ...] = (),
) -> Sam2:
    """The `Tracker` of `network`, which is frozen and moved to `device` itself, not copied.

    Args:
        network: of one of FAMILIES.
        name: where it comes from, to look for the settings of its processor; None: the default of its family.
        device: where to run.
        prompt: what it is shown of the objects in the first frame.
        notes: remarks to begin with.

    Raises:
        UnknownNameError: a network of another kind.
        ModelError: it has no image size.
    """
    config: Any = network.config
    family = _family(config)
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else tuple(size)
    if height < 1 or width < 1:
        raise ModelError(f"expected a configuration with an image_size, got {size}")
    freeze(network, torch.device(device))
    default = (family.mean, family.std)
    mean, std = default if name is None else normalisation(name, default)
    said = (
        *notes,
        f"frames are resized inside to {height} x {width}",
        "where an object's score is not above 0 its mask is empty and has no gradient; attacks take that of the "
        "surrogate, sigmoid(score) * sigmoid(mask)",
        prompt.note((height, width)),
        *(("memory is rounded to bfloat16",) if family.rounded else ()),
    )
    return Sam2(network, (int(height), int(width)), tuple(mean), tuple(std), said, prompt=prompt)
