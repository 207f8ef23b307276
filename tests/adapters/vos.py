"""What the stand-ins of XMem and Cutie share: a memory of all frames, read by a softmax that works in place."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def do_softmax(similarity: Tensor, top_k: int | None = None, inplace: bool = False, return_usage: bool = False) -> Any:
    """(B, N, P) over the best `top_k`; overwrites what autograd needs, as the libraries do."""
    values, indices = torch.topk(similarity, k=top_k or similarity.shape[1], dim=1)
    values = values.exp_()
    values /= values.sum(dim=1, keepdim=True)
    target = similarity.zero_() if inplace else torch.zeros_like(similarity)
    affinity = target.scatter_(1, indices, values)
    return (affinity, affinity.sum(dim=2)) if return_usage else affinity


class Network(nn.Module):
    """Keys of stride 16; the value of a place is its label, and its key."""

    hidden_dim = 4

    def __init__(self, *, normalises: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.key_proj = nn.Conv2d(3, 6, 16, 16)
        self.normalises = normalises

    def key(self, image: Tensor) -> Tensor:
        """(6, P) of an image (3, H, W)."""
        if self.normalises:
            middle, spread = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            image = (image - middle.view(3, 1, 1).to(image)) / spread.view(3, 1, 1).to(image)
        return self.key_proj(image[None])[0].flatten(1)


def padded(image: Tensor) -> tuple[Tensor, list[int]]:
    """To sides divisible by 16, on both sides, and how far."""
    more = [-side % 16 for side in image.shape[-2:]]
    pad = [more[1] // 2, more[1] - more[1] // 2, more[0] // 2, more[0] - more[0] // 2]
    return functional.pad(image, pad), pad


def unpadded(answer: Tensor, pad: list[int]) -> Tensor:
    """Without what `padded` put around."""
    return answer[:, pad[2] : answer.shape[1] - pad[3], pad[0] : answer.shape[2] - pad[1]]


def aggregate(masks: Tensor) -> Tensor:
    """(K + 1, H, W) probabilities of objects' (K, H, W), the background first."""
    chances = torch.cat([(1 - masks).prod(dim=0, keepdim=True), masks]).clamp(1e-7, 1 - 1e-7)
    return chances.logit().softmax(dim=0)


class Memory:
    """Keys and values of past frames, and the softmax of the module it stands in."""

    def __init__(self, softmax: Callable[[], Callable[..., Any]], top_k: int) -> None:
        self.softmax, self.top_k = softmax, top_k
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def add(self, key: Tensor, chances: Tensor) -> None:
        """One frame: its key (6, P) and the objects' probabilities (K, H, W)."""
        self.keys.append(key)
        self.values.append(functional.avg_pool2d(chances[None], 16)[0].flatten(1))

    def read(self, key: Tensor, shape: tuple[int, int]) -> Tensor:
        """(K, H, W) for a frame of `shape`."""
        memory = torch.cat(self.keys, dim=1)
        similarity = (2 * memory.T @ key - memory.square().sum(0)[:, None])[None] * 6
        affinity, _ = self.softmax()(similarity, top_k=self.top_k, inplace=True, return_usage=True)
        coarse = (torch.cat(self.values, dim=1) @ affinity[0]).unflatten(1, (shape[0] // 16, shape[1] // 16))
        return functional.interpolate(coarse[None], shape, mode="bilinear", align_corners=False)[0]
