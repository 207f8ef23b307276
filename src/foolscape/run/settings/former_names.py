"""The names that settings had before: still taken, with a warning, until the next minor version."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Final

FORMER_NAMES: Final = {
    "objective": "loss",
    "boost": "transforms",
    "victim": "only_class",
    "against": "attack_pixels",
    "supervision": "labels_from",
    "refresh": "resample_candidates",
    "rounded": "quantise_steps",
}
"""By its former name, what a setting is called: on the command line, in YAML and in the spec of an attack."""


class FormerNameWarning(FutureWarning):
    """A setting was given by its former name."""


def current_name(name: str) -> str:
    """What the setting is called that was once called `name`, with a warning; any other name as it is."""
    current = FORMER_NAMES.get(name)
    if current is None:
        return name
    flags = f"--{name.replace('_', '-')}, --{current.replace('_', '-')} on the command line"
    warnings.warn(
        f"{name} is called {current} now ({flags}); the former name is taken until the next minor version",
        FormerNameWarning,
        stacklevel=2,
    )
    return current


def current_names(settings: Mapping[str, str]) -> dict[str, str]:
    """`settings`, the options of a spec, by their current names."""
    return {current_name(name): value for name, value in settings.items()}
