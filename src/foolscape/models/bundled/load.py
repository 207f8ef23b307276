"""Five trained networks that come with the package: enough to try an attack without a download."""

from importlib import resources
from typing import Any

from safetensors.torch import load_file
from torch import nn

from foolscape.models.bundled.detector import ScenesDet
from foolscape.models.bundled.segmenters import ScenesDilated, ScenesUNet
from foolscape.models.bundled.tracker import ScenesTracker
from foolscape.models.trackers.stcn.tracker import Stcn

_SEGMENTERS: dict[str, type[nn.Module]] = {
    "scenes-unet": ScenesUNet,
    "scenes-dilated": ScenesDilated,
    "scenes-robust": ScenesUNet,  # hardened by tools/train_robust.py
}
_DETECTORS: dict[str, type[nn.Module]] = {"scenes-detector": ScenesDet}
_TRACKERS: dict[str, type[ScenesTracker]] = {"scenes-tracker": ScenesTracker}

NAMES: tuple[str, ...] = tuple(_SEGMENTERS)
DETECTOR_NAMES: tuple[str, ...] = tuple(_DETECTORS)
TRACKER_NAMES: tuple[str, ...] = tuple(_TRACKERS)

TRACKING: dict[str, Any] = {"mem_every": 5, "top_k": 20, "include_last": True}
"""The settings of `Stcn` for a bundled tracker."""


def untrained(name: str) -> nn.Module:
    """The network `name` (of any of the NAMES) with fresh weights, in training mode; KeyError for another."""
    return (_SEGMENTERS | _DETECTORS | _TRACKERS)[name]()


def bundled(name: str) -> nn.Module:
    """The trained network `name`, in eval mode on the CPU; KeyError for a name that is not bundled.

    It takes RGB float images (B, 3, H, W) in [0, 1], H and W multiples of 8 (else ValueError). One of NAMES gives
    logits (B, 9, H, W), trained by tools/train_scenes.py (scenes-robust: by tools/train_robust.py, on attacked images);
    one of DETECTOR_NAMES gives `detector.ScenesOutput`, trained by tools/train_detector.py; all on `foolscape.scenes`,
    whose classes `classes` names.
    """
    network = untrained(name)
    _load(network, name)
    return network.eval()


def bundled_tracker(name: str) -> Stcn:
    """The trained tracker `name` (of TRACKER_NAMES), frozen, on the CPU; KeyError for a name that is not bundled.

    Trained by tools/train_tracker.py on clips of the street (`foolscape.data.scene_clips`). `network` is the module.
    """
    network = _TRACKERS[name]()
    _load(network, name)
    return Stcn(network.eval().requires_grad_(False), **TRACKING)


def _load(network: nn.Module, name: str) -> None:
    source = resources.files(__package__).joinpath("weights", f"{name}.safetensors")
    with resources.as_file(source) as path:
        network.load_state_dict(load_file(path))
