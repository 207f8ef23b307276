"""Which attack a run makes, and whether it takes what was asked for: said before anything is opened."""

from __future__ import annotations

from foolscape.attacks.default import OURS, default_attack, planned
from foolscape.attacks.names import NONE
from foolscape.errors import SettingError
from foolscape.run.settings.config import FLOAT32, RunConfig


def with_attack(config: RunConfig, *, shared: bool = False) -> tuple[RunConfig, str | None]:
    """`config` with the attack it is for, and why it is this one; None where the user named it.

    Args:
        config: its task is settled.
        shared: see `default_attack`.

    Raises:
        SettingError: the attack, or any at all, does not take its settings.
    """
    if config.attack is not None:
        _check(config)
        return config, None
    chosen = default_attack(str(config.task), config.options, shared=shared)
    return config.model_copy(update={"attack": chosen.name, "options": dict(chosen.options)}), chosen.why


def _check(config: RunConfig) -> None:
    """`SettingError` where the attack does not take its settings, as far as that shows without the model's classes."""
    if not config.attacks:
        if config.options:
            given = ", ".join(f"{name} {value}" for name, value in config.options.items())
            raise SettingError(f"expected no settings of an attack beside --attack {NONE}, got {given}")
        if config.precision != FLOAT32:
            raise SettingError(f"precision: expected an attack, whose gradients it is of, got {config.precision} alone")
    elif config.attack in OURS:
        planned(str(config.task), config.attack, config.options).at_precision(bf16=config.precision != FLOAT32)
