"""Small networks, sound and unsound ones, that the tests of `foolscape.models` share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

REAL = Path(os.environ.get("FOOLSCAPE_REAL", Path(__file__).parents[2] / ".." / "shared" / "real"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real networks at {REAL} (set FOOLSCAPE_REAL)")


class Tiny(nn.Module):
    """A sound network for 5 classes: (B, 3, H, W) -> (B, 5, ceil(H / stride), ceil(W / stride))."""

    def __init__(self, stride: int = 1, classes: int = 5) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.stem = nn.Conv2d(3, 8, 3, stride=stride, padding=1)
            self.body = nn.Conv2d(8, 8, 3, padding=1)
            self.head = nn.Conv2d(8, classes, 1)
            self.norm = nn.BatchNorm2d(classes)
            nn.init.normal_(self.norm.weight)
            nn.init.normal_(self.norm.bias)

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(self.stem(images).relu()).relu()
        scores: Tensor = self.norm(self.head(features))
        return scores


class Around(nn.Module):
    """`change(network, images)` as a network."""

    def __init__(self, change: Callable[[nn.Module, Tensor], object], network: nn.Module | None = None) -> None:
        super().__init__()
        self.network = Tiny() if network is None else network
        self.change = change

    def forward(self, images: Tensor) -> object:
        return self.change(self.network, images)


class Strict(nn.Module):
    """A network that only takes sides divisible by `multiple`."""

    def __init__(self, multiple: int) -> None:
        super().__init__()
        self.network, self.multiple = Tiny(), multiple

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[2] % self.multiple or images.shape[3] % self.multiple:
            raise ValueError(f"sides must be divisible by {self.multiple}, got {tuple(images.shape)}")
        scores: Tensor = self.network(images)
        return scores


class Fixed(nn.Module):
    """A network that takes images of one size alone."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.network, self.size = Tiny(), (height, width)

    def forward(self, images: Tensor) -> Tensor:
        assert tuple(images.shape[2:]) == self.size, f"this network takes {self.size}"
        scores: Tensor = self.network(images)
        return scores


class Tokens(nn.Module):
    """A head that meets the fault in the backward pass of BatchNorm: right at a batch of two, wrong at one."""

    def __init__(self) -> None:
        super().__init__()
        self.network = Tiny(stride=2)

    def forward(self, images: Tensor) -> Tensor:
        scores = self.network(images)
        tokens = scores.flatten(2).transpose(1, 2).softmax(-1) * 4
        return tokens.transpose(1, 2).unflatten(2, scores.shape[2:])


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        return (values * 8).round() / 8

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient


def straight_through(network: Tiny, images: Tensor) -> Tensor:
    """`network` with its activations rounded and the gradient passed on as if they were not."""
    return network.norm(network.head(_Rounded.apply(network.body(network.stem(images).relu()).relu())))


def images(batch: int = 1, height: int = 24, width: int = 40) -> Tensor:
    """Smooth random colours (B, 3, H, W) in [0, 1]."""
    coarse = torch.rand((batch, 3, 4, 5), generator=torch.Generator().manual_seed(5))
    return F.interpolate(coarse, size=(height, width), mode="bilinear", align_corners=False)
