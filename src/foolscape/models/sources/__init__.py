"""Where models come from: a module for each scheme of `spec.LIBRARIES`, and `own` for what users bring.

To add a library: a module here of its scheme's name, with a `RECORD`, and the scheme in `spec.LIBRARIES`.
"""

from __future__ import annotations

from foolscape.by_name import record_of
from foolscape.models.sources import own
from foolscape.models.sources.base import Listed, Source
from foolscape.spec import LIBRARIES, Spec

__all__ = ["list_models", "named_models", "source_of"]


def source_of(spec: Spec) -> Source:
    """Where the model of `spec` comes from."""
    return _library(spec.scheme) if spec.scheme in LIBRARIES else own.RECORD


def list_models() -> tuple[Listed, ...]:
    """Everything that can be named, one library after the other, then plug-ins and the forms of users' own."""
    return tuple(line for source in (*map(_library, LIBRARIES), own.RECORD) for line in source.listed())


def named_models() -> tuple[str, ...]:
    """The names of all models that are the same everywhere."""
    sources = [_library(scheme) for scheme in LIBRARIES]
    return tuple(line.name for source in sources if source.says_all for line in source.listed())


def _library(scheme: str) -> Source:
    return record_of(__name__, scheme, Source, "library of models")
