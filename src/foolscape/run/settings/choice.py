"""Which attack a run makes, and whether it takes what was asked for: said before anything is opened."""

from __future__ import annotations

from collections.abc import Callable

from foolscape.attacks.default import OURS, default_attack, planned
from foolscape.attacks.names import NONE
from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Settings
from foolscape.errors import SettingError
from foolscape.run.settings.bounds import EPS, at_bounds, at_largest, bounds_in
from foolscape.run.settings.config import FLOAT32, RunConfig
from foolscape.spec import is_black_box

BLIND = "square"
"""The attack on a black box, where none is named."""


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
    if black := [text for text in config.models if is_black_box(text)]:
        resolved = config.model_copy(update={"attack": BLIND})
        _check(resolved)
        return resolved, f"default; {black[0]} is a black box, of which no gradient can be asked"
    default = default_attack(str(config.task), at_largest(config.options), shared=shared)
    options = dict(default.options) | {name: value for name, value in config.options.items() if name == EPS}
    return config.model_copy(update={"attack": default.name, "options": options}), default.why


def plans_of(name: str, options: Settings, planned: Callable[[str, Settings], Plan]) -> tuple[Plan, ...]:
    """The attack at each of its bounds, rising; one where there is one bound, or none.

    Args:
        name: of the attack.
        options: as they are recorded.
        planned: from name and options to a plan.

    Raises:
        SettingError: as `planned` raises it, or there are several bounds for an attack that has none, or looks for
            the smallest.
    """
    plans = tuple(planned(name, one) for one in at_bounds(options))
    if len(plans) > 1 and (plans[0].ascent.ladder or plans[0].eps is None):
        why = "looks for the smallest change" if plans[0].ascent.ladder else "has no bound"
        raise SettingError(f"{EPS}: expected one, for {name} {why}, got {','.join(bounds_in(options))}")
    return plans


def _check(config: RunConfig) -> None:
    """`SettingError` where the attack does not take its settings, as far as that shows without the model's classes."""
    if not config.attacks:
        if config.options:
            listed = ", ".join(f"{name} {value}" for name, value in config.options.items())
            raise SettingError(f"expected no settings of an attack beside --attack {NONE}, got {listed}")
        if config.precision != FLOAT32:
            raise SettingError(f"precision: expected an attack, whose gradients it is of, got {config.precision} alone")
    elif config.attack in OURS:
        task, bf16 = str(config.task), config.precision != FLOAT32
        plans = plans_of(config.attack, config.options, lambda *recipe: planned(task, *recipe).at_precision(bf16=bf16))
        for text in config.models:
            refuse_gradients(text, config.attack, plans[-1])


def refuse_gradients(text: str, attack: str, plan: Plan) -> None:
    """`SettingError` where the model `text` is a black box, and the attack takes gradients."""
    if not plan.ascent.blind:
        refuse_black_box(text, attack)


def refuse_black_box(text: str, what: str) -> None:
    """`SettingError` where the model `text` is a black box: `what` takes gradients."""
    if is_black_box(text):
        raise SettingError(
            f"attack: expected one that takes no gradient, for {text} is a black box, got {what}; use --attack "
            f"{BLIND}, which goes by scores, or --attack square-labels, which goes by labels alone"
        )
