"""What an option of an attack is: stated in its function's signature, checked the same wherever it is given."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from foolscape.errors import SettingError, unknown
from foolscape.grey_levels import Levels


@dataclass(frozen=True)
class Help:
    """What an option's annotation says of it beside its type: `Annotated[int, Help("most steps", least=1)]`.

    Attributes:
        text: a line for people.
        least: the least number.
        below: numbers are less than this.
        unset: what a default of None means.
        value: what a value is, for errors; None: the text.
    """

    text: str
    least: float = -math.inf
    below: float = math.inf
    unset: str = "set by the attack"
    value: str | None = None


@dataclass(frozen=True)
class Option:
    """One option of an attack, as its function's signature has it.

    Attributes:
        name: as it is written.
        kind: Levels, int, float, bool or str.
        default: None: the attack decides by the rest.
        help: what it is.
        choices: the only values, where they are few.
    """

    name: str
    kind: type
    default: object
    help: Help
    choices: tuple[str, ...] = ()

    def value(self, raw: object) -> object:
        """What `raw`, as text or as a value, stands for; raises SettingError for what is none of its kind."""
        if self.choices:
            if raw not in self.choices:
                raise unknown(self.name, str(raw), self.choices)
            return raw
        if self.kind is Levels and isinstance(raw, int | float):
            raw = str(raw)  # no size by itself: the error says what to write
        parsed = self._read(raw) if isinstance(raw, str) else raw
        right = (int, float) if self.kind is float else self.kind
        if not isinstance(parsed, right) or (isinstance(parsed, bool) and self.kind is not bool):
            raise SettingError(f"{self.name}: expected {KINDS[self.kind]}, got {raw!r}")
        if isinstance(parsed, int | float) and not self.help.least <= parsed < self.help.below:
            raise SettingError(f"{self.name}: expected {self._range()}, got {parsed}")
        return float(parsed) if self.kind is float and isinstance(parsed, int) else parsed

    def _read(self, text: str) -> object:
        if self.kind is Levels:
            return Levels.parse(text, self.name)
        if self.kind is bool:
            return {"true": True, "false": False}.get(text, text)
        try:
            return text if self.kind is str else self.kind(text)
        except ValueError:
            return text

    def _range(self) -> str:
        if self.help.below == math.inf:
            return f"at least {self.help.least:g}"
        return f"{self.help.value or self.help.text} of at least {self.help.least:g} and below {self.help.below:g}"


KINDS: Final = {Levels: "a fraction of 255 such as 8/255", int: "a whole number", float: "a number",
                 bool: "true or false", str: "a text"}  # fmt: skip
"""The types that an option can have, in words."""


def option_of(attack: str, name: str, hint: Any, default: object) -> Option:
    """The option that an argument of the function of `attack` is; raises `SettingError` for a type that none can have.

    Args:
        attack: its name.
        name, hint, default: of the argument; a hint of None is the default's type.
    """
    about, choices = Help(name), ()
    if hint is None:
        hint = type(default)
    for _ in range(3):  # `Annotated[..] | None`, or either alone
        if get_origin(hint) in (Union, UnionType):
            hint = next(part for part in get_args(hint) if part is not type(None))
        elif get_origin(hint) is Annotated:
            about = next((extra for extra in get_args(hint)[1:] if isinstance(extra, Help)), about)
            hint = get_args(hint)[0]
    if get_origin(hint) is Literal:
        choices, hint = get_args(hint), str
    if hint not in KINDS:
        kinds = ", ".join(kind.__name__ for kind in KINDS)
        got = "no type and no default" if hint is type(None) else str(hint)
        raise SettingError(f"attack: expected {attack}'s {name} to be of {kinds}, got {got}; write {name}: int = 20")
    return Option(name, cast(type, hint), default, about, choices)
