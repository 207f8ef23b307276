"""Cutie for foolscape. Copy this file beside your own, `mine.py`:

    from adapt_cutie import adapt
    def build(): return adapt(get_default_model())  # of cutie.utils.get_default_model, which wants a GPU

    foolscape run --model mine.py:build --data davis2017:DAVIS --attack pgd --out runs/cutie

Normalisation, padding and, by `max_internal_size`, resizing are inside Cutie, in torch. What would break the gradient:
its demo runs under inference_mode and half precision, so neither is used here; and the memory's softmax works in place,
which autograd refuses, so the one that `cutie.inference.memory_manager` calls is replaced by an equal one, in this
process. A frame's answer enters the memory with its gradient.
"""

import importlib
from typing import Any

import torch
from torch import Tensor, nn


def softmax(similarity: Tensor, top_k: int | None = None, inplace: bool = False, return_usage: bool = False) -> Any:  # noqa: ARG001
    """(B, N, P): softmax over the best `top_k` of the N places in memory; how often each is used, without gradient."""
    values, indices = similarity.topk(min(top_k or similarity.shape[1], similarity.shape[1]), dim=1)
    affinity = torch.zeros_like(similarity).scatter(1, indices, values.softmax(dim=1))
    return (affinity, affinity.detach().sum(dim=2)) if return_usage else affinity


class Adapted(nn.Module):
    """A tracker: `propagate(frames, first_mask)`, probabilities with the background first."""

    def __init__(self, network: Any, size: int) -> None:
        super().__init__()
        self.network, self.size = network, size

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        """(T, K + 1, H, W) of frames (T, 3, H, W) in [0, 1] and the first mask (H, W)."""
        core = importlib.import_module("cutie.inference.inference_core").InferenceCore(
            self.network, cfg=self.network.cfg
        )
        core.max_internal_size = self.size
        objects = list(range(1, int(first_mask.max()) + 1))
        answers = [core.step(frames[0], first_mask, objects=objects, end=len(frames) == 1)]
        for t, frame in enumerate(frames[1:], start=1):
            answers.append(core.step(frame, end=t == len(frames) - 1))
        return torch.stack(answers)


def adapt(network: nn.Module, size: int = 480) -> nn.Module:
    """What foolscape attacks; `size` is the shorter side that larger frames are resized to inside, -1 for none."""
    importlib.import_module("cutie.inference.memory_manager").do_softmax = softmax  # type: ignore[attr-defined]
    return Adapted(network.eval(), size)
