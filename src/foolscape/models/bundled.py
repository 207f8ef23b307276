"""Two trained networks that come with the package: enough to try an attack without a download."""

from importlib import resources

from safetensors.torch import load_file
from torch import nn

from .bundled_nets import ScenesDilated, ScenesUNet

_NETWORKS: dict[str, type[nn.Module]] = {"scenes-unet": ScenesUNet, "scenes-dilated": ScenesDilated}

NAMES: tuple[str, ...] = tuple(_NETWORKS)


def untrained(name: str) -> nn.Module:
    """The network `name` (one of NAMES) with fresh weights, in training mode; KeyError for another name."""
    return _NETWORKS[name]()


def bundled(name: str) -> nn.Module:
    """The trained network `name` (one of NAMES), in eval mode on the CPU; KeyError for another name.

    It maps RGB float images (B, 3, H, W) in [0, 1], H and W multiples of 8 (else ValueError), to logits
    (B, 9, H, W); `classes` names the nine. Trained on `foolscape.scenes` by tools/train_scenes.py.
    """
    network = untrained(name)
    source = resources.files(__package__).joinpath("weights", f"{name}.safetensors")
    with resources.as_file(source) as path:
        network.load_state_dict(load_file(path))
    return network.eval()
