"""The settings of a transfer, checked before anything is loaded: those of a run, and the names of the ensembles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foolscape.errors import SettingError
from foolscape.run.settings.bounds import refuse_several
from foolscape.run.settings.config import RunConfig, make_config


def make_transfer_config(settings: Mapping[str, object]) -> tuple[RunConfig, list[str]]:
    """The settings of all networks' runs, and the names of the ensembles.

    Raises:
        SettingError: as `make_config` does, there are several bounds, or `ensembles` is no list of names.
    """
    config = make_config({name: value for name, value in settings.items() if name != "ensembles"})
    refuse_several(config.options, "a transfer is made within one")
    return config, _names(settings.get("ensembles", ()))


def recorded_settings(settings: Mapping[str, object]) -> dict[str, Any]:
    """`settings`, checked, as run.json holds them."""
    config, ensemble_names = make_transfer_config(settings)
    return config.model_dump(mode="json") | {"ensembles": ensemble_names}


def _names(value: object) -> list[str]:
    """The ensembles of a command line or a YAML file; `SettingError` for anything but names."""
    if not (isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)):
        raise SettingError(f"ensembles: expected a list of names such as A+B, got {value!r}")
    return list(value)
