"""How a task's models are held against their rivals: what `check.examine` must know of a task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from foolscape.by_name import record_of
from foolscape.metrics.sample import Sample, Samples
from foolscape.records.types import Object
from foolscape.run.tasks.base import EvalSample
from foolscape.run.wiring.judge import Elsewhere, RivalRows
from foolscape.run.wiring.rivals import RivalView


class Trial(Protocol):
    """A model on some images, as its task tries it; see `segmentation.SegmentationTrial`."""

    @property
    def cases(self) -> Sequence[EvalSample[Any, Any]]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...
    @property
    def views(self) -> tuple[RivalView, ...]: ...
    def clean(self) -> Samples: ...
    def floor(self) -> tuple[str, Samples] | None: ...
    def elsewhere(self) -> Elsewhere | None: ...
    def row(self, index: int, view: RivalView) -> Sample[Any, Any]: ...
    def free(self) -> list[RivalRows]: ...


def _as_it_is(subject: Any) -> Any:
    return subject


@dataclass(frozen=True)
class TaskWiring:
    """A task; the constant `RECORD` of its module in `run.wiring`.

    Attributes:
        trial: a class: (model on its data, samples) -> a `Trial`, and `labelled` says whether they have truth.
        hints: (model, samples without truth, seed) -> what the predictions themselves give away.
        samples: on how many a model is tried.
        few: of these on how many every view first.
        prepared: what is tried in the place of a model on its data.
    """

    trial: Any
    hints: Callable[[Any, Sequence[EvalSample[Any, Any]], int], Object]
    samples: int = 16
    few: int = 4
    prepared: Callable[[Any], Any] = _as_it_is


def wiring_of(task: str) -> TaskWiring:
    """How models of the task of this name are tried."""
    return record_of("foolscape.run.wiring", task, TaskWiring)
