"""Label maps for the tests of the standard sets, and what a prediction scores on them."""

from typing import Any

import numpy as np

from foolscape.metrics.segmentation import count, mean_iou, total


def filled(*rows: int, dtype: type = np.uint8) -> np.ndarray:
    """(12, 16): each of the values in as many rows as the others."""
    return np.repeat(np.array(rows, dtype), 12 // len(rows))[:, None] * np.ones((1, 16), dtype)


def miou(prediction: np.ndarray, data: Any) -> float:
    """mIoU in percent of one prediction for every image."""
    samples = [data.load(name) for name in data.ids]
    return float(mean_iou(total([count(prediction, s.labels, len(data.classes)) for s in samples])))
