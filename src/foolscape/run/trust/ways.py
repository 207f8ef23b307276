"""What would make an attack stronger: of the options that may, those that it has."""

from __future__ import annotations

from collections.abc import Iterator

from foolscape.records.types import Object
from foolscape.run.settings.attack_options import known_options


def larger(attack: Object, *options: str) -> Iterator[str]:
    """Those of `options` that the attack of run.json has, as flags; a bound only where one is set."""
    ours = {owner for owners in known_options().values() for owner, _ in owners}
    for option in options:
        able = {owner for owner, _ in known_options().get(option, ())}
        unset = option == "eps" and attack.get("eps") is None and attack.get("largest") is None
        if not unset and attack["name"] not in ours - able:  # what another brings may have it
            yield f"--{option.replace('_', '-')}"


def longer(attack: Object) -> str:
    """How to let it search longer."""
    return f"give more --{'budget' if 'budget' in attack else 'steps'} or another --attack"


def wider(attack: Object) -> str:
    """How to let it change more; without a bound it already may, so that it has to search longer."""
    flag = next(larger(attack, "eps"), None)
    return longer(attack) if flag is None else f"try a larger {flag} or another --attack"
