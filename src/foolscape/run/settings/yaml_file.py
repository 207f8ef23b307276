"""A YAML file of settings, read so that nothing in it takes long, runs, or means something else than it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from foolscape.errors import SettingError
from foolscape.paths import path_of
from foolscape.regular import read_text
from foolscape.yaml_nodes import composed

_MOST_BYTES: Final = 1 << 20
_MOST_VALUES: Final = 10_000
"""Values in a file, aliases written out: a few nested aliases stand for more than memory holds."""
_DEEPEST: Final = 20
_MOST_DIGITS: Final = 30
_DECIMAL, _FINITE = re.compile(r"[-+]?(0|[1-9]\d*)"), re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?|[-+]?\d+\.")
_TEXTS: Final = ("ids", "eval_classes")
"""Settings whose values are names as they are written: 007, no and 2024-01-01 are no number, truth value or date."""

_MERGE, _TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"
_KINDS: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map"))


def read_mapping(path: Path) -> dict[str, object]:
    """The settings in the YAML file `path`: texts, numbers, truth values, lists and mappings of them.

    Raises:
        SettingError: it cannot be read, is too large, or holds anything but a mapping of names, a name twice, a value
            of another kind, or aliases that stand for very many values.
    """
    try:
        text = read_text(path_of(path), _MOST_BYTES)
        root = composed(text)
        if not isinstance(root, yaml.MappingNode):
            raise SettingError(
                f"expected a mapping of settings in {path}, such as `data: folder:photos`, got {_what(root)}"
            )
        _mark_texts(root)
        _check(root, 0, {})
        loader = yaml.SafeLoader("")
        loaded = loader.construct_document(root)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingError(f"expected a YAML file of settings at {path}, got {reason_of(error)}") from error
    return dict(loaded)


def _check(node: yaml.Node, depth: int, sizes: dict[int, int]) -> int:
    """How many values `node` stands for, aliases written out; raises `ValueError` for what no setting is."""
    if id(node) in sizes:
        if not sizes[id(node)]:
            raise ValueError(f"an alias for a value that it is part of, in line {_line(node)}; write it out")
        return sizes[id(node)]
    if depth > _DEEPEST:
        raise ValueError(f"values nested deeper than {_DEEPEST} in line {_line(node)}; settings need two levels")
    sizes[id(node)] = 0  # while it is being looked at
    if node.tag not in _KINDS:
        kind = node.tag.rpartition("tag:yaml.org,2002:")[2]
        raise ValueError(f"{kind!r}, no kind of a setting, in line {_line(node)}; {_advice(node)}")
    total = 1 + sum(_check(child, depth + 1, sizes) for child in _children(node))
    if total > _MOST_VALUES:
        raise ValueError(f"aliases that stand for more than {_MOST_VALUES:,} values, in line {_line(node)}")
    sizes[id(node)] = total
    return total


def _children(node: yaml.Node) -> list[yaml.Node]:
    """The values in `node`; raises `ValueError` for a key that is no name, or stands twice, and for a giant number."""
    if isinstance(node, yaml.SequenceNode):
        return list(node.value)
    if isinstance(node, yaml.ScalarNode):
        _check_scalar(node)
        return []
    names: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (_TEXT, _MERGE):
            raise ValueError(f"{_what(key)} where a name is expected, in line {_line(key)}; settings are `name: value`")
        if key.value in names:
            raise ValueError(f"{key.value!r} for the second time in line {_line(key)}; give it once")
        names.add(key.value)
    return [value for _, value in node.value]


def _check_scalar(node: yaml.ScalarNode) -> None:
    """Raises `ValueError` for a number that is giant, not finite, or written so that YAML reads another (010 is 8)."""
    kind = node.tag.rpartition(":")[2]
    if kind in ("int", "float") and len(node.value) > _MOST_DIGITS:
        raise ValueError(f"a number of {len(node.value)} digits in line {_line(node)}")
    plain = {"int": _DECIMAL, "float": _FINITE}.get(kind)
    if plain is not None and not plain.fullmatch(node.value):
        do = "write it as 1, 2.5, 1.0e-3, or in quotes"
        raise ValueError(f"{node.value!r}, no plain number, in line {_line(node)}; {do}")
    if kind == "bool" and node.value.lower() not in yaml.SafeLoader.bool_values:
        raise ValueError(f"{node.value!r}, no truth value, in line {_line(node)}; write true or false")


def _mark_texts(root: yaml.MappingNode) -> None:
    """Makes the values of `_TEXTS` what is written, also in the mappings of a list of data sets."""
    listed = [value.value for key, value in root.value if _is_list(value) and getattr(key, "value", None) == "data"]
    for mapping in (root, *(node for nodes in listed for node in nodes if isinstance(node, yaml.MappingNode))):
        _mark_own_texts(mapping)


def _is_list(node: yaml.Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def _mark_own_texts(mapping: yaml.MappingNode) -> None:
    for key, value in mapping.value:
        # A key that is no name may hold aliases, and must not be written out.
        if isinstance(key, yaml.ScalarNode) and key.value in _TEXTS and isinstance(value, yaml.SequenceNode):
            for one in value.value:
                if isinstance(one, yaml.ScalarNode):
                    one.tag = _TEXT


def _advice(node: yaml.Node) -> str:
    return "put it in quotes" if isinstance(node, yaml.ScalarNode) and not node.tag.startswith("!") else "leave it out"


def _what(node: yaml.Node | None) -> str:
    if node is None:
        return "nothing"
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value[:60])
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


_COLON: Final = "mapping values are not allowed"
"""What PyYAML says of `data: scenes:`, where the second colon ends a name of its own."""


def reason_of(error: Exception) -> str:
    """What is wrong with a file, in a line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, yaml.MarkedYAMLError) and error.problem and error.problem_mark:
        advice = (
            '; a text with a colon at its end stands in quotes, such as "scenes:"' if _COLON in error.problem else ""
        )
        return f"{error.problem} in line {error.problem_mark.line + 1}{advice}"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
