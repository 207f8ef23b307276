"""Cars: a side profile swept across the width, so that every view of them is right."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .street import CarLook, Colour, Thing
from .view import Canvas, Point, Projection, Shade

# Outlines from the rear bumper over the roof to the front bumper: (along, up) in shares of length and height,
# and whether the strip that ends there is glass. The narrowing towards the roof is worked out from the height.
Profile = tuple[tuple[float, float, bool], ...]
PROFILES: dict[str, Profile] = {
    "hatchback": (
        (-0.49, 0.18, False), (-0.50, 0.42, False), (-0.47, 0.60, False), (-0.38, 0.96, True),
        (-0.30, 1.00, False), (0.02, 0.99, False), (0.24, 0.62, True), (0.43, 0.53, False),
        (0.49, 0.43, False), (0.50, 0.18, False),
    ),
    "saloon": (
        (-0.49, 0.18, False), (-0.50, 0.55, False), (-0.48, 0.64, False), (-0.34, 0.66, False),
        (-0.20, 0.98, True), (0.00, 1.00, False), (0.06, 0.97, False), (0.22, 0.65, True),
        (0.44, 0.55, False), (0.49, 0.44, False), (0.50, 0.18, False),
    ),
    "van": (
        (-0.49, 0.14, False), (-0.50, 0.48, False), (-0.49, 0.54, False), (-0.475, 0.92, True),
        (-0.45, 1.00, False), (0.18, 1.00, False), (0.33, 0.56, True), (0.46, 0.46, False),
        (0.50, 0.38, False), (0.50, 0.14, False),
    ),
}  # fmt: skip
WAIST = {"hatchback": 0.60, "saloon": 0.64, "van": 0.54}  # height of the windows' lower edge
WHEELBASE = 0.29  # from the middle to an axle, in lengths
GLASS = Colour(46, 54, 62)


@dataclass(frozen=True)
class _Body:
    """A car's own axes in the world: `at(along, across, up)` in metres from the ground below its middle."""

    thing: Thing
    look: CarLook
    x: float
    y: float
    forward: tuple[float, float]

    def at(self, along: float, across: float, up: float) -> Point:
        sin_h, cos_h = self.forward
        return self.x + along * sin_h + across * cos_h, self.y + along * cos_h - across * sin_h, up

    def normal(self, along: float, across: float, up: float) -> Point:
        sin_h, cos_h = self.forward
        return along * sin_h + across * cos_h, along * cos_h - across * sin_h, up

    def half_width(self, share: float, waist: float) -> float:
        """Half the width at a share of the height: upright to the waist, then leaning in."""
        lean = max(0.0, share - waist) / (1.0 - waist)
        tuck = max(0.0, 0.4 - share) * 0.12
        return self.thing.width / 2 * (1.0 - 0.22 * lean - tuck)


def paint_car(canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float]) -> None:
    """Paint a car standing at `place` (metres)."""
    assert isinstance(thing.look, CarLook)
    look = thing.look
    body = _Body(thing, look, *place, (math.sin(thing.heading), math.cos(thing.heading)))
    distance = view.depth(*place)
    profile, waist = PROFILES[look.body], WAIST[look.body]
    camera = (view.camera.x - body.x, -body.y)
    beside = camera[0] * body.forward[1] - camera[1] * body.forward[0]
    ahead = camera[0] * body.forward[0] + camera[1] * body.forward[1]
    side = 1.0 if beside > 0 else -1.0
    _paint_underside(canvas, view, shade, body, distance)
    order = range(1, len(profile)) if ahead > 0 else range(len(profile) - 1, 0, -1)
    for index in order:
        _paint_strip(canvas, view, shade, body, (profile[index - 1], profile[index], waist), distance)
    if abs(beside) > thing.width / 2:
        _paint_side(canvas, view, shade, body, side, distance)
    _paint_ends(canvas, view, shade, body, ahead, distance)


def _paint_underside(canvas: Canvas, view: Projection, shade: Shade, body: _Body, distance: float) -> None:
    """The dark between the wheels, and the tyres as seen from the front or the back."""
    long, wide = body.thing.length, body.thing.width
    dark = Colour(16, 16, 18).mix(shade.light.haze_colour, shade.veil(distance))
    radius = _wheel_radius(body)
    for across in (-1, 1):
        for along in (-WHEELBASE, WHEELBASE):
            for inner in (0.5, 0.36):
                wheel = _circle(body, along * long, across * inner * wide, radius, radius)
                canvas.polygon(view.polygon(wheel), dark)
            tread = [(a, b) for a in (-radius, radius) for b in (0.36, 0.5)]
            for a, _ in tread[::2]:
                quad = [
                    body.at(along * long + 0.5 * a, across * 0.36 * wide, 0.03),
                    body.at(along * long + 0.5 * a, across * 0.5 * wide, 0.03),
                    body.at(along * long + 0.5 * a, across * 0.5 * wide, radius),
                    body.at(along * long + 0.5 * a, across * 0.36 * wide, radius),
                ]
                canvas.polygon(view.polygon(quad), dark)
    for a in (-0.42, 0.42):
        belly = [body.at(a * long, b * 0.46 * wide, z) for b, z in ((-1, 0.16), (1, 0.16), (1, 0.4), (-1, 0.4))]
        canvas.polygon(view.polygon(belly), dark)


def _wheel_radius(body: _Body) -> float:
    return 0.072 * body.thing.length


def _circle(body: _Body, along: float, across: float, up: float, radius: float) -> list[Point]:
    return [
        body.at(along + radius * math.cos(k * math.pi / 9), across, up + radius * math.sin(k * math.pi / 9))
        for k in range(18)
    ]


def _paint_strip(
    canvas: Canvas,
    view: Projection,
    shade: Shade,
    body: _Body,
    edge: tuple[tuple[float, float, bool], tuple[float, float, bool], float],
    distance: float,
) -> None:
    """One strip across the car between two points of the profile, if it faces the camera."""
    (a0, h0, _), (a1, h1, glass), waist = edge
    long, high = body.thing.length, body.thing.height
    da, dz = (a1 - a0) * long, (h1 - h0) * high
    size = math.hypot(da, dz)
    normal = body.normal(-dz / size, 0.0, da / size)
    middle = body.at((a0 + a1) / 2 * long, 0.0, (h0 + h1) / 2 * high)
    eye = (view.camera.x - middle[0], -middle[1], view.camera.height - middle[2])
    if sum(n * e for n, e in zip(normal, eye, strict=True)) <= 0:
        return
    w0, w1 = body.half_width(h0, waist), body.half_width(h1, waist)
    quad = [
        body.at(a0 * long, -w0, h0 * high),
        body.at(a0 * long, w0, h0 * high),
        body.at(a1 * long, w1, h1 * high),
        body.at(a1 * long, -w1, h1 * high),
    ]
    paint = shade.lit(body.look.paint, normal, distance)
    if normal[2] > 0.5:
        paint = paint.mix(shade.light.sky_low, 0.16)
    canvas.polygon(view.polygon(quad), paint)
    if glass:
        _paint_screen(canvas, view, shade, quad, distance)


def _inset(quad: Sequence[Point], left: float, right: float, low: float, top: float) -> list[Point]:
    """The part of a quad (lower left, lower right, upper right, upper left) between shares of its sides."""

    def at(u: float, v: float) -> Point:
        weights = ((1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v)
        x, y, z = (sum(w * corner[axis] for w, corner in zip(weights, quad, strict=True)) for axis in range(3))
        return x, y, z

    return [at(left, low), at(right, low), at(right, top), at(left, top)]


def _paint_screen(canvas: Canvas, view: Projection, shade: Shade, quad: list[Point], distance: float) -> None:
    glass = shade.lit(GLASS, (0.0, 0.0, 1.0), distance)
    if quad[0][2] > quad[3][2]:
        quad = [quad[3], quad[2], quad[1], quad[0]]
    canvas.paint(view.polygon(_inset(quad, 0.05, 0.95, 0.06, 0.92)), glass)
    shine = glass.mix(shade.light.sky_low, 0.4)
    canvas.paint(view.polygon(_inset(quad, 0.08, 0.92, 0.62, 0.92)), shine)
    canvas.glaze(view.polygon(_inset(quad, 0.5, 0.8, 0.06, 0.92)), shade.light.sky_low, 0.13)


def _paint_side(canvas: Canvas, view: Projection, shade: Shade, body: _Body, side: float, distance: float) -> None:
    thing = body.thing
    look, long, high = body.look, thing.length, thing.height
    profile, waist = PROFILES[look.body], WAIST[look.body]
    normal = body.normal(0.0, side, 0.0)

    def at(along: float, up: float) -> Point:
        return body.at(along * long, side * body.half_width(up, waist), up * high)

    paint = shade.lit(look.paint, normal, distance)
    canvas.polygon(view.polygon([at(a, h) for a, h, _ in profile]), paint)
    sill = [at(-0.49, 0.18), at(0.49, 0.18), at(0.49, 0.33), at(-0.49, 0.33)]
    canvas.paint(view.polygon(sill), paint.times(0.72))
    if look.stripe is not None:
        band = [at(-0.48, 0.40), at(0.47, 0.40), at(0.47, 0.48), at(-0.48, 0.48)]
        canvas.paint(view.polygon(band), shade.lit(look.stripe, normal, distance))
    shine = [at(-0.49, waist - 0.07), at(0.42, waist - 0.09), at(0.42, waist - 0.05), at(-0.49, waist - 0.02)]
    canvas.paint(view.polygon(shine), paint.mix(shade.light.sky_low, 0.28))
    _paint_side_windows(canvas, view, shade, body, side, distance)
    for door in (-0.17, 0.03, 0.22):
        seam = [view.pixel(at(door, 0.22)), view.pixel(at(door, waist))]
        canvas.stroke(seam, 0.012 * view.focal / max(distance, 1.0), paint.times(0.6))
    _paint_wheels(canvas, view, shade, body, side, distance)


def _paint_side_windows(
    canvas: Canvas, view: Projection, shade: Shade, body: _Body, side: float, distance: float
) -> None:
    look = body.look
    long, high, waist = body.thing.length, body.thing.height, WAIST[look.body]
    glass = shade.lit(GLASS, body.normal(0.0, side, 0.0), distance)
    lows = {"hatchback": (-0.40, 0.20), "saloon": (-0.28, 0.19), "van": (-0.44, 0.29)}[look.body]
    tops = {"hatchback": (-0.33, 0.02), "saloon": (-0.18, 0.05), "van": (-0.43, 0.19)}[look.body]

    def at(share: float, rise: float) -> Point:
        up = waist + 0.02 + rise * (0.92 - waist)
        low, top = (ends[0] + share * (ends[1] - ends[0]) for ends in (lows, tops))
        return body.at((low + rise * (top - low)) * long, side * body.half_width(up, waist), up * high)

    cuts = ((0.0, 0.28), (0.33, 0.62), (0.67, 1.0)) if look.body == "van" else ((0.02, 0.45), (0.51, 1.0))
    for start, end in cuts:
        canvas.paint(view.polygon([at(start, 0), at(end, 0), at(end, 1), at(start, 1)]), glass)
        sheen = [at(start, 0.55), at(end, 0.75), at(end, 1), at(start, 1)]
        canvas.paint(view.polygon(sheen), glass.mix(shade.light.sky_low, 0.38))


def _paint_wheels(canvas: Canvas, view: Projection, shade: Shade, body: _Body, side: float, distance: float) -> None:
    radius = _wheel_radius(body)
    normal = body.normal(0.0, side, 0.0)
    across = side * body.thing.width * 0.495
    for along in (-WHEELBASE * body.thing.length, WHEELBASE * body.thing.length):
        arch = _circle(body, along, across, radius * 1.05, radius * 1.18)
        canvas.paint(view.polygon(arch), Colour(20, 20, 22).mix(shade.light.haze_colour, shade.veil(distance)))
        for share, tone in ((1.0, 34.0), (0.62, 150.0), (0.5, 105.0), (0.16, 175.0)):
            colour = shade.lit(Colour(tone, tone, tone * 1.03), normal, distance)
            ring = view.polygon(_circle(body, along, across, radius, radius * share))
            (canvas.polygon if share == 1.0 else canvas.paint)(ring, colour)


def _paint_ends(canvas: Canvas, view: Projection, shade: Shade, body: _Body, ahead: float, distance: float) -> None:
    """Lamps, number plate and grille on whichever end is turned to the camera."""
    long, wide, high = body.thing.length, body.thing.width, body.thing.height
    if abs(ahead) < long / 2:
        return
    end = 0.502 if ahead > 0 else -0.502
    normal = body.normal(1.0 if ahead > 0 else -1.0, 0.0, 0.0)
    base = 0.34 if ahead > 0 else 0.44

    def plate(left: float, right: float, low: float, top: float) -> list[Point]:
        corners = ((left, low), (right, low), (right, top), (left, top))
        return [body.at(end * long, b * wide / 2, h * high) for b, h in corners]

    rubber = Colour(18, 18, 20).mix(shade.light.haze_colour, shade.veil(distance))
    for b in (-0.78, 0.78):
        tyre = [
            body.at(end * 0.74 * long, (b + c) * wide / 2, z)
            for c, z in ((-0.11, 0.02), (0.11, 0.02), (0.11, 0.34), (-0.11, 0.34))
        ]
        canvas.mark(view.polygon(tyre))
        canvas.paint(view.polygon(tyre), rubber)
    skirt = shade.lit(body.look.paint, normal, distance)
    canvas.paint(view.polygon(plate(-0.96, 0.96, 0.19, 0.34)), skirt.times(0.9))
    bumper = shade.lit(Colour(44, 45, 48), normal, distance)
    canvas.paint(view.polygon(plate(-0.9, 0.9, 0.2, 0.27)), bumper)
    if ahead > 0:
        canvas.paint(view.polygon(plate(-0.42, 0.42, base - 0.02, base + 0.07)), bumper.times(0.7))
    number = Colour(225, 222, 205) if ahead > 0 else Colour(222, 196, 80)
    canvas.paint(view.polygon(plate(-0.27, 0.27, base - 0.07, base)), shade.lit(number, normal, distance))
    lamp = Colour(232, 236, 232) if ahead > 0 else Colour(176, 22, 20)
    for b in (-0.74, 0.74):
        colour = shade.lit(lamp, normal, distance)
        if shade.light.lamps:
            colour = Colour(255, 244, 214) if ahead > 0 else Colour(255, 50, 36)
        canvas.paint(view.polygon(plate(b - 0.16, b + 0.16, base, base + 0.09)), colour)
        if shade.light.lamps:
            centre = view.pixel(body.at(end * long, b * wide / 2, (base + 0.045) * high))
            radius = (0.42 if ahead > 0 else 0.24) * view.focal / max(distance, 1.0)
            canvas.glow(centre, radius, colour, 0.5)
