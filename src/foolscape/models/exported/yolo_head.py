"""The one output of an exported YOLO: where in it boxes, scores and objectness are.

ultralytics writes (B, 4 + C, N): x, y of the middle, width and height in pixels of what the network sees, then the
classes' probabilities, then what masks or key points need. YOLOv5, v6 and v7 write (B, N, 5 + C), an objectness behind
the box. What needs no NMS, or has it in its graph, hands out (B, K, 6): x1, y1, x2, y2, score, label.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.output import fits

FORMS: Final = ("yolo", "yolo5")
"""What ?boxes= says of such an output: without and with an objectness."""

_TASKS: Final = ("detect", "segment", "pose")
_QUERIES: Final = "RTDETRDecoder"
_CHOOSING: Final = ("NonMaxSuppression", "TopK")
"""Operators by which a graph chooses boxes itself."""

_MOST: Final = 1024
"""Parts of a candidate: more are no classes, but cells."""


@dataclass(frozen=True)
class YoloHead:
    """Where things are in an output.

    Attributes:
        classes: how many; None: as many as there is room for.
        rows: whether candidates are rows, (B, N, P), not columns, (B, P, N).
        objectness: whether one stands between box and classes.
        chosen: whether it hands out what is left of the candidates, (B, K, 6 or more).
        queries: whether boxes are shares of a stretched image, as of RT-DETR.
    """

    classes: int | None
    rows: bool = False
    objectness: bool = False
    chosen: bool = False
    queries: bool = False

    @property
    def note(self) -> str:
        """What the reader of a table is to know."""
        if self.chosen:
            return "boxes, scores and labels as the graph chooses them"
        middle = "an objectness, which probabilities are multiplied by, " if self.objectness else ""
        return f"one output of {'rows' if self.rows else 'columns'} of boxes (x, y, width, height), {middle}and classes"


def yolo_head(
    shape: tuple[int | None, ...] | None,
    size: tuple[int | None, int | None],
    metadata: Mapping[str, str],
    operators: frozenset[str],
    *,
    asked: str | None,
    count: int | None,
) -> YoloHead | None:
    """The head behind an output of `shape`; None where it is none of a YOLO.

    Args:
        shape: (B, ., .) of the first output with three sides, a side that is not fixed as None; None: there is none.
        size: (H, W) of the images that the graph takes.
        metadata: what ultralytics writes beside a graph: task, names, head, args.
        operators: of the graph.
        asked: what ?boxes= says.
        count: how many classes the user names.

    Raises:
        ModelError: it has oriented boxes, or too few parts for its classes.
        SettingError: such an output was asked for, but there is none.
    """
    task, told = metadata.get("task"), "stride" in metadata and "names" in metadata
    if told and task == "obb":
        raise ModelError(
            "expected upright boxes, got oriented ones (a graph of ultralytics for the task obb); name the checkpoint "
            "that it was exported from: ultralytics:best.pt"
        )
    if shape is None:
        if asked is None:
            return None
        raise SettingError(f"boxes: expected an output (B, 4 + C, N) or (B, N, 4 + C) for {asked}, got none of 3 sides")
    if asked is None and not (told and task in (*_TASKS, None)) and not _looks_so(shape, size, operators):
        return None
    return _of_shape(shape, metadata, operators, asked, count or _named(metadata))


def _looks_so(shape: tuple[int | None, ...], size: tuple[int | None, int | None], operators: frozenset[str]) -> bool:
    """Whether nobody has to say so: a map of scores or labels would have the sides of the image."""
    _, first, second = shape
    height, width = size
    if first is None or second is None or height is None or width is None or fits((first, second), (height, width)):
        return False
    if second == 6 and operators & {*_CHOOSING}:
        return True
    return 5 <= min(first, second) <= _MOST and max(first, second) > 2 * min(first, second)


def _of_shape(
    shape: tuple[int | None, ...],
    metadata: Mapping[str, str],
    operators: frozenset[str],
    asked: str | None,
    count: int | None,
) -> YoloHead:
    _, first, second = shape
    arguments = metadata.get("args", "")
    ends = metadata.get("end2end") == "True" or "'nms': True" in arguments
    if ends or (asked is None and second == 6 and operators & {*_CHOOSING} and not _takes(first, count)):
        return YoloHead(count, rows=True, chosen=True)
    if metadata.get("head") == _QUERIES:
        return YoloHead(count, rows=True, queries=True)
    of_ultralytics = "task" in metadata
    rows = _by_rows(first, second, count, of_ultralytics=of_ultralytics)
    parts = second if rows else first
    objectness = rows and not of_ultralytics and parts != (None if count is None else 4 + count)
    if asked is not None:
        objectness = asked == "yolo5"
    least = 4 + objectness + (1 if count is None else count)
    if parts is not None and parts < least:
        sides = ", ".join("?" if side is None else str(side) for side in shape)
        raise ModelError(
            f"expected {least} parts of each candidate, a box{', an objectness' if objectness else ''} and "
            f"{count or 'some'} classes, got {parts} in an output ({sides}); name the classes with ?classes=FILE, or "
            "say ?boxes=yolo or ?boxes=yolo5"
        )
    return YoloHead(count, rows=rows, objectness=objectness)


def _takes(parts: int | None, count: int | None) -> bool:
    """Whether `parts` are those of a box and `count` classes."""
    return parts is not None and count is not None and parts == 4 + count


def _by_rows(first: int | None, second: int | None, count: int | None, *, of_ultralytics: bool) -> bool:
    """Whether candidates are rows: by the number of classes, else by the shorter side; ultralytics' are columns."""
    if of_ultralytics:
        return False
    if count is not None:
        fitting = {4 + count, 5 + count}
        if (first in fitting) != (second in fitting):
            return second in fitting
    if first is None or second is None:
        return second is not None
    return second < first


def _named(metadata: Mapping[str, str]) -> int | None:
    """How many classes the file names."""
    try:
        names = ast.literal_eval(metadata.get("names", ""))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return len(names) if isinstance(names, dict | list | tuple) and names else None
