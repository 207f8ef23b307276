"""The detection networks of torchvision, by name, with its own weights, yours, or random ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from foolscape.errors import CheckpointError, ModelError, unknown
from foolscape.models.checkpoint import load_state, read_state_dict
from foolscape.models.torchvision import Built

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_CLASSES: Final = 91
"""COCO's category numbers and the background, as in all of torchvision's weights."""

_HEAD: Final = re.compile(r"(cls_score|cls_logits|classification_head\.module_list\.0(\.1)?)\.weight$")
"""The (first) last layer of every class head: its rows are the classes, times the anchors per place."""

_NO_EPS: Final = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Networks whose COCO_V1 weights were trained with batch norms of eps 0, which a weights file does not say."""


def names() -> tuple[str, ...]:
    """Every detection network of the installed torchvision but those for key points."""
    found = library().list_models(module=library().detection)
    return tuple(sorted(name for name in found if not name.startswith("keypoint")))


def build(name: str, weights: str | None = None) -> Built:
    """The torchvision network `name`, with the names of its class channels, the background's among them.

    Args:
        name: as in `names()`.
        weights: None: torchvision's default, downloaded if need be; the name of other weights of torchvision; a .pth or
            .safetensors file, which also sets the number of classes; "none": random ones from seed 0.

    Raises:
        UnknownNameError: no such network or weights.
        CheckpointError: the file is unreadable or another network's.
        ModelError: torchvision is not installed, or its weights could not be downloaded.
    """
    if name not in names():
        raise unknown("torchvision detection network", name, names())
    enum = library().get_model_weights(name)
    categories = tuple(enum.DEFAULT.meta["categories"])
    if weights == "none":
        return Built(_random(name), categories, ("random weights, seed 0",))
    if weights is None or weights in enum.__members__:
        return Built(_pretrained(name, enum.DEFAULT if weights is None else enum[weights]), categories)
    if Path(weights).is_file() or Path(weights).suffix:
        network, count = _from_file(name, weights)
        return Built(network, categories if count == len(categories) else None)
    raise unknown(f"weights of {name} (a name of torchvision, a file or none)", weights, [*enum.__members__, "none"])


def library() -> Any:
    """`torchvision.models`; imported here because it takes a second."""
    try:
        import torchvision.models.detection
    except (ImportError, RuntimeError) as error:  # RuntimeError: built for another torch
        raise ModelError(
            f"expected a torchvision that fits torch {torch.__version__}, got {type(error).__name__}: {error}; install "
            "both together: pip install -U torch torchvision"
        ) from error
    return torchvision.models


def _pretrained(name: str, weights: WeightsEnum) -> nn.Module:
    """The network with weights of torchvision, from its cache or the network."""
    try:
        network: nn.Module = library().get_model(name, weights=weights)
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError
        raise ModelError(
            f"expected to download {weights.url} or to find it in {torch.hub.get_dir()}, got "
            f"{type(error).__name__}: {error}. Without a connection give a file: torchvision:{name}?weights=FILE"
        ) from error
    return network


def _random(name: str, count: int = _CLASSES) -> nn.Module:
    """The network with random weights, the same at every call; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network: nn.Module = library().get_model(name, weights=None, weights_backbone=None, num_classes=count)
    return network


def _from_file(name: str, path: str) -> tuple[nn.Module, int]:
    """The network with the weights at `path`, and its number of class channels."""
    tensors = read_state_dict(path)
    network = _random(name)
    head = next(key for key in network.state_dict() if _HEAD.search(key))
    per_class, rest = divmod(network.state_dict()[head].shape[0], _CLASSES)
    assert rest == 0
    if head not in tensors or tensors[head].shape[0] % per_class:
        raise CheckpointError(
            f"expected weights of {name} in {path}, got {len(tensors)} tensors without its class head {head} "
            f"({', '.join(list(tensors)[:3])}, ...); these weights are another network's"
        )
    count = tensors[head].shape[0] // per_class
    if count != _CLASSES:
        network = _random(name, count)
    load_state(network, tensors, path)
    if name in _NO_EPS and Path(path).name == Path(library().get_model_weights(name).COCO_V1.url).name:
        _set_eps(network, 0.0)
    return network, count


def _set_eps(network: nn.Module, eps: float) -> None:
    """Let all batch norms of `network` add `eps` to the variance."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
