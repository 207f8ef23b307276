"""The checks of any model, by its task."""

from __future__ import annotations

import torch

from foolscape.models.load import FRAME_SIZE, OpenedModel
from foolscape.tasks.base import DETECTION, VIDEO
from foolscape.testing.detector import check_detector
from foolscape.testing.segmenter import check_segmenter
from foolscape.testing.tracker import check_tracker
from foolscape.testing.verdicts import ContractReport, OnCheck, silent


def check_made(
    opened: OpenedModel,
    *,
    size: tuple[int, int] = FRAME_SIZE,
    batch: int = 2,
    device: torch.device,
    on_check: OnCheck = silent,
) -> ContractReport:
    """Try whether a model keeps its side of the contract at `size` (H, W), and what it may at another that is odd.

    Args:
        opened: the model.
        size: of the images it will see.
        batch: of the images in the checks of the gradient.
        device: where to run.
        on_check: called for every check.

    Raises:
        ModelError: it cannot be fitted to images of this size.
    """
    model = opened.ready(image_size=size, device=device).model
    sizes = (size, (size[0] - 3, size[1] - 5))
    if opened.source.task == DETECTION.name:
        return check_detector(model, sizes=(size,), batch=batch, device=device, on_check=on_check)
    if opened.source.task == VIDEO.name:
        return check_tracker(model, sizes=sizes, device=device, on_check=on_check)
    return check_segmenter(model, sizes=sizes, batch=batch, device=device, on_check=on_check)
