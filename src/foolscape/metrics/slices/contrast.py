"""A slice beside the rest of the images, or of the objects: how much less is right there, or more is lost."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from foolscape.metrics.boxes import Floats
from foolscape.metrics.slices.chance import ALPHA, holm, permutation_p, sign_flip_p
from foolscape.metrics.slices.groups import LEAST, Group


@dataclass(frozen=True)
class Contrast:
    """The mean over images of a slice and beside it.

    Attributes:
        here, elsewhere: in percent; of objects, over the images that show both kinds.
        images: how many the comparison rests on; of objects, those that show both kinds.
        p: that the two differ by chance alone; None where there are too few images to tell, or no differences.
        adjusted: the same, corrected for all that was looked at.
    """

    here: float
    elsewhere: float
    images: int
    p: float | None = None
    adjusted: float | None = None

    @property
    def marked(self) -> bool:
        """Whether the difference is more than chance."""
        return self.adjusted is not None and self.adjusted <= ALPHA


def image_contrasts(values: Floats, groups: Sequence[Group], seed: int) -> list[Contrast | None]:
    """Each group of N images beside the other images of which its attribute is known.

    Args:
        values: (N,) in percent; an image with NaN counts nowhere.
        groups: of the images.
        seed: of the shuffles.

    Returns:
        By group; None where no image counts in it, or beside it.
    """
    found: list[Contrast | None] = []
    tested: dict[bytes, list[int]] = {}
    for place, group in enumerate(groups):
        valid = group.known & np.isfinite(values)
        inside, outside = values[valid & group.members], values[valid & ~group.members]
        if not len(inside) or not len(outside):
            found.append(None)
            continue
        found.append(Contrast(float(inside.mean()), float(outside.mean()), len(inside)))
        if min(len(inside), len(outside)) >= LEAST and np.ptp(values[valid]) > 0:
            tested.setdefault(valid.tobytes(), []).append(place)
    for known, places in tested.items():
        valid = np.frombuffer(known, np.bool_)
        p = permutation_p(values[valid], np.stack([groups[place].members[valid] for place in places]), seed)
        for place, value in zip(places, p, strict=True):
            contrast = found[place]
            assert contrast is not None
            found[place] = replace(contrast, p=float(value))
    return found


def object_contrast(inside: Floats, outside: Floats, seed: int) -> Contrast | None:
    """The objects of a slice beside the other objects of the same images.

    Args:
        inside, outside: (N,) in percent, of the objects of each image; NaN where it shows none.
        seed: of the flips.

    Returns:
        None where no image shows both.
    """
    both = np.isfinite(inside) & np.isfinite(outside)
    if not both.any():
        return None
    difference = inside[both] - outside[both]
    enough = len(difference) >= LEAST and bool(np.any(difference))
    p = sign_flip_p(difference, seed) if enough else None
    return Contrast(float(inside[both].mean()), float(outside[both].mean()), len(difference), p)


def corrected(contrasts: Mapping[Hashable, Contrast], same: Mapping[Hashable, Hashable]) -> dict[Hashable, Contrast]:
    """The contrasts with p-values corrected for all of them.

    Args:
        contrasts: by any key.
        same: by key, what question it asks, where two ask the same: the two values of an attribute do.
    """
    asked: dict[Hashable, float] = {}
    for key, contrast in contrasts.items():
        if contrast.p is not None:
            question = same.get(key, key)
            asked[question] = max(contrast.p, asked.get(question, 0.0))
    adjusted = dict(zip(asked, holm(list(asked.values())), strict=True))
    return {
        key: contrast if contrast.p is None else replace(contrast, adjusted=adjusted[same.get(key, key)])
        for key, contrast in contrasts.items()
    }


def questions(contrasts: Mapping[Hashable, Contrast], same: Mapping[Hashable, Hashable]) -> int:
    """How many different ones the contrasts ask."""
    return len({same.get(key, key) for key, contrast in contrasts.items() if contrast.p is not None})
