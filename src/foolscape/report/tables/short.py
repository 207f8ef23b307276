"""Names of models where there is no room for their folders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

_PATHS: Final = ("/", "./", "../", "~/")
"""What stands behind a colon and begins so is a path; `nvidia/segformer-b0` is a name."""


def short_names(specs: Iterable[str]) -> Mapping[str, str]:
    """By spec what it is without the folders before its options: `nets/deep.py:net?w=1` is `deep.py:net?w=1`.

    Specs that would be told apart no longer stay as they are.
    """
    whole = list(dict.fromkeys(specs))
    short = [_without_folders(spec) for spec in whole]
    return {spec: name if short.count(name) == 1 else spec for spec, name in zip(whole, short, strict=True)}


def _without_folders(spec: str) -> str:
    named, mark, options = spec.partition("?")
    first, *others = named.split(":")
    bare = [part.rpartition("/")[2] if part.startswith(_PATHS) else part for part in others]
    return ":".join([first.rpartition("/")[2], *bare]) + mark + options
