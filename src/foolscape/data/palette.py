"""The colours in which masks are written."""

from __future__ import annotations


def davis_palette() -> tuple[tuple[int, int, int], ...]:
    """RGB of the label values 0 to 255: PASCAL VOC's colour map, which DAVIS and YouTube-VOS use too.

    Bits 0, 3 and 6 of the value are the highest bits of red, in that order from the top; 1, 4 and 7 those of green; 2
    and 5 those of blue.
    """
    return tuple((_spread(value), _spread(value >> 1), _spread(value >> 2)) for value in range(256))


def _spread(value: int) -> int:
    """Bits 0, 3 and 6 of `value` as bits 7, 6 and 5."""
    return sum((value >> 3 * place & 1) << 7 - place for place in range(3))
