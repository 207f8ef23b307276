"""Sky above, ground below: clouds, asphalt, paving slabs, markings and cast shadows."""

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .street import PAVEMENT, ROAD, Colour, Ground, Street
from .view import Canvas, Pixel, Point, Projection, Shade

TILE = 256  # texels along one side of a ground texture
TEXELS = 18.0  # per metre
COARSE = 2  # canvas pixels per sample of ground texture
UP: Point = (0.0, 0.0, 1.0)


def paint_sky(canvas: Canvas, view: Projection, shade: Shade, rng: np.random.Generator) -> None:
    """A gradient from zenith to horizon with clouds, over the whole canvas."""
    light = shade.light
    width = view.width // canvas.unit
    height = max(8, min(math.ceil(view.horizon), view.height) // canvas.unit + 2)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    top, low = np.array(light.sky_top, np.float32), np.array(light.sky_low, np.float32)
    sky = np.repeat(top + (low - top) * down**1.3, width, axis=1)
    # Clouds flatten towards the horizon, so the noise has more rows than columns per pixel there.
    cover = np.zeros((height, width), np.float32)
    for rows, columns, weight in ((5, 4, 0.5), (12, 9, 0.3), (30, 22, 0.2)):
        noise = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
        cover += weight * np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC))
    amount = np.clip((cover - (0.72 - 0.5 * light.cloud_cover)) * 4.0, 0, 1)[..., None]
    shadow = np.clip(1.1 - 0.35 * (cover[..., None] - 0.3), 0.7, 1.0)
    sky += amount * (np.array(light.cloud, np.float32) * shadow - sky) * (1 - 0.35 * down)
    picture = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    canvas.picture.paste(picture.resize((view.width, height * canvas.unit), Image.Resampling.BILINEAR))


def _soft_noise(rng: np.random.Generator, cells: int) -> NDArray[np.float32]:
    """Smooth noise around 0 on the tile, `cells` bumps along a side."""
    coarse = rng.standard_normal((cells, cells), dtype=np.float32)
    coarse = np.pad(coarse, 1, mode="wrap")
    cell = TILE // cells
    big = Image.fromarray(coarse).resize((TILE + 2 * cell,) * 2, Image.Resampling.BICUBIC)
    return np.asarray(big)[cell:-cell, cell:-cell]


def _tiles(ground: Ground, rng: np.random.Generator) -> NDArray[np.float32]:
    """Brightness factors of asphalt (0) and paving slabs (1), each TILE x TILE, around 1."""
    grain = rng.standard_normal((TILE, TILE), dtype=np.float32)
    asphalt = 1 + 0.075 * grain + 0.045 * _soft_noise(rng, 8) + 0.03 * _soft_noise(rng, 32)
    count = max(1, round(TILE / (ground.slab_size * TEXELS)))
    texel = np.arange(TILE) * count / TILE
    row, part = texel.astype(np.int64), texel % 1.0
    tone = rng.standard_normal((count, count), dtype=np.float32)[row][:, row]
    joint = 1.5 * count / TILE
    joints = (part < joint)[:, None] | (((part + 0.5 * (row % 2)) % 1.0) < joint)[None, :]
    slabs = 1 + 0.05 * tone + 0.04 * np.roll(grain, 77, axis=0) + 0.03 * _soft_noise(rng, 8)
    slabs = np.where(joints, slabs * 0.74, slabs)
    return np.stack([asphalt, slabs]).astype(np.float32)


def _convex_hull(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    ordered = sorted(set(points))

    def chain(source: list[tuple[float, float]]) -> list[tuple[float, float]]:
        hull: list[tuple[float, float]] = []
        for p in source:
            while len(hull) > 1 and (
                (hull[-1][0] - hull[-2][0]) * (p[1] - hull[-2][1]) <= (hull[-1][1] - hull[-2][1]) * (p[0] - hull[-2][0])
            ):
                hull.pop()
            hull.append(p)
        return hull[:-1]

    return chain(ordered) + chain(ordered[::-1])


def shadow_of_box(
    x: float, y: float, heading: float, half: tuple[float, float], z: tuple[float, float], shade: Shade
) -> list[Point]:
    """Outline on the ground of the shadow of an upright box (half length and width, lowest and highest z)."""
    sin_h, cos_h = math.sin(heading), math.cos(heading)
    sun = shade.to_sun
    stretch = -1.0 / max(sun[2], 0.16)
    outline = []
    for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1)):
        px = x + a * half[0] * sin_h + b * half[1] * cos_h
        py = y + a * half[0] * cos_h - b * half[1] * sin_h
        outline += [(px + sun[0] * stretch * level, py + sun[1] * stretch * level) for level in z]
    return [(px, py, 0.0) for px, py in _convex_hull(outline)]


def shadow_mask(canvas: Canvas, view: Projection, casts: list[tuple[list[Point], float]]) -> NDArray[np.float32]:
    """How much sun the ground misses (0..1), one value per COARSE x COARSE canvas pixels.

    casts: outlines on the ground, in metres, each with the share of sun it takes away.
    """
    small = (view.width // canvas.unit, view.height // canvas.unit)
    mask = Image.new("L", small)
    draw = ImageDraw.Draw(mask)
    for outline, depth in sorted(casts, key=lambda cast: cast[1]):
        pixels = [(u / canvas.unit, v / canvas.unit) for u, v in view.polygon(outline)]
        if len(pixels) > 2:
            draw.polygon(pixels, fill=int(255 * depth))
    mask = mask.filter(ImageFilter.GaussianBlur(0.8))
    size = (math.ceil(view.width / COARSE), math.ceil(view.height / COARSE))
    return np.asarray(mask.resize(size, Image.Resampling.BILINEAR), np.float32) / 255.0


def paint_ground(canvas: Canvas, view: Projection, shade: Shade, street: Street, shadows: NDArray[np.float32]) -> None:
    """Road, kerbs and pavements below the horizon, textured in world coordinates."""
    ground = street.ground
    first = max(0, math.floor(view.horizon) + 1)
    if first >= view.height:
        return
    # Every other canvas pixel is enough for ground texture; edges between classes are drawn by `_mark_ground`.
    rows, columns = np.arange(first, view.height, COARSE), np.arange(0, view.width, COARSE)
    rise = (view.height / 2 - rows - 0.5 * COARSE).astype(np.float32) / view.focal
    side = (columns + 0.5 * COARSE - view.width / 2).astype(np.float32) / view.focal
    dip = np.minimum(view.forward[2] + view.up[2] * rise, -1e-3)
    depth = view.camera.height / -dip
    x = (view.camera.x + depth * (view.forward[0] + view.up[0] * rise))[:, None] + np.outer(depth * view.right[0], side)
    y = (depth * (view.forward[1] + view.up[1] * rise))[:, None] + np.outer(depth * view.right[1], side)
    road = np.abs(x) < ground.half_road
    if ground.crossing is not None:
        road |= (y > ground.crossing[0]) & (y < ground.crossing[1])
    tiles = _tiles(ground, np.random.default_rng(ground.texture))
    cell = ((y * TEXELS).astype(np.int32) & (TILE - 1)) * TILE + ((x * TEXELS).astype(np.int32) & (TILE - 1))
    cell += np.where(road, 0, TILE * TILE).astype(np.int32)
    # Far texels are smaller than a pixel: let them fade into their mean instead of flickering.
    fade = np.clip(view.focal / canvas.unit / (TEXELS * depth) * 1.6, 0.15, 1.0)[:, None]
    tone = 1.0 + (tiles.reshape(-1)[cell] - 1.0) * fade
    tone *= np.where(road, 1.0 + 0.05 * np.cos(x * (4 * math.pi / ground.half_road)), 1.0)
    gap = np.abs(np.abs(x) - ground.half_road - 0.11)
    tone *= np.where((gap < 0.11) & ~road, 1.12, 1.0)
    tone *= np.where(np.abs(gap - 0.13) < 0.04, 0.72, 1.0)
    shadow = shadows[rows // COARSE]
    small = Image.fromarray(_ground_colours(shade, ground, road, tone, depth, shadow))
    big = small.resize((view.width, view.height - first), Image.Resampling.BILINEAR)
    canvas.picture.paste(big, (0, first))
    _mark_ground(canvas, view, ground, first)


def _mark_ground(canvas: Canvas, view: Projection, ground: Ground, first: int) -> None:
    canvas.slot = PAVEMENT
    canvas.mark([(-1, first), (view.width, first), (view.width, view.height), (-1, view.height)])
    canvas.slot = ROAD
    canvas.mark(view.polygon(_strip(-ground.half_road, ground.half_road, -20.0, 900.0)))
    if ground.crossing is not None:
        canvas.mark(view.polygon(_strip(-300.0, 300.0, *ground.crossing)))


def _ground_colours(
    shade: Shade,
    ground: Ground,
    road: NDArray[np.bool_],
    tone: NDArray[np.float32],
    depth: NDArray[np.float32],
    shadow: NDArray[np.float32],
) -> NDArray[np.uint8]:
    """Base colour, light, shadow and haze, as uint8 (rows, columns, 3)."""
    veil = (1.0 - np.exp(-shade.light.haze * depth)).astype(np.float32)[:, None]
    strength, ambient = shade.strength(UP), shade.light.ambient
    pixels = np.empty((*tone.shape, 3), np.uint8)
    for channel in range(3):
        lit = np.where(road, ground.road[channel], ground.slabs[channel]).astype(np.float32)
        lit *= tone * strength[channel]
        lit *= 1.0 - shadow * (1.0 - ambient[channel] / strength[channel])
        lit += (shade.light.haze_colour[channel] - lit) * veil
        pixels[..., channel] = np.clip(lit, 0, 255)
    return pixels


def _flat(canvas: Canvas, view: Projection, shade: Shade, outline: list[Point], paint: Colour, worn: float) -> None:
    pixels = view.polygon(outline)
    if pixels:
        depth = max(view.depth(outline[0][0], outline[0][1]), 1.0)
        canvas.glaze(pixels, shade.lit(paint, UP, depth), worn)


def _strip(x0: float, x1: float, y0: float, y1: float) -> list[Point]:
    return [(x0, y0, 0.0), (x1, y0, 0.0), (x1, y1, 0.0), (x0, y1, 0.0)]


def paint_markings(canvas: Canvas, view: Projection, shade: Shade, street: Street) -> None:
    """Lane lines, a zebra crossing, patches, manholes and cracks, all flat on the road."""
    ground = street.ground
    rng = np.random.default_rng(ground.texture + 1)
    half = ground.half_road
    white = Colour(215, 215, 208)
    for _ in range(5):
        x, y = rng.uniform(-half + 0.8, half - 1.4), rng.uniform(2, 30)
        dark = Colour(*(rng.uniform(35, 75),) * 3)
        _flat(canvas, view, shade, _strip(x, x + rng.uniform(0.5, 1.4), y, y + rng.uniform(0.8, 5)), dark, 0.35)
    for _ in range(2):
        x, y = rng.uniform(-half + 0.6, half - 0.6), rng.uniform(3, 25)
        for radius, tone in ((0.36, 45.0), (0.28, 75.0)):
            ring = [(x + radius * math.cos(a), y + radius * math.sin(a), 0.0) for a in np.linspace(0, 6, 14)]
            _flat(canvas, view, shade, ring, Colour(tone, tone, tone), 0.8)
    if ground.dashed:
        for y in np.arange(-6.0, 70.0, 6.0):
            if ground.crossing is None or not ground.crossing[0] - 3 < y < ground.crossing[1]:
                _flat(canvas, view, shade, _strip(-0.07, 0.07, y, y + 3.0), white, 0.85)
    if ground.zebra is not None:
        for x in np.arange(-half + 0.3, half - 0.4, 1.0):
            _flat(canvas, view, shade, _strip(x, x + 0.5, ground.zebra, ground.zebra + 3.2), white, 0.88)
    _paint_cracks(canvas, view, shade, half, rng)


def _paint_cracks(canvas: Canvas, view: Projection, shade: Shade, half: float, rng: np.random.Generator) -> None:
    for _ in range(6):
        x, y, way = rng.uniform(-half, half), rng.uniform(2, 16), rng.uniform(0, 6.3)
        trail: list[Pixel] = []
        for _ in range(9):
            if view.depth(x, y) > 1.0 and abs(x) < half:
                trail.append(view.pixel((x, y, 0.0)))
            way += rng.normal(0, 0.6)
            x, y = x + 0.35 * math.cos(way), y + 0.35 * math.sin(way)
        if len(trail) > 1:
            canvas.stroke(trail, 2, shade.lit(Colour(38, 38, 40), UP, 6.0))


def paint_reflection(canvas: Canvas, view: Projection, wet: float) -> None:
    """A wet ground mirrors what stands on the horizon; call it once sky and buildings are painted."""
    first = math.floor(view.horizon) + 1
    rows = min(first, view.height - first)
    if wet <= 0.0 or rows < 4:
        return
    mirror = canvas.picture.crop((0, first - rows, view.width, first))
    mirror = mirror.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    small = mirror.resize((view.width // 6, max(1, rows // 12)), Image.Resampling.BOX)
    mirror = small.resize((view.width, view.height - first), Image.Resampling.BICUBIC)
    below = (0, first, view.width, view.height)
    blended = Image.blend(canvas.picture.crop(below), mirror, 0.45 * wet)
    slots = np.asarray(canvas.slots.crop(below))
    mask = Image.fromarray(np.where((slots == ROAD) | (slots == PAVEMENT), 255, 0).astype(np.uint8))
    canvas.picture.paste(blended, below[:2], mask)
