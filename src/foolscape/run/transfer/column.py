"""What one network of a transfer comes to under every disturbance, of rows that are read one sample after the other."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from foolscape.metrics.eval_classes import measure_over
from foolscape.metrics.score import scores_of
from foolscape.metrics.sums import Sums
from foolscape.records.conditions import CLEAN
from foolscape.records.row import rows_of
from foolscape.records.stored import StoredRows
from foolscape.run.trust.by_image import ByImage

if TYPE_CHECKING:
    from foolscape.run.transfer.matrix import Network


@dataclass(frozen=True)
class SummedColumn:
    """A network under every change; all by the name of the line.

    Attributes:
        scores, ci95: its headline score, and the interval of that.
        sizes: of the changes, means over images; nothing of clean images.
        left: by image, the percentage of the reference that is still right, where there is any.
    """

    scores: Mapping[str, float | None]
    ci95: Mapping[str, Sequence[float | None]]
    sizes: Mapping[str, Mapping[str, float]]
    left: Mapping[str, ByImage]


def column_of(network: Network, rows: StoredRows, failed: Collection[str]) -> SummedColumn:
    """A network on all images but those that `failed` with any; its rows are gone through once."""
    spec, config, order = network.entry.subject.spec, network.config, rows.record.order
    scores = scores_of(network.task)
    measure = measure_over(config.eval_classes, scores.default, scores)
    number = sum(name not in failed for name in rows.ids(spec))
    sums: dict[str, Sums[Any]] = {}
    left: dict[str, ByImage] = {}
    moved: dict[str, dict[str, array[float]]] = {}
    for lines in rows.samples(spec):
        for row in rows_of(lines):
            if row.id in failed:
                continue
            if row.condition not in sums:
                sums[row.condition] = measure.sums_of(network.entry.classes, number, config.seed)
            sums[row.condition].add(row.sample)
            if (share := scores.right(row.sample, None)) is not None:
                left.setdefault(row.condition, ByImage(order)).put(row.id, 100 * share)
            if row.distortion is not None:
                for key, value in row.distortion.to_json().items():
                    moved.setdefault(row.condition, {}).setdefault(key, array("d")).append(value)
    found = {name: measure.summed(one.summed(), clean=name == CLEAN) for name, one in sums.items()}
    return SummedColumn(
        {name: one[measure.headline] for name, one in found.items()},
        {name: one["ci95"][measure.headline] for name, one in found.items()},
        {name: {key: float(np.mean(np.asarray(of))) for key, of in sizes.items()} for name, sizes in moved.items()},
        left,
    )
