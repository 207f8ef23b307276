"""Bundled networks with planted mistakes: fed or read wrongly, as a user's wrapper may do it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from foolscape.models.common.wiring import IMAGENET_MEAN, IMAGENET_STD
from foolscape.run.tasks.base import EvalSample

MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))

FED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "x 255": (lambda x: 255 * x, "1/255"),
    "/ 255": (lambda x: x / 255, "255"),
    "[-1, 1]": (lambda x: 2 * x - 1, "0.5..1"),
    "BGR": (lambda x: x.flip(1), "bgr"),
    "normalised twice": (lambda x: (x - MEAN) / STD, "undo-imagenet"),
    "not normalised": (lambda x: x * STD + MEAN, "imagenet"),
    "BGR of 0 to 255": (lambda x: 255 * x.flip(1), "1/255,bgr"),
}
"""What is done to images in front of a network that is right without, and the rival that has to be named."""


class Fed(nn.Module):
    """A network whose images somebody changes first."""

    def __init__(self, network: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network = network
        self.change = change

    def forward(self, images: Tensor) -> Any:
        return self.network(self.change(images))


def with_predictions(trial: Any, change: Callable[[Any], Any]) -> Any:
    """`trial` of a model whose predictions are those of its own, changed: no pass of the network is needed."""
    cases: list[EvalSample[Any, Any]] = [replace(case, prediction=change(case.prediction)) for case in trial.cases]
    return replace(trial, cases=cases)
