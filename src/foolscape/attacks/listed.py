"""The attacks of foolscape, listed without importing them (which needs torch): their files are parsed.

An attack's file states all of it in words: `@register("pgd", source="..")`, the first line of the docstring, and a
signature whose annotations and defaults need no torch. So an attack is listed by being there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final, Literal

from foolscape.attacks.names import NONE
from foolscape.attacks.zoo import options
from foolscape.errors import unknown
from foolscape.option import Help, Option, option_of
from foolscape.pixels import Levels
from foolscape.spec import ATTACKS_GROUP, OBJECTIVES_GROUP, plugins
from foolscape.tasks.base import TASKS

_ZOO = "foolscape.attacks.zoo"


@dataclass(frozen=True)
class ListedAttack:
    """An attack, as `foolscape list attacks` shows it; see `registry.Attack`."""

    name: str
    source: str
    summary: str
    variants: tuple[str, ...]
    tasks: tuple[str, ...]
    options: Mapping[str, Option]


@cache
def listed_attacks() -> tuple[ListedAttack, ...]:
    """Every attack that comes with foolscape, in the order of the registry."""
    files = sorted(file.name for file in resources.files(_ZOO).iterdir() if file.name.endswith(".py"))
    return tuple(attack for name in files for attack in _attacks(f"{_ZOO}.{name.removesuffix('.py')}"))


@cache
def listed_objectives() -> tuple[str, ...]:
    """The names of every loss that can be named: those of `objective_table.OBJECTIVES`, and plug-ins'."""
    for line in _parsed("foolscape.attacks.parts.objective_table").body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id == "OBJECTIVES":
            assert isinstance(line.value, ast.Dict)
            ours = [ast.literal_eval(key) for key in line.value.keys if key is not None]
            return (*ours, *plugins(OBJECTIVES_GROUP))
    raise AssertionError("objective_table has no OBJECTIVES")


def check_attack(name: str, options: Collection[str] = ()) -> None:
    """`UnknownNameError`, with near misses, for an attack that there is not, or options that one of ours has not.

    Args:
        name: of an attack; one of a file, a module or a plug-in is left to who imports it.
        options: by name, without those of `TASK_OPTIONS`.
    """
    if ":" in name or name == NONE or name in plugins(ATTACKS_GROUP):
        return
    ours = {attack.name: attack for attack in listed_attacks()}
    if name in ours:
        for option in options:
            if option not in ours[name].options:
                raise unknown(f"option of {name}", option, ours[name].options)
        return
    registry = sys.modules.get("foolscape.attacks.registry")  # where it is there, a caller may have added to it
    known = ours if registry is None else registry.REGISTRY
    if name not in known:
        raise unknown("attack", name, [*known, NONE])


def _attacks(place: str) -> Iterator[ListedAttack]:
    """Those of the module called `place`."""
    for function in _parsed(place).body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in function.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "register":
                keywords = {word.arg: word.value for word in call.keywords}
                form = ast.literal_eval(keywords["form"]) if "form" in keywords else "paper"
                summary = (ast.get_docstring(function) or "").partition("\n")[0].rstrip(".")
                name, source = ast.literal_eval(call.args[0]), ast.literal_eval(keywords["source"])
                tasks = ast.literal_eval(keywords["tasks"]) if "tasks" in keywords else tuple(TASKS)
                options = _options(name, function, _Names(place))
                variants = options["variant"].choices if "variant" in options else (form,)
                yield ListedAttack(name, source, summary, variants, tasks, options)


def _options(attack: str, function: ast.FunctionDef, names: _Names) -> dict[str, Option]:
    """The options of an attack's function, made of its annotations and defaults as Python would."""
    options = {}
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        hint = None if argument.annotation is None else names.value(argument.annotation)
        value = None if default is None else names.value(default)
        options[argument.arg] = option_of(attack, argument.arg, hint, value)
    return options


class _Names(dict[str, Any]):
    """What the names of one of our modules stand for, as far as it can be said without importing the module.

    A name is what it is assigned to there, or in the module of ours that it is imported from.
    """

    def __init__(self, place: str) -> None:
        super().__init__(_KNOWN)
        self.place = place

    def __missing__(self, name: str) -> Any:
        for line in _parsed(self.place).body:
            if (
                isinstance(line, ast.ImportFrom)
                and line.module
                and name in {one.asname or one.name for one in line.names}
            ):
                return _Names(line.module)[name]
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.target.id == name:
                assert line.value is not None
                return self.value(line.value)
        raise KeyError(name)

    def value(self, expression: ast.expr) -> Any:
        """The value of an expression of the module."""
        return eval(compile(ast.Expression(expression), self.place, "eval"), {}, self)


_KNOWN: Final = {"o": options, "Annotated": Annotated, "Literal": Literal, "Levels": Levels, "Fraction": Fraction,
                 "Help": Help}  # fmt: skip
"""Names that mean the same in every file of an attack, and need no torch."""


@cache
def _parsed(place: str) -> ast.Module:
    """The module of ours called `place`, as it is written."""
    package, *folders, name = place.split(".")
    return ast.parse(resources.files(package).joinpath(*folders, f"{name}.py").read_text(encoding="utf-8"))
