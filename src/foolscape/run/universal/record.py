"""What learning and measuring a universal perturbation must know of a task; a task without a record has none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from foolscape.by_name import record_of, record_or_none
from foolscape.tasks.base import TASKS

if TYPE_CHECKING:
    from foolscape.attacks.parts.objectives import Objective
    from foolscape.records.row import Moved
    from foolscape.records.types import Object
    from foolscape.run.universal.targets import Target
    from foolscape.run.universal.universal_task import UniversalTask

_PACKAGE: Final = "foolscape.run.universal"


@dataclass(frozen=True)
class TaskUniversal:
    """A task; the constant `RECORD` of its module in `run.universal`.

    Attributes:
        universal_task: (a model on a data set, what it is to see) -> what is learnt from and judged.
        kinds: of targets, by the words of `--target`.
        neighbours: whether what is hidden may become the nearest other class.
        all_at_once: whether `hide:all` hides every class.
        conventions: sentences of summary.json where a class is hidden, by key.
        objective: (tau, bend, whether any change will do) -> what is made large; see `ConfidenceCappedLoss`.
        more: (the scores of a condition, what was judged of its images, the hidden class or None) -> further scores.
    """

    universal_task: Callable[[Any, Target], UniversalTask[Any, Any]]
    kinds: tuple[str, ...]
    neighbours: bool
    all_at_once: bool
    conventions: Mapping[str, str]
    objective: Callable[[float, float, bool], Objective]
    more: Callable[[Object, Sequence[Moved], str | None], Object]


def universal_of(task: str) -> TaskUniversal:
    """How a universal perturbation is made for the task of this name."""
    return record_of(_PACKAGE, task, TaskUniversal)


def able() -> list[str]:
    """The tasks that there are universal perturbations for."""
    return [name for name in TASKS if record_or_none(_PACKAGE, name, TaskUniversal) is not None]
