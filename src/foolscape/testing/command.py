"""The checks of any model, by its task."""

from __future__ import annotations

import torch

from foolscape.models.load import FRAME_SIZE, Made
from foolscape.tasks.base import DETECTION, VIDEO
from foolscape.testing.detector import check_detector
from foolscape.testing.segmenter import check_segmenter
from foolscape.testing.tracker import check_tracker
from foolscape.testing.verdicts import Report, Told, silent


def check_made(
    made: Made, *, size: tuple[int, int] = FRAME_SIZE, batch: int = 2, device: torch.device, told: Told = silent
) -> Report:
    """Try whether a model keeps its side of the contract at `size` (H, W), and what it may at another that is odd.

    Args:
        made: the model.
        size: of the images it will see.
        batch: of the images in the checks of the gradient.
        device: where to run.
        told: is told of every check.

    Raises:
        ModelError: it cannot be fitted to images of this size.
    """
    model = made.ready(image_size=size, device=device).model
    sizes = (size, (size[0] - 3, size[1] - 5))
    if made.opened.task == DETECTION.name:
        return check_detector(model, sizes=(size,), batch=batch, device=device, told=told)
    if made.opened.task == VIDEO.name:
        return check_tracker(model, sizes=sizes, device=device, told=told)
    return check_segmenter(model, sizes=sizes, batch=batch, device=device, told=told)
