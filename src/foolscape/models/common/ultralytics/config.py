"""The networks of ultralytics' configurations, which hold no weights; nothing in them is run but layers are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn

from foolscape.errors import FoolscapeError, ModelError, UnknownNameError
from foolscape.models.common.checkpoint import load_weights
from foolscape.models.common.ultralytics.library import Library, library, quietly
from foolscape.models.common.ultralytics.network import CLASSES, IMGSZ, Network, kind_of, shortly
from foolscape.paths import path_of
from foolscape.regular import is_regular

_ACTIVATION: Final = r"(torch\.)?nn\.\w+\([\w.,= -]*\)"
"""What a configuration may say of an activation, which some releases evaluate."""


def from_config(name: str, *, weights: str | None = None, classes: int | None = None) -> Network:
    """The network of a configuration, a file or one that comes with ultralytics, such as yolo11n.yaml.

    Args:
        name: of the configuration; its letter n, s, m, l or x is the size of the network.
        weights: a file with its state dict; None or "none": random ones from seed 0.
        classes: how many it scores; None: as its configuration says.

    Raises:
        UnknownNameError: no such configuration.
        CheckpointError: as `load_weights`.
        ModelError: the configuration cannot be built, or is of another task.
    """
    ours = library()
    config = _config(ours, name)
    kind = _checked_config(ours, config, name)
    try:
        with quietly(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module: nn.Module = getattr(ours.tasks, CLASSES[kind])(config, nc=classes, verbose=False)
    except Exception as error:  # a configuration may be wrong in any way
        raise _unbuilt(name, error) from error
    if weights is None or weights == "none":
        return Network(module, kind, None, IMGSZ, ("random weights, seed 0",))
    load_weights(module, weights)
    return Network(module, kind, None, IMGSZ, ())


def _config(ours: Library, name: str) -> dict[str, Any]:
    """The configuration `name`."""
    path = path_of(name)
    try:
        if path.name != name and not is_regular(path):  # an address would be fetched
            raise FileNotFoundError(name)
        with quietly():
            config = ours.tasks.yaml_model_load(str(path))
    except FileNotFoundError as error:
        raise UnknownNameError(
            f"expected a configuration of ultralytics, a file or one that comes with it such as yolo11n.yaml, got "
            f"nothing at {name!r}"
        ) from error
    except Exception as error:  # what is no YAML, or no mapping
        raise _unbuilt(name, error) from error
    if not isinstance(config, dict):
        raise _unbuilt(name, TypeError("no mapping"))
    return config


def _checked_config(ours: Library, config: Mapping[str, Any], name: str) -> str:
    """The kind of network that `config` describes, if it names nothing but layers.

    Releases differ in what they look up and evaluate in it.
    """
    try:
        if (activation := config.get("activation")) and not re.fullmatch(_ACTIVATION, str(activation)):
            raise ModelError(f"expected a layer of torch.nn as activation in {name}, got {activation!r}")
        words = [str(layer[2]) for layer in (*config["backbone"], *config["head"])]
        layers = [_layer(ours, word, name) for word in words]
        return kind_of(layers[-1], name)
    except FoolscapeError:
        raise
    except Exception as error:  # a configuration without these parts
        raise _unbuilt(name, error) from error


def _layer(ours: Library, word: str, name: str) -> type:
    """The class that a configuration calls `word`."""
    if word.startswith("nn."):
        found = getattr(nn, word[3:], None)
    elif word.startswith("torchvision.ops."):
        import torchvision

        found = getattr(torchvision.ops, word[16:], None)
    else:
        found = getattr(ours.tasks, word, None)
    if isinstance(found, type) and issubclass(found, nn.Module):
        return found
    raise ModelError(f"expected a layer of ultralytics or torch.nn in {name}, got {word!r}")


def _unbuilt(name: str, error: Exception) -> ModelError:
    if isinstance(error, FoolscapeError):
        return ModelError(str(error))
    return ModelError(
        f"expected a configuration of ultralytics with backbone and head, such as yolo11n.yaml, got {name}, of which "
        f"none could be built ({shortly(error)})"
    )
