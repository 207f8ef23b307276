"""Which attack a run makes where its user named none."""

from __future__ import annotations

from foolscape.attacks.default import default_attack
from foolscape.run.settings.config import RunConfig


def with_attack(config: RunConfig, *, shared: bool = False) -> tuple[RunConfig, str | None]:
    """`config` with the attack it is for, and why it is this one; None where the user named it.

    Args:
        config: its task is settled.
        shared: see `default_attack`.

    Raises:
        SettingError: no attack takes its settings.
    """
    if config.attack is not None:
        return config, None
    chosen = default_attack(str(config.task), config.options, shared=shared)
    return config.model_copy(update={"attack": chosen.name, "options": dict(chosen.options)}), chosen.why
