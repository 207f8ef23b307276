"""Stages of the networks of timm as backbones for label propagation. Nothing is ever downloaded."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from foolscape.errors import ModelError, SettingError, UnknownNameError, unknown
from foolscape.extras import installed
from foolscape.models.common.checkpoint import load_state, read_state_dict
from foolscape.models.common.wiring import IMAGE_OPTIONS, WiredNetwork, wiring_of
from foolscape.models.trackers.propagation.tracker import Backbone
from foolscape.paths import path_of
from foolscape.regular import read_text
from foolscape.spec import Spec

_STRIDE: Final = 8
_COARSEST: Final = 16
"""The stride of the stage that is taken where none is named, and the coarsest that is taken without being asked for."""

_NORMALISES: Final = ("mean", "std", "normalise", "range")
"""Options in whose place timm's own normalisation stands."""


@dataclass(frozen=True)
class _Named:
    """A network of timm as it was named.

    Attributes:
        architecture: its name in timm, with the tag of its pretrained weights or without.
        weights: the file of its weights; None: random ones from seed 0.
        settings: what its folder says of its weights, such as mean and std, beside what timm knows of them.
        arguments: of its architecture, as its folder has them.
    """

    architecture: str
    weights: Path | str | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)


class _Stage(nn.Module):
    """A network of timm up to one of its stages."""

    def __init__(self, network: nn.Module, index: int, *, last: bool) -> None:
        super().__init__()
        self.network: Any = network
        self.index = index
        self.last = last

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> (N, C, h, w), behind the last normalisation where it is the last stage."""
        features: Callable[..., Sequence[Tensor]] = self.network.forward_intermediates
        found = features(images, indices=[self.index], norm=self.last, output_fmt="NCHW", intermediates_only=True)
        return found[0]


def of_timm(spec: Spec) -> Backbone:
    """A stage of a network of timm, with weights from a file.

    Args:
        spec: timm:NAME?weights=FILE (or none: random ones), or timm:FOLDER, one that timm saved or the hub holds;
            `layer` is a stage as timm calls it (None: the last with a stride of 8, else with one of up to 16), and the
            options of `models.common.wiring` for images replace the normalisation that timm knows.

    Raises:
        UnknownNameError: no such network or stage.
        SettingError: there are no weights.
        CheckpointError: the weights are another network's; the head alone may differ.
        ModelError: the network has no stages, or cannot be made.
        MissingExtraError: timm is not installed.
    """
    wiring = wiring_of(spec.only("weights", "layer", *IMAGE_OPTIONS), *IMAGE_OPTIONS)
    named = _named(spec)
    network = _network(named)
    if named.weights is not None:
        _fill(network, named.weights)
    stages = [(str(one["module"]), int(one["reduction"])) for one in _stages(network)]
    index = _chosen(named.architecture, stages, spec.options.get("layer"))
    known = _settings(network)
    if not any(name in spec.options for name in _NORMALISES) and {"mean", "std"} <= known.keys():
        wiring = replace(wiring, mean=tuple(map(float, known["mean"])), std=tuple(map(float, known["std"])))
    last = index == len(stages) - 1
    prune: Any = getattr(network, "prune_intermediate_layers", None)
    if prune is not None:  # else what stands behind the stage is run for nothing
        prune([index], prune_norm=not last)
    notes = (
        f"features of the stage {stages[index][0]} of timm's {named.architecture}",
        *(("random weights from seed 0",) if named.weights is None else ()),
        *wiring.notes,
    )
    return Backbone(WiredNetwork(_Stage(network, index, last=last), wiring), notes)


def _named(spec: Spec) -> _Named:
    if not spec.rest:
        raise SettingError(
            "expected a network or a folder behind timm:, such as timm:resnet18?weights=FILE, got nothing"
        )
    weights = spec.options.get("weights")
    folder = path_of(spec.rest)
    if not folder.is_dir():
        if weights is None:
            raise SettingError(
                f"weights: expected a file for timm's {spec.rest}, since none are downloaded, got nothing: add "
                "?weights=FILE, or weights=none for random ones"
            )
        return _Named(spec.rest, None if weights == "none" else weights)
    said = _read(folder)
    files = [folder / name for name in ("model.safetensors", "pytorch_model.bin") if (folder / name).is_file()]
    if weights is None and not files:
        raise SettingError(
            f"expected model.safetensors or pytorch_model.bin in {folder}, got neither; give ?weights=FILE"
        )
    chosen = None if weights == "none" else weights or files[0]
    return _Named(said["architecture"], chosen, said.get("pretrained_cfg") or {}, said.get("model_args") or {})


def _read(folder: Path) -> Mapping[str, Any]:
    """What timm wrote into the config.json of a `folder`."""
    try:
        said = json.loads(read_text(folder / "config.json"))
    except (OSError, ValueError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("architecture"), str):
        raise SettingError(
            f"expected a folder that timm saved, with an architecture in its config.json, got {folder}; a network of "
            f"transformers is named propagation:transformers:{folder}"
        )
    for name in ("pretrained_cfg", "model_args"):
        if not isinstance(said.get(name) or {}, dict):
            raise SettingError(f"{name}: expected an object in the config.json of {folder}, got {said[name]!r}")
    for name in ("mean", "std"):
        values = (said.get("pretrained_cfg") or {}).get(name, (1, 1, 1))
        if not _are_three(values) or (name == "std" and min(values) <= 0):
            above = " above 0" if name == "std" else ""
            raise SettingError(
                f"{name}: expected three numbers{above} in pretrained_cfg of the config.json of {folder}, got {values}"
            )
    return said


def _are_three(values: object) -> bool:
    """Whether `values` are three finite numbers, for red, green and blue."""
    return (
        isinstance(values, list | tuple)
        and len(values) == 3
        and all(isinstance(one, int | float) and math.isfinite(one) for one in values)
    )


def _network(named: _Named) -> nn.Module:
    """The network, its weights drawn from seed 0, for images of any size where it can be."""
    timm = _library()
    _check_name(timm, named.architecture)

    def make(**more: Any) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            made: nn.Module = timm.create_model(
                named.architecture, pretrained=False, **{**named.arguments, "num_classes": 0, **more}
            )
        # With the network, so that it is part of a model's identity.
        made.pretrained_cfg = {**_settings(made), **named.settings}  # type: ignore[assignment]
        return made.eval()

    try:
        return make(dynamic_img_size=True)
    except Exception:  # an architecture without that option may raise anything for it
        return _made(make, named.architecture)


def _made(make: Callable[[], nn.Module], name: str) -> nn.Module:
    try:
        return make()
    except Exception as error:  # as above, for arguments of a folder
        raise ModelError(f"expected timm to make {name}, got {type(error).__name__}: {error}") from error


def _library() -> Any:
    with installed("timm", "networks of timm"):
        import timm
    return timm


def _check_name(timm: Any, name: str) -> None:
    """`UnknownNameError` for what is no architecture of `timm`, or no tag of its weights."""
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        names = timm.list_models()
        if not difflib.get_close_matches(architecture, names):
            raise UnknownNameError(
                f"unknown network of timm {architecture!r}; timm.list_models() has the names of all {len(names)}, such "
                "as resnet50 and vit_small_patch16_224"
            )
        raise unknown("network of timm", architecture, names)
    if tag and name not in (tags := timm.list_models(architecture, include_tags=True)):
        raise unknown(f"weights of timm's {architecture}", name, tags)


def _settings(network: nn.Module) -> Mapping[str, Any]:
    """What timm knows of the weights of a network: mean, std, the name of the classifier, .."""
    known: Any = getattr(network, "pretrained_cfg", None)
    return known or {}


def _fill(network: nn.Module, path: Path | str) -> None:
    """Load the weights at `path`, of which the classifier is left out."""
    named = _settings(network).get("classifier") or ()
    heads = tuple(f"{name}." for name in ((named,) if isinstance(named, str) else named))
    own = network.state_dict()
    tensors = read_state_dict(path)
    kept = {name: value for name, value in tensors.items() if name in own or not (heads and name.startswith(heads))}
    load_state(network, kept, str(path))


def _stages(network: nn.Module) -> Sequence[Mapping[str, Any]]:
    """What timm says of the stages whose features it hands out."""
    stages: Any = getattr(network, "feature_info", None)
    if not stages or not hasattr(network, "forward_intermediates"):
        raise ModelError(
            f"expected a network of timm that hands out its features (forward_intermediates), got "
            f"{type(network).__name__}; take another, or a newer timm"
        )
    return list(stages)


def _chosen(name: str, stages: Sequence[tuple[str, int]], wanted: str | None) -> int:
    """Which of the `stages`, each a name and a stride."""
    if wanted is not None:
        called = [stage for stage, _ in stages]
        if wanted not in called:
            raise unknown(f"stage of timm's {name}", wanted, called)
        return called.index(wanted)
    for strides in ((_STRIDE,), range(_STRIDE, _COARSEST + 1)):
        if found := [index for index, (_, stride) in enumerate(stages) if stride in strides]:
            return found[-1]
    raise ModelError(
        f"expected a stage of timm's {name} with a stride of {_STRIDE} to {_COARSEST}, got "
        f"{', '.join(f'{stage} ({stride})' for stage, stride in stages)}; name one: ?layer=NAME"
    )
