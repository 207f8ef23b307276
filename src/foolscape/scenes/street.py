"""What a street is: frozen records in metres, seconds and radians, without a single pixel."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CLASSES: tuple[str, ...] = (
    "sky", "building", "road", "pavement", "tree", "sign", "car", "bicycle", "person",
)  # fmt: skip
SKY, BUILDING, ROAD, PAVEMENT, TREE, SIGN, CAR, BICYCLE, PERSON = range(len(CLASSES))

COLOURS: tuple[tuple[int, int, int], ...] = (
    (70, 130, 180),
    (90, 86, 92),
    (128, 64, 128),
    (244, 35, 232),
    (107, 142, 35),
    (250, 200, 20),
    (20, 60, 190),
    (150, 20, 40),
    (235, 50, 60),
)


class Colour(NamedTuple):
    """Red, green, blue in 0..255 (floats, so that light can scale them)."""

    red: float
    green: float
    blue: float

    def times(self, other: "Colour | float") -> "Colour":
        """Scale by one factor, or channel by channel."""
        if isinstance(other, Colour):
            return Colour(self.red * other.red, self.green * other.green, self.blue * other.blue)
        return Colour(self.red * other, self.green * other, self.blue * other)

    def mix(self, other: "Colour", share: float) -> "Colour":
        """This colour with `share` (0..1) of `other` in it."""
        keep = 1.0 - share
        return Colour(
            self.red * keep + other.red * share,
            self.green * keep + other.green * share,
            self.blue * keep + other.blue * share,
        )


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at (x, 0, height); x points right, y along the street, z up.

    `heading` turns right of the street, `pitch` looks down, `focal` is in image widths.
    """

    x: float
    height: float
    heading: float
    pitch: float
    focal: float


@dataclass(frozen=True)
class Light:
    """Sun, sky and air. `sun` and `ambient` are factors on a surface's colour, `haze` is per metre."""

    sun_azimuth: float
    sun_elevation: float
    sun: Colour
    ambient: Colour
    sky_top: Colour
    sky_low: Colour
    cloud: Colour
    cloud_cover: float
    haze: float
    haze_colour: Colour
    rain: float
    wet: float
    lamps: bool


@dataclass(frozen=True)
class Sensor:
    """Lens and sensor: `blur` in pixels, `noise` in grey levels at mid grey, the rest are factors."""

    blur: float
    vignette: float
    noise: float
    exposure: float
    balance: Colour


@dataclass(frozen=True)
class Ground:
    """The street's plan: half the road's width, the pavements, and a side street crossing at `crossing`."""

    half_road: float
    pavement: float
    crossing: tuple[float, float] | None
    zebra: float | None
    dashed: bool
    road: Colour
    slabs: Colour
    slab_size: float
    texture: int


@dataclass(frozen=True)
class Building:
    """A house between y0 and y1 on one side (-1 left, +1 right; 0 closes the street, y0 and y1 are then x)."""

    side: int
    y0: float
    y1: float
    distance: float
    height: float
    floors: int
    bays: int
    wall: str
    roof: str
    shop: bool
    colour: Colour
    trim: Colour
    roof_colour: Colour
    texture: int


@dataclass(frozen=True)
class CarLook:
    """Body plan and paint of a car."""

    body: str
    paint: Colour
    stripe: Colour | None


@dataclass(frozen=True)
class PersonLook:
    """Clothes and gait of a person; `bicycle` is the id of the bicycle that is ridden, 0 on foot."""

    skin: Colour
    hair: Colour
    top: Colour
    legs: Colour
    shoes: Colour
    dress: str
    bag: Colour | None
    hat: Colour | None
    phase: float
    bicycle: int


@dataclass(frozen=True)
class BicycleLook:
    """Frame colour, whether it carries a basket, and the pedals' angle at time 0."""

    frame: Colour
    basket: Colour | None
    phase: float


@dataclass(frozen=True)
class TreeLook:
    """Kind (round, conifer, poplar, bush), crown width in metres, colours, and the seed of its foliage."""

    kind: str
    crown: float
    leaves: Colour
    bark: Colour
    texture: int


@dataclass(frozen=True)
class SignLook:
    """Shape of the plate (round, triangle, square, octagon, board, lights), its colours and its width in metres."""

    shape: str
    plate: Colour
    border: Colour
    mark: Colour
    width: float
    texture: int


@dataclass(frozen=True)
class Thing:
    """One object: where it stands at time 0 (metres), where it looks (radians from y), how fast it goes (m/s)."""

    id: int
    label: int
    x: float
    y: float
    heading: float
    speed: float
    length: float
    width: float
    height: float
    look: CarLook | PersonLook | BicycleLook | TreeLook | SignLook

    def at(self, time: float) -> tuple[float, float]:
        """Position on the ground in metres after `time` seconds."""
        way = self.speed * time
        return self.x + way * float(np.sin(self.heading)), self.y + way * float(np.cos(self.heading))


@dataclass(frozen=True)
class Street:
    """A whole scene; `render` turns it into pixels at any size and time."""

    seed: int
    index: int
    camera: Camera
    light: Light
    sensor: Sensor
    ground: Ground
    buildings: tuple[Building, ...]
    things: tuple[Thing, ...]


class SceneFrame(NamedTuple):
    """One picture of a street.

    image: uint8 (H, W, 3), RGB. labels: uint8 (H, W), indices into CLASSES. instances: int32 (H, W), 0 for
    sky, buildings, road and pavement, otherwise the `Thing.id` that the pixel's centre shows.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    instances: NDArray[np.int32]
