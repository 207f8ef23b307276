"""The networks of segmentation-models-pytorch: by architecture and encoder, or in a folder of `save_pretrained`."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, SettingError, unknown
from foolscape.extras import extra
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.common.wiring import IMAGENET_MEAN, IMAGENET_STD
from foolscape.models.segmenters.torchvision import Built
from foolscape.regular import read_text

_HEAD: Final = re.compile(r"(?:^|\.)segmentation_head\.0\.weight$")
"""The last layer of every architecture: (classes, channels, k, k)."""

_OURS: Final = ("encoder_weights", "activation", "aux_params")
"""Settings of a network that do not come from its folder: nothing is downloaded, and logits are asked for."""


@dataclass(frozen=True)
class Wanted:
    """A network that a spec names.

    Attributes:
        name: an architecture, such as Unet, or a folder.
        encoder: of an architecture.
        depth: of the encoder; None: the library's.
        count: how many channels; None: as many as the weights have.
        weights: a file, "none" for random ones from seed 0; None: those in the folder.
        normalise: whether images are normalised here; not where the spec says how.
    """

    name: str
    encoder: str | None = None
    depth: int | None = None
    count: int | None = None
    weights: str | None = None
    normalise: bool = True


@dataclass(frozen=True)
class _Plan:
    """What is built: a class of the library, its settings, its tensors (None: random ones), and remarks."""

    architecture: str
    settings: dict[str, Any]
    tensors: Mapping[str, Tensor] | None
    source: str
    notes: tuple[str, ...] = ()
    statistics: tuple[tuple[float, ...], tuple[float, ...]] | None = field(default=None)


class SmpNetwork(nn.Module):
    """A network of the library that takes RGB in [0, 1]; before a single channel comes that of the background, 0."""

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], *, single: bool) -> None:
        super().__init__()
        self.network = network
        self.single = single
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class logits (B, C, H, W)."""
        output = self.network((images - self.get_buffer("mean")) / self.get_buffer("std"))
        logits: Tensor = output[0] if isinstance(output, tuple) else output
        return torch.cat([torch.zeros_like(logits), logits], dim=1) if self.single else logits


def build(wanted: Wanted) -> Built:
    """The network that is `wanted`, its channels not yet named.

    Raises:
        MissingExtraError: segmentation-models-pytorch is not installed.
        UnknownNameError: no such architecture or encoder.
        CheckpointError: the weights are unreadable or another network's.
        SettingError, ModelError: the settings do not fit together.
    """
    plan = _of_folder(wanted) if (Path(wanted.name) / "config.json").is_file() else _of_architecture(wanted)
    network = _made(plan)
    if plan.tensors is not None:
        load_state(network, plan.tensors, plan.source)
    single = plan.settings["classes"] == 1
    notes = [*plan.notes]
    if single:
        notes.append("one channel, a sigmoid: the background is its logit 0 and comes first")
    mean: tuple[float, ...] = (0.0,) * 3
    std: tuple[float, ...] = (1.0,) * 3
    if wanted.normalise:
        mean, std = plan.statistics or (IMAGENET_MEAN, IMAGENET_STD)
        whose = (
            "its folder's" if plan.statistics else "ImageNet's; where the encoder wants others, give ?mean= and ?std="
        )
        notes.append(f"images are normalised by mean and deviation: {whose}")
    return Built(SmpNetwork(network.eval(), mean, std, single=single), None, tuple(notes))


def _of_architecture(wanted: Wanted) -> _Plan:
    settings: dict[str, Any] = {"encoder_name": _encoder(wanted.encoder or "resnet34")}
    if wanted.depth is not None:
        settings["encoder_depth"] = wanted.depth
    if wanted.weights is None:
        raise SettingError(
            f"expected ?weights=FILE for smp:{wanted.name}, or ?weights=none for random ones, got neither; an "
            "architecture has no trained decoder of its own"
        )
    if wanted.weights == "none":
        if wanted.count is None:
            raise SettingError(f"expected ?classes=NUMBER for smp:{wanted.name} with random weights, got none")
        return _Plan(wanted.name, {**settings, "classes": wanted.count}, None, "", ("random weights, seed 0",))
    tensors = read_state_dict(wanted.weights)
    return _Plan(wanted.name, {**settings, "classes": _count(tensors, wanted)}, tensors, wanted.weights)


def _of_folder(wanted: Wanted) -> _Plan:
    folder = Path(wanted.name)
    try:
        config = json.loads(read_text(folder / "config.json"))
        architecture = config["_model_class"]
        settings = {key: value for key, value in config.items() if not key.startswith("_") and key not in _OURS}
        int(settings["classes"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            "expected a folder that save_pretrained of segmentation-models-pytorch wrote (config.json with "
            f"_model_class and classes) at {folder}, got {type(error).__name__}: {error}"
        ) from error
    notes = [f"{architecture} with the encoder {settings.get('encoder_name')}"]
    if config.get("activation") not in (None, "identity"):
        notes.append(f"its activation, {config['activation']}, is left out: attacks want logits")
    mean, std = config.get("mean"), config.get("std")
    statistics = (tuple(map(float, mean)), tuple(map(float, std))) if mean and std else None
    if wanted.weights == "none":
        return _Plan(architecture, settings, None, "", (*notes, "random weights, seed 0"), statistics)
    source = wanted.weights or str(folder / "model.safetensors")
    tensors = read_state_dict(source)
    return _Plan(architecture, settings, tensors, source, tuple(notes), statistics)


def _made(plan: _Plan) -> nn.Module:
    """The network with random weights from seed 0; the global random state stays as it is."""
    found = {name.casefold(): kind for name, kind in library().MODEL_ARCHITECTURES_MAPPING.items()}
    if plan.architecture.casefold() not in found:
        names = [kind.__name__ for kind in found.values()]
        raise unknown("architecture of segmentation-models-pytorch", plan.architecture, names)
    kind = found[plan.architecture.casefold()]
    known = inspect.signature(kind.__init__).parameters
    extra_settings = [] if any(p.kind is p.VAR_KEYWORD for p in known.values()) else sorted({*plan.settings} - {*known})
    if extra_settings:
        raise SettingError(f"expected settings that {kind.__name__} has, got {', '.join(extra_settings)}")
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network: nn.Module = kind(**plan.settings, encoder_weights=None, activation=None)
    except Exception as error:  # the library checks settings by asserts, lookups and errors of its own
        raise ModelError(
            f"expected {kind.__name__} to be made with {plan.settings}, got {type(error).__name__}: {error}"
        ) from error
    return network


def _encoder(name: str) -> str:
    """`name`, if the library or timm (`tu-..`) has it."""
    names = library().encoders.get_encoder_names()
    if name not in names and not name.startswith("tu-"):
        raise unknown("encoder of segmentation-models-pytorch (or tu-NAME, of timm)", name, names)
    return name


def _count(tensors: Mapping[str, Tensor], wanted: Wanted) -> int:
    """How many channels the weights have; `CheckpointError` where they have no head, or not as many as is said."""
    counts = {int(value.shape[0]) for name, value in tensors.items() if _HEAD.search(name) and value.ndim == 4}
    if len(counts) != 1:
        raise CheckpointError(
            f"expected weights of smp:{wanted.name} in {wanted.weights}, got {len(tensors)} tensors without "
            f"segmentation_head.0.weight ({', '.join(list(tensors)[:3])}, ...); these weights are another network's"
        )
    (found,) = counts
    if wanted.count not in (None, found):
        raise CheckpointError(f"expected {wanted.count} classes in {wanted.weights}, got {found}")
    return found


def library() -> Any:
    """`segmentation_models_pytorch`; imported here because it is an extra and takes seconds."""
    with extra("smp"):
        import segmentation_models_pytorch
    return segmentation_models_pytorch
