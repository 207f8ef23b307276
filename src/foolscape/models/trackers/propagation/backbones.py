"""What features labels are propagated over: networks of torchvision, timm and transformers, and users' own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.freezing import freeze
from foolscape.models.common.output import DOCS
from foolscape.models.common.wiring import AS_IT_IS, IMAGE_OPTIONS, WiredNetwork, wiring_of
from foolscape.models.probe.sizes import by_trying
from foolscape.models.probe.trials import Tried, probe_images
from foolscape.models.trackers.propagation.backbone_timm import of_timm
from foolscape.models.trackers.propagation.backbone_torchvision import of_torchvision
from foolscape.models.trackers.propagation.backbone_transformers import of_transformers
from foolscape.models.trackers.propagation.forms import FORMS
from foolscape.models.trackers.propagation.tracker import Backbone, Propagation
from foolscape.paths import with_home
from foolscape.spec import LIBRARIES, Spec
from foolscape.tasks.finite import check_finite

_SMALL, _PLACES = 128, 5
"""Side of the image, and places along each of its sides, that show which pixel a feature stands for."""


def backbone(spec: Spec, make: Callable[[Spec], object]) -> Backbone:
    """The backbone that `spec` names, without its `propagation:`; its options are `weights` and `layer`
    and, of a user's network and one of timm, those of `models.common.wiring` for images. `make` makes a user's network
    of a spec.

    Raises:
        UnknownNameError: no such network, weights or layer.
        SettingError: an option or a path does not fit.
        ModelError: it could not be made.
    """
    if spec.scheme == "torchvision":
        spec.only("weights", "layer")
        return of_torchvision(spec.rest, spec.options.get("weights"), spec.options.get("layer"))
    if spec.scheme == "timm":
        return of_timm(spec)
    if spec.scheme == "transformers":
        spec.only("layer")
        return of_transformers(with_home(spec.rest), spec.options.get("layer"))
    if not spec.scheme or spec.scheme in LIBRARIES:
        raise SettingError(f"expected a backbone behind propagation:, one of {', '.join(FORMS)}, got {spec.text!r}")
    wiring = wiring_of(spec.only("weights", *IMAGE_OPTIONS), *IMAGE_OPTIONS)
    model = make(spec)
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"expected {spec.text} to return a torch.nn.Module from RGB (N, 3, H, W) to features (N, C, h, w), got "
            f"{type(model).__name__}"
        )
    return Backbone(model if wiring == AS_IT_IS else WiredNetwork(model, wiring), wiring.notes)


def adapt_backbone(
    backbone: Backbone, settings: Propagation, *, image_size: tuple[int, int], device: torch.device | str = "cpu"
) -> Propagation:
    """`settings` with the module of `backbone`, which is frozen and moved to `device`, tried for the sizes it takes.

    Args:
        backbone: the backbone.
        settings: whose module is replaced.
        image_size: (H, W) of frames, if `settings` has no size of its own.
        device: where to run.

    Raises:
        ModelError: no size was accepted, or the output is no map of features.
    """
    freeze(backbone.module, torch.device(device))
    size = settings.size or image_size
    fitted = by_trying(backbone.module, size, torch.device(device), _read)
    check_finite(fitted.output)
    channels, height, width = fitted.output.shape[1:]
    padded = (size[0] + -size[0] % fitted.multiple, size[1] + -size[1] % fitted.multiple)
    # A small image does, but for a network that takes one size alone.
    side = _SMALL + -_SMALL % fitted.multiple
    shift = _shift(backbone.module, padded if fitted.only else (side, side), torch.device(device))
    notes = [
        *backbone.notes,
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
        module=backbone.module,
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
    size, cells_of = images.shape[2:], output.shape[2:]
    if min(cells_of) < 2:
        return Tried(error=ModelError(f"expected a map of features, got one of {cells_of[0]} x {cells_of[1]}"))
    # The same whole stride for both sides: cells are then where the pixels are that they stand for.
    whole = all(side % cells == 0 for side, cells in zip(size, cells_of, strict=True))
    return Tried(output, clean=whole and size[0] // cells_of[0] == size[1] // cells_of[1])
