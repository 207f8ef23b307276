"""Published figures beside those of a run."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.published.base import Figure, Row
from foolscape.records.conditions import ADVERSARIAL, CLEAN, IN_FLOAT, Condition
from foolscape.records.summary import ModelSummary


@dataclass(frozen=True)
class Compared:
    """A published figure beside a measured one.

    Attributes:
        figure: the published one.
        measured: in percent; None where the run has none.
        at_8_bits: the same of the 8-bit files, of an attack.
        why: what stands in the place of a figure that is not there.
    """

    figure: Figure
    measured: float | None
    at_8_bits: float | None = None
    why: str = ""

    @property
    def difference(self) -> float | None:
        """Measured less published."""
        return None if self.measured is None else self.measured - self.figure.value


def compared(row: Row, model: ModelSummary) -> tuple[Compared, ...]:
    """The figures of `row` beside what `model` of a run came to.

    Of attacks papers give what is left before rounding, so that this is what they are compared with.
    """
    return tuple(_compared(figure, model) for figure in row.figures)


def _compared(figure: Figure, model: ModelSummary) -> Compared:
    if not figure.measurable:
        return Compared(figure, None, why="below a level of 8 bits")
    condition = Condition(figure.condition)
    if condition == CLEAN:
        return Compared(figure, _score(model, figure, CLEAN))
    exact = IN_FLOAT if condition == ADVERSARIAL else condition
    in_file = _score(model, figure, condition) if condition == ADVERSARIAL else None
    return Compared(figure, _score(model, figure, exact), in_file)


def _score(model: ModelSummary, figure: Figure, condition: Condition) -> float | None:
    """A score of the run under a condition; within the figure's bound, where the run has several."""
    key = condition.at(figure.bound) if model.bounds and condition != CLEAN else condition
    value = model.conditions.get(key, {}).get(figure.score)
    return float(value) if isinstance(value, int | float) else None
