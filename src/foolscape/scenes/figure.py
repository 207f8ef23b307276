"""Jointed figures: points given forward, to the right and up, placed in the street and in the picture."""

import math
from dataclasses import dataclass

from .street import Thing
from .view import Pixel, Point, Projection

Joint = tuple[float, float, float]  # forward, to the right, up; metres at the figure's usual size

# Shared by a bicycle and its rider, whose feet follow the pedals.
PEDALS: Joint = (-0.06, 0.0, 0.29)
PEDAL_TURN = 1.6  # radians of crank per metre rolled


@dataclass(frozen=True)
class Skeleton:
    """Places joints in the picture: `at` gives pixels, `pixels` the length of a metre in them."""

    view: Projection
    x: float
    y: float
    heading: float
    scale: float
    pixels: float

    def world(self, joint: Joint) -> Point:
        sin_h, cos_h = math.sin(self.heading), math.cos(self.heading)
        forward, right, up = (self.scale * value for value in joint)
        return self.x + forward * sin_h + right * cos_h, self.y + forward * cos_h - right * sin_h, up

    def at(self, joint: Joint) -> Pixel:
        return self.view.pixel(self.world(joint))


def figure_of(view: Projection, thing: Thing, place: tuple[float, float], scale: float) -> Skeleton:
    """The figure of a thing at `place` (metres), `scale` times its usual size."""
    pixels = view.focal / max(view.depth(*place), 0.5) * scale
    return Skeleton(view, place[0], place[1], thing.heading, scale, pixels)
