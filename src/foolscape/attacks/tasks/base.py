"""The form of what attacks add for a task."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from foolscape.attacks.plan import Plan
from foolscape.attacks.registry import Recipe, Settings


@dataclass(frozen=True)
class TaskAttacks:
    """How an attack is planned for a task; the constant `RECORD` of its module in `attacks.tasks`.

    Attributes:
        plan_for: (recipe, all options, the model's class names) -> plan; it reads those options that `Task.options`
            names, and raises `SettingError` where one does not fit.
    """

    plan_for: Callable[[Recipe, Settings, tuple[str, ...]], Plan]
