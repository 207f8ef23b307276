"""Where models come from: a module for each scheme of `spec.LIBRARIES`, and `own` for what users bring.

To add a library: a module here of its scheme's name, with a `RECORD`, and the scheme in `spec.LIBRARIES`.
"""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.by_name import record_of
from foolscape.extras import is_installed
from foolscape.models.sources import own
from foolscape.models.sources.base import Listed, Source
from foolscape.spec import LIBRARIES, Spec

__all__ = ["ListedSource", "list_models", "list_sources", "named_models", "source_of"]


def source_of(spec: Spec) -> Source:
    """Where the model of `spec` comes from."""
    return _library(spec.scheme) if spec.scheme in LIBRARIES else own.RECORD


@dataclass(frozen=True)
class ListedSource:
    """One source of models for `foolscape list models`.

    Attributes:
        name: its scheme, or "your own".
        needs: what is to be installed for it, and whether that is.
        example: a command that can be copied.
        lines: what can be named.
    """

    name: str
    needs: str
    example: str
    lines: tuple[Listed, ...]


def list_sources() -> tuple[ListedSource, ...]:
    """Every source of models, in the order of `list_models`."""
    named = [(f"{scheme}:", _library(scheme)) for scheme in LIBRARIES]
    return tuple(
        ListedSource(name, _needs(source), f"foolscape check --model {_quoted(source.example)}", source.listed())
        for name, source in [*named, ("your own", own.RECORD)]
    )


def list_models() -> tuple[Listed, ...]:
    """Everything that can be named, one library after the other, then plug-ins and the forms of users' own."""
    return tuple(line for source in (*map(_library, LIBRARIES), own.RECORD) for line in source.listed())


def named_models() -> tuple[str, ...]:
    """The names of all models that are the same everywhere."""
    sources = [_library(scheme) for scheme in LIBRARIES]
    return tuple(line.name for source in sources if source.says_all for line in source.listed())


def _needs(source: Source) -> str:
    if source.extra is None:
        return "nothing more"
    state = "installed" if is_installed(source.extra) else "not installed"
    return f"pip install 'foolscape[{source.extra}]': {state}"


def _quoted(spec: str) -> str:
    """`spec` as a shell takes it."""
    return f'"{spec}"' if {"?", "&"} & set(spec) else spec


def _library(scheme: str) -> Source:
    return record_of(__name__, scheme, Source, "library of models")
