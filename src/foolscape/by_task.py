"""What a layer knows of a task: the constant `TASK` of the module that has the task's name, in one package per layer.

So no table lists the tasks. `metrics.tasks` holds how each is scored, `run.tasks` how it is run, `report.tasks` how it
is shown; `tasks.base` names them all.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules
from typing import TypeVar

from foolscape.errors import unknown

T = TypeVar("T")


def record_of(package: str, task: str, kind: type[T]) -> T:
    """The record of `task` in `package`.

    Args:
        package: such as `foolscape.metrics.tasks`.
        task: by its name; a hyphen in it is an underscore in the module's name.
        kind: the class of the record.

    Raises:
        UnknownNameError: the package has no record of such a task.
    """
    found = record_or_none(package, task, kind)
    if found is None:
        raise unknown("task", task, tasks_in(package, kind))
    return found


def record_or_none(package: str, task: str, kind: type[T]) -> T | None:
    """As `record_of`; None where the package has none."""
    module = task.replace("-", "_")
    if not module.isidentifier() or find_spec(f"{package}.{module}") is None:
        return None
    record = getattr(import_module(f"{package}.{module}"), "TASK", None)
    return record if isinstance(record, kind) else None


def tasks_in(package: str, kind: type[object]) -> tuple[str, ...]:
    """The names of the modules in `package` that hold a record, sorted."""
    names = sorted(module.name for module in iter_modules(import_module(package).__path__))
    return tuple(name for name in names if record_or_none(package, name, kind) is not None)
