"""What a model is made ready for; needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from foolscape.models.common.class_map import ClassNames


@dataclass(frozen=True)
class Conditions:
    """What a model is made ready for.

    Attributes:
        image_size: (H, W) of the images or frames it will see.
        device: where to run.
        names: the class names that may apply to it; a tracker has none.
        image: (1, 3, H, W) in [0, 1], the first that it will see, where that is known.
    """

    image_size: tuple[int, int]
    device: torch.device
    names: ClassNames
    image: torch.Tensor | None = None
