"""Which parts of a network draw random numbers or use the statistics of the batch, found by watching a forward pass."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from foolscape.models.common.wrappers import modules_of

_DRAWS: Final = (
    *("rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like"),
    *("normal", "bernoulli", "poisson", "multinomial"),
    *("normal_", "uniform_", "bernoulli_", "exponential_", "random_", "log_normal_", "cauchy_", "geometric_"),
)
"""Functions that draw random numbers whatever mode the network is in."""

_SWITCHED: Final = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "rrelu"),
    *("batch_norm", "multi_head_attention_forward", "scaled_dot_product_attention"),
)
"""Functions that do so, or take the batch's statistics, in training mode."""

_MOST: Final = 3
"""Parts that are named; the others are only counted."""


class _Watch(TorchFunctionMode):
    """Notes every suspicious call, and the part of the network that made it."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.suspects: dict[str, None] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in _DRAWS or (name in _SWITCHED and _trains(func, args, kwargs or {})):
            self.suspects[f"{name} in {self.inside[-1] if self.inside else 'forward'}"] = None
        return func(*args, **(kwargs or {}))


def suspects(model: object, forward: Callable[[], object]) -> str:
    """The parts of `model` that may answer the same image otherwise, as text; empty if none was seen.

    Args:
        model: a network, or what has networks among its attributes.
        forward: calls it as it is called when it answers.
    """
    watch = _Watch()
    try:
        with ExitStack() as stack, torch.no_grad():
            for module in modules_of(model):
                _follow(module, watch, stack)
            with watch:
                forward()
    except Exception:  # a network that cannot be watched is one of which nothing is known
        return ""
    names = list(watch.suspects)
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(names[:_MOST]) + more


def _follow(module: nn.Module, watch: _Watch, stack: ExitStack) -> None:
    """Have `watch` know which part of `module` is at work, until `stack` closes."""
    for path, part in module.named_modules():
        name = f"{path or 'the network'} ({type(part).__name__})"

        def enter(*_: object, name: str = name) -> None:
            watch.inside.append(name)

        def leave(*_: object) -> None:
            watch.inside.pop()

        stack.callback(part.register_forward_pre_hook(enter).remove)
        stack.callback(part.register_forward_hook(leave, always_call=True).remove)


def _trains(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether a call was made in training mode: with `training`, and a probability of dropping something."""
    if func.__name__ == "scaled_dot_product_attention":  # of C, without a signature
        return bool(kwargs.get("dropout_p", args[4] if len(args) > 4 else 0.0))
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = bound.arguments
    chance = arguments.get("p", arguments.get("dropout_p", 1.0))
    return bool(arguments.get("training", False)) and chance > 0
