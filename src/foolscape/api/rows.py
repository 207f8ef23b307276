"""What was measured of one image, as one typed record, made of the rows of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby
from typing import Final, TypeAlias

from torch import Tensor

from foolscape.metrics.score import scores_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.row import AnyRow, Line, failures_of, rows_of

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
"""What JSON can hold."""

_DISTORTION: Final = ("linf_levels", "l2", "perceptibility", "ssim")


@dataclass(frozen=True)
class ImageRow:
    """One image, or clip, as one model saw it, at one bound; everything is measured on 8-bit images.

    Attributes:
        model: its spec; empty where the image failed whatever the model.
        id: of the image.
        right: by condition (clean, adversarial, permuted, noise) the share in [0, 1] that is right: of the labelled
            pixels, of the objects, or J of a clip; None where there is nothing to be right.
        success: whether the attack reached its goal; None where there was nothing to fool, or no attack.
        iterations: of the attack.
        linf_levels, l2, perceptibility, ssim: how far the adversarial image is from the clean one.
        failure: why the image could not be measured; None where it was.
        eps: the bound, where the run has several; None where it has one, and of a failure, which is one at all of them.
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
    eps: str | None = None
    clean: Tensor | None = None
    adversarial: Tensor | None = None

    def to_json(self) -> dict[str, JsonValue]:
        """The figures on one level, without the images: `right_clean`, `right_adversarial`, .."""
        plain = ("model", "id", "success", "iterations", *_DISTORTION, "failure", *(("eps",) if self.eps else ()))
        shares = {f"right_{condition}": share for condition, share in self.right.items()}
        return {**{one.name: getattr(self, one.name) for one in fields(self) if one.name in plain}, **shares}


def image_rows(rows: Iterable[Line], task: str, only_class: Callable[[str], int | None]) -> list[ImageRow]:
    """The rows of a run by model, image and, where there are several, bound, in the order in which these come.

    Args:
        rows: of rows.jsonl, those of a sample and model one behind the other; no others are held at a time.
        task: of the run.
        only_class: from a model to the index of the class that alone is attacked; None for all.
    """
    return [
        row
        for (model, name), lines in groupby(rows, key=lambda row: (row.model or "", row.id))
        for row in _of_image(model, name, list(lines), task, only_class)
    ]


def _of_image(
    model: str, name: str, lines: Sequence[Line], task: str, only_class: Callable[[str], int | None]
) -> list[ImageRow]:
    """What a model made of an image: at each bound."""
    for lost in failures_of(lines):
        return [ImageRow(model, name, {}, failure=lost.reason)]
    share, only, measured = scores_of(task).right, only_class(model), rows_of(lines)
    bounds = dict.fromkeys(row.condition.bound for row in measured if row.condition != CLEAN) or {None: None}
    rows = []
    for bound in bounds:
        own = [row for row in measured if row.condition == CLEAN or row.condition.bound == bound]
        right = {row.condition.name: share(row.sample, only) for row in own}
        rows.append(_attacked(ImageRow(model, name, right, eps=bound), rows_of(own, condition=ADVERSARIAL.at(bound))))
    return rows


def _attacked(clean: ImageRow, rows: Sequence[AnyRow]) -> ImageRow:
    """`clean` with what the attack did; as it is where there was none."""
    for row in rows:
        if row.attack is not None and row.distortion is not None:
            return replace(
                clean,
                success=row.attack.success,
                iterations=row.attack.iterations,
                linf_levels=row.distortion.linf_levels,
                l2=row.distortion.l2,
                perceptibility=row.distortion.perceptibility,
                ssim=row.distortion.ssim,
            )
    return clean
