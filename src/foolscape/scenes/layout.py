"""Draws a street by lot: camera, light, weather, ground and houses."""

import math

import numpy as np

from .crowd import Crowd
from .palette import ROOFS, TRIMS, WALLS, pick, random_seed, shifted
from .street import Building, Camera, Colour, Ground, Light, Sensor, Street

Rng = np.random.Generator


def describe(seed: int, index: int) -> Street:
    """Street number `index` of the endless series `seed`; the same two numbers always give the same street.

    seed, index: integers >= 0. Lengths are metres, angles radians, speeds metres per second.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
    ground = _ground(rng)
    across = bool(rng.random() < 0.28)
    camera = _camera(rng, ground, across)
    light = _light(rng)
    buildings = _buildings(rng, ground)
    return Street(
        seed=seed,
        index=index,
        camera=camera,
        light=light,
        sensor=_sensor(rng, light),
        ground=ground,
        buildings=buildings,
        things=Crowd(rng, camera, ground).populate(),
    )


def _grey(value: float, warmth: float = 0.0) -> Colour:
    return Colour(value + warmth, value, value - warmth)


def _ground(rng: Rng) -> Ground:
    crossing = None
    if rng.random() < 0.35:
        start = rng.uniform(16, 34)
        crossing = (start, start + rng.uniform(6, 8))
    road = rng.uniform(72, 118)
    return Ground(
        half_road=rng.uniform(3.1, 4.6),
        pavement=rng.uniform(2.3, 4.2),
        crossing=crossing,
        zebra=float(rng.uniform(6, 15)) if rng.random() < 0.4 else None,
        dashed=bool(rng.random() < 0.75),
        road=_grey(road, rng.uniform(-4, 5)),
        slabs=_grey(road + rng.uniform(8, 62), rng.uniform(-2, 14)),
        slab_size=rng.uniform(0.4, 0.9),
        texture=random_seed(rng),
    )


def _camera(rng: Rng, ground: Ground, across: bool) -> Camera:
    edge = ground.half_road + ground.pavement
    if across:
        side = float(rng.choice([-1.0, 1.0]))
        x = side * rng.uniform(ground.half_road * 0.5, edge - 0.6)
        heading = -side * rng.uniform(0.35, 0.85)
    else:
        x = rng.uniform(-0.8, 0.8) * edge
        heading = rng.normal(-0.18 * x / edge, 0.12)
    return Camera(
        x=x,
        height=rng.uniform(1.35, 2.5),
        heading=float(heading),
        pitch=rng.uniform(-0.045, 0.085),
        focal=rng.uniform(0.78, 1.1),
    )


def _light(rng: Rng) -> Light:
    kind = rng.choice(["sun", "overcast", "dusk", "rain", "mist"], p=[0.46, 0.2, 0.14, 0.12, 0.08])
    azimuth, elevation = float(rng.uniform(-math.pi, math.pi)), rng.uniform(0.6, 1.15)
    white = Colour(1.0, 1.0, 1.0)
    if kind == "sun":
        sun, ambient = Colour(0.80, 0.74, 0.62), Colour(0.55, 0.59, 0.66)
        top, low = Colour(70, 124, 196), Colour(186, 212, 234)
        cloud, cover, haze = Colour(250, 250, 250), rng.uniform(0.1, 0.65), rng.uniform(0.001, 0.006)
    elif kind == "dusk":
        elevation = rng.uniform(0.16, 0.3)
        sun, ambient = Colour(0.75, 0.44, 0.24), Colour(0.47, 0.45, 0.56)
        top, low = Colour(66, 78, 130), Colour(246, 172, 116)
        cloud, cover, haze = Colour(232, 150, 128), rng.uniform(0.2, 0.7), rng.uniform(0.003, 0.008)
    else:
        level = rng.uniform(0.92, 1.1)
        sun, ambient = white.times(0.10), Colour(0.86, 0.88, 0.92).times(level)
        top, low = Colour(158, 168, 180).times(level), Colour(212, 216, 220).times(level)
        cloud, cover = Colour(196, 200, 206).times(level), rng.uniform(0.5, 0.9)
        haze = rng.uniform(0.016, 0.034) if kind == "mist" else rng.uniform(0.004, 0.011)
    wet = rng.uniform(0.5, 1.0) if kind == "rain" else float(rng.random() < 0.12) * 0.6
    return Light(
        sun_azimuth=azimuth,
        sun_elevation=elevation,
        sun=sun,
        ambient=ambient,
        sky_top=shifted(rng, top, 8),
        sky_low=low,
        cloud=cloud,
        cloud_cover=cover,
        haze=haze,
        haze_colour=low.mix(Colour(190, 196, 204).times(ambient.mix(white, 0.5)), 0.4),
        rain=rng.uniform(0.4, 1.0) if kind == "rain" else 0.0,
        wet=wet,
        lamps=bool(kind == "dusk" or (kind in ("rain", "mist") and rng.random() < 0.5)),
    )


def _sensor(rng: Rng, light: Light) -> Sensor:
    warm = rng.normal(0, 0.025)
    return Sensor(
        blur=rng.uniform(0.0, 0.45),
        vignette=rng.uniform(0.04, 0.24),
        noise=rng.uniform(1.0, 3.2) * (1.3 if light.lamps else 1.0),
        exposure=rng.uniform(0.88, 1.12),
        balance=Colour(1 + warm, 1.0, 1 - warm),
    )


def _building(rng: Rng, side: int, y0: float, y1: float, distance: float, family: Colour) -> Building:
    floors = int(rng.choice([2, 3, 4, 5], p=[0.46, 0.36, 0.14, 0.04]))
    wall, tone = WALLS[int(rng.integers(len(WALLS)))]
    return Building(
        side=side,
        y0=y0,
        y1=y1,
        distance=distance,
        height=floors * rng.uniform(2.9, 3.3) + 0.5,
        floors=floors,
        bays=max(2, round((y1 - y0) / rng.uniform(2.2, 3.2))),
        wall=wall,
        roof="pitched" if rng.random() < 0.68 else "flat",
        shop=bool(rng.random() < 0.4),
        colour=shifted(rng, tone.mix(family, 0.15), 12),
        trim=pick(rng, TRIMS),
        roof_colour=shifted(rng, pick(rng, ROOFS), 10),
        texture=random_seed(rng),
    )


def _buildings(rng: Rng, ground: Ground) -> tuple[Building, ...]:
    houses: list[Building] = []
    edge = ground.half_road + ground.pavement
    family = pick(rng, tuple(tone for _, tone in WALLS))
    end = rng.uniform(48, 85)
    for side in (-1, 1):
        y = rng.uniform(-8, -2)
        while y < end:
            y1 = y + rng.uniform(6, 12)
            street = ground.crossing
            if street is not None and y < street[1] + 0.5 and y1 > street[0] - 0.5:
                if street[0] - 0.5 - y > 4:
                    houses.append(_building(rng, side, y, street[0] - 0.5, edge, family))
                y = street[1] + 0.5
                continue
            houses.append(_building(rng, side, y, y1, edge + float(rng.choice([0.0, 0.0, 0.4])), family))
            # Now and then a garden gap, where trees show behind the pavement.
            y = y1 + (rng.uniform(3, 7) if rng.random() < 0.16 else 0.0)
    if rng.random() < 0.75:
        x = -edge - 24.0
        while x < edge + 24:
            x1 = x + rng.uniform(8, 14)
            houses.append(_building(rng, 0, x, x1, end + 12, family))
            x = x1
    return tuple(houses)
