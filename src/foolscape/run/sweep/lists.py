"""What the file of a sweep lists: models, data sets, attacks, bounds and seeds, and the settings that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from foolscape.attacks.listed import check_attack
from foolscape.attacks.names import NONE
from foolscape.errors import SettingError, unknown
from foolscape.pixels import Levels
from foolscape.run.settings.attack_options import known_options, options_in, spelled_out
from foolscape.run.settings.bounds import EPS
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.former_names import current_name
from foolscape.run.settings.inputs import wired
from foolscape.run.sweep.rules import EXCLUDE, ONLY, Rule, rules_of
from foolscape.spec import text_of

_LISTS: Final = {"models": "model", "data": "data", "attacks": "attack", "seeds": "seed"}
"""What is listed, and its name where there is one."""

_OF_DATA: Final = ("split", "ids", "limit", "sample", "size", "class_map", "eval_classes")
"""Settings that a data set of a sweep may have of its own; what else stands in its mapping is an option of its spec."""

_DEFAULT: Final = "default"
"""What the attack is called that is taken where none is named."""


@dataclass(frozen=True)
class Entry:
    """A model, a data set or an attack of a sweep.

    Attributes:
        name: by which tables call it, and rules may.
        called: what else rules may call it by.
        settings: of `foolscape run`.
    """

    name: str
    called: tuple[str, ...]
    settings: Mapping[str, object]

    @property
    def names(self) -> tuple[str, ...]:
        """All that rules may call it by."""
        return (self.name, *self.called)


@dataclass(frozen=True)
class Lists:
    """What a sweep is made of.

    Attributes:
        models, data, attacks: each with its settings.
        bounds: rising; none where every attack has its own.
        seeds: in the order of the file.
        shared: settings of all runs; options of attacks are below `options`.
        only, exclude: rules by which cells of the grid are chosen.
    """

    models: tuple[Entry, ...]
    data: tuple[Entry, ...]
    attacks: tuple[Entry, ...]
    bounds: tuple[str, ...]
    seeds: tuple[int, ...]
    shared: Mapping[str, object]
    only: tuple[Rule, ...]
    exclude: tuple[Rule, ...]


def lists_of(settings: Mapping[str, object]) -> Lists:
    """The lists in the settings of a sweep; raises `SettingError` and `UnknownNameError`."""
    given = {current_name(name): value for name, value in settings.items()}
    short = given.pop("input", None)
    listed = {name: _listed(given, name, one) for name, one in _LISTS.items()}
    bounds = _bounds(given.pop(EPS, None))
    rules = {name: rules_of(name, given.pop(name, None)) for name in (ONLY, EXCLUDE)}
    _refuse_unknown(given)
    models = wired({"models": listed["models"], **({} if short is None else {"input": short})})["models"]
    assert isinstance(models, list)
    return Lists(
        models=_once("models", [_model(one) for one in models], needed=True),
        data=_once("data", [_data_set(one) for one in listed["data"]], needed=True),
        attacks=_once("attacks", [_attack(one) for one in listed["attacks"] or [None]]),
        bounds=bounds,
        seeds=tuple(_seeds(listed["seeds"])),
        shared=spelled_out(given),
        only=rules[ONLY],
        exclude=rules[EXCLUDE],
    )


def _listed(given: dict[str, object], name: str, one: str) -> list[object]:
    """What stands under `name`, or, where it is one thing, under `one`; taken out of `given`."""
    there = [key for key in dict.fromkeys((name, one)) if given.get(key) is not None]
    if len(there) > 1:
        raise SettingError(f"{name}: expected it under one name, got {name} and {one}; leave one of them out")
    values = [given.pop(key, None) for key in dict.fromkeys((name, one))]
    value = next((value for value in values if value is not None), None)
    if value is None:
        return []
    if isinstance(value, list | tuple) and not value:
        raise SettingError(f"{name}: expected at least one, got an empty list")
    return list(value) if isinstance(value, list | tuple) else [value]


def _refuse_unknown(given: Mapping[str, object]) -> None:
    """`UnknownNameError` for what is neither a list of a sweep nor a setting of a run."""
    known = {*RunConfig.model_fields, *known_options(), "input"}
    for name in given:
        if name not in known:
            raise unknown("setting", name, {*known, *_LISTS, ONLY, EXCLUDE, EPS})


def _once(name: str, entries: Sequence[Entry], *, needed: bool = False) -> tuple[Entry, ...]:
    if needed and not entries:
        raise SettingError(f"{name}: is needed and was not given; expected a list, such as {name}: [..]")
    names = [entry.name for entry in entries]
    if doubled := sorted({one for one in names if names.count(one) > 1}):
        raise SettingError(f"{name}: expected each once, got {', '.join(doubled)} again; leave it out")
    return tuple(entries)


def _model(value: object) -> Entry:
    if not isinstance(value, str):
        raise SettingError(f"models: expected specs such as bundled:scenes-unet, got {value!r:.60}")
    return Entry(value, (), {"models": [value]})


def _data_set(value: object) -> Entry:
    """A spec, or a mapping of one with the settings of its own."""
    own: dict[str, object] = {}
    if isinstance(value, Mapping):
        own = {str(name): one for name, one in value.items() if name in _OF_DATA}
        value = text_of({name: one for name, one in value.items() if name not in _OF_DATA})
    if not isinstance(value, str):
        raise SettingError(f"data: expected specs such as camvid:DIR, or {{spec: camvid:DIR, ..}}, got {value!r:.60}")
    told = [f"{name.replace('_', ' ')} {_shortly(one)}" for name, one in own.items()]
    return Entry(", ".join([value, *told]), (value,), {"data": value, **own})


def _attack(value: object) -> Entry:
    """A spec, or a mapping of the attack with its options; None: the one that a run without any takes."""
    if value is None:
        return Entry(_DEFAULT, (), {})
    settings = {"attack": value} if isinstance(value, str) else value
    if not isinstance(settings, Mapping) or not isinstance(settings.get("attack"), str):
        raise SettingError(f"attacks: expected specs such as pgd?steps=20, or {{attack: pgd, ..}}, got {value!r:.60}")
    found = spelled_out({str(name): one for name, one in settings.items()})
    for name in found:
        if name not in ("attack", "options"):
            raise unknown("option of an attack", name, known_options())
    kind = str(found["attack"])
    check_attack(kind)
    if kind == NONE:
        return Entry(NONE, (), found)
    told = [f"{name}={_shortly(one)}" for name, one in options_in(found).items()]
    return Entry("?".join(filter(None, (kind, "&".join(told)))), (kind, str(settings["attack"])), found)


def _shortly(value: Any) -> str:
    """A setting in a name: of a list its length where it is long."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value)) if len(value) <= 3 else f"{len(value)} of them"
    return str(value)


def _bounds(value: object) -> tuple[str, ...]:
    """The bounds, rising; raises `SettingError` for one that is none, or is there twice."""
    if value is None:
        return ()
    parts = value if isinstance(value, list | tuple) else str(value).split(",")
    levels = [Levels.parse(str(part).strip(), EPS) for part in parts]
    if not levels:
        raise SettingError(f"{EPS}: expected a bound such as 8/255, or several, got none")
    if len(set(levels)) < len(levels):
        raise SettingError(f"{EPS}: expected each bound once, got {', '.join(map(str, levels))}")
    return tuple(str(level) for level in sorted(levels))


def _seeds(values: Sequence[object]) -> list[int]:
    seeds = []
    for value in values or [0]:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SettingError(f"seeds: expected whole numbers from 0 on, got {value!r:.60}")
        seeds.append(value)
    if len(set(seeds)) < len(seeds):
        raise SettingError(f"seeds: expected each once, got {', '.join(map(str, seeds))}")
    return seeds
