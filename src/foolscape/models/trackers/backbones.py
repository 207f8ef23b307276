"""What features labels are propagated over: networks of torchvision and transformers, and users' own."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import CheckpointError, ModelError, SettingError, unknown
from foolscape.models.checkpoint import load_state, read_state_dict
from foolscape.models.load import resolve
from foolscape.models.output import DOCS, check_finite
from foolscape.models.torchvision import Normalised, library, weights_called
from foolscape.models.trackers.hub import MEAN, STD, hub, normalisation, pretrained_error
from foolscape.models.trackers.propagation import Propagation
from foolscape.models.trying import Tried, by_trying, probe_images
from foolscape.models.wrappers import freeze
from foolscape.spec import Spec

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

FORMS: Final = ("torchvision:NAME", "transformers:ID", "transformers:FOLDER", "path/to/file.py:factory")
"""What may stand behind `propagation:`."""

_PROBE: Final = 224
"""Side of the image that shows the strides of a network's layers; vision transformers take no other."""

_SMALL, _PLACES = 128, 5
"""Side of the image, and places along each of its sides, that show which pixel a feature stands for."""

_STRIDES: Final = (8, 16)
"""Strides a layer may have to be chosen, best first."""


@dataclass(frozen=True)
class Backbone:
    """A network from RGB (N, 3, H, W) in [0, 1] to features (N, C, h, w), and remarks on it."""

    module: nn.Module
    notes: tuple[str, ...] = ()


def backbone(spec: Spec, known: Callable[[], Any]) -> Backbone:
    """The backbone that `spec` names, without its `propagation:`; its options are `weights` and `layer` alone.

    Raises:
        UnknownNameError: no such network, weights or layer.
        SettingError: an option or a path does not fit.
        ModelError: it could not be made.
    """
    if spec.scheme == "torchvision":
        return of_torchvision(spec.rest, spec.options.get("weights"), spec.options.get("layer"))
    if spec.scheme == "transformers":
        spec.only("layer")
        return of_transformers(spec.rest, spec.options.get("layer"))
    if not spec.scheme:
        raise SettingError(f"expected a backbone behind propagation:, one of {', '.join(FORMS)}, got {spec.rest!r}")
    made = resolve(spec.only("weights"), (), known)
    if not isinstance(made, nn.Module):
        raise ModelError(
            f"expected {spec.text} to return a torch.nn.Module from RGB (N, 3, H, W) to features (N, C, h, w), got "
            f"{type(made).__name__}"
        )
    return Backbone(made)


def adapt(
    found: Backbone, settings: Propagation, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> Propagation:
    """`settings` with the module of `found`, which is frozen and moved to `device`, tried for the sizes it takes.

    Args:
        found: the backbone.
        settings: whose module is replaced.
        image_size: (H, W) of frames, if `settings` has no size of its own.
        device: where to run.

    Raises:
        ModelError: no size was accepted, or the output is no map of features.
    """
    freeze(found.module, torch.device(device))
    size = settings.size or image_size
    fitted = by_trying(found.module, size, torch.device(device), _read)
    check_finite(fitted.found)
    channels, height, width = fitted.found.shape[1:]
    padded = (size[0] + -size[0] % fitted.multiple, size[1] + -size[1] % fitted.multiple)
    # A small image does, but for a network that takes one size alone.
    side = _SMALL + -_SMALL % fitted.multiple
    shift = _shift(found.module, padded if fitted.only else (side, side), torch.device(device))
    notes = [
        *found.notes,
        f"labels are propagated on {channels} features at {height} x {width} for {size[0]} x {size[1]}",
    ]
    if settings.size is not None:
        notes.append(f"frames are resized inside to {size[0]} x {size[1]}")
    if fitted.multiple > 1:
        notes.append(f"image sides are padded to be divisible by {fitted.multiple}")
    if fitted.only:
        notes.append(f"the backbone takes no other image size than {size[0]} x {size[1]}")
    return replace(
        settings,
        module=found.module,
        multiple=fitted.multiple,
        shift=shift,
        notes=tuple(notes),
        only_size=size if fitted.only else None,
    )


def _shift(module: nn.Module, size: tuple[int, int], device: torch.device) -> int:
    """How far the middle of what a feature stands for lies above and left of the middle of its cell, in pixels.

    Where every stride is that of a convolution of odd kernel, cell i stands for pixel s * i; in a network of patches
    or pooling for the middle of its s pixels, s * i + (s - 1) / 2. Which it is shows in where features in the middle
    of an image have their gradients. Half a cell is 1.5 points of J with ESPNetv2 on eight clips of DAVIS 2016.

    Args:
        module: the backbone, frozen.
        size: (H, W) of an image that it takes as it is.
        device: where it is.
    """
    coarse = probe_images((max(1, size[0] // 8), max(1, size[1] // 8)), device)
    images = functional.interpolate(coarse, size, mode="bilinear", align_corners=False).requires_grad_()
    with torch.enable_grad():
        maps = module(images)[0]
        if not maps.requires_grad:  # the check of the gradient says so more clearly
            return 0
        stride = size[0] / maps.shape[1]
        generator = torch.Generator().manual_seed(0)
        weights = torch.randn((len(maps), _PLACES**2), generator=generator).to(maps)
        places = [[round(side * (0.3 + 0.4 * n / (_PLACES - 1))) for n in range(_PLACES)] for side in maps.shape[1:]]
        behind: list[float] = []
        for n, (row, column) in enumerate(itertools.product(*places)):
            chosen = (maps[:, row, column] * weights[:, n]).sum()
            energy = torch.autograd.grad(chosen, images, retain_graph=True)[0][0].square().sum(dim=0)
            if bool(energy.any()):
                behind += [
                    middle - stride * place for middle, place in zip(_middle(energy), (row, column), strict=True)
                ]
    half = (stride - 1) / 2
    return int(half) if behind and abs(median(behind)) < abs(median(behind) - half) else 0


def _middle(energy: Tensor) -> tuple[float, float]:
    """The centre of mass (row, column) of a map (H, W)."""
    rows, columns = (torch.arange(side).to(energy) for side in energy.shape)
    total = energy.sum()
    return float((energy.sum(dim=1) * rows).sum() / total), float((energy.sum(dim=0) * columns).sum() / total)


def _read(output: object, images: Tensor) -> Tried[Tensor]:
    """The features in what a backbone returned for `images`."""
    if not isinstance(output, Tensor) or not output.is_floating_point() or output.ndim != 4:
        got = f"{tuple(output.shape)} of {output.dtype}" if isinstance(output, Tensor) else type(output).__name__
        raise ModelError(
            f"expected the backbone to return features (N, C, h, w), floats, for images (N, 3, H, W), got {got}: {DOCS}"
        )
    size, given = images.shape[2:], output.shape[2:]
    if min(given) < 2:
        return Tried(error=ModelError(f"expected a map of features, got one of {given[0]} x {given[1]}"))
    # The same whole stride for both sides: cells are then where the pixels are that they stand for.
    whole = all(side % cells == 0 for side, cells in zip(size, given, strict=True))
    return Tried(output, clean=whole and size[0] // given[0] == size[1] // given[1])


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
        weights: as for `torchvision:NAME`; of a file only what the layer needs is looked at, so the head may differ or
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
            found, channels_last = _stride(shapes[name])
            if found in strides:
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
    """Load from the file at `path` what `part` of a network has; the rest, such as another head, is not looked at."""
    tensors: Mapping[str, Tensor] = read_state_dict(path)
    own = part.state_dict()
    load_state(part, {name: value for name, value in tensors.items() if name in own}, path)


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
        given = (images - self.get_buffer("mean")) / self.get_buffer("std")
        if self.layer is None:
            states = self.network(pixel_values=given, **self.more).last_hidden_state
        else:
            states = self.network(pixel_values=given, output_hidden_states=True, **self.more).hidden_states[self.layer]
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
        network, info = transformers.AutoModel.from_pretrained(
            name, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # transformers raises OSError, ValueError, ImportError and more
        raise pretrained_error(name, "a vision model (config.json, model.safetensors)", error) from error
    # The pooler stands behind the features, and is not part of every checkpoint.
    lost = sorted(n for n in map(str, [*info["missing_keys"], *info["mismatched_keys"]]) if "pooler" not in n)
    if lost:
        raise CheckpointError(
            f"expected all weights of {type(network).__name__} in {name}, got none for {len(lost)} "
            f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}); these weights are another network's"
        )
    count = int(getattr(network.config, "num_hidden_layers", 0))
    if number is not None and count and not -count - 1 <= number <= count:
        raise SettingError(f"layer: expected a number from {-count - 1} to {count} for {name}, got {number}")
    mean, std = normalisation(name)
    return Backbone(_Tokens(network, number, mean, std))
