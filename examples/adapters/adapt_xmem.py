"""XMem for foolscape. Copy this file beside your own, `mine.py`, and run where XMem's own folders are to be imported:

    from adapt_xmem import adapt
    def build(): return adapt(XMem({}, "saves/XMem.pth", map_location="cpu").eval())  # of model.network

    foolscape run --model mine.py:build --data davis2017:DAVIS --attack pgd --out runs/xmem

Settings, ImageNet's normalisation, the shorter side of 480 and the resizing of masks are those of its `eval.py`, with
float32 throughout (as with `--benchmark`; its own default is half precision on a GPU). What would break the gradient:
`eval.py` switches gradients off for good, so it is not imported; and the memory's softmax works in place, which
autograd refuses, so the one that `inference.memory_manager` calls is replaced by an equal one, in this process.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

SETTINGS = {  # the defaults of eval.py
    "mem_every": 5,
    "deep_update_every": -1,
    "top_k": 30,
    "enable_long_term": True,
    "max_mid_term_frames": 10,
    "min_mid_term_frames": 5,
    "num_prototypes": 128,
    "max_long_term_elements": 10000,
}


def softmax(similarity: Tensor, top_k: int | None = None, inplace: bool = False, return_usage: bool = False) -> Any:  # noqa: ARG001
    """(B, N, P): softmax over the best `top_k` of the N places in memory; how often each is used, without gradient."""
    values, indices = similarity.topk(min(top_k or similarity.shape[1], similarity.shape[1]), dim=1)
    affinity = torch.zeros_like(similarity).scatter(1, indices, values.softmax(dim=1))
    return (affinity, affinity.detach().sum(dim=2)) if return_usage else affinity


class Adapted(nn.Module):
    """A tracker: `propagate(frames, first_mask)`, probabilities with the background first."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Any, settings: Mapping[str, Any], size: int) -> None:
        super().__init__()
        self.network, self.settings, self.size = network, settings, size
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1), persistent=False)

    def propagate(self, frames: Tensor, first_mask: Tensor) -> Tensor:
        """(T, K + 1, H, W) of frames (T, 3, H, W) in [0, 1] and the first mask (H, W)."""
        labels = list(range(1, int(first_mask.max()) + 1))
        masks = torch.stack([first_mask == label for label in labels]).to(frames.dtype)
        shape = tuple(frames.shape[2:])
        prepared = (frames - self.mean) / self.std
        if self.size > 0:
            inner = [int(side * self.size / min(shape)) for side in shape]
            prepared = functional.interpolate(prepared, inner, mode="bilinear", align_corners=False, antialias=True)
            masks = functional.interpolate(masks[None], inner, mode="nearest")[0]
        periods = len(frames) / (self.settings["max_mid_term_frames"] - self.settings["min_mid_term_frames"])
        count = periods * self.settings["num_prototypes"] >= self.settings["max_long_term_elements"]
        config = {**self.settings, "hidden_dim": self.network.hidden_dim, "enable_long_term_count_usage": count}
        core = importlib.import_module("inference.inference_core").InferenceCore(self.network, config=config)
        core.set_all_labels(labels)
        answers = [core.step(prepared[0], masks, labels, end=len(frames) == 1)]
        for t, frame in enumerate(prepared[1:], start=1):
            answers.append(core.step(frame, end=t == len(frames) - 1))
        return functional.interpolate(torch.stack(answers), shape, mode="bilinear", align_corners=False)


def adapt(network: nn.Module, settings: Mapping[str, Any] = SETTINGS, size: int = 480) -> nn.Module:
    """What foolscape attacks; `settings` of `eval.py`, `size` the shorter side, -1 to leave frames as they are."""
    importlib.import_module("inference.memory_manager").do_softmax = softmax  # type: ignore[attr-defined]
    return Adapted(network.eval(), {**SETTINGS, **settings}, size)
