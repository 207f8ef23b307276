"""The encoder of words of a network that is told what to look for, which is asked once and not with every image."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

_MOST: Final = 4
"""Answers that are kept: a run asks in one or two sizes of batches."""


@dataclass(frozen=True)
class _Answer:
    """What was asked (`EncodedWords.forward`), with copies of its tensors, and what came."""

    asked: tuple[Any, ...]
    found: Any


class EncodedWords(nn.Module):
    """`encoder`, whose answers are kept: it sees no image, so that the same words give the same in every call.

    Words are the same if all tensors are, the size of the batch, too, so that an answer is to the bit what the encoder
    would say. All answers are forgotten once a weight is another, or was written into (`Tensor._version` tells, but not
    of what goes through `.data`), and at another precision of autocast. Nothing is kept in training mode, of weights
    that want a gradient or were made in inference mode, or while the network is compiled. Copies begin without answers.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.training = encoder.training
        self._answers: list[_Answer] = []
        self._state: tuple[Any, ...] = ()
        self._weights: list[Tensor] = []

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_answers": [], "_state": (), "_weights": []}

    def forward(self, *given: Any, **named: Any) -> Any:
        """The encoder's answer to tensors and plain values; the tensors in it are shared by all who ask."""
        weights = [*self.encoder.parameters(), *self.encoder.buffers()]
        changing = any(one.requires_grad or one.is_inference() for one in weights)  # of the latter nothing would tell
        if self.training or torch.compiler.is_compiling() or changing:
            return self.encoder(*given, **named)
        self._forget_of_others(weights)
        asked = (*given, *sorted(named.items()))
        for answer in self._answers:
            if _same(answer.asked, asked):
                return copy.copy(answer.found)
        # Tensors of inference mode cannot be used where a gradient is wanted later.
        with torch.inference_mode(mode=False), torch.no_grad():
            found = self.encoder(*given, **named)
            kept = _Answer(_copied(asked), found)
        self._answers = [*self._answers, kept][-_MOST:]
        return copy.copy(found)

    def _forget_of_others(self, weights: list[Tensor]) -> None:
        """Drop all answers if `weights` are not those that gave them."""
        device = weights[0].device.type if weights else "cpu"
        autocast = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
        state = (autocast, *((one.data_ptr(), one._version, one.dtype, one.device) for one in weights))
        if state != self._state:
            self._answers = []
            self._state = state
            # As long as these are held, no other weights can come to lie where they do.
            self._weights = [one.data for one in weights]  # `detach` may be out of use, see `whole_gradient`


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    return tuple(_copied(one) for one in value) if isinstance(value, tuple) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and one.device == other.device and torch.equal(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and not isinstance(one, Mapping) and bool(one == other)


def encode_once(network: nn.Module, *names: str) -> None:
    """Put an `EncodedWords` around every submodule of `network` whose name ends with one of `names`."""
    for path, module in list(network.named_modules()):
        parent, _, name = path.rpartition(".")
        if name in names and not isinstance(module, EncodedWords):
            setattr(network.get_submodule(parent), name, EncodedWords(module))
