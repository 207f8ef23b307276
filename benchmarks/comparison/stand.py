"""What all attacks are given: the network, the images with their labels, and a count of what they ask of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foolscape.metrics.segmentation import VOID
from foolscape.pixels import to_unit
from foolscape.problem import IGNORE
from foolscape.run.settings.config import RunConfig
from foolscape.run.settings.device import ready_device
from foolscape.run.setup import open_setup
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.tasks.segmentation import Segmenter


@dataclass(frozen=True)
class Settings:
    """What is compared; small, so that a child process can be given it.

    Attributes:
        model, data, split, limit, size, device, classes: as of a run.
        crop: (height, width) of the part from the middle of each image that is attacked; None: all of it.
        threads: of PyTorch.
        seed: of everything random.
    """

    model: str
    data: str
    split: str | None
    limit: int
    size: str | None
    crop: tuple[int, int] | None
    device: str
    threads: int
    seed: int
    classes: Path | None = None


class Network(nn.Module):
    """The network as a user of any library would hand it over: (B, 3, H, W) in [0, 1] -> scores (B, C, H, W).

    Reading dict outputs, padding and upsampling are foolscape's work and done here for every library alike.

    Attributes:
        forwards: images that went through the network.
        backwards: images for which a gradient came back.
    """

    def __init__(self, segmenter: Segmenter, device: torch.device) -> None:
        super().__init__()
        self.segmenter = segmenter
        # Libraries ask the first parameter for the device.
        self.anchor = nn.Parameter(torch.zeros((), device=device), requires_grad=False)
        self.forwards = self.backwards = 0
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        self.forwards += len(images)
        scores = self.segmenter.logits(images)
        if scores.requires_grad:
            scores.register_hook(self._came_back)  # type: ignore[no-untyped-call]
        return scores

    def _came_back(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)

    @torch.no_grad()
    def prediction(self, images: Tensor) -> NDArray[np.int64]:
        """(H, W) classes of one image (1, 3, H, W), uncounted."""
        classes: NDArray[np.int64] = self.segmenter.logits(images)[0].argmax(0).cpu().numpy()
        return classes


@dataclass(frozen=True)
class Picture:
    """An image to attack.

    Attributes:
        name: of the sample.
        image: (1, 3, H, W) in [0, 1], 8-bit values.
        labels: (1, H, W) int64, `IGNORE` where nothing counts.
        truth: (H, W) uint8, the same with `VOID`.
    """

    name: str
    image: Tensor
    labels: Tensor
    truth: NDArray[np.uint8]


@dataclass(frozen=True)
class Stand:
    """The network, the names of its classes, and the images."""

    network: Network
    classes: tuple[str, ...]
    pictures: tuple[Picture, ...]


def open_stand(settings: Settings) -> Stand:
    """Everything loaded, by the same ways as in a run."""
    torch.set_num_threads(settings.threads)
    device = ready_device(settings.device)
    config = RunConfig(
        models=(settings.model,),
        data=settings.data,
        split=settings.split,
        limit=settings.limit,
        size=settings.size,  # type: ignore[arg-type]  # pydantic reads the text
        attack="none",
        task="segmentation",
        classes=settings.classes,
    )
    bench = open_setup(config, device)
    subject: SegmentationSubject = bench.entries[0].subject  # type: ignore[assignment]
    return Stand(
        Network(subject.segmenter, device),
        subject.segmenter.classes,
        tuple(_picture(subject, name, settings.crop, device) for name in bench.ids),
    )


def _picture(subject: SegmentationSubject, name: str, crop: tuple[int, int] | None, device: torch.device) -> Picture:
    case = subject.load(name)
    height, width = case.reference.shape
    rows, columns = (_middle(*pair) for pair in zip((height, width), crop or (height, width), strict=True))
    truth = case.reference[rows, columns]
    labels = torch.from_numpy(truth.astype(np.int64))[None]
    labels[labels == VOID] = IGNORE
    return Picture(name, to_unit(case.image[rows, columns]).to(device), labels.to(device), truth)


def _middle(side: int, part: int) -> slice:
    begin = max(0, side - part) // 2
    return slice(begin, begin + part)
