"""The options of an attack among the settings of a command, wherever they are given: as flags, in YAML, in its spec."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import TypeAlias

from foolscape.attacks.listed import check_attack, listed_attacks
from foolscape.attacks.names import TASK_OPTIONS
from foolscape.errors import SettingError
from foolscape.option import Option
from foolscape.pixels import Levels
from foolscape.run.settings.bounds import EPS, are_bounds, recorded_bounds, same_bounds
from foolscape.run.settings.former_names import FORMER_NAMES, current_name
from foolscape.spec import parse, written

OptionValue: TypeAlias = bool | int | float | str
"""An option as it is recorded; a bound or a step is text, several bounds have commas between them."""


@cache
def known_options() -> Mapping[str, tuple[tuple[str, Option], ...]]:
    """By name, every option that one of our attacks has, with the attacks; and, for all of them, `TASK_OPTIONS`."""
    by_name: dict[str, tuple[tuple[str, Option], ...]] = {}
    for attack in sorted(listed_attacks(), key=lambda attack: -len(attack.options)):
        for name, option in attack.options.items():
            by_name[name] = (*by_name.get(name, ()), (attack.name, option))
    return by_name | {name: (("", option),) for name, option in TASK_OPTIONS.items()}


def spelled_out(settings: Mapping[str, object]) -> dict[str, object]:
    """`settings` with the options of the attack below `options`, and former names as they are now.

    They may stand there before, beside the settings under their own names, and in `attack: pgd?eps=8/255`.

    Raises:
        SettingError: one option is given twice, with values that differ.
    """
    others: dict[str, object] = {}
    options: dict[str, object] = {}
    for former, value in settings.items():
        name = current_name(former)
        if name == "options":
            if not isinstance(value, Mapping):
                raise SettingError(f"options: expected those of the attack by name, as {{eps: 8/255}}, got {value!r}")
            for option, option_value in value.items():
                _put(options, str(option), option_value)
        else:
            _put(options if name in known_options() else others, name, value)
    text = others.get("attack")
    if isinstance(text, str) and "?" in text:
        spec = parse(text, ())
        others["attack"] = written(spec.scheme, spec.rest, {})
        ours = ":" not in str(others["attack"])  # a user's attack has names of its own
        for former, option_value in spec.options.items():
            _put(options, current_name(former) if ours else former, option_value)
    set_options = {name: value for name, value in options.items() if value is not None}
    return others | ({"options": set_options} if set_options else {})


def over(base: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The settings `base`, of a file, with the `changes` of a user in their place; both `spelled_out`.

    Where another attack of ours is chosen than the file's, options of the file that it does not have are left out.
    """
    below, above = spelled_out(base), spelled_out(changes)
    options = options_in(below)
    attack = above.get("attack")
    if attack is not None and attack != below.get("attack", attack):
        able = next((one.options for one in listed_attacks() if one.name == attack), options)
        options = {name: value for name, value in options.items() if name in able or name in TASK_OPTIONS}
    merged = options | options_in(above)
    others = {name: value for name, value in (below | above).items() if name != "options"}
    return others | ({"options": merged} if merged else {})


def options_in(settings: Mapping[str, object]) -> dict[str, object]:
    """The options of the attack in settings that are `spelled_out`."""
    options = settings.get("options")
    return dict(options) if isinstance(options, Mapping) else {}


def origins_of(base: Mapping[str, object], command_line: Mapping[str, object], file: object) -> dict[str, str]:
    """Where the attack and each of its options comes from, in words: the `file` of `base`, a flag or the attack's spec.

    Args:
        base: the settings of a file, `spelled_out`.
        command_line: those of the command line.
        file: the file.
    """
    of_file = [name for name in ("attack", *options_in(base)) if name in options_in(base) or base.get(name) is not None]
    flags = {FORMER_NAMES.get(name, name) for name in command_line} & {"attack", *known_options()}
    attack = command_line.get("attack")
    spec = parse(attack, ()).options if isinstance(attack, str) else {}
    return {
        **dict.fromkeys(of_file, f"in {file}"),
        **{name: f"--{name.replace('_', '-')}" for name in flags},
        **dict.fromkeys((FORMER_NAMES.get(name, name) for name in spec), "in --attack"),
    }


def checked_options(attack: object, options: Mapping[str, object]) -> dict[str, OptionValue]:
    """The `options` of an attack, as they are recorded.

    Whether the attack takes each of them shows when it is planned; here it is said which name there is not, and which
    value is none of its kind. Those of a user's own attack are left as they are.

    Raises:
        UnknownNameError: no attack has an option of this name, or there is no such attack.
        SettingError: a value is of another kind, or out of range.
    """
    name = attack if isinstance(attack, str) else None
    if name is not None:
        check_attack(name, [option for option in options if option not in known_options()])
    return {str(option): _recorded(str(option), value, name) for option, value in options.items()}


def _recorded(name: str, value: object, attack: str | None) -> OptionValue:
    option = _option(name, attack)
    if name == EPS and (are_bounds(value) or option is not None):
        value = recorded_bounds(value)
        if are_bounds(value):
            return str(value)
    if option is not None:
        value = option.value(value)
    if isinstance(value, Levels):
        return str(value)
    if not isinstance(value, bool | int | float | str):
        raise SettingError(f"{name}: expected a number, a text or a truth value, got {value!r}")
    return value


def _option(name: str, attack: str | None) -> Option | None:
    """The option that says what a value is; None where the attack is a user's, or ours and does not have it."""
    if name in TASK_OPTIONS:
        return TASK_OPTIONS[name]
    owners = dict(known_options().get(name, ()))
    if attack is None or attack not in {one.name for one in listed_attacks()}:
        return None if attack is not None and ":" in attack else next(iter(owners.values()), None)
    return owners.get(attack)


def _same(name: str, one: object, other: object) -> bool:
    """Whether both are the same value of a setting, however they are written."""
    if str(one) == str(other) or (name == EPS and same_bounds(one, other)):
        return True
    for _, option in known_options().get(name, ()):
        with suppress(SettingError):
            return option.value(one) == option.value(other)
    return False


def _put(settings: dict[str, object], name: str, value: object) -> None:
    there = settings.get(name)
    if there is not None and value is None:
        return
    if there is not None and not _same(name, there, value):
        raise SettingError(f"{name}: expected one value, got {there} and {value}; leave one of them out")
    settings[name] = value
