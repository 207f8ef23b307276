"""Layers of the networks of torchvision as backbones for label propagation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError, unknown
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.common.huggingface import MEAN, STD
from foolscape.models.segmenters.torchvision import Normalised, library, weights_called
from foolscape.models.trackers.propagation.tracker import Backbone

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

_PROBE: Final = 224
"""Side of the image that shows the strides of a network's layers; vision transformers take no other."""

_STRIDES: Final = (8, 16)
"""Strides a layer may have to be chosen, best first."""


class _Layer(nn.Module):
    """One layer of a network of torchvision, its channels first."""

    def __init__(self, network: nn.Module, *, channels_last: bool) -> None:
        super().__init__()
        self.network = network
        self.channels_last = channels_last

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Normalised images (N, 3, H, W) -> {"out": (N, C, h, w)}."""
        out: Tensor = self.network(images)["out"]
        return {"out": out.permute(0, 3, 1, 2) if self.channels_last else out}


def of_torchvision(name: str, weights: str | None = None, layer: str | None = None) -> Backbone:
    """A layer of a classification or segmentation network of torchvision.

    Args:
        name: of the network.
        weights: as for `torchvision:NAME`; of a file only what the layer needs is read, so the head may differ or
            be missing.
        layer: the name of a module in it; None: the last one with a stride of 8, else of 16 (in a segmentation
            network: the last of its backbone with either).

    Raises:
        UnknownNameError: no such network, weights or layer.
        ModelError: they could not be downloaded, or no layer has such a stride.
        CheckpointError: the weights at a path are another network's.
    """
    models = library()
    dense = models.list_models(module=models.segmentation)
    names = [*models.list_models(module=models), *dense]
    if name not in names:
        raise unknown("network of torchvision (classification or segmentation)", name, names)
    chosen = weights_called(name, weights)
    network = _network(name, chosen, segments=name in dense)
    where, channels_last = _layer(network, layer, "backbone." if name in dense else "")
    part = _cut(network, where)
    if isinstance(chosen, str):
        _fill(part, chosen)
    transforms: Any = None if chosen is None or isinstance(chosen, str) else chosen.transforms()
    mean, std = getattr(transforms, "mean", MEAN), getattr(transforms, "std", STD)
    module = Normalised(_Layer(part, channels_last=channels_last), mean, std)
    notes = (f"features of the layer {where}",)
    return Backbone(module, notes if chosen is not None else (*notes, "random weights from seed 0"))


def _network(name: str, weights: WeightsEnum | str | None, *, segments: bool) -> nn.Module:
    """The network with weights of torchvision, or random ones from seed 0; the global random state stays as it is."""
    more: dict[str, Any] = {"weights_backbone": None} if segments else {}
    if name in ("googlenet", "inception_v3"):
        more |= {"init_weights": True}  # without it they warn
    models = library()
    if weights is None or isinstance(weights, str):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return models.get_model(name, weights=None, **more).eval()  # type: ignore[no-any-return]
    try:
        return models.get_model(name, weights=weights).eval()  # type: ignore[no-any-return]
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a wrong hash is a RuntimeError
        raise ModelError(
            f"expected to download {weights.url} or to find it in {torch.hub.get_dir()}, got {type(error).__name__}: "
            f"{error}. Without a connection give a file: propagation:torchvision:{name}?weights=FILE"
        ) from error


@torch.no_grad()
def _layer(network: nn.Module, wanted: str | None, within: str) -> tuple[str, bool]:
    """The name of a layer and whether its channels are last."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(_module: nn.Module, _given: object, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4:
                shapes[name] = tuple(output.shape)

        return hook

    handles = [part.register_forward_hook(note(name)) for name, part in network.named_modules() if name]
    try:
        network(torch.zeros(1, 3, _PROBE, _PROBE))
    finally:
        for handle in handles:
            handle.remove()
    if wanted is not None:
        if wanted not in shapes:
            raise unknown(f"layer of {type(network).__name__} with maps of features", wanted, shapes)
        return wanted, _stride(shapes[wanted])[1]
    outer = [name for name in shapes if name.startswith(within) and name.count(".") - within.count(".") <= 1]
    # What a backbone hands to a segmentation head is good for pixels as it is.
    for strides in (_STRIDES,) if within else ((one,) for one in _STRIDES):
        for name in reversed(outer):
            stride, channels_last = _stride(shapes[name])
            if stride in strides:
                return name, channels_last
    raise ModelError(
        f"expected a layer of {type(network).__name__} with maps of stride 8 or 16, got none; name one: ?layer=NAME. "
        "Vision transformers are taken from transformers:..."
    )


def _stride(shape: tuple[int, ...]) -> tuple[int, bool]:
    """The stride of a layer whose output for an image of _PROBE has this shape, and whether its channels are last."""
    for channels_last, sides in ((False, shape[2:]), (True, shape[1:3])):
        if sides[0] == sides[1] and sides[0] > 1 and _PROBE // sides[0] in (1, 2, 4, 8, 16, 32):
            return _PROBE // sides[0], channels_last
    return 0, False


def _cut(network: nn.Module, layer: str) -> nn.Module:
    """`network` up to `layer`, under the names that its parameters have."""
    from torchvision.models.feature_extraction import create_feature_extractor

    try:
        part: nn.Module = create_feature_extractor(network, {layer: "out"})
    except Exception as error:  # tracing raises anything
        raise ModelError(
            f"expected {type(network).__name__} to be cut behind {layer}, got {type(error).__name__}: {error}; name "
            "another layer: ?layer=NAME"
        ) from error
    return part


def _fill(part: nn.Module, path: str) -> None:
    """Load from the file at `path` what `part` of a network has; the rest, such as another head, is ignored."""
    tensors: Mapping[str, Tensor] = read_state_dict(path)
    own = part.state_dict()
    load_state(part, {name: value for name, value in tensors.items() if name in own}, path)
