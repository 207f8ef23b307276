"""Names that settings are checked by before anything large is imported."""

from __future__ import annotations

from typing import Final

from foolscape.tasks.base import TASKS, Task

NONE: Final = "none"
"""The attack by which a run measures the clean model alone."""

TASK_OPTIONS: Final = {option.name: option for task in TASKS.values() for option in task.options}
"""Options of what an attack does to a task, whatever its name."""


def foreign_to(task: Task) -> dict[str, Task]:
    """The options of attacks that are for another task alone, and that task."""
    others = [other for other in TASKS.values() if other != task]
    return {option: other for other in others for option in _of(other) if option not in _of(task)}


def task_of_option(name: str) -> Task | None:
    """The task for which alone an option of this name means something; None where it is for all."""
    return next((task for task in TASKS.values() if name in _of(task)), None)


def _of(task: Task) -> tuple[str, ...]:
    """The options of attacks that mean something for a task alone."""
    return (*(option.name for option in task.options), *task.attack_options)
