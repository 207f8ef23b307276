"""From metres to pixels: the pinhole camera, and the surface that everything is painted on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .street import Camera, Colour, Light

Point = tuple[float, float, float]
Pixel = tuple[float, float]

NEAR = 0.25  # metres; what lies closer to the camera is cut off


@dataclass(frozen=True)
class Projection:
    """A camera with its axes worked out for a canvas of `width` x `height` pixels."""

    camera: Camera
    width: int
    height: int
    focal: float
    right: Point
    up: Point
    forward: Point

    @staticmethod
    def of(camera: Camera, width: int, height: int) -> "Projection":
        """The view of `camera` on a canvas of that many pixels."""
        sin_h, cos_h = math.sin(camera.heading), math.cos(camera.heading)
        sin_p, cos_p = math.sin(camera.pitch), math.cos(camera.pitch)
        return Projection(
            camera=camera,
            width=width,
            height=height,
            focal=camera.focal * width,
            right=(cos_h, -sin_h, 0.0),
            up=(sin_h * sin_p, cos_h * sin_p, cos_p),
            forward=(sin_h * cos_p, cos_h * cos_p, -sin_p),
        )

    @property
    def horizon(self) -> float:
        """The row where the ground ends."""
        return self.height / 2 - self.focal * math.tan(self.camera.pitch)

    def local(self, point: Point) -> Point:
        """Right, up and forward of the camera, in metres."""
        x, y, z = point[0] - self.camera.x, point[1], point[2] - self.camera.height
        r, u, f = self.right, self.up, self.forward
        return (
            x * r[0] + y * r[1],
            x * u[0] + y * u[1] + z * u[2],
            x * f[0] + y * f[1] + z * f[2],
        )

    def depth(self, x: float, y: float) -> float:
        """Metres along the viewing direction to a point on the ground."""
        return self.local((x, y, 0.0))[2]

    def pixel(self, point: Point) -> Pixel:
        """Where a point appears; points nearer than NEAR are pushed out to it."""
        right, up, forward = self.local(point)
        scale = self.focal / max(forward, NEAR)
        return self.width / 2 + right * scale, self.height / 2 - up * scale

    def polygon(self, points: Sequence[Point]) -> list[Pixel]:
        """A flat polygon as pixels, cut at the near plane; empty when it lies wholly behind."""
        inside: list[Point] = []
        previous = self.local(points[-1])
        for point in points:
            current = self.local(point)
            if (current[2] >= NEAR) != (previous[2] >= NEAR):
                share = (NEAR - previous[2]) / (current[2] - previous[2])
                inside.append(
                    (
                        previous[0] + share * (current[0] - previous[0]),
                        previous[1] + share * (current[1] - previous[1]),
                        NEAR,
                    )
                )
            if current[2] >= NEAR:
                inside.append(current)
            previous = current
        half_w, half_h, focal = self.width / 2, self.height / 2, self.focal
        return [(half_w + r * focal / f, half_h - u * focal / f) for r, u, f in inside]

    def homography(self, origin: Point, along: Point, across: Point) -> NDArray[np.float64]:
        """3x3 matrix from (a, b) on the plane origin + a * along + b * across to homogeneous pixels."""
        axes = np.array([self.right, self.up, self.forward])
        shift = np.array([self.camera.x, 0.0, self.camera.height])
        plane = axes @ np.stack([np.array(along), np.array(across), np.array(origin) - shift], axis=1)
        lens = np.array([[self.focal, 0, self.width / 2], [0, -self.focal, self.height / 2], [0, 0, 1.0]])
        return np.asarray(lens @ plane)


@dataclass(frozen=True)
class Shade:
    """Light on surfaces: lit by sun and sky, then veiled by the air in between."""

    light: Light
    to_sun: Point

    @staticmethod
    def of(light: Light) -> "Shade":
        """The shading of a light."""
        level = math.cos(light.sun_elevation)
        return Shade(
            light,
            (
                math.sin(light.sun_azimuth) * level,
                math.cos(light.sun_azimuth) * level,
                math.sin(light.sun_elevation),
            ),
        )

    def strength(self, normal: Point) -> Colour:
        """Factor per channel on a surface with this unit normal."""
        sun = max(0.0, sum(a * b for a, b in zip(normal, self.to_sun, strict=True)))
        soft = 0.85 + 0.15 * normal[2]
        ambient, light = self.light.ambient, self.light.sun
        return Colour(
            ambient.red * soft + light.red * sun,
            ambient.green * soft + light.green * sun,
            ambient.blue * soft + light.blue * sun,
        )

    def veil(self, distance: float) -> float:
        """Share of the air's own colour at a distance in metres."""
        return 1.0 - math.exp(-self.light.haze * max(distance, 0.0))

    def lit(self, colour: Colour, normal: Point, distance: float) -> Colour:
        """A surface's colour as it reaches the camera."""
        return colour.times(self.strength(normal)).mix(self.light.haze_colour, self.veil(distance))


def rgb(colour: Colour) -> tuple[int, int, int]:
    """Whole grey levels, as Pillow wants them."""
    red, green, blue = colour
    return (
        min(255, max(0, int(red))),
        min(255, max(0, int(green))),
        min(255, max(0, int(blue))),
    )


class Canvas:
    """A picture and, drawn along with it, the number of what each pixel shows.

    `slot` is the number that the next strokes leave; `unit` is how many canvas pixels make one final pixel.
    """

    def __init__(self, width: int, height: int, unit: int) -> None:
        self.picture = Image.new("RGB", (width, height))
        self.slots = Image.new("L", (width, height))
        self.unit = unit
        self.slot = 0
        self._paint = ImageDraw.Draw(self.picture)
        self._glaze = ImageDraw.Draw(self.picture, "RGBA")
        self._mark = ImageDraw.Draw(self.slots)

    def polygon(self, points: Sequence[Pixel], colour: Colour) -> None:
        """Fill a polygon in picture and slots."""
        self.paint(points, colour)
        self.mark(points)

    def patch(self, flat: Sequence[float], colour: Colour) -> None:
        """Like `polygon`, for corners as one flat list x0, y0, x1, y1, ..."""
        self._paint.polygon(flat, fill=rgb(colour))
        self._mark.polygon(flat, fill=self.slot)

    def paint(self, points: Sequence[Pixel], colour: Colour) -> None:
        """Fill a polygon in the picture only: details within a shape already marked."""
        if len(points) > 2:
            self._paint.polygon(points, fill=rgb(colour))

    def glaze(self, points: Sequence[Pixel], colour: Colour, opacity: float) -> None:
        """Lay a see-through polygon over the picture."""
        if len(points) > 2:
            self._glaze.polygon(points, fill=(*rgb(colour), int(255 * opacity)))

    def mark(self, points: Sequence[Pixel]) -> None:
        """Fill a polygon in the slots only."""
        if len(points) > 2:
            self._mark.polygon(points, fill=self.slot)

    def line(self, points: Sequence[Pixel], width: float, colour: Colour, thinnest: float = 0.4) -> None:
        """A stroke in picture and slots; `thinnest` is its least width in final pixels."""
        pixels = max(1, round(max(width, thinnest * self.unit)))
        self._paint.line(points, fill=rgb(colour), width=pixels, joint="curve")
        self._mark.line(points, fill=self.slot, width=pixels)

    def stroke(self, points: Sequence[Pixel], width: float, colour: Colour) -> None:
        """A stroke in the picture only."""
        self._paint.line(points, fill=rgb(colour), width=max(1, round(width)))

    def disc(self, centre: Pixel, radius: float, colour: Colour, tall: float = 1.0) -> None:
        """An ellipse of half-width `radius` and half-height `radius * tall` in picture and slots."""
        box = _box(centre, radius, tall)
        self._paint.ellipse(box, fill=rgb(colour))
        self._mark.ellipse(box, fill=self.slot)

    def dot(self, centre: Pixel, radius: float, colour: Colour, tall: float = 1.0) -> None:
        """An ellipse in the picture only."""
        self._paint.ellipse(_box(centre, radius, tall), fill=rgb(colour))

    def glow(self, centre: Pixel, radius: float, colour: Colour, opacity: float) -> None:
        """A soft light: see-through discs, one within the other."""
        for share in (1.0, 0.66, 0.36):
            self._glaze.ellipse(_box(centre, radius * share, 1.0), fill=(*rgb(colour), int(255 * opacity / 3)))

    def limb(self, a: Pixel, b: Pixel, width_a: float, width_b: float, colour: Colour) -> None:
        """A rounded stroke that tapers from `width_a` to `width_b`."""
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = math.hypot(dx, dy)
        half_a, half_b = max(width_a, self.unit) / 2, max(width_b, self.unit) / 2
        if length > 0.5:
            nx, ny = -dy / length, dx / length
            self.polygon(
                [
                    (a[0] + nx * half_a, a[1] + ny * half_a),
                    (b[0] + nx * half_b, b[1] + ny * half_b),
                    (b[0] - nx * half_b, b[1] - ny * half_b),
                    (a[0] - nx * half_a, a[1] - ny * half_a),
                ],
                colour,
            )
        self.disc(a, half_a, colour)
        self.disc(b, half_b, colour)

    def warp(self, texture: Image.Image, outline: Sequence[Pixel], matrix: NDArray[np.float64]) -> None:
        """Paint a texture inside `outline`; `matrix` maps texture pixels to canvas pixels."""
        if len(outline) < 3:
            return
        left = max(0, math.floor(min(x for x, _ in outline)))
        top = max(0, math.floor(min(y for _, y in outline)))
        right = min(self.picture.width, math.ceil(max(x for x, _ in outline)) + 1)
        bottom = min(self.picture.height, math.ceil(max(y for _, y in outline)) + 1)
        if right <= left or bottom <= top:
            return
        inverse = np.linalg.inv(matrix) @ np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
        inverse /= inverse[2, 2]
        size = (right - left, bottom - top)
        flat = tuple(float(value) for value in inverse.reshape(-1)[:8])
        # Shrinking the canvas later averages over `unit` x `unit` of these, so the nearest texel will do.
        # Rounding may look just past the texture's rim: put the colour of its middle there, not black.
        rim = texture.getpixel((texture.width // 2, texture.height // 2))
        patch = texture.transform(size, Image.Transform.PERSPECTIVE, flat, Image.Resampling.NEAREST, fillcolor=rim)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in outline], fill=255)
        self.picture.paste(patch, (left, top), mask)
        self.mark(outline)


def _box(centre: Pixel, radius: float, tall: float) -> tuple[float, float, float, float]:
    return (
        centre[0] - radius,
        centre[1] - radius * tall,
        centre[0] + radius,
        centre[1] + radius * tall,
    )
