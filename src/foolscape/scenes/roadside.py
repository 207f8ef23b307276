"""What stands along a street: trees of several kinds, and signs on poles."""

import math

import numpy as np
from numpy.typing import NDArray

from .street import Colour, SignLook, Thing, TreeLook
from .view import Canvas, Pixel, Projection, Shade


def paint_tree(canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float]) -> None:
    """Paint a tree, or a bush, at `place` (metres)."""
    assert isinstance(thing.look, TreeLook)
    look = thing.look
    distance = view.depth(*place)
    metre = view.focal / max(distance, 0.5)
    foot, top = view.pixel((*place, 0.0)), view.pixel((*place, thing.height))
    facing = (-view.forward[0] * 0.7, -view.forward[1] * 0.7, 0.7)
    rng = np.random.default_rng(look.texture)
    if look.kind != "bush":
        bark = shade.lit(look.bark, facing, distance)
        width = (0.10 + 0.022 * thing.height) * metre
        height = foot[1] - top[1]
        fork = (foot[0] + 0.02 * height, foot[1] - (0.30 if look.kind == "conifer" else 0.45) * height)
        canvas.limb(foot, fork, width * 1.25, width * 0.8, bark)
        canvas.paint(
            [(foot[0], foot[1]), (foot[0] + width * 0.6, foot[1]), (fork[0] + width * 0.4, fork[1]), fork],
            bark.times(0.7),
        )
        if look.kind == "round":
            for reach in (-0.17, 0.2):
                canvas.limb(fork, (fork[0] + reach * height, fork[1] - 0.2 * height), width * 0.6, width * 0.25, bark)
    _paint_crown(canvas, view, shade, thing, (foot, top, metre, distance), rng)


def _paint_crown(
    canvas: Canvas, view: Projection, shade: Shade, thing: Thing,
    frame: tuple[Pixel, Pixel, float, float], rng: np.random.Generator,
) -> None:  # fmt: skip
    """Foliage as many leaf clumps: the dark ones behind, those turned to the sun last."""
    look = thing.look
    assert isinstance(look, TreeLook)
    foot, top, metre, distance = frame
    height, half = foot[1] - top[1], look.crown / 2 * metre
    low = {"round": 0.36, "conifer": 0.14, "poplar": 0.14, "bush": 0.0}[look.kind]
    count = int(np.clip(half * height * (1 - low) / (canvas.unit**2 * 6), 26, 140))
    up = rng.random(count)
    around = np.sqrt(rng.random(count)) * np.where(rng.random(count) < 0.5, -1, 1)
    if look.kind == "conifer":
        girth = (1 - up) * (0.72 + 0.28 * np.cos(up * 40))
    else:
        girth = np.sqrt(np.clip(1 - (2 * up - 1) ** 2, 0, 1))
        girth *= 1 + 0.12 * np.sin(up * 9 + look.texture % 7)
    x = foot[0] + around * girth * half * 0.86
    y = foot[1] - height * (low + (1 - low) * (0.04 + 0.92 * up))
    size = half * rng.uniform(0.16, 0.34, count) * {"conifer": 0.6, "poplar": 1.5}.get(look.kind, 1.0)
    size = np.maximum(size, canvas.unit * 0.7)
    sun_side = sum(a * b for a, b in zip(shade.to_sun, view.right, strict=True))
    bright = 0.55 + 0.42 * up + 0.22 * around * sun_side + rng.normal(0, 0.10, count)
    tint = rng.normal(0, 0.07, count)
    order = np.argsort(bright + rng.normal(0, 0.12, count))
    base = np.array(shade.lit(look.leaves, (0.0, 0.0, 1.0), 0.0))
    tones = base * np.clip(bright, 0.3, 1.25)[:, None] * (1 + tint[:, None] * np.array([1.0, 0.0, -1.0]))
    tones += (np.array(shade.light.haze_colour) - tones) * shade.veil(distance)
    clumps = np.stack([x, y, size], axis=1)[order]
    _paint_clumps(canvas, clumps, tones[order], rng)


def _paint_clumps(
    canvas: Canvas, clumps: NDArray[np.float64], tones: NDArray[np.float64], rng: np.random.Generator
) -> None:
    """Ragged patches of leaves: polygons (x, y, size) with an uneven rim, and a few flecks on the large ones."""
    count, corners = len(clumps), 8
    reach = clumps[:, 2:] * rng.uniform(0.6, 1.25, (count, corners))
    angle = rng.random((count, 1)) * 6.28 + np.arange(corners) * (2 * math.pi / corners)
    rims = np.stack([clumps[:, :1] + reach * np.cos(angle), clumps[:, 1:2] + 0.85 * reach * np.sin(angle)], axis=-1)
    flecks = clumps[:, None, :2] + clumps[:, None, 2:] * rng.uniform(-0.75, 0.55, (count, 3, 2))
    fleck_tones = rng.uniform(0.8, 1.25, (count, 3))
    for k, (rim, tone) in enumerate(zip(rims.reshape(count, -1).tolist(), tones.tolist(), strict=True)):
        colour = Colour(*tone)
        canvas.patch(rim, colour)
        if clumps[k, 2] > 2.5 * canvas.unit:
            for at, factor in zip(flecks[k].tolist(), fleck_tones[k].tolist(), strict=True):
                canvas.dot((at[0], at[1]), float(clumps[k, 2]) * 0.2, colour.times(factor), 0.8)


def _corners(shape: str, centre: Pixel, radius: float) -> list[Pixel]:
    """Outline of a plate of half-width `radius`."""
    if shape == "square":
        offsets = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]
    elif shape == "board":
        offsets = [(-1.0, -0.55), (1.0, -0.55), (1.0, 0.55), (-1.0, 0.55)]
    elif shape == "lights":
        offsets = [(-0.55, -1.5), (0.55, -1.5), (0.55, 1.5), (-0.55, 1.5)]
    else:
        count, start = {"triangle": (3, -math.pi / 2), "octagon": (8, math.pi / 8)}.get(shape, (20, 0.0))
        offsets = [
            (math.cos(start + k * 2 * math.pi / count), math.sin(start + k * 2 * math.pi / count)) for k in range(count)
        ]
    return [(centre[0] + dx * radius, centre[1] + dy * radius) for dx, dy in offsets]


def paint_sign(canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float]) -> None:
    """Paint a sign or traffic lights on a pole at `place` (metres)."""
    assert isinstance(thing.look, SignLook)
    look = thing.look
    distance = view.depth(*place)
    metre = view.focal / max(distance, 0.5)
    facing = (-view.forward[0], -view.forward[1], 0.3)
    foot, top = view.pixel((*place, 0.0)), view.pixel((*place, thing.height))
    pole = shade.lit(Colour(128, 130, 132), facing, distance)
    thick = max(0.12 * metre, 2.5 * canvas.unit)
    canvas.line([foot, top], thick, pole)
    light = 1.0 if sum(a * b for a, b in zip(shade.to_sun, view.right, strict=True)) < 0 else -1.0
    canvas.stroke(
        [(foot[0] + light * thick * 0.3, foot[1]), (top[0] + light * thick * 0.3, top[1])],
        thick * 0.4,
        pole.times(0.66),
    )
    radius = max(look.width / 2 * metre, 2.0 * canvas.unit)
    centre = (top[0], top[1] + radius * 0.6)
    canvas.polygon(_corners(look.shape, centre, radius), shade.lit(look.border, facing, distance))
    canvas.paint(
        _corners(
            look.shape, (centre[0], centre[1] + (0.06 * radius if look.shape == "triangle" else 0.0)), radius * 0.76
        ),
        shade.lit(look.plate, facing, distance),
    )
    if look.shape == "lights":
        _paint_lights(canvas, shade, centre, radius, look.texture)
    else:
        _paint_mark(canvas, look, centre, radius, shade.lit(look.mark, facing, distance))


def _paint_lights(canvas: Canvas, shade: Shade, centre: Pixel, radius: float, seed: int) -> None:
    lamps = (Colour(255, 60, 40), Colour(255, 190, 40), Colour(70, 235, 130))
    for k, lamp in enumerate(lamps):
        at = (centre[0], centre[1] + (k - 1) * 0.9 * radius)
        on = k == seed % 3
        canvas.dot(at, radius * 0.36, lamp if on else lamp.times(0.25))
        if on and shade.light.lamps:
            canvas.glow(at, radius * 1.3, lamp, 0.4)


def _paint_mark(canvas: Canvas, look: SignLook, centre: Pixel, radius: float, ink: Colour) -> None:
    """What is printed on the plate: lines of letters, a bar, an arrow, a walker or a number."""

    def block(left: float, top: float, right: float, bottom: float) -> None:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        canvas.paint([(centre[0] + x * radius, centre[1] + y * radius) for x, y in corners], ink)

    def wedge(tip: float, base: float, half: float) -> None:
        corners = ((0.0, tip), (half, base), (-half, base))
        canvas.paint([(centre[0] + x * radius, centre[1] + y * radius) for x, y in corners], ink)

    kind = look.texture % 4
    if look.shape == "board":
        block(-0.6, -0.28, 0.3 + 0.1 * kind, -0.12)
        block(-0.6, 0.12, 0.55 - 0.1 * kind, 0.28)
    elif kind == 0:
        block(-0.5, -0.13, 0.5, 0.13)
    elif kind == 1:
        wedge(-0.5, 0.0, 0.36)
        block(-0.12, 0.0, 0.12, 0.45)
    elif kind == 2:
        canvas.dot((centre[0], centre[1] - 0.34 * radius), 0.13 * radius, ink)
        wedge(-0.3, 0.42, 0.26)
    else:
        block(-0.36, -0.32, -0.14, 0.32)
        block(0.06, -0.32, 0.42, 0.32)
