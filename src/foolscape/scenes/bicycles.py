"""Bicycles: wheels, tubes and pedals in the plane of the frame, handlebars across it."""

import math

from .figure import PEDAL_TURN, PEDALS, Skeleton, figure_of
from .street import BicycleLook, Colour, Thing
from .view import Canvas, Pixel, Projection, Shade

HEIGHT = 1.05  # metres; the size that the measures below are given for
WHEEL = 0.34  # radius
REAR, FRONT = -0.52, 0.54  # hubs, forward of the middle
# Forward and up: between the wheels, over the saddle and the handlebars.
OUTLINE = (
    (REAR, 0.0), (REAR - WHEEL, WHEEL), (REAR, 2 * WHEEL), (-0.36, 0.97), (-0.10, 0.97), (0.36, 1.03), (0.42, 1.03),
    (FRONT, 2 * WHEEL), (FRONT + WHEEL, WHEEL), (FRONT, 0.0),
)  # fmt: skip


def paint_bicycle(
    canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float], time: float
) -> None:
    """Paint a bicycle at `place` (metres); its label is its outline, filled: what data sets of real streets mark."""
    assert isinstance(thing.look, BicycleLook)
    look = thing.look
    figure = figure_of(view, thing, place, thing.height / HEIGHT)
    distance, metre = view.depth(*place), figure.pixels
    facing = (-view.forward[0], -view.forward[1], 0.25)
    tyre = shade.lit(Colour(30, 30, 33), facing, distance)
    steel = shade.lit(Colour(165, 168, 172), facing, distance)
    frame = shade.lit(look.frame, facing, distance)
    roll = thing.speed * time / WHEEL
    canvas.mark([figure.at((along, 0.0, up)) for along, up in OUTLINE])
    for hub in (REAR, FRONT):
        _paint_wheel(canvas, figure, hub, roll, (tyre, steel))
    turn = look.phase + PEDAL_TURN * thing.speed * time
    _paint_frame(canvas, figure, turn, (frame, steel, tyre))
    if look.basket is not None:
        basket = shade.lit(look.basket, facing, distance)
        corners = ((0.45, 0.70), (0.72, 0.70), (0.78, 0.95), (0.42, 0.95))
        for across in (-0.16, 0.16):
            canvas.polygon([figure.at((a, across, z)) for a, z in corners], basket)
        front = [figure.at((0.76, b, z)) for b, z in ((-0.16, 0.72), (0.16, 0.72), (0.16, 0.95), (-0.16, 0.95))]
        canvas.polygon(front, basket.times(0.85))
    if shade.light.lamps:
        ahead = math.cos(figure.heading - view.camera.heading) < 0
        lamp = figure.at((0.48, 0.0, 0.82) if ahead else (-0.55, 0.0, 0.7))
        canvas.glow(lamp, 0.16 * metre, Colour(255, 240, 200) if ahead else Colour(255, 50, 40), 0.6)


def _paint_wheel(canvas: Canvas, figure: Skeleton, hub: float, roll: float, colours: tuple[Colour, Colour]) -> None:
    tyre, steel = colours
    metre = figure.pixels

    def rim(angle: float, radius: float) -> Pixel:
        return figure.at((hub + radius * math.cos(angle), 0.0, WHEEL + radius * math.sin(angle)))

    ring = [rim(k * math.pi / 12, WHEEL) for k in range(25)]
    canvas.mark(ring)
    canvas.glaze(ring, steel.times(0.55), 0.30)
    for k in range(7):
        angle = k * math.pi / 7 - roll
        canvas.stroke([rim(angle, WHEEL * 0.95), rim(angle + math.pi, WHEEL * 0.95)], 0.006 * metre, steel)
    canvas.stroke([rim(k * math.pi / 12, WHEEL * 0.9) for k in range(25)], 0.02 * metre, steel)
    canvas.line(ring, 0.052 * metre, tyre, thinnest=0.7)
    if abs(ring[0][0] - ring[12][0]) < 0.12 * metre:
        # Seen along its length a wheel has no width but its tyre's.
        canvas.line([rim(math.pi / 2, WHEEL), rim(-math.pi / 2, WHEEL)], 0.06 * metre, tyre, thinnest=0.8)


def _paint_frame(canvas: Canvas, figure: Skeleton, turn: float, colours: tuple[Colour, Colour, Colour]) -> None:
    frame, steel, dark = colours
    metre = figure.pixels
    saddle, head, fork = (-0.21, 0.0, 0.80), (0.36, 0.0, 0.84), (0.41, 0.0, 0.66)
    rear, front = (REAR, 0.0, WHEEL), (FRONT, 0.0, WHEEL)
    tubes = (
        (PEDALS, saddle),
        (saddle, head),
        (PEDALS, fork),
        (rear, PEDALS),
        (rear, saddle),
        (head, fork),
        (fork, front),
    )
    for a, b in tubes:
        canvas.line([figure.at(a), figure.at(b)], 0.048 * metre, frame, thinnest=0.75)
    canvas.line([figure.at(saddle), figure.at((-0.24, 0.0, 0.93))], 0.035 * metre, steel, thinnest=0.6)
    canvas.line([figure.at((-0.36, 0.0, 0.95)), figure.at((-0.10, 0.0, 0.94))], 0.08 * metre, dark, thinnest=1.0)
    canvas.line([figure.at(head), figure.at((0.38, 0.0, 1.0))], 0.035 * metre, steel, thinnest=0.6)
    canvas.line(
        [figure.at((0.40, -0.26, 1.03)), figure.at((0.38, 0.0, 1.0)), figure.at((0.40, 0.26, 1.03))],
        0.045 * metre,
        dark,
        thinnest=0.8,
    )
    canvas.dot(figure.at(PEDALS), 0.085 * metre, dark)
    for side, angle in ((-1, -turn), (1, math.pi - turn)):
        pedal = (PEDALS[0] + 0.17 * math.cos(angle), 0.1 * side, PEDALS[2] + 0.17 * math.sin(angle))
        canvas.line(
            [figure.at((PEDALS[0], 0.1 * side, PEDALS[2])), figure.at(pedal)], 0.03 * metre, steel, thinnest=0.4
        )
