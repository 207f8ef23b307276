"""Houses: a box with a textured front, drawn from far to near."""

import math

import numpy as np
from PIL import Image

from .facades import bare_wall, facade, roof_tiles
from .street import BUILDING, Building, Street
from .view import Canvas, Pixel, Point, Projection, Shade, rgb

RIDGE = 2.8  # metres that a pitched roof rises above the eaves


class _Frontage:
    """A building's own axes: `at(along, up, back)` in metres from its lower front corner."""

    def __init__(self, building: Building) -> None:
        self.length = building.y1 - building.y0
        if building.side == 0:
            self.origin: Point = (building.y0, building.distance, 0.0)
            self.along: Point = (1.0, 0.0, 0.0)
            self.back: Point = (0.0, 1.0, 0.0)
        else:
            self.origin = (building.side * building.distance, building.y0, 0.0)
            self.along = (0.0, 1.0, 0.0)
            self.back = (float(building.side), 0.0, 0.0)
        self.front: Point = (-self.back[0], -self.back[1], 0.0)

    def at(self, along: float, up: float, back: float = 0.0) -> Point:
        return (
            self.origin[0] + along * self.along[0] + back * self.back[0],
            self.origin[1] + along * self.along[1] + back * self.back[1],
            up,
        )


def _paint_one(
    canvas: Canvas, view: Projection, shade: Shade, building: Building, houses: tuple[Building, ...]
) -> None:
    frame = _Frontage(building)
    length, height = frame.length, building.height
    corners = [frame.at(0, 0), frame.at(length, 0), frame.at(length, height), frame.at(0, height)]
    outline = view.polygon(corners)
    depths = [view.local(corner)[2] for corner in corners[:2]]
    near = max(3.0, 0.65 * min(depths) + 0.35 * max(depths)) if min(depths) > 0 else 3.0
    distance = max(3.0, (max(depths[0], 0) + max(depths[1], 0)) / 2)
    shown = max((x for x, _ in outline), default=0.0) - min((x for x, _ in outline), default=0.0)
    # A front seen edge-on fills few columns: it needs few texels.
    ppm = float(np.clip(min(view.focal / near / 2.2, 1.5 * shown / length), 3.0, 26.0))
    _paint_sides(canvas, view, shade, building, frame, distance, houses)
    if not _in_picture(view, outline):
        return
    if building.roof == "pitched":
        tilt = math.hypot(4.0, RIDGE)
        normal = (frame.front[0] * RIDGE / tilt, frame.front[1] * RIDGE / tilt, 4.0 / tilt)
        roof = [
            frame.at(-0.2, height),
            frame.at(length + 0.2, height),
            frame.at(length + 0.2, height + RIDGE, 4.0),
            frame.at(-0.2, height + RIDGE, 4.0),
        ]
        tone = shade.lit(building.roof_colour, normal, distance)
        size = (max(4, round(length * ppm / 2)), max(4, round(tilt * ppm / 2)))
        up = (frame.back[0] * 4.0, frame.back[1] * 4.0, RIDGE)
        _warp(
            canvas,
            view,
            roof_tiles(building, size, tone, 1.0 - shade.veil(distance)),
            view.polygon(roof),
            (roof[0], frame.along, length + 0.4, up),
        )
    picture = facade(building, ppm, shade.strength(frame.front), shade.light.lamps)
    haze = Image.new("RGB", picture.size, rgb(shade.light.haze_colour))
    picture = Image.blend(picture, haze, shade.veil(distance))
    picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    _warp(canvas, view, picture, outline, (frame.at(0, 0), frame.along, length, (0.0, 0.0, height)))


def _in_picture(view: Projection, outline: list[Pixel]) -> bool:
    """Whether a wall shows at all; one seen edge-on does not."""
    if len(outline) < 3:
        return False
    left, right = min(x for x, _ in outline), max(x for x, _ in outline)
    return right > 0 and left < view.width and right - left > 2.0


def _warp(
    canvas: Canvas, view: Projection, picture: Image.Image, outline: list[Pixel],
    plane: tuple[Point, Point, float, Point],
) -> None:  # fmt: skip
    origin, along, length, up = plane
    step = length / picture.width
    matrix = view.homography(
        origin,
        (along[0] * step, along[1] * step, along[2] * step),
        (up[0] / picture.height, up[1] / picture.height, up[2] / picture.height),
    )
    canvas.warp(picture, outline, matrix)


def _hidden_below(building: Building, houses: tuple[Building, ...], end: float) -> float:
    """Up to which height a touching neighbour hides the wall at one end of a front (y in metres, x if side is 0)."""
    return max(
        (
            other.height
            for other in houses
            if other.side == building.side
            and other.distance <= building.distance
            and min(abs(other.y0 - end), abs(other.y1 - end)) < 0.05
            and other is not building
        ),
        default=0.0,
    )


def _paint_sides(
    canvas: Canvas, view: Projection, shade: Shade, building: Building, frame: _Frontage, distance: float,
    houses: tuple[Building, ...],
) -> None:  # fmt: skip
    """Gables: the walls at right angles to the front, where one is turned to the camera and no neighbour hides it."""
    for along, turn in ((0.0, -1.0), (frame.length, 1.0)):
        normal = (frame.along[0] * turn, frame.along[1] * turn, 0.0)
        base = frame.at(along, 0)
        if (view.camera.x - base[0]) * normal[0] - base[1] * normal[1] <= 0:
            continue
        low = _hidden_below(building, houses, building.y0 + along)
        top = building.height + (RIDGE if building.roof == "pitched" else 0.0)
        if low >= top:
            continue
        foot = min(low, building.height)
        wall = [frame.at(along, foot), frame.at(along, building.height)]
        if building.roof == "pitched":
            wall.append(frame.at(along, top, 4.0))
        wall += [frame.at(along, building.height, 8.0), frame.at(along, foot, 8.0)]
        outline = view.polygon(wall)
        if not _in_picture(view, outline):
            continue
        ppm = float(np.clip(view.focal / distance / 3, 2.0, 14.0))
        tone = shade.lit(building.colour.times(0.95), normal, distance)
        texture = bare_wall(
            building, (max(4, round(8 * ppm)), max(4, round(top * ppm))), ppm, tone, 1.0 - shade.veil(distance)
        )
        _warp(canvas, view, texture, outline, (base, frame.back, 8.0, (0.0, 0.0, top)))


def paint_buildings(canvas: Canvas, view: Projection, shade: Shade, street: Street) -> None:
    """All houses of the street, the farthest first."""

    def distance(building: Building) -> float:
        if building.side == 0:
            return 1000.0
        return view.depth(building.side * building.distance, (building.y0 + building.y1) / 2)

    canvas.slot = BUILDING
    for building in sorted(street.buildings, key=distance, reverse=True):
        _paint_one(canvas, view, shade, building, street.buildings)
