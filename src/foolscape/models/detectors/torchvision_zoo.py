"""The detection networks of torchvision, by name, with its own weights, yours, or random ones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from torch import nn

from foolscape.errors import CheckpointError, unknown
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.segmenters.torchvision import Built, library, pretrained, random_network, weights_called

_CLASSES: Final = 91
"""COCO's category numbers and the background, as in all of torchvision's weights."""

_HEAD: Final = re.compile(r"(cls_score|cls_logits|classification_head\.module_list\.0(\.1)?)\.weight$")
"""The (first) last layer of every class head: its rows are the classes, times the anchors per place."""

_NO_EPS: Final = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "retinanet_resnet50_fpn")
"""Networks whose COCO_V1 weights were trained with batch norms of eps 0, which a weights file does not say."""


def names() -> tuple[str, ...]:
    """Every detection network of the installed torchvision but those for key points."""
    models = library().list_models(module=library().detection)
    return tuple(sorted(name for name in models if not name.startswith("keypoint")))


def is_of_torchvision(thing: object) -> bool:
    """Whether it is a detection network of torchvision, as a file of yours may make one with classes of its own.

    Decided by the names of its types, so that torchvision need not be imported, nor be whole, for other networks.
    """
    kinds = {(kind.__module__.rpartition(".")[0], kind.__name__) for kind in type(thing).__mro__}
    return any(("torchvision.models.detection", name) in kinds for name in ("FasterRCNN", "RetinaNet", "FCOS", "SSD"))


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
    categories = tuple(library().get_model_weights(name).DEFAULT.meta["categories"])
    chosen = weights_called(name, weights)
    if chosen is None:
        return Built(random_network(name, _CLASSES), categories, ("random weights, seed 0",))
    if not isinstance(chosen, str):
        return Built(pretrained(name, chosen), categories)
    network, count = _from_file(name, chosen)
    return Built(network, categories if count == len(categories) else None)


def _from_file(name: str, path: str) -> tuple[nn.Module, int]:
    """The network with the weights at `path`, and its number of class channels."""
    tensors = read_state_dict(path)
    network = random_network(name, _CLASSES)
    head = next(key for key in network.state_dict() if _HEAD.search(key))
    per_class, rest = divmod(network.state_dict()[head].shape[0], _CLASSES)
    assert rest == 0
    rows = next((value.shape[0] for key, value in tensors.items() if f".{key}".endswith(f".{head}")), 1)
    if rows % per_class:
        raise CheckpointError(
            f"expected weights of {name} in {path}, got {len(tensors)} tensors without its class head {head} "
            f"({', '.join(list(tensors)[:3])}, ...); these weights are another network's"
        )
    count = rows // per_class
    if count != _CLASSES:
        network = random_network(name, count)
    load_state(network, tensors, path)
    if name in _NO_EPS and Path(path).name == Path(library().get_model_weights(name).COCO_V1.url).name:
        _set_eps(network, 0.0)
    return network, count


def _set_eps(network: nn.Module, eps: float) -> None:
    """Let all batch norms of `network` add `eps` to the variance."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = eps
