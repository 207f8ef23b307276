"""What makes a model the one it is besides its weights: its code, the libraries it comes from, its configuration.

Of foolscape's own networks it is the name of the architecture alone: where its class lies, how it is put together of
PyTorch's layers and what attributes it has may change from version to version, and its runs go on.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any, Final

from torch import nn

from foolscape.models.common import source_files as sources
from foolscape.models.common.wrappers import modules_of
from foolscape.paths import path_of, real
from foolscape.spec import BACKBONES, LIBRARIES, Spec, inner, plugins

Record = dict[str, Any]
"""A JSON object."""

_OWN: Final = "foolscape"

_OURS: Final = ("torch", "builtins", _OWN, "__main__", "typing", "abc", "collections", "types")
"""Packages that are no library of a model: PyTorch's version is recorded for every run."""

_DEEP: Final = 4
"""How many levels down the attributes of a model somebody wrote are searched, and lists in them."""


def identity_of(spec: Spec, model: object) -> Record:
    """What of a model must be the same for a run to go on with it, besides its weights.

    Args:
        spec: that names it.
        model: made of it, ready to be attacked.

    Returns:
        `{"class": name, "configuration_sha256": of the plain attributes of all its parts that foolscape has not made,
        "libraries": {name: version}, "files": {path from the factory's folder: sha256}}`.
    """
    parts = list(_parts(model))
    kinds = {type(part) for part in parts}
    foreign = [part for one in _outermost(model) for part in _made_elsewhere(one)]
    root, seeds, package, libraries = _origin(inner(spec))
    own = sources.behind(kinds)
    return {
        "class": " + ".join(dict.fromkeys(_name(type(part)) for part in _outermost(model))),
        "configuration_sha256": _configuration(foreign),
        "libraries": dict(sorted((libraries | _libraries(kinds)).items())),
        "files": sources.closure([*seeds, *sorted(own)], root, package) | _exported([model, *parts]),
    }


def _exported(parts: list[object]) -> dict[str, str]:
    """The hashes of the files that networks were exported to, which their weights alone do not tell from others."""
    found: dict[str, str] = {}
    for part in parts:
        found |= getattr(part, "files_sha256", None) or {}
    return found


def _origin(spec: Spec) -> tuple[Path, list[Path], Path | None, dict[str, str]]:
    """Where the factory is: the folder that its imports begin at, its file, its package, and its plug-in's version."""
    if spec.scheme.endswith(".py"):
        path = real(path_of(spec.scheme))
        return path.parent, [path], None, {}
    if spec.scheme in (*LIBRARIES, *BACKBONES):
        return Path.cwd(), [], None, {}
    point = plugins().get(spec.scheme or spec.rest)
    name = spec.scheme if point is None else point.module
    libraries = {} if point is None or point.dist is None else {point.dist.name: point.dist.version}
    module = sys.modules.get(name)
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return Path.cwd(), [], None, libraries
    top = importlib.util.find_spec(name.partition(".")[0])
    places = () if top is None else tuple(top.submodule_search_locations or ())
    package = real(Path(places[0])) if places else None
    return (package or real(Path(file))).parent, [Path(file)], package, libraries


def _outermost(model: object) -> Iterator[object]:
    """What a user or a library made: the networks in `model`, or the objects that an adapter stands around."""
    modules = modules_of(model)
    if modules:
        yield from modules
    inner = getattr(model, "inner", None)
    if inner is not None and not isinstance(inner, nn.Module):
        yield inner


def _parts(model: object) -> Iterator[object]:
    """`_outermost`, and all modules in them."""
    for one in _outermost(model):
        if isinstance(one, nn.Module):
            yield from one.modules()
        else:
            yield one


def _made_elsewhere(part: object, *, in_ours: bool = False) -> Iterator[object]:
    """`part` and the modules in it, without foolscape's own and the layers of PyTorch that these are made of."""
    top = type(part).__module__.partition(".")[0]
    ours = top == _OWN or (in_ours and top == "torch")
    if not ours:
        yield part
    for child in part.children() if isinstance(part, nn.Module) else ():
        yield from _made_elsewhere(child, in_ours=ours)


def _configuration(parts: list[object]) -> str:
    """A hash of the plain attributes of all parts: numbers, words, switches, and lists of them."""
    described = []
    for part in parts:
        attributes = {
            name: value
            for name, value in sorted(getattr(part, "__dict__", {}).items())
            if not name.startswith("_") and name != "training" and _is_plain(value, _DEEP)
        }
        described.append([_name(type(part)), attributes])
    return hashlib.sha256(json.dumps(described, default=repr, sort_keys=False).encode()).hexdigest()


def _is_plain(value: object, deep: int) -> bool:
    if value is None or isinstance(value, bool | int | float | str):
        return True
    if deep and isinstance(value, list | tuple):
        return all(_is_plain(one, deep - 1) for one in value)
    if deep and isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(one, deep - 1) for key, one in value.items())
    return False


def _libraries(kinds: set[type]) -> dict[str, str]:
    """The versions of the installed packages that the classes come from."""
    tops = {base.__module__.partition(".")[0] for kind in kinds for base in kind.__mro__}
    versions = {top: _version(top) for top in tops if top not in _OURS and not top.startswith("foolscape_user_")}
    return {top: known for top, known in versions.items() if known is not None}


def _version(top: str) -> str | None:
    """The version of an installed package; None for modules that are a user's own."""
    for name in (top, top.replace("_", "-")):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    module = sys.modules.get(top)
    if module is None or sources.is_own(Path(getattr(module, "__file__", None) or "")):
        return None
    names = packages_distributions().get(top, ())
    return version(names[0]) if names else getattr(module, "__version__", None)


def _name(kind: type) -> str:
    """The name of a class: foolscape's own without the module that it is in, a user's file by its stem."""
    module = kind.__module__
    if module.partition(".")[0] == _OWN:
        return kind.__qualname__
    if module.startswith("foolscape_user_"):
        module = module.removeprefix("foolscape_user_").rpartition("_")[0]
    return f"{module}.{kind.__qualname__}"
