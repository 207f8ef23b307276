"""Advice in the words of who asked: it is written in those of the command line, and told in Python's after a call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, get_args

from foolscape.attacks.names import NONE
from foolscape.run.settings.attack_options import known_options
from foolscape.run.settings.config import RunConfig
from foolscape.spec import IN_MEMORY

CALL: Final = "fs."
"""How the command of a run begins that a call from Python made."""

ARGUMENTS: Final = {
    "batch": "batch_size",
    **{
        name: name
        for name in (
            "attack", "out", "task", "split", "ids", "limit", "sample", "size", "class_map", "eval_classes", "goal",
            "only_class", "probes", "seed", "device", "keep", "retry_failed", "workers", "devices", "cluster",
            "shard", "time_budget",
        )
    },
}  # fmt: skip
"""Settings of a run that are arguments of `foolscape.evaluate`, and what they are called there."""

_SWITCHES: Final = ("retry_failed",)
"""Of these, and of no settings, those that are true or false."""

_MORE_IMAGES: Final = (
    ("raise --limit or --probes", "give more images, or raise --probes"),
    ("raise --limit", "give more images"),
)

_INPUT = re.compile(r"add --input \S+, or (?=\?)")
_COMMAND = re.compile(r"foolscape (?:run|transfer|universal|apply|harden|report|check|list|demo)\b")
_FLAG = re.compile(r"(?<![\w-])--(?P<no>no-)?(?P<name>[a-z][a-z0-9-]*)(?: (?P<value>[\w./-]*\w))?")


def from_python(command: Sequence[str]) -> bool:
    """Whether `command`, of run.json, is a call from Python."""
    return bool(command) and command[0].startswith(CALL)


def is_live(spec: str) -> bool:
    """Whether the images or the model called `spec` are objects of a program, which no spec names."""
    return spec.partition(":")[0] == IN_MEMORY


def in_python(text: str, *, live: bool = False) -> str:
    """`text` with every option of the command line as the argument, or the option of an attack, that it is in Python.

    Args:
        text: for people; from a command of foolscape on it stays as it is.
        live: whether the images are there already, so that there is no `limit` to raise.
    """
    command = _COMMAND.search(text)
    advice, rest = (text[: command.start()], text[command.start() :]) if command else (text, "")
    if live:
        for words, instead in _MORE_IMAGES:
            advice = advice.replace(words, instead)
    return _FLAG.sub(_argument, _INPUT.sub("add ", advice)) + rest


def argument(name: str, value: object) -> str:
    """How the setting `name` of a run, or the option of an attack, is given in Python."""
    if name in ARGUMENTS:
        return f"{ARGUMENTS[name]}={_literal(value)}"
    if name in RunConfig.model_fields:
        return f'options={{"{name}": {_literal(value)}}}'
    return f"{name}={_literal(value)}"


def call(model: str, data: str, attack: str, settings: Mapping[str, object]) -> str:
    """The call of `foolscape.evaluate` with these specs and settings; what is live is called by what it is."""
    words = [
        "model" if is_live(model) else json.dumps(model),
        "data" if is_live(data) else json.dumps(data),
        json.dumps(attack),
        *(argument(name, value) for name, value in settings.items() if name in ARGUMENTS),
    ]
    others = {name: value for name, value in settings.items() if name not in ARGUMENTS}
    if others:
        words.append(f"options={{{', '.join(f'{json.dumps(name)}: {_literal(others[name])}' for name in others)}}}")
    return f"fs.evaluate({', '.join(words)})"


def _argument(option: re.Match[str]) -> str:
    """An option of the command line in Python; as it is where there is no such argument."""
    name, value = option["name"].replace("-", "_"), option["value"]
    flags, words = _values()
    if name not in flags and name not in ARGUMENTS:
        return option[0]
    if flags.get(name):
        rest = "" if value is None else f" {value}"
        return argument(name, option["no"] is None) + rest
    if value is not None and (value[0].isdigit() or value in words):
        return argument(name, int(value) if value.isdecimal() else value)
    rest = "" if value is None else f" {value}"
    return ARGUMENTS.get(name, name) + rest


@cache
def _values() -> tuple[dict[str, bool], frozenset[str]]:
    """The names of settings and options, and of each whether it is a truth value; words that can be values."""
    flags, words = dict.fromkeys(_SWITCHES, True), {NONE}
    for name, field in RunConfig.model_fields.items():
        flags[name] = field.annotation is bool
        words |= {word for word in _literals(field.annotation) if word.isascii()}
    for name, owners in known_options().items():
        flags[name] = any(option.kind is bool for _, option in owners)
        words |= {attack for attack, _ in owners} | {word for _, option in owners for word in option.choices}
    return flags, frozenset(words)


def _literals(hint: Any) -> set[str]:
    """The texts in the Literals of a type."""
    return {hint} if isinstance(hint, str) else {text for one in get_args(hint) for text in _literals(one)}


def _literal(value: object) -> str:
    """A value as Python writes it, texts in double quotes."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return repr(value) if isinstance(value, bool | int | float) or value is None else json.dumps(str(value))
