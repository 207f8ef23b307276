"""Three trained networks that come with the package: enough to try an attack without a download."""

from importlib import resources

from safetensors.torch import load_file
from torch import nn

from .bundled_detector import ScenesDet
from .bundled_nets import ScenesDilated, ScenesUNet

_SEGMENTERS: dict[str, type[nn.Module]] = {"scenes-unet": ScenesUNet, "scenes-dilated": ScenesDilated}
_DETECTORS: dict[str, type[nn.Module]] = {"scenes-detector": ScenesDet}

NAMES: tuple[str, ...] = tuple(_SEGMENTERS)
DETECTOR_NAMES: tuple[str, ...] = tuple(_DETECTORS)


def untrained(name: str) -> nn.Module:
    """The network `name` (of NAMES or DETECTOR_NAMES) with fresh weights, in training mode; KeyError for another."""
    return (_SEGMENTERS | _DETECTORS)[name]()


def bundled(name: str) -> nn.Module:
    """The trained network `name`, in eval mode on the CPU; KeyError for a name that is not bundled.

    It takes RGB float images (B, 3, H, W) in [0, 1], H and W multiples of 8 (else ValueError). One of NAMES gives
    logits (B, 9, H, W), trained by tools/train_scenes.py; one of DETECTOR_NAMES gives `bundled_detector.Dense`, trained
    by tools/train_detector.py; both on `foolscape.scenes`, whose classes `classes` names.
    """
    network = untrained(name)
    source = resources.files(__package__).joinpath("weights", f"{name}.safetensors")
    with resources.as_file(source) as path:
        network.load_state_dict(load_file(path))
    return network.eval()
