"""To which size an image processor of transformers resizes an image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.errors import ModelError

_LIMITS: Final = ("at_most", "at_least", "longest")


@dataclass(frozen=True)
class SizeRule:
    """How the size inside follows from that of an image.

    Attributes:
        sides: "height" and "width"; or "shortest_edge", with "longest_edge" or not, or "max_height" and "max_width",
            which keep the aspect ratio; or the longest side "at_most" or "longest", or the shortest "at_least", with
            "cut_to" for the longest or not (PP-OCR); None: images keep their size.
        down: sides that follow from the shortest edge are cut to a multiple of this (YOLOS: 16).
        up: sides are raised to a multiple of this (MaskFormer, Mask2Former: 32).
        nearest: height and width are rounded to the nearest multiple of this (DPT, PP-OCR).
        keep_aspect: height and width are only aimed at: the one that changes the image less is met (DPT).
    """

    sides: Mapping[str, int] | None
    down: int = 1
    up: int = 1
    nearest: int = 1
    keep_aspect: bool = False

    def __str__(self) -> str:
        """For a note, such as "height 512, width 512"."""
        if self.sides is None:
            return "their own size"
        text = ", ".join(f"{key} {value}" for key, value in self.sides.items())
        return f"{text}, the aspect ratio kept" if self.keep_aspect else text

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """(H, W) to which an image of `size` is resized.

        Raises:
            ModelError: the rule is none of those, or leaves nothing of the short side.
        """
        if self.sides is None:
            return size
        height, width = self._plain(self.sides, size)
        return height + -height % self.up, width + -width % self.up

    def _plain(self, rule: Mapping[str, int], size: tuple[int, int]) -> tuple[int, int]:
        height, width = size
        if "shortest_edge" in rule:
            return _by_edges(rule["shortest_edge"], rule.get("longest_edge"), size, self.down)
        if "max_height" in rule and "max_width" in rule:
            scale = min(rule["max_height"] / height, rule["max_width"] / width)
            return int(height * scale), int(width * scale)
        if not rule.keys().isdisjoint(_LIMITS):
            return _by_limit(rule, size, self.nearest)
        if "height" in rule and "width" in rule:
            return self._by_sides(rule["height"], rule["width"], size)
        raise ModelError(
            "expected an image processor whose size has height and width, shortest_edge and perhaps longest_edge, or "
            f"max_height and max_width, got {dict(rule)}"
        )

    def _by_sides(self, height: int, width: int, size: tuple[int, int]) -> tuple[int, int]:
        if not self.keep_aspect and self.nearest == 1:
            return height, width
        scales = [height / size[0], width / size[1]]
        if self.keep_aspect:
            scales = [min(reversed(scales), key=lambda scale: abs(1 - scale))] * 2
        low, wide = (
            max(self.nearest, round(scale * side / self.nearest) * self.nearest)
            for scale, side in zip(scales, size, strict=True)
        )
        return low, wide


def _by_limit(rule: Mapping[str, int], size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """One scale for both sides, which are cut to whole pixels and then rounded to the nearest `multiple`."""
    scale = 1.0
    if "longest" in rule or max(size) > rule.get("at_most", max(size)):
        scale = rule.get("longest", rule.get("at_most", 0)) / max(size)
    elif min(size) < rule.get("at_least", 0):
        scale = rule["at_least"] / min(size)
    height, width = (int(side * scale) for side in size)
    most = rule.get("cut_to")
    if most is not None and max(height, width) > most:
        scale = most / max(height, width)
        height, width = int(height * scale), int(width * scale)
    return max(round(height / multiple) * multiple, multiple), max(round(width / multiple) * multiple, multiple)


def _by_edges(shortest: int, longest: int | None, size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """The short side becomes `shortest`, less where the long one would pass `longest`; sides are rounded down.

    Raises:
        ModelError: nothing is left of the short side.
    """
    short, long = min(size), max(size)
    edge: float = shortest
    if longest is not None and long / short * shortest > longest:
        edge = longest * short / long
    to_short = round(edge)
    to_long = long if short == to_short else int(edge * long / short)
    to_short, to_long = to_short - to_short % multiple, to_long - to_long % multiple
    if to_short == 0:
        raise ModelError(
            f"expected images less narrow than {size[0]} x {size[1]}: resized to a longest edge of {longest}, their "
            f"short side is less than {multiple} pixels; give another --size"
        )
    return (to_long, to_short) if size[1] < size[0] else (to_short, to_long)
