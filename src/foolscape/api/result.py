"""What `foolscape.attack` gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch import Tensor

from foolscape.api.given import check_whole
from foolscape.api.rows import JsonValue
from foolscape.api.showing import SIDE, PictureLine, grid_of, json_of, notebook, thumbnail
from foolscape.metrics.box_counts import READABLE
from foolscape.pixels import round_to_levels, to_image
from foolscape.report.files import Pixels
from foolscape.report.pictures.boxes import Mark, draw_boxes
from foolscape.report.pictures.figures import coloured, magnified, palette
from foolscape.report.pictures.gallery import CaptionedPicture
from foolscape.report.tables.table import TIMES
from foolscape.run.tasks.colours import colours
from foolscape.tasks.base import DETECTION, VIDEO
from foolscape.tasks.segmentation import predict

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MOST: Final = 4
"""Images of a batch that are shown."""

Painter = Callable[[Tensor], Pixels]
"""From an image (1, 3, H, W) in [0, 1] to a picture (H, W, 3) of what the model says of it."""


@dataclass(frozen=True, repr=False)
class Result:
    """What an attack made of a batch, in the order of its images.

    Attributes:
        adversarial: (B, 3, H, W) in [0, 1]; of a clip its first frame, (1, 3, H, W). Float values: on 8 bits, which is
            what `foolscape run` measures, they round to the nearest level inside the bound.
        clean: as it was given.
        success: (B,) bool: the attack reached its own stopping rule.
        remaining: (B,) the share of the targets that are still right.
        steps: (B,) int64.
        recipe: the attack, as text that makes it again.
        painted: draws what the model says of an image; None where that is no picture.
    """

    adversarial: Tensor
    clean: Tensor
    success: Tensor
    remaining: Tensor
    steps: Tensor
    recipe: str
    painted: Painter | None = field(default=None, compare=False)

    @property
    def perturbation(self) -> Tensor:
        """(B, 3, H, W): what was added."""
        return self.adversarial - self.clean

    def __len__(self) -> int:
        return len(self.adversarial)

    def to_json(self) -> dict[str, JsonValue]:
        """The figures, without the images."""
        document: dict[str, JsonValue] = json_of(
            {
                "recipe": self.recipe,
                "success": self.success.tolist(),
                "remaining": [round(share, 6) for share in self.remaining.tolist()],
                "steps": self.steps.tolist(),
                "linf_levels": [round(255 * one.item(), 3) for one in self.perturbation.abs().amax(dim=(1, 2, 3))],
            }
        )
        return document

    def plot(self, most: int = _MOST) -> Figure:
        """The first `most` images as a figure of matplotlib: clean, the change magnified, adversarial, and what the
        model says of both."""
        return grid_of(self._shown(check_whole("most", most, 1)))

    def __repr__(self) -> str:
        return f"<Result of {self.recipe}: {self._sentence()}>"

    def _repr_html_(self) -> str:
        """For a notebook: what came of it, and the first few images."""
        return notebook(self.recipe, [self._sentence()], pictures=self._shown(_MOST))

    def _sentence(self) -> str:
        goal, count = int(self.success.sum()), len(self)
        left = 100 * float(self.remaining.mean())
        return (
            f"goal reached on {goal} of {count} image{'s' * (count != 1)}, {left:.1f} % of the targets are still right"
        )

    def _shown(self, most: int) -> list[PictureLine]:
        numbers = self.to_json()
        levels = numbers["linf_levels"]
        assert isinstance(levels, list)
        return [
            PictureLine(f"image {i}: Linf {levels[i]} levels", self._pictures(i)) for i in range(min(most, len(self)))
        ]

    def _pictures(self, index: int) -> list[CaptionedPicture]:
        before, after = (_pixels(images[index]) for images in (self.clean, self.adversarial))
        change = magnified(before, after)
        pictures = [
            thumbnail("image", "clean", before),
            thumbnail("change", f"change {TIMES} {change.factor:.3g}", change.pixels, smooth=False),
            thumbnail("adversarial", "adversarial", after),
        ]
        if self.painted is None:
            return pictures
        one = slice(index, index + 1)
        predictions = [thumbnail("clean", "model, clean", self.painted(self.clean[one]), smooth=False)]
        return [
            *pictures,
            *predictions,
            thumbnail("fooled", "model, fooled", self.painted(self.adversarial[one]), smooth=False),
        ]


def painter(task: str, model: Any) -> Painter | None:
    """What draws the answers of a segmenter or detector; None of a tracker, whose answer is of other frames."""
    if task == VIDEO.name:
        return None
    names = colours(model.classes)
    if task == DETECTION.name:
        return lambda image: _boxes(model, names, image)
    table = palette(names, len(names))
    return lambda image: coloured(predict(model, image)[0].cpu().numpy().astype(np.uint8), table)


def _boxes(detector: Any, names: list[tuple[int, int, int]], image: Tensor) -> Pixels:
    (detected,) = detector.detect(image, READABLE)
    marks = [
        Mark(box.double().cpu().numpy(), names[label], detector.classes[label], f"{score:.2f}")
        for box, score, label in zip(detected.boxes, detected.scores.tolist(), detected.labels.tolist(), strict=True)
    ]
    return draw_boxes(_pixels(image[0]), marks, SIDE)


def _pixels(image: Tensor) -> Pixels:
    return to_image(round_to_levels(image))
