"""A street's description to pixels: paint at three times the size, then shrink, then expose."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from .bicycles import paint_bicycle
from .buildings import paint_buildings
from .cars import paint_car
from .ground import paint_ground, paint_markings, paint_reflection, paint_sky, shadow_mask, shadow_of_box
from .people import paint_person
from .roadside import paint_sign, paint_tree
from .street import BICYCLE, CAR, CLASSES, PERSON, SIGN, SKY, TREE, SceneFrame, Street, Thing
from .view import Canvas, Point, Projection, Shade

UNIT = 3  # canvas pixels per final pixel; odd, so that one of them lies on the final pixel's centre
TONE = 0.84  # exponent of the tone curve
SMALLEST = 26.0  # a thing that would fill fewer final pixels than this is left out


def render(street: Street, height: int = 160, width: int = 256, time: float = 0.0) -> SceneFrame:
    """Take a picture of a street.

    height, width: of the picture in pixels. time: seconds since the street was described; cars drive, wheels roll
    and people walk. Returns image uint8 (H, W, 3) RGB, labels uint8 (H, W) into CLASSES, instances int32 (H, W).
    The same arguments always give the same bytes; sensor noise and rain change with `time`.
    """
    canvas = Canvas(width * UNIT, height * UNIT, UNIT)
    view = Projection.of(street.camera, width * UNIT, height * UNIT)
    shade = Shade.of(street.light)
    rng = np.random.default_rng(street.ground.texture + 2)
    canvas.slot = SKY
    paint_sky(canvas, view, shade, rng)
    visible = _visible(view, street, time)
    shadows = shadow_mask(canvas, view, _shadows(shade, street, visible))
    paint_ground(canvas, view, shade, street, shadows)
    paint_markings(canvas, view, shade, street)
    paint_buildings(canvas, view, shade, street)
    paint_reflection(canvas, view, street.light.wet)
    for slot, (thing, place) in enumerate(visible, start=len(CLASSES)):
        canvas.slot = slot
        _paint_thing(canvas, view, shade, thing, place, time)
    labels, instances = _read_slots(canvas, [thing for thing, _ in visible])
    return SceneFrame(_expose(canvas, street, time), labels, instances)


def _visible(view: Projection, street: Street, time: float) -> list[tuple[Thing, tuple[float, float]]]:
    """Things in front of the camera with where they are, the farthest first."""
    placed = []
    for thing in street.things:
        x, y = thing.at(time)
        depth = view.depth(x, y)
        # What reaches behind the camera, or is too far to show, is left out.
        if depth < 1.0 + 0.55 * thing.length:
            continue
        scale = view.focal / UNIT / depth
        if thing.height * max(thing.width, 0.35) * scale * scale * 0.5 < SMALLEST:
            continue
        placed.append((depth, thing, (x, y)))
    # A rider is as far away as the bicycle, has the higher id, and is painted over it.
    placed.sort(key=lambda item: (-item[0], item[1].id))
    return [(thing, place) for _, thing, place in placed]


def _shadows(
    shade: Shade, street: Street, visible: list[tuple[Thing, tuple[float, float]]]
) -> list[tuple[list[Point], float]]:
    """Outlines on the ground that get less sun, and how much less."""
    sunny = street.light.sun.red > 0.3
    casts: list[tuple[list[Point], float]] = []
    for thing, (x, y) in visible:
        half = (thing.length / 2, thing.width / 2)
        if thing.label == CAR:
            under = shadow_of_box(x, y, thing.heading, (half[0] + 0.1, half[1] + 0.1), (0.0, 0.0), shade)
            casts.append((under, 0.85))
        elif thing.label in (PERSON, BICYCLE):
            casts.append((shadow_of_box(x, y, thing.heading, half, (0.0, 0.0), shade), 0.35))
        if not sunny:
            continue
        if thing.label == TREE:
            casts += _tree_shadow(shade, thing, x, y)
            continue
        slim = {PERSON: (0.2, 0.2), SIGN: (0.06, 0.06), BICYCLE: (half[0], 0.06)}.get(thing.label, half)
        casts.append((shadow_of_box(x, y, thing.heading, slim, (0.0, thing.height), shade), 0.9))
    if sunny:
        for house in street.buildings:
            if house.side != 0:
                middle, long = (house.y0 + house.y1) / 2, (house.y1 - house.y0) / 2
                x = house.side * (house.distance + 4.0)
                casts.append((shadow_of_box(x, middle, 0.0, (long, 4.0), (0.0, house.height), shade), 0.9))
    return casts


def _tree_shadow(shade: Shade, thing: Thing, x: float, y: float) -> list[tuple[list[Point], float]]:
    trunk = shadow_of_box(x, y, 0.0, (0.1, 0.1), (0.0, thing.height * 0.5), shade)
    crown = getattr(thing.look, "crown", 1.0) * 0.38
    return [
        (trunk, 0.9),
        (shadow_of_box(x, y, 0.0, (crown, crown), (thing.height * 0.45, thing.height * 0.9), shade), 0.85),
    ]


def _paint_thing(
    canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float], time: float
) -> None:
    if thing.label == CAR:
        paint_car(canvas, view, shade, thing, place)
    elif thing.label == PERSON:
        paint_person(canvas, view, shade, thing, place, time)
    elif thing.label == BICYCLE:
        paint_bicycle(canvas, view, shade, thing, place, time)
    elif thing.label == TREE:
        paint_tree(canvas, view, shade, thing, place)
    else:
        paint_sign(canvas, view, shade, thing, place)


def _read_slots(canvas: Canvas, things: list[Thing]) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """Labels and instances at the centres of the final pixels."""
    slots = np.asarray(canvas.slots)[UNIT // 2 :: UNIT, UNIT // 2 :: UNIT]
    label_of = np.array([*range(len(CLASSES)), *(thing.label for thing in things)], np.uint8)
    id_of = np.array([0] * len(CLASSES) + [thing.id for thing in things], np.int32)
    return label_of[slots], id_of[slots]


def _expose(canvas: Canvas, street: Street, time: float) -> NDArray[np.uint8]:
    """Rain, lens and sensor: from the painted canvas to the final image."""
    sensor = street.sensor
    picture = canvas.picture.reduce(UNIT)
    if sensor.blur > 0.1:
        picture = picture.filter(ImageFilter.GaussianBlur(sensor.blur))
    rng = np.random.default_rng(np.random.SeedSequence([street.seed, street.index, round(time * 1e6) % 2**64]))
    light = np.asarray(picture, np.float32)
    height, width = light.shape[:2]
    if street.light.rain > 0:
        light = light + _rain(street.light.rain, height, width, rng)[..., None]
    down = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    across = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fall = (1.0 - sensor.vignette * 0.5 * (down**2 + across**2))[..., None]
    light = light * fall * (np.array(sensor.balance, np.float32) * sensor.exposure)
    # A camera's curve lifts the shadows.
    light = 255.0 * (np.clip(light, 0, 255) / 255.0) ** TONE
    # Shot noise: its deviation grows with the root of the light.
    spread = sensor.noise * np.sqrt(np.clip(light, 0, 255) / 128 + 0.15)
    light = light + spread * rng.standard_normal(light.shape, dtype=np.float32)
    levels: NDArray[np.uint8] = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    return levels


def _rain(amount: float, height: int, width: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Bright streaks, slanted by the wind, in grey levels to add."""
    layer = Image.new("L", (width * 2, height * 2))
    draw = ImageDraw.Draw(layer)
    scale = width / 256
    slant = rng.normal(0, 0.15)
    for _ in range(int(160 * amount)):
        x, y = rng.uniform(0, width * 2), rng.uniform(-10, height * 2)
        length = rng.uniform(8, 26) * scale
        draw.line((x, y, x + slant * length, y + length), fill=int(rng.uniform(20, 60)), width=max(1, round(scale)))
    return np.asarray(layer.reduce(2), np.float32)
