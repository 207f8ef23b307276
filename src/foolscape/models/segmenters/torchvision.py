"""The segmentation networks of torchvision, by name, with its own weights, yours, or random ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, unknown
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.paths import path_of

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)
_VOC_CLASSES: Final = 21


@dataclass(frozen=True)
class Built:
    """A network with its class names (None: not known) and remarks on its weights."""

    module: nn.Module
    classes: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


class Normalised(nn.Module):
    """A network that takes RGB in [0, 1], made from one that takes normalised images."""

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> class scores (B, C, H, W)."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        scores: Tensor = self.network((images - mean) / std)["out"]
        return scores


def names() -> tuple[str, ...]:
    """Every segmentation network of the installed torchvision."""
    return tuple(sorted(library().list_models(module=library().segmentation)))


def build(name: str, weights: str | None = None) -> Built:
    """The torchvision network `name` as a module that takes RGB in [0, 1].

    Args:
        name: as in `names()`.
        weights: None: torchvision's default, downloaded if need be; the name of other weights of torchvision; a .pth or
            .safetensors file, which also sets the number of classes and whether there is an auxiliary head; "none":
            random ones from seed 0.

    Raises:
        UnknownNameError: no such network or weights.
        CheckpointError: the file is unreadable or another network's.
        ModelError: torchvision is not installed, or its weights could not be downloaded.
    """
    if name not in names():
        raise unknown("torchvision segmentation network", name, names())
    default = library().get_model_weights(name).DEFAULT
    chosen = weights_called(name, weights)
    if chosen is None:
        network = random_network(name, _VOC_CLASSES)
        return Built(_normalised(network), _classes(default, _VOC_CLASSES), ("random weights, seed 0",))
    if isinstance(chosen, str):
        return _from_file(name, chosen, default)
    network = pretrained(name, chosen)
    return Built(_normalised(network, chosen), _classes(chosen, len(chosen.meta["categories"])))


def library() -> Any:
    """`torchvision.models`; imported here because it takes a second. ModelError if it does not fit torch."""
    try:
        import torchvision.models.detection
        import torchvision.models.segmentation
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise ModelError(
            f"expected a torchvision that fits torch {torch.__version__}, got {type(error).__name__}: {error}; install "
            "both together: pip install -U torch torchvision"
        ) from error
    return torchvision.models


def weights_called(name: str, weights: str | None) -> WeightsEnum | str | None:
    """What `?weights=` of the network `name` means: weights of torchvision, the path of a file, or None: random ones.

    Raises:
        UnknownNameError: none of these.
    """
    enum = library().get_model_weights(name)
    if weights == "none":
        return None
    if weights is None or weights in enum.__members__:
        named: WeightsEnum = enum.DEFAULT if weights is None else enum[weights]
        return named
    if path_of(weights).is_file() or Path(weights).suffix:
        return weights
    raise unknown(f"weights of {name} (a name of torchvision, a file or none)", weights, [*enum.__members__, "none"])


def pretrained(name: str, weights: WeightsEnum) -> nn.Module:
    """The network with weights of torchvision, from its cache or the network.

    Raises:
        ModelError: they could not be downloaded.
    """
    try:
        network: nn.Module = library().get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError
        raise ModelError(
            f"expected to download {weights.url} or to find it in {torch.hub.get_dir()}, got "
            f"{type(error).__name__}: {error}. Without a connection give a file: torchvision:{name}?weights=FILE"
        ) from error
    return network


def random_network(name: str, count: int) -> nn.Module:
    """The network for `count` channels with random weights, always the same; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = library().get_model(name, weights=None, weights_backbone=None, num_classes=count)
    return network


def _from_file(name: str, path: str, default: WeightsEnum) -> Built:
    """The network with the weights at `path`."""
    tensors = read_state_dict(path)
    count = _count_classes(name, path, tensors)
    aux = (
        {} if name.startswith("lraspp") else {"aux_loss": any(re.search(r"(^|\.)aux_classifier\.", n) for n in tensors)}
    )
    network = library().get_model(name, weights=None, weights_backbone=None, num_classes=count, **aux)
    load_state(network, tensors, path)
    return Built(_normalised(network), _classes(default, count))


def _count_classes(name: str, path: str, tensors: Mapping[str, Tensor]) -> int:
    """The number of classes of the state dict of a torchvision segmentation network."""
    # The last layer of every head: classifier.4 in FCN and DeepLabv3, the low and the high one in LR-ASPP.
    heads = [t for n, t in tensors.items() if re.search(r"(^|\.)classifier\.(4|low_classifier)\.weight$", n)]
    if not heads or heads[0].ndim != 4:
        raise CheckpointError(
            f"expected weights of {name} in {path}, got {len(tensors)} tensors without a last classifier layer "
            f"({', '.join(list(tensors)[:3])}, ...); these weights are another network's"
        )
    return int(heads[0].shape[0])


def _normalised(network: nn.Module, weights: WeightsEnum | None = None) -> Normalised:
    """`network` behind the normalisation its weights were trained with, ImageNet's where that is not known."""
    transforms = None if weights is None else weights.transforms()
    return Normalised(
        network.eval(), getattr(transforms, "mean", _IMAGENET_MEAN), getattr(transforms, "std", _IMAGENET_STD)
    )


def _classes(weights: WeightsEnum, count: int) -> tuple[str, ...] | None:
    """The class names that come with `weights`, if there are `count` of them."""
    categories = weights.meta["categories"]
    return tuple(c.strip("_") for c in categories) if len(categories) == count else None
