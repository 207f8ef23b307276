"""What can be said of foolscape's attacks without importing them, which needs torch: it is read from their files.

An attack's file states all of it in words: `@register("pgd", source="..")`, the first line of the docstring, and
`variant: Literal["paper", "released"]` or `form="paper"`. So an attack is listed by being there.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources

from foolscape.attacks.names import NONE
from foolscape.errors import unknown
from foolscape.spec import ATTACKS_GROUP, plugins

_ZOO = "foolscape.attacks.zoo"


@dataclass(frozen=True)
class ListedAttack:
    """An attack, as `foolscape list attacks` shows it; see `registry.Attack`."""

    name: str
    source: str
    summary: str
    variants: tuple[str, ...]
    options: tuple[str, ...]


@cache
def listed_attacks() -> tuple[ListedAttack, ...]:
    """Every attack that comes with foolscape, in the order of the registry."""
    files = sorted(resources.files(_ZOO).iterdir(), key=lambda file: file.name)
    texts = [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".py")]
    return tuple(found for text in texts for found in _attacks(ast.parse(text)))


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


def _attacks(module: ast.Module) -> Iterator[ListedAttack]:
    for function in module.body:
        if not isinstance(function, ast.FunctionDef):
            continue
        for call in function.decorator_list:
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "register":
                said = {word.arg: word.value for word in call.keywords}
                form = ast.literal_eval(said["form"]) if "form" in said else "paper"
                summary = (ast.get_docstring(function) or "").partition("\n")[0].rstrip(".")
                options = tuple(argument.arg for argument in function.args.kwonlyargs)
                name, source = ast.literal_eval(call.args[0]), ast.literal_eval(said["source"])
                yield ListedAttack(name, source, summary, _variants(function) or (form,), options)


def _variants(function: ast.FunctionDef) -> tuple[str, ...]:
    """The values that its argument `variant` may have, the words of its `Literal[..]`."""
    hints = [one.annotation for one in function.args.kwonlyargs if one.arg == "variant" and one.annotation is not None]
    literals = [
        part.slice
        for hint in hints
        for part in ast.walk(hint)
        if isinstance(part, ast.Subscript) and isinstance(part.value, ast.Name) and part.value.id == "Literal"
    ]
    return tuple(ast.literal_eval(literals[0])) if literals else ()
