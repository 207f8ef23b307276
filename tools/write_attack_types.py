"""Write what type checkers and editors are told of the public attacks: `python tools/write_attack_types.py`.

An attack is an object with the signature of its function, which no annotation can say. So `foolscape/attacks/typed.pyi`
says it for each, made of the registry; a test keeps the file true.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import foolscape
from foolscape.attacks.registry import Attack
from foolscape.pixels import Levels

PLACE: Final = Path(foolscape.__file__).parent / "attacks" / "typed.pyi"

HEAD: Final = '"""The public attacks as they are called; written by tools/write_attack_types.py."""\n'

IMPORTS: Final = """
from typing import Literal

from foolscape.attacks.registry import Attack, Recipe
from foolscape.pixels import Levels
"""


def text() -> str:
    """What the file has to hold."""
    public = {name: getattr(foolscape, name) for name in foolscape.__all__}
    return HEAD + IMPORTS + "".join(_attack(name, one) for name, one in public.items() if isinstance(one, Attack))


def _attack(name: str, attack: Attack) -> str:
    kind = f"_{name.title().replace('_', '')}"
    options = [
        f"        {option.name}: {_type(option.annotation)} = ...,\n"
        for option in inspect.signature(attack).parameters.values()
    ]
    head = f"\nclass {kind}(Attack):\n    def __call__(  # type: ignore[override]\n        self,\n        *,\n"
    return f"{head}{''.join(options)}    ) -> Recipe: ...\n\n{name}: {kind}\n"


def _type(hint: Any) -> str:
    """A type as it is written in the file."""
    if get_origin(hint) is Literal:
        return f"Literal[{', '.join(chr(34) + str(one) + chr(34) for one in get_args(hint))}]"
    if args := get_args(hint):
        return " | ".join(map(_type, args))
    return {Levels: "Levels", type(None): "None"}.get(hint) or str(hint.__name__)


if __name__ == "__main__":
    PLACE.write_text(text())
