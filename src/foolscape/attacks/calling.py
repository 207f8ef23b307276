"""How an attack is called from Python: its signature and docstring, and what to write where options have no names."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, Literal

from foolscape.errors import SettingError
from foolscape.option import Option
from foolscape.pixels import Levels

if TYPE_CHECKING:
    from foolscape.attacks.registry import Attack

_LEAST: Final = 1000
"""The largest denominator of a float that is taken for levels of 1/255."""


def signature_of(options: Mapping[str, Option]) -> inspect.Signature:
    """The signature of what is called with these options by name; a size may be text, such as "8/255"."""
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_written(option), annotation=_type_of(option))
        for name, option in options.items()
    ]
    return inspect.Signature(parameters)


def described(attack: Attack) -> str:
    """Its docstring: how it is called, what it does, and each option."""
    lines = [f"{name}: {option.help.text}; {_default(option)}" for name, option in attack.options.items()]
    options = "".join(f"\n    {line}" for line in lines)
    return f"{_name(attack)}{signature_of(attack.options)}\n\n{attack.summary}.\n\nOptions:{options}\n\n{attack.source}"


def called(attack: Attack, unnamed: Sequence[object], named: Mapping[str, object]) -> str:
    """The call with the options `unnamed` by name: each is the first, of those that are left, which can have it."""
    found: dict[str, object] = {}
    left = {name: option for name, option in attack.options.items() if name not in named}
    for value in unnamed:
        for name, option in left.items():
            read = _read(option, value)
            if read is not None and name not in found:
                found[name] = read
                break
    given = {**found, **named} or dict(_example(attack))
    return f"fs.{_name(attack)}({', '.join(f'{name}={_literal(value)}' for name, value in given.items())})"


def _name(attack: Attack) -> str:
    return str(getattr(attack.build, "__name__", attack.name))


def _type_of(option: Option) -> Any:
    kind: Any = Levels | str if option.kind is Levels else option.kind
    if option.choices:
        kind = Literal[option.choices]
    return kind | None if option.default is None else kind


def _written(option: Option) -> object:
    """The default as a caller would write it."""
    return str(option.default) if isinstance(option.default, Levels) else option.default


def _default(option: Option) -> str:
    return option.help.unset if option.default is None else str(option.default)


def _read(option: Option, value: object) -> object:
    """`value` as the option can be given it; None where it cannot."""
    if option.kind is Levels and isinstance(value, float) and 0 < value <= 1:
        return str(Levels(Fraction(255 * value).limit_denominator(_LEAST)))
    with suppress(SettingError):
        option.value(value)
        return value
    return None


def _example(attack: Attack) -> Iterator[tuple[str, object]]:
    """The first options that have a default, as an example."""
    found = [(name, option.default) for name, option in attack.options.items() if option.default is not None]
    yield from found[:2]


def _literal(value: object) -> str:
    return json.dumps(str(value)) if isinstance(value, str | Levels) else repr(value)
