"""Names of models where there is no room for their folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_FOLDERS: Final = re.compile(r"[^:?]*/")


def short_names(specs: Iterable[str]) -> Mapping[str, str]:
    """By spec what it is without the folders before its options: `nets/deep.py:net?w=1` is `deep.py:net?w=1`.

    Specs that would be told apart no longer stay as they are.
    """
    whole = list(dict.fromkeys(specs))
    short = [_FOLDERS.sub("", spec.partition("?")[0]) + "".join(spec.partition("?")[1:]) for spec in whole]
    return {spec: name if short.count(name) == 1 else spec for spec, name in zip(whole, short, strict=True)}
