"""Colours that streets are made of. Walls, paints and clothes overlap on purpose: colour alone names no class."""

import numpy as np

from .street import Colour


def _colours(*codes: str) -> tuple[Colour, ...]:
    return tuple(Colour(*(float(int(code[k : k + 2], 16)) for k in (0, 2, 4))) for code in codes)


WALLS: tuple[tuple[str, Colour], ...] = tuple(
    (wall, colour)
    for wall, codes in {
        "brick": ("9a5a48", "b07058", "86503f", "a9825f"),
        "plaster": ("d8c9a8", "e2dccb", "c9a98a", "b5c0b8", "d3b37c", "c98f78", "9fb0bd"),
        "stone": ("a8a294", "b9b0a0", "8f8a80"),
        "concrete": ("9c9c9a", "858a8c"),
    }.items()
    for colour in _colours(*codes)
)
TRIMS = _colours("ece8de", "d9d2c2", "f2f0ea", "5b5048", "3f4a44", "c8c2b2")
ROOFS = _colours("8a4a3a", "6e4438", "565a60", "4a4644", "7a5a4a", "6a6e70")
CAR_PAINTS = _colours(
    "c8ccd0", "e6e6e2", "24262a", "4a4e54", "82868a", "9a2024", "244a86", "3a6ea0", "2e5a40",
    "b0925a", "7a4030", "d0b040", "5a7a86", "a44a30",
)  # fmt: skip
CLOTHES = _colours(
    "2a2c34", "44506a", "6a6e74", "8a8478", "b8b4a8", "e2ded4", "8a3230", "b05a3a", "c89a3a", "4a6a48",
    "2e5a7a", "6a486a", "a87890", "9a6a4a", "d0603a", "3a7a7a", "d8c060",
)  # fmt: skip
SKINS = _colours("f0c8a8", "e0ac84", "c68c62", "9a6440", "6e4630", "4e3224")
HAIR = _colours("1e1a18", "3a2a20", "5a4028", "8a6438", "b89058", "9a9690", "6a3020")
LEAVES = _colours("4f7a34", "5f8a3a", "3f6a3a", "6f8a44", "86943e", "a8883a", "a8642e", "4a6e54")
BARKS = _colours("5a4636", "6e5a46", "4a4038", "7a6e60", "8a7a66")


def pick(rng: np.random.Generator, palette: tuple[Colour, ...]) -> Colour:
    """One colour of a palette, each as likely."""
    return palette[int(rng.integers(len(palette)))]


def shifted(rng: np.random.Generator, colour: Colour, spread: float) -> Colour:
    """A colour with each channel moved by up to about `spread` levels, and all of them together by as much."""
    whole = rng.normal(0, spread * 0.7)
    red, green, blue = (float(np.clip(c + whole + rng.normal(0, spread * 0.4), 4, 250)) for c in colour)
    return Colour(red, green, blue)


def random_seed(rng: np.random.Generator) -> int:
    """A number to start another generator from."""
    return int(rng.integers(2**31))
