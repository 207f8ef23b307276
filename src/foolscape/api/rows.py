"""What was measured of one image, as one typed record, made of the rows of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, TypeAlias

from torch import Tensor

from foolscape.metrics.score import scores_of

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can hold."""

_FAILED: Final = "failed"
_DISTORTION: Final = ("linf_levels", "l2", "perceptibility", "ssim")


@dataclass(frozen=True)
class ImageRow:
    """One image, or clip, as one model saw it; everything is measured on 8-bit images.

    Attributes:
        model: its spec; empty where the image failed whatever the model.
        id: of the image.
        right: by condition (clean, adversarial, permuted, noise) the share in [0, 1] that is right: of the labelled
            pixels, of the objects, or J of a clip; None where there is nothing to be right.
        success: whether the attack reached its goal; None where there was nothing to fool, or no attack.
        iterations: of the attack.
        linf_levels, l2, perceptibility, ssim: how far the adversarial image is from the clean one.
        failure: why the image could not be measured; None where it was.
        clean, adversarial: (3, H, W) in [0, 1], on 8-bit levels, of `evaluate_stream`; a `Report` has `images(id)`.
    """

    model: str
    id: str
    right: Mapping[str, float | None]
    success: bool | None = None
    iterations: int | None = None
    linf_levels: float | None = None
    l2: float | None = None
    perceptibility: float | None = None
    ssim: float | None = None
    failure: str | None = None
    clean: Tensor | None = None
    adversarial: Tensor | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """The figures on one level, without the images: `right_clean`, `right_adversarial`, .."""
        plain = ("model", "id", "success", "iterations", *_DISTORTION, "failure")
        shares = {f"right_{condition}": share for condition, share in self.right.items()}
        return {**{one.name: getattr(self, one.name) for one in fields(self) if one.name in plain}, **shares}


def image_rows(rows: Iterable[Mapping[str, Any]], task: str, only_class: Callable[[str], int | None]) -> list[ImageRow]:
    """The rows of a run by model and image, in the order in which these come.

    Args:
        rows: lines of rows.jsonl.
        task: of the run.
        only_class: from a model to the index of the class that alone is attacked; None for all.
    """
    found: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        found.setdefault((str(row["model"] or ""), str(row["id"])), {})[row["condition"]] = row
    return [_row(model, name, conditions, task, only_class) for (model, name), conditions in found.items()]


def _row(
    model: str,
    name: str,
    conditions: Mapping[str, Mapping[str, Any]],
    task: str,
    only_class: Callable[[str], int | None],
) -> ImageRow:
    if _FAILED in conditions:
        return ImageRow(model, name, {}, failure=str(conditions[_FAILED]["reason"]))
    share, only = scores_of(task).right, only_class(model)
    right = {condition: share(row, only) for condition, row in conditions.items()}
    attacked = conditions.get("adversarial", {})
    moved, told = attacked.get("distortion", {}), attacked.get("attack", {})
    return ImageRow(
        model,
        name,
        right,
        success=told.get("success"),
        iterations=told.get("iterations"),
        **{key: moved.get(key) for key in _DISTORTION},
    )
