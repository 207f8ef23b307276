"""Who and what is about on a street: people, bicycles, cars, signs and trees, placed where the camera looks."""

import math
from dataclasses import replace

import numpy as np

from .palette import BARKS, CAR_PAINTS, CLOTHES, HAIR, LEAVES, SKINS, pick, random_seed, shifted
from .street import (
    BICYCLE,
    CAR,
    PERSON,
    SIGN,
    TREE,
    BicycleLook,
    Camera,
    CarLook,
    Colour,
    Ground,
    PersonLook,
    SignLook,
    Thing,
    TreeLook,
)

Rng = np.random.Generator


class Crowd:
    """Places things where the camera sees them and where nothing stands yet."""

    def __init__(self, rng: Rng, camera: Camera, ground: Ground) -> None:
        self.rng = rng
        self.camera = camera
        self.ground = ground
        self.edge = ground.half_road + ground.pavement
        self.things: list[Thing] = []

    def populate(self) -> tuple[Thing, ...]:
        """Everything on the street, nearest interest first so that it finds room."""
        rng = self.rng
        self._bicycles(int(rng.integers(1, 4)))
        self._people(int(rng.integers(2, 7)))
        self._signs(int(rng.integers(1, 5)))
        self._moving_cars(int(rng.integers(0, 4)))
        self._parked_cars(int(rng.integers(2, 8)))
        self._trees(int(rng.integers(1, 7)))
        return tuple(self.things)

    def _sight(self, x: float, y: float) -> tuple[float, float]:
        """Depth in metres, and distance from the picture's middle column in half widths."""
        sin_h, cos_h = math.sin(self.camera.heading), math.cos(self.camera.heading)
        dx = x - self.camera.x
        depth = dx * sin_h + y * cos_h
        return depth, (dx * cos_h - y * sin_h) * self.camera.focal * 2 / max(depth, 0.1)

    def _spot(
        self, lanes: tuple[tuple[float, float], ...], near: float, far: float, room: float
    ) -> tuple[float, float] | None:
        """A free spot on one of the lanes (ranges of x) at a depth between near and far, in the picture."""
        for _ in range(24):
            low, high = lanes[int(self.rng.integers(len(lanes)))]
            x = self.rng.uniform(low, high)
            y = near + (far - near) * self.rng.random() ** 1.5
            depth, column = self._sight(x, y)
            if depth < near or abs(column) > 0.94:
                continue
            if all(math.hypot(x - o.x, (y - o.y) * 0.8) > room + o.length * 0.4 for o in self.things):
                return x, y
        return None

    def _add(
        self,
        label: int,
        spot: tuple[float, float],
        heading: float,
        speed: float,
        size: tuple[float, float, float],
        look: CarLook | PersonLook | BicycleLook | TreeLook | SignLook,
    ) -> int:
        number = len(self.things) + 1
        self.things.append(Thing(number, label, spot[0], spot[1], heading, speed, *size, look))
        return number

    def _pavements(self, margin: float) -> tuple[tuple[float, float], ...]:
        inner, outer = self.ground.half_road + margin, self.edge - margin * 0.6
        return ((inner, outer), (-outer, -inner))

    def _clothes(self, bicycle: int) -> PersonLook:
        rng = self.rng
        return PersonLook(
            skin=pick(rng, SKINS),
            hair=pick(rng, HAIR),
            top=shifted(rng, pick(rng, CLOTHES), 14),
            legs=shifted(rng, pick(rng, CLOTHES).mix(Colour(50, 54, 70), 0.45), 10),
            shoes=pick(rng, HAIR).mix(Colour(90, 90, 90), 0.3),
            dress=str(rng.choice(["trousers", "shorts", "skirt", "coat"], p=[0.5, 0.12, 0.18, 0.2])),
            bag=pick(rng, CLOTHES) if rng.random() < 0.3 else None,
            hat=pick(rng, CLOTHES) if rng.random() < (0.5 if bicycle else 0.15) else None,
            phase=rng.uniform(0, 2 * math.pi),
            bicycle=bicycle,
        )

    def _bicycles(self, count: int) -> None:
        rng = self.rng
        half = self.ground.half_road
        for k in range(count):
            ridden = bool(rng.random() < 0.6) or k == 0
            lanes = ((0.4, half - 0.5), (-half + 0.5, -0.4)) if ridden else self._pavements(0.35)
            spot = self._spot(lanes, 4.0, 9.0 if k == 0 else 13.0, 0.9)
            if spot is None:
                continue
            turned = rng.uniform(-1.4, 1.4) if rng.random() < 0.6 else rng.normal(0, 0.15)
            heading = (0.0 if spot[0] > 0 else math.pi) + float(turned)
            speed = rng.uniform(2.5, 5.0) if ridden else 0.0
            basket = pick(rng, BARKS) if rng.random() < 0.35 else None
            look = BicycleLook(pick(rng, CAR_PAINTS), basket, rng.uniform(0, 2 * math.pi))
            number = self._add(BICYCLE, spot, heading, speed, (1.75, 0.55, 1.05), look)
            if ridden:
                # Feet and pedals turn together.
                person = replace(self._clothes(number), phase=look.phase)
                self._add(PERSON, spot, heading, speed, (0.9, 0.5, rng.uniform(1.68, 1.85)), person)

    def _people(self, count: int) -> None:
        rng = self.rng
        half = self.ground.half_road
        for k in range(count):
            crossing = rng.random() < 0.25
            lanes = ((-half, half),) if crossing else self._pavements(0.5)
            spot = self._spot(lanes, 4.0, 10.0 if k < 2 else 16.0, 0.55)
            if spot is None:
                continue
            heading = float(rng.choice([0.0, math.pi]) + rng.normal(0, 0.35))
            if crossing:
                heading += math.pi / 2
            speed = 0.0 if rng.random() < 0.25 else rng.uniform(0.8, 1.7)
            height = rng.uniform(1.0, 1.35) if rng.random() < 0.12 else rng.normal(1.73, 0.08)
            self._add(PERSON, spot, heading, speed, (0.5, 0.5, float(height)), self._clothes(0))

    def _signs(self, count: int) -> None:
        rng = self.rng
        for _ in range(count):
            spot = self._spot(self._pavements(0.3), 5.0, 12.0, 0.5)
            if spot is not None:
                look = _sign_look(rng)
                self._add(SIGN, spot, 0.0, 0.0, (0.3, 0.3, rng.uniform(2.2, 3.1)), look)

    def _car(self, spot: tuple[float, float], heading: float, speed: float) -> None:
        rng = self.rng
        body = str(rng.choice(["hatchback", "saloon", "van"], p=[0.45, 0.35, 0.2]))
        long, wide, high = {"hatchback": (4.0, 1.75, 1.5), "saloon": (4.6, 1.8, 1.45), "van": (5.0, 1.95, 2.1)}[body]
        scale = rng.uniform(0.94, 1.06)
        stripe = pick(rng, CAR_PAINTS) if body == "van" and rng.random() < 0.4 else None
        look = CarLook(body, shifted(rng, pick(rng, CAR_PAINTS), 8), stripe)
        self._add(CAR, spot, heading, speed, (long * scale, wide * scale, high * scale), look)

    def _moving_cars(self, count: int) -> None:
        rng = self.rng
        lane = self.ground.half_road * 0.5
        for _ in range(count):
            spot = self._spot(((lane - 0.3, lane + 0.2), (-lane - 0.2, -lane + 0.3)), 7.0, 30.0, 3.2)
            if spot is not None:
                heading = 0.0 if spot[0] > 0 else math.pi
                self._car(spot, heading + float(rng.normal(0, 0.03)), rng.uniform(4, 11))
        street = self.ground.crossing
        if street is not None and rng.random() < 0.7:
            spot = (rng.uniform(-7, 7), (street[0] + street[1]) / 2 + 1.4)
            if all(math.hypot(spot[0] - o.x, spot[1] - o.y) > 3.5 for o in self.things):
                self._car(spot, float(rng.choice([-1.0, 1.0])) * math.pi / 2, rng.uniform(3, 8))

    def _parked_cars(self, count: int) -> None:
        kerb = self.ground.half_road - 1.05
        for _ in range(count):
            spot = self._spot(((kerb, kerb), (-kerb, -kerb)), 6.0, 30.0, 2.9)
            if spot is not None:
                heading = float(self.rng.choice([0.0, math.pi]) + self.rng.normal(0, 0.03))
                self._car(spot, heading, 0.0)

    def _trees(self, count: int) -> None:
        rng = self.rng
        kinds = {
            "round": (4.5, 8.0, 0.62),
            "conifer": (4.0, 8.0, 0.46),
            "poplar": (6.0, 10.0, 0.28),
            "bush": (0.9, 1.7, 1.3),
        }
        for _ in range(count):
            spot = self._spot(self._pavements(0.45), 6.5, 45.0, 1.0)
            if spot is None:
                continue
            kind = str(rng.choice(list(kinds), p=[0.5, 0.14, 0.14, 0.22]))
            low, high, broad = kinds[kind]
            height = rng.uniform(low, high)
            look = TreeLook(
                kind,
                height * broad * rng.uniform(0.85, 1.15),
                shifted(rng, pick(rng, LEAVES), 10),
                pick(rng, BARKS),
                random_seed(rng),
            )
            self._add(TREE, spot, 0.0, 0.0, (0.5, 0.5, height), look)


def _sign_look(rng: Rng) -> SignLook:
    red, blue, white, dark = Colour(196, 30, 36), Colour(28, 84, 168), Colour(238, 238, 234), Colour(26, 28, 30)
    shape = str(rng.choice(["round", "triangle", "square", "octagon", "board", "lights"]))
    plate, border, mark = {
        "round": (white, red, dark) if rng.random() < 0.6 else (blue, white, white),
        "triangle": (white, red, dark),
        "square": (blue, white, white) if rng.random() < 0.7 else (Colour(240, 200, 40), dark, dark),
        "octagon": (red, white, white),
        "board": (Colour(24, 104, 74), white, white) if rng.random() < 0.5 else (white, dark, dark),
        "lights": (dark, Colour(52, 52, 52), dark),
    }[shape]
    width = rng.uniform(0.8, 1.15) * {"board": 1.5, "lights": 0.8}.get(shape, 1.0)
    return SignLook(shape, plate, border, mark, width, random_seed(rng))
