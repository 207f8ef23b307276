"""Specs: the one-line names of models and data sets, `scheme:rest?option=value&option=value`.

What stands there is taken as it is: nothing is decoded. A value that holds `&` or `?` is quoted, `?weights="a&b.pth"`,
and so is a part between colons that holds `?`, `folder:"what?"`; inside quotes a doubled quote is one quote.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from pathlib import Path
from typing import Final

from foolscape.errors import SettingError, unknown
from foolscape.stores.secrets import refuse_secrets

LIBRARIES: Final = (
    "bundled", "torchvision", "transformers", "ultralytics", "smp", "caffe", "sea", "onnx", "torchscript", "exported",
    "blackbox", "onnxruntime", "stcn", "stm", "hmmn", "propagation",
)  # fmt: skip
"""The schemes of models that foolscape itself makes: each is a module of `foolscape.models.sources`."""

EXPORTED: Final = ("onnx", "torchscript", "exported")
"""Those of them under which users bring networks of their own: they say how these want their images."""

BACKBONES: Final = ("timm",)
"""Those that stand behind `propagation:` alone: networks of features."""

BLACK_BOXES: Final = ("blackbox", "onnxruntime")
"""Those of them under which a model has no gradient."""

GROUP: Final = "foolscape.models"
"""The entry-point group of plug-ins: a callable that takes what follows `name:` and returns a network or segmenter."""

IN_MEMORY: Final = "in-memory"
"""The scheme of what a caller from Python handed over and no text names: in-memory:UNet. No module is called so."""

ATTACKS_GROUP: Final = "foolscape.attacks"
OBJECTIVES_GROUP: Final = "foolscape.objectives"
"""The entry-point groups of attacks and losses: the functions themselves."""

_QUOTED: Final = re.compile(r'"((?:[^"]|"")*)"')


@dataclass(frozen=True)
class Spec:
    """A parsed spec.

    Attributes:
        text: as the user wrote it.
        scheme: the word before the first colon, where it is registered; else what stands before the factory, such as
            `path/to/file.py` or `package.module`; "" if there is no colon.
        rest: what stands behind it.
        options: the options behind `?`, in order.
    """

    text: str
    scheme: str
    rest: str
    options: dict[str, str] = field(default_factory=dict)

    def only(self, *allowed: str) -> Spec:
        """This spec, if it has no other options than `allowed`; else `UnknownNameError` naming near misses."""
        for name in self.options:
            if name not in allowed:
                raise unknown(f"option in {self.text!r}", name, allowed)
        return self


def plugins(group: str = GROUP) -> dict[str, EntryPoint]:
    """The installed plug-ins of a group by name."""
    return {point.name: point for point in _installed(group, tuple((place, _changed(place)) for place in sys.path))}


@lru_cache(maxsize=16)
def _installed(group: str, places: tuple[tuple[str, int], ...]) -> EntryPoints:
    """The entry points of a group, read again once a place on the path has changed: reading them all takes 20 ms."""
    del places
    return entry_points(group=group)


def _changed(place: str) -> int:
    """When an entry of the path last gained or lost a file, in nanoseconds; 0 where there is none."""
    try:
        return Path(place).stat().st_mtime_ns
    except (OSError, ValueError):
        return 0


def parse(text: str, schemes: Collection[str] | None = None) -> Spec:
    """Split `text`.

    Args:
        text: a spec.
        schemes: the words that end at the first colon; None: `LIBRARIES` and the plug-ins, as for models.

    Raises:
        SettingError: it is empty, a quote is not closed, or an option has no name or value, or comes twice; or it holds
            a key or password, which the message does not repeat.
    """
    refuse_secrets(text)
    if "\0" in text:
        raise SettingError(f"expected a spec such as bundled:scenes-unet or camvid:DIR, got {text!r} with a NUL in it")
    parts, query = _parts(text)
    if not "".join(parts).strip():
        raise SettingError(f"expected a spec such as bundled:scenes-unet or camvid:DIR, got {text!r}")
    options = {} if not query else _options(text, query)
    if len(parts) > 1 and _registered(parts[0], schemes):
        return Spec(text, parts[0], ":".join(parts[1:]), options)
    # A folder's name may have colons, too: what ends in .py is a file, and what follows it the factory.
    files = [end for end in range(1, len(parts)) if parts[end - 1].endswith(".py")]
    end = files[-1] if files else len(parts) - 1
    return Spec(text, ":".join(parts[:end]), ":".join(parts[end:]), options)


def is_black_box(text: str) -> bool:
    """Whether the spec `text` names a model that no gradient may be asked of."""
    return text.partition(":")[0] in BLACK_BOXES


def inner(spec: Spec) -> Spec:
    """The spec of the network that a model is made around, what stands behind `propagation:`; else `spec` itself."""
    if spec.scheme != "propagation" or not spec.rest:
        return spec
    body = spec.text.partition(":")[2]
    return parse(body, BACKBONES) if body.partition(":")[0] in BACKBONES else parse(body)


def written(scheme: str, rest: str, options: Mapping[str, str]) -> str:
    """The text of a spec, quoted where it must be: `parse` gives back what went in."""
    body = ":".join(_quoted(part, "?") for part in (f"{scheme}:{rest}" if scheme else rest).split(":"))
    query = "&".join(f"{name}={_quoted(value, '&?')}" for name, value in options.items())
    return f"{body}?{query}" if query else body


def text_of(value: object) -> object:
    """A spec as a YAML file may have it, `{spec: net.py:build, weights: a&b.pth}`, as text; anything else as it is.

    Raises:
        SettingError: there is no `spec`, it says an option of the mapping too, or a value is no plain one.
    """
    if not isinstance(value, Mapping):
        return value
    options = {str(name): _plain(str(name), option) for name, option in value.items() if name != "spec"}
    named = value.get("spec")
    if not isinstance(named, str):
        raise SettingError(f"expected the key spec in a model or data set, {{spec: net.py:build, ..}}, got {value!r}")
    parsed = parse(named)
    if doubled := [name for name in options if name in parsed.options]:
        raise SettingError(f"expected the option {doubled[0]} once, got it in {named!r} and beside it")
    return written(parsed.scheme, parsed.rest, parsed.options | options)


def _plain(name: str, value: object) -> str:
    """A value of YAML as a spec has it: a switch as 0 or 1, a list with commas."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(part, str | int | float) for part in value):
        return ",".join(str(part) for part in value)
    raise SettingError(f"{name}: expected text, a number or a list of them, got {value!r}")


def _registered(word: str, schemes: Collection[str] | None) -> bool:
    if schemes is not None:
        return word in schemes
    return word in LIBRARIES or ("/" not in word and not word.endswith(".py") and word in plugins())


def _parts(text: str) -> tuple[list[str], str]:
    """The parts of `text` between colons, without quotes, and what stands behind the first `?` that is not quoted."""
    parts, at = [], 0
    while True:
        part, at = _taken(text, at, ":?")
        parts.append(part)
        if at == len(text):
            return parts, ""
        at += 1
        if text[at - 1] == "?":
            return parts, text[at:]


def _options(text: str, query: str) -> dict[str, str]:
    options: dict[str, str] = {}
    at = 0
    while True:
        name, equals, _ = query[at:].partition("=")
        if not equals or not re.fullmatch(r"\w[\w-]*", name):
            wrong = query[at:].partition("&")[0]
            raise SettingError(
                f"expected options as ?name=value&name=value in {text!r}, got {wrong!r}; a value that holds & or ? is "
                f'quoted: ?name="a&b"'
            )
        value, at = _taken(query, at + len(name) + 1, "&?")
        if query[at : at + 1] == "?":
            raise SettingError(
                f"expected & between the options of {text!r}, got ?; a value that holds & or ? is quoted: "
                f'?{name}="{value}?.."'
            )
        if name in options:
            raise SettingError(f"expected the option {name} once in {text!r}, got {options[name]!r} and {value!r}")
        options[name] = value
        if at == len(query):
            return options
        at += 1


def _taken(text: str, at: int, ends: str) -> tuple[str, int]:
    """What stands in `text` from `at` up to one of the characters `ends`, or in quotes, and the place behind it."""
    if text[at : at + 1] == '"':
        match = _QUOTED.match(text, at)
        if match is None or (match.end() < len(text) and text[match.end()] not in ends):
            raise SettingError(
                f'expected a closing quote in {text!r} behind {text[at:]}; inside quotes " is written ""'
            )
        return match[1].replace('""', '"'), match.end()
    end = min((place for place in (text.find(char, at) for char in ends) if place >= 0), default=len(text))
    return text[at:end], end


def _quoted(value: str, special: str) -> str:
    if value.startswith('"') or any(char in value for char in special):
        return '"' + value.replace('"', '""') + '"'
    return value
