"""How a setting is shown on the command line: stated beside its type, in the config that has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel

from foolscape.tasks.base import TASKS, Task

DATA: Final = "Models and data"
ATTACK: Final = "Attack"
OPTIONS: Final = "Options of the attack"
LEARNING: Final = "Learning"
MEASUREMENT: Final = "Measurement"
RESOURCES: Final = "Time and machines"
WATCHING: Final = "Watching"
OUTPUT: Final = "Output"


def of_task(task: Task) -> str:
    """The panel of options of attacks that mean something for a task alone."""
    return f"Attacks on {task.models}"


_OF_TASKS: Final = tuple(of_task(task) for task in TASKS.values())

PANELS: Final = (DATA, ATTACK, OPTIONS, *_OF_TASKS, LEARNING, MEASUREMENT, RESOURCES, WATCHING, OUTPUT)
"""Groups of options in the help, in this order."""


@dataclass(frozen=True)
class OptionHelp:
    """What the help says of a setting.

    Attributes:
        help: a sentence.
        panel: of `PANELS`.
        default: in words, where the setting's own default is none.
        metavar: what stands for the value, such as HEIGHTxWIDTH; None: by its type.
        words: values, or beginnings of values, that a shell completes.
        choices: whether the words are all values there are, so that the help lists them.
        flag: the option's name, where it is not the setting's: a list of which the option gives one.
        commas: the option gives several at once, with commas between them.
    """

    help: str
    panel: str
    default: str | None = None
    metavar: str | None = None
    words: tuple[str, ...] = ()
    choices: bool = False
    flag: str | None = None
    commas: bool = False


@dataclass(frozen=True)
class Setting:
    """A setting that has an option.

    Attributes:
        name: in the config.
        kind: bool, int, float, Path or str of the option's value.
        several: the option may be repeated.
        default: in words; None: it must be given, or has none that is worth a word.
        shown: the rest.
    """

    name: str
    kind: type
    several: bool
    default: str | None
    shown: OptionHelp


_KINDS: Final = (bool, int, float, Path)


def settings_of(config: type[BaseModel]) -> Iterator[Setting]:
    """The settings of a config that are shown, in its order."""
    for name, field in config.model_fields.items():
        option_help = next((extra for extra in field.metadata if isinstance(extra, OptionHelp)), None)
        if option_help is None:
            continue
        kinds = {kind for kind in _alternatives(field.annotation) if kind is not type(None)}
        kind = kinds.pop() if len(kinds) == 1 else str
        several = kind is tuple and option_help.flag is not None
        yield Setting(name, kind if kind in _KINDS else str, several, _default(field.default, option_help), option_help)


def _default(value: object, option_help: OptionHelp) -> str | None:
    """The default in words."""
    if option_help.default is not None or not isinstance(value, bool | int | float | str):
        return option_help.default if option_help.default is not None or not hasattr(value, "levels") else str(value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _alternatives(hint: Any) -> Iterator[Any]:
    """The types that a value may have: those of a union, without what is annotated and what is in a list."""
    if get_origin(hint) is Annotated:
        yield from _alternatives(get_args(hint)[0])
    elif get_origin(hint) in (Union, UnionType):
        for part in get_args(hint):
            yield from _alternatives(part)
    else:
        yield get_origin(hint) or hint
