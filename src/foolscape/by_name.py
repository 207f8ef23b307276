"""Records that are found by a name: the constant `RECORD` of the module of that name in a package.

So no table lists them. What a layer knows of a task is in one package per layer: `metrics.tasks` holds how each is
scored, `run.tasks` how it is run, `report.tasks` how it is shown; `tasks.base` names the tasks. `data.sets` holds the
data sets.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TypeVar

from foolscape.errors import unknown

T = TypeVar("T")


def record_of(package: str, name: str, kind: type[T], what: str = "task") -> T:
    """The record called `name` in `package`.

    Args:
        package: such as `foolscape.metrics.tasks`.
        name: a hyphen in it is an underscore in the module's name.
        kind: the class of the record.
        what: a record is of, for the message.

    Raises:
        UnknownNameError: the package has no such record.
    """
    record = record_or_none(package, name, kind)
    if record is None:
        raise unknown(what, name, names_in(package, kind))
    return record


def record_or_none(package: str, name: str, kind: type[T]) -> T | None:
    """As `record_of`; None where the package has none."""
    module = name.replace("-", "_")
    if not module.isidentifier() or find_spec(f"{package}.{module}") is None:
        return None
    record = getattr(import_module(f"{package}.{module}"), "RECORD", None)
    return record if isinstance(record, kind) else None


def names_in(package: str, kind: type[object]) -> tuple[str, ...]:
    """The names of the modules in `package` that hold a record, sorted, with underscores."""
    names = sorted(module.name for module in iter_modules(import_module(package).__path__))
    return tuple(name for name in names if record_or_none(package, name, kind) is not None)
