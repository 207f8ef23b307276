"""From the name of a model to a tracker that is ready to be attacked."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import nn

from foolscape.errors import ModelError, SettingError, unknown
from foolscape.models.bundled import load as bundled
from foolscape.models.common.checkpoint import weights_sha256
from foolscape.models.common.freezing import freeze
from foolscape.models.common.identity import identity_of
from foolscape.models.common.wiring import IMAGE_OPTIONS, wiring_of
from foolscape.models.common.wrappers import modules_of
from foolscape.models.segmenters.load import Listed, Loaded, resolve, slug_of
from foolscape.models.trackers import huggingface as hub
from foolscape.models.trackers import sam2, user
from foolscape.models.trackers.propagation import backbones
from foolscape.models.trackers.propagation.tracker import Propagation
from foolscape.models.trackers.stcn.tracker import Stcn, load_stcn
from foolscape.paths import with_home
from foolscape.spec import Spec, parse
from foolscape.tasks.video import Follower, Tracker

_T = TypeVar("_T")

PROPAGATION: Final = "propagation:"
"""What a backbone's spec is put behind."""

_SIZE: Final = (240, 432)
"""(H, W) of the frames that a network is tried with where nobody says which it will see."""


def load_tracker(
    text: str, *, image_size: tuple[int, int] = _SIZE, device: torch.device | str = "cpu"
) -> Loaded[Tracker]:
    """The tracker that the spec `text` names.

    Args:
        text: one of
            stcn:FILE?mem_every=5&top_k=20&include_last=0&shorter_side=480&checkpointed=0;
            propagation:BACKBONE?top_k=10&tau=0.05&radius=6&recent=5&everywhere=1&stretch=1&size=HxW&layer=..&weights=..;
            transformers:ID or transformers:FOLDER, for SAM 2 and EdgeTAM, with ?weights=none for random ones;
            bundled:NAME; path/to/file.py:factory, package.module:factory or a plug-in, with ?weights=FILE, and how it
            wants its frames (`models.common.wiring`), which goes for such a BACKBONE, too.
        image_size: (H, W) of the frames it will see.
        device: where to run.

    Raises:
        UnknownNameError: no such model or option.
        SettingError: an option or a path does not fit.
        ModelError: the model could not be made, or does not keep to the protocol.
    """
    spec = parse(text)
    tracker = _tracker(spec, image_size, torch.device(device))
    modules = modules_of(tracker)
    # The name of a checkpoint tells more than its folders.
    short = replace(spec, rest=Path(spec.rest).name) if spec.scheme == "stcn" else spec
    sha256 = weights_sha256(*modules) if modules else None
    return Loaded(text, slug_of(short), tracker, sha256, identity_of(spec, tracker))


def is_tracker(spec: Spec) -> bool | None:
    """Whether `spec` names a tracker; None where only what its factory returns can tell, see `tracks`.

    A network of transformers tells by its configuration, if that is in a folder or in the cache already.
    """
    if spec.scheme == "stcn" or _of_backbone(spec):
        return True
    if spec.scheme == "bundled":
        return spec.rest in tracker_names()
    if spec.scheme == "transformers":
        kind = hub.model_type(with_home(spec.rest))
        return None if kind is None else kind in sam2.FAMILIES
    return False if spec.scheme == "torchvision" else None


def tracks(made: object) -> bool:
    """Whether what a factory returned says that it is a tracker: by a method `propagate`."""
    return isinstance(made, Follower)


def tracker_names() -> tuple[str, ...]:
    """The bundled trackers."""
    return tuple(getattr(bundled, "TRACKER_NAMES", ()))


def list_trackers() -> tuple[Listed, ...]:
    """Every tracker that can be named without a path of one's own code."""
    bundles = (Listed(f"bundled:{name}", "comes with foolscape, no download") for name in tracker_names())
    return (
        *bundles,
        Listed("stcn:FILE", "STCN with a checkpoint of its authors"),
        Listed("propagation:BACKBONE", f"label propagation over features; {', '.join(backbones.FORMS)}"),
        Listed("transformers:ID|FOLDER", f"a tracker of the Hugging Face hub or a folder: {', '.join(sam2.FAMILIES)}"),
    )


def _of_backbone(spec: Spec) -> bool:
    return spec.scheme == "propagation"


def _tracker(spec: Spec, image_size: tuple[int, int], device: torch.device) -> Tracker:
    if _of_backbone(spec):
        return _propagation(spec, image_size, device)
    if spec.scheme == "stcn":
        return _stcn(spec, device)
    if spec.scheme == "transformers":
        spec.only("weights")
        return _sam2(spec, device)
    if spec.scheme == "bundled":
        return _bundled(spec.only(), device)
    made: object = resolve(spec, ())
    if isinstance(made, nn.Module) or tracks(made):
        tracker = user.adapt(made, image_size=image_size, device=device)
        wiring = wiring_of(spec, *IMAGE_OPTIONS)
        return replace(tracker, wiring=wiring, notes=(*tracker.notes, *wiring.notes))
    raise ModelError(
        f"expected {spec.text} to return a tracker, a torch.nn.Module or an object with a method propagate(frames, "
        f"first_mask), got {type(made).__name__}"
    )


def _sam2(spec: Spec, device: torch.device) -> Tracker:
    name = with_home(spec.rest)
    return sam2.adapt(sam2.load(name, spec.options.get("weights")), name=name, device=device)


def _bundled(spec: Spec, device: torch.device) -> Tracker:
    if spec.rest not in tracker_names():
        raise unknown("bundled tracker", spec.rest, tracker_names())
    made: Any = bundled
    tracker: Tracker = made.bundled_tracker(spec.rest)
    for module in modules_of(tracker):
        freeze(module, device)
    return tracker


def _stcn(spec: Spec, device: torch.device) -> Stcn:
    spec.only("mem_every", "top_k", "include_last", "shorter_side", "checkpointed")
    if not spec.rest:
        raise SettingError(f"expected the file of a checkpoint behind stcn:, got {spec.text!r}")
    settings = {
        **_read(spec, _whole, "mem_every", "top_k", "shorter_side"),
        **_read(spec, _switch, "include_last", "checkpointed"),
    }
    replace(Stcn(nn.Module()), **settings)  # type: ignore[arg-type]  # settings first: the file is large
    return replace(load_stcn(spec.rest, device), **settings)


def _propagation(spec: Spec, image_size: tuple[int, int], device: torch.device) -> Propagation:
    spec.only("top_k", "tau", "radius", "recent", "everywhere", "stretch", "size", "layer", "weights", *IMAGE_OPTIONS)
    settings = {
        **_read(spec, _whole, "top_k", "radius", "recent"),
        **_read(spec, _number, "tau"),
        **_read(spec, _switch, "everywhere", "stretch"),
        **_read(spec, _size, "size"),
    }
    wanted = Propagation(nn.Identity(), **settings)
    options = {name: value for name, value in spec.options.items() if name in ("layer", "weights", *IMAGE_OPTIONS)}
    named = replace(parse(spec.text.removeprefix(PROPAGATION)), options=options)
    found = backbones.backbone(named)
    return backbones.adapt(found, wanted, image_size=image_size, device=device)


def _read(spec: Spec, read: Callable[[str, str], _T], *names: str) -> dict[str, Any]:
    """Those of the options `names` that are given, as values."""
    return {name: read(name, spec.options[name]) for name in names if name in spec.options}


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{name}: expected a whole number, got {text!r}") from None


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingError(f"{name}: expected a number, got {text!r}") from None


def _switch(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise SettingError(f"{name}: expected 0 or 1, got {text!r}")
    return text == "1"


def _size(name: str, text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)x(\d+)", text)
    if found is None:
        raise SettingError(f"{name}: expected HEIGHTxWIDTH such as 240x432, got {text!r}")
    return int(found[1]), int(found[2])
