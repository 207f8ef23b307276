"""Bounds that 8-bit images cannot keep to, and steps that overshoot them: said before a run, and in its verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foolscape.errors import SettingError
from foolscape.pixels import Levels
from foolscape.verdict import Reason


def bound_reasons(attack: Mapping[str, Any]) -> tuple[Reason, ...]:
    """What there is to say against an attack's bound and step; empty where there is nothing.

    Args:
        attack: its settings, as `attack` in run.json and `Plan.settings` hold them: `own_steps`, `eps`, `norm` and
            `step`, the sizes as text such as `8/255`.

    Returns:
        `bound-below-a-level`: within Linf nothing but the clean image lies inside a bound below one level; within L2
        a change of one level in one channel is 1/255 long already. `step-larger-than-bound`: a step that alone leaves
        the bound, of an attack that means its steps to add up.
    """
    eps, step = _levels(attack.get("eps")), _levels(attack.get("step"))
    if eps is None:
        return ()
    if eps.levels < 1:
        reason = Reason(
            id="bound-below-a-level",
            check="a bound that 8-bit images can use",
            ok=False,
            seen=f"no 8-bit image lies within {eps} of the clean one but itself, so nothing can be attacked",
            advice="give at least --eps 1/255",
        )
        return (reason,)
    if step is None or step <= eps or attack.get("own_steps"):
        return ()
    reason = Reason(
        id="step-larger-than-bound",
        check="steps no longer than the bound",
        ok=False,
        seen=f"a step of {step} leaves the bound of {eps} at once, so that every step jumps from end to end",
        advice=f"leave --step out, or give at most --step {eps}",
    )
    return (reason,)


def bound_notes(attack: Mapping[str, Any]) -> tuple[str, ...]:
    """The remarks before a run with these settings starts: its `bound_reasons`, and what a bound comes down to."""
    notes = [f"{reason.seen}; {reason.advice}" for reason in bound_reasons(attack)]
    eps = _levels(attack.get("eps"))
    if eps is not None and eps.levels > 1 and eps.levels.denominator != 1 and attack.get("norm") == "linf":
        whole = int(eps.levels)
        notes.append(f"8-bit images change by whole levels: within {eps} they are within {whole}/255")
    return tuple(notes)


def _levels(text: object) -> Levels | None:
    """A size as `run.json` has it; None for none, or one that does not say levels."""
    if not isinstance(text, str):
        return None
    try:
        return Levels.parse(text)
    except SettingError:
        return None
