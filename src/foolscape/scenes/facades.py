"""The fronts and roofs of houses as flat pictures: walls, windows, shops, tiles."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from .street import Building, Colour
from .view import rgb

LIT = Colour(255, 214, 140)  # a window with a lamp behind it


def bare_wall(building: Building, size: tuple[int, int], ppm: float, tone: Colour, clear: float = 1.0) -> Image.Image:
    """The bare wall: plaster, brick courses, stone blocks or concrete panels, with stains from the rain.

    `clear` is the share of contrast that the air leaves.
    """
    rng = np.random.default_rng(building.texture)
    width, height = size
    grains = {"brick": (0.22, 0.08, 0.085), "stone": (0.9, 0.45, 0.06), "concrete": (3.0, 2.9, 0.035)}
    across, down, depth = grains.get(building.wall, (0.12, 0.12, 0.02))
    # Courses finer than a texel would only alias: never draw more of them than there are texels.
    columns = max(2, round(width / max(across * ppm, 1.0)))
    rows = max(2, round(height / max(down * ppm, 1.0)))
    fine = _levels(128 + 320 * depth * rng.standard_normal((rows, columns), dtype=np.float32))
    stain = (
        128 + 13 * rng.standard_normal((5, 6), dtype=np.float32) + np.linspace(14, -26, 5, dtype=np.float32)[:, None]
    )
    coarse = _levels(stain).resize(size, Image.Resampling.BICUBIC)
    return _tinted(Image.blend(fine.resize(size, Image.Resampling.NEAREST), coarse, 0.5), tone, clear)


def _levels(field: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))


def _tinted(levels: Image.Image, tone: Colour, clear: float) -> Image.Image:
    """Grey levels around 128 to a colour that varies by them, through a palette."""
    factor = 1 + clear * (np.arange(256)[:, None] - 128) / 140
    levels.putpalette(np.clip(np.array(tone) * factor, 0, 255).astype(np.uint8).tobytes())
    return levels.convert("RGB")


def _window(
    draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], glass: Colour, trim: Colour, style: int
) -> None:
    left, top, right, bottom = box
    wide, tall = right - left, bottom - top
    if wide < 6:
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=rgb(trim))
        draw.rectangle(box, fill=rgb(glass))
        return
    edge = max(1.0, wide * 0.07)
    draw.rectangle((left - edge, top - edge, right + edge, bottom + edge), fill=rgb(trim))
    draw.rectangle(box, fill=rgb(glass))
    draw.rectangle((left, top, right, top + tall * 0.3), fill=rgb(glass.times(0.75)))
    if style % 3 == 1:
        curtain = rgb(glass.mix(Colour(225, 220, 210), 0.5))
        draw.rectangle((left, top, left + wide * 0.22, bottom), fill=curtain)
        draw.rectangle((right - wide * 0.22, top, right, bottom), fill=curtain)
    if style % 3 == 2:
        draw.rectangle((left, top, right, top + tall * 0.45), fill=rgb(glass.mix(Colour(200, 200, 195), 0.6)))
    half = (left + right) / 2
    draw.line((half, top, half, bottom), fill=rgb(trim), width=max(1, round(edge * 0.7)))
    draw.line((left, top + tall * 0.4, right, top + tall * 0.4), fill=rgb(trim), width=max(1, round(edge * 0.6)))
    draw.rectangle((left - 2 * edge, bottom + edge, right + 2 * edge, bottom + 2.2 * edge), fill=rgb(trim.times(0.8)))


def _shop(draw: ImageDraw.ImageDraw, size: tuple[int, int], ppm: float, light: Colour, lamps: bool, seed: int) -> None:
    """A ground floor of panes with a name board and perhaps an awning."""
    rng = np.random.default_rng(seed + 2)
    width, height = size
    board = Colour(*rng.uniform(30, 220, 3)).times(light)
    glass = LIT.times(0.85) if lamps else Colour(62, 70, 76).times(light)
    top = height - 3.3 * ppm
    draw.rectangle((0, top, width, height), fill=rgb(Colour(70, 66, 64).times(light)))
    panes = max(2, round(width / ppm / 2.2))
    door = int(rng.integers(panes))
    for pane in range(panes):
        left, right = (pane + 0.06) * width / panes, (pane + 0.94) * width / panes
        foot = height - (0.05 if pane == door else 0.55) * ppm
        draw.rectangle((left, top + 0.75 * ppm, right, foot), fill=rgb(glass))
        draw.polygon(
            [(left, foot), (left + 0.4 * (right - left), foot), (right, top + 0.75 * ppm), (left, top + 0.75 * ppm)],
            fill=rgb(glass.mix(Colour(200, 205, 210).times(light), 0.2)),
        )
        for _ in range(3):
            goods = Colour(*rng.uniform(40, 220, 3)).times(light)
            at, tall = rng.uniform(left, right - 0.3 * ppm), rng.uniform(0.3, 0.9) * ppm
            draw.rectangle((at, foot - tall, at + 0.3 * ppm, foot), fill=rgb(goods.mix(glass, 0.45)))
    draw.rectangle((0, top, width, top + 0.65 * ppm), fill=rgb(board))
    ink, pen = board.mix(Colour(250, 245, 230) if sum(board) < 380 else Colour(30, 25, 20), 0.8), 0.15 * width
    while pen < 0.8 * width:
        step = rng.uniform(0.12, 0.3) * ppm
        draw.rectangle((pen, top + 0.18 * ppm, pen + 0.7 * step, top + 0.48 * ppm), fill=rgb(ink))
        pen += step
    if rng.random() < 0.5:
        stripes = max(3, round(width / ppm / 0.4))
        cloth = Colour(*rng.uniform(60, 230, 3)).times(light)
        for stripe in range(stripes):
            tone = cloth if stripe % 2 else Colour(230, 228, 220).times(light)
            left = stripe * width / stripes
            draw.rectangle((left, top + 0.7 * ppm, left + width / stripes, top + 1.3 * ppm), fill=rgb(tone))


def facade(building: Building, ppm: float, light: Colour, lamps: bool) -> Image.Image:
    """The front as a picture, `ppm` texels per metre, already lit."""
    length = building.y1 - building.y0
    width, height = max(4, round(length * ppm)), max(4, round(building.height * ppm))
    picture = bare_wall(building, (width, height), ppm, building.colour.times(light))
    draw = ImageDraw.Draw(picture)
    rng = np.random.default_rng(building.texture + 1)
    trim = building.trim.times(light)
    storey, bay = height / building.floors, width / building.bays
    wide, tall = bay * rng.uniform(0.36, 0.55), storey * rng.uniform(0.48, 0.62)
    door = int(rng.integers(building.bays))
    for floor in range(building.floors):
        ground = floor == building.floors - 1
        if ground and building.shop:
            continue
        for column in range(building.bays):
            left, top = (column + 0.5) * bay - wide / 2, floor * storey + storey * 0.2
            lit = lamps and rng.random() < 0.4
            glass = (
                LIT.times(rng.uniform(0.6, 0.95))
                if lit
                else Colour(66, 76, 88).times(light).times(rng.uniform(0.7, 1.5))
            )
            if ground and column == door:
                leaf = Colour(*rng.uniform(35, 150, 3)).times(light)
                draw.rectangle((left - 2, height - 2.35 * ppm, left + 1.1 * ppm + 2, height), fill=rgb(trim))
                draw.rectangle((left, height - 2.2 * ppm, left + 1.1 * ppm, height), fill=rgb(leaf))
                draw.rectangle(
                    (left + 0.2 * ppm, height - 2.0 * ppm, left + 0.9 * ppm, height - 1.3 * ppm),
                    fill=rgb(leaf.times(0.7)),
                )
            else:
                _window(draw, (left, top, left + wide, top + tall), glass, trim, int(rng.integers(6)))
    if building.shop:
        _shop(draw, (width, height), ppm, light, lamps, building.texture)
    else:
        draw.rectangle((0, height - 0.5 * ppm, width, height), fill=rgb(building.colour.times(light).times(0.72)))
    draw.rectangle((0, 0, width, 0.28 * ppm), fill=rgb(trim))
    draw.rectangle((0, 0.28 * ppm, width, 0.4 * ppm), fill=rgb(trim.times(0.62)))
    draw.line((1, 0, 1, height), fill=rgb(building.colour.times(light).times(0.6)), width=max(1, round(0.1 * ppm)))
    return picture


def roof_tiles(building: Building, size: tuple[int, int], tone: Colour, clear: float) -> Image.Image:
    """Rows of tiles; `clear` as of `bare_wall`."""
    rng = np.random.default_rng(building.texture + 3)
    noise = 128 + 14 * rng.standard_normal((max(2, size[1] // 3), max(2, size[0] // 3)), dtype=np.float32)
    noise[::2] -= 12
    return _tinted(_levels(noise).resize(size, Image.Resampling.NEAREST), tone, clear)
