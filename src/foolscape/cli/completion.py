"""What a shell completes: the names that can be given to an option, found without importing torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import typer


def completer(words: Sequence[str]) -> Callable[[str], list[str]]:
    """Completes one of `words`."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in words if word.startswith(incomplete)]

    return complete


def of_models(incomplete: str) -> list[str]:
    """Models that have a name."""
    from foolscape.models.sources import named_models

    return [name for name in named_models() if name.startswith(incomplete)]


def of_attacks(incomplete: str) -> list[str]:
    """Attacks, and behind a question mark the options of one."""
    from foolscape.attacks.listed import listed_attacks
    from foolscape.attacks.names import NONE

    name, mark, query = incomplete.partition("?")
    attacks = {attack.name: attack for attack in listed_attacks()}
    if not mark:
        return [word for word in (*attacks, NONE) if word.startswith(incomplete)]
    before, join, begun = query.rpartition("&")
    options = attacks[name].options if name in attacks else ()
    return [f"{name}?{before}{join}{option}=" for option in options if option.startswith(begun)]


def of_losses(incomplete: str) -> list[str]:
    """Losses that have a name."""
    from foolscape.attacks.listed import listed_objectives

    return [name for name in listed_objectives() if name.startswith(incomplete)]


def of_data(incomplete: str) -> list[str]:
    """The schemes of data sets."""
    from foolscape.data.load import catalog

    return [word for word in (f"{kind.name}:" for kind in catalog()) if word.startswith(incomplete)]


def of_splits(ctx: typer.Context, incomplete: str) -> list[str]:
    """The splits of the data set that was given before, or of any."""
    from foolscape.data.load import catalog

    scheme = str(ctx.params.get("data") or "").partition(":")[0]
    known = {kind.name: kind.splits for kind in catalog()}
    splits = known.get(scheme) or tuple(dict.fromkeys(split for one in known.values() for split in one))
    return [split for split in splits if split.startswith(incomplete)]
