"""What the scores of a user's detection network mean: probabilities or log-odds, with or without an objectness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn
from torch.nn import functional

from foolscape.errors import ModelError
from foolscape.models.detectors.common import log_odds, log_probability
from foolscape.models.detectors.user_output import DenseOutput

_ROUNDING: Final = 1e-5
"""How far above 1 a probability may be: a softmax in float32 rounds."""


@dataclass(frozen=True)
class Meaning:
    """How to read a network's scores. Made by `meaning_of`.

    Attributes:
        probabilities: whether the scores are probabilities; if not, log-odds.
        objectness: whether the objectness is a probability; if not, log-odds; None: none is multiplied in.
    """

    probabilities: bool
    objectness: bool | None = None

    def log_odds(self, dense: DenseOutput) -> Tensor:
        """(B, N, C) class log-odds, differentiable; those of probability x objectness where that is multiplied in."""
        if self.objectness is None and not self.probabilities:
            return dense.scores
        logs = _logs(dense.scores, self.probabilities)
        if self.objectness is not None:
            logs = logs + _logs(_objectness(dense), self.objectness)
        return log_odds(logs)

    def chances(self, dense: DenseOutput) -> Tensor:
        """(B, N, C) probabilities, by which detections are ranked."""
        chances = dense.scores.clamp(max=1) if self.probabilities else dense.scores.sigmoid()
        if self.objectness is None:
            return chances
        objectness = _objectness(dense)
        return chances * (objectness.clamp(max=1) if self.objectness else objectness.sigmoid())

    def check(self, dense: DenseOutput) -> None:
        """Raise `ModelError` if what was found to be probabilities is not all in [0, 1]."""
        parts = [("scores", dense.scores)] if self.probabilities else []
        parts += [("objectness", _objectness(dense))] if self.objectness else []
        for name, values in parts:
            if not in_unit_range(values):
                raise ModelError(
                    f"expected {name} in [0, 1], as they were when the network was first tried, got "
                    f"{float(values.min()):g} to {float(values.max()):g}; return log-odds, or probabilities, always"
                )

    def notes(self, dense: DenseOutput) -> tuple[str, ...]:
        """Remarks for the reader of a table; `dense` is any output of the network."""
        scores = f"the network returns {_kind(self.probabilities)}"
        if self.objectness is not None:
            return (f"{scores}, multiplied here by its objectness ({_kind(self.objectness)})",)
        if dense.objectness is not None:
            return (f"{scores}; its objectness is not multiplied in, the scores are taken to hold it already",)
        return (scores,)


def meaning_of(dense: DenseOutput, module: nn.Module) -> Meaning:
    """How to read the scores of `module`, going by the values of one output: in [0, 1], they are probabilities.

    An objectness is multiplied in only where `module.scores_hold_objectness` is False. Without that the scores are what
    the network ranks its detections by, and hold it already: FastestDet returns both, and its scores are no plain
    product of the two.

    Raises:
        ModelError: `module.scores_hold_objectness` is False, but there is no objectness.
    """
    probabilities = in_unit_range(dense.scores)
    if getattr(module, "scores_hold_objectness", True):
        return Meaning(probabilities)
    return Meaning(probabilities, in_unit_range(_objectness(dense)))


def in_unit_range(values: Tensor) -> bool:
    """Whether all of `values` (any shape) are in [0, 1] but for rounding; NaN counts as in range."""
    return not bool(((values < 0) | (values > 1 + _ROUNDING)).any())


def _objectness(dense: DenseOutput) -> Tensor:
    """(B, N, 1)."""
    if dense.objectness is None:
        raise ModelError(
            "expected a field or key objectness (B, N) beside boxes and scores, for the network says "
            "scores_hold_objectness = False, got none; return it, or leave that out"
        )
    return dense.objectness.reshape(*dense.scores.shape[:2], 1)


def _logs(values: Tensor, probabilities: bool) -> Tensor:
    """The logarithms of the probabilities that `values` are or, as log-odds, mean."""
    return log_probability(values).clamp(max=0) if probabilities else functional.logsigmoid(values)


def _kind(probabilities: bool) -> str:
    return "probabilities" if probabilities else "log-odds"
