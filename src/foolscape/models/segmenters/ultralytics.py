"""Semantic segmentation networks of ultralytics (-sem)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.network import Network


class Semantic(nn.Module):
    """A network that takes RGB in [0, 1] of any size, made from one of ultralytics that takes letterboxed images.

    Attributes:
        names: of its channels, None where it has none; a network that scores one class has the background before it.
    """

    def __init__(self, network: Network, letterbox: Letterbox) -> None:
        super().__init__()
        self.network = network.module
        self.letterbox = letterbox
        self.binary = int(network.head.nc) == 1
        before = ("background",) if self.binary else ()
        self.names = None if network.names is None else (*before, *network.names)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> class scores (B, C, H, W), upsampled and cropped as ultralytics' prediction does."""
        output: Any = self.network(self.letterbox(images))
        logits: Tensor = output[0] if isinstance(output, tuple | list) else output
        if self.binary:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)  # the class where its log-odds are above 0
        return self.letterbox.scores(logits, (images.shape[2], images.shape[3]))
