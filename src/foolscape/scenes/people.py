"""People: jointed figures in metres, so that a step or a turn looks right from every side."""

import math
from dataclasses import dataclass

from .figure import PEDAL_TURN, PEDALS, Joint, Skeleton, figure_of
from .street import Colour, PersonLook, Thing
from .view import Canvas, Projection, Shade

STRIDE = 4.4  # radians of leg swing per metre walked
STATURE = 1.75  # metres; the height that the joints below are given for


@dataclass(frozen=True)
class _Pose:
    """Joints of the two sides (left, right) and of the middle."""

    hips: tuple[Joint, Joint]
    knees: tuple[Joint, Joint]
    feet: tuple[Joint, Joint]
    shoulders: tuple[Joint, Joint]
    elbows: tuple[Joint, Joint]
    hands: tuple[Joint, Joint]
    head: Joint


def _walking(phase: float, swing: float) -> _Pose:
    legs, arms = [], []
    for side, turn in ((-1, phase), (1, phase + math.pi)):
        thigh = swing * math.sin(turn)
        knee_bend = swing * 1.3 * max(0.0, math.cos(turn)) + 0.08
        knee = (0.43 * math.sin(thigh), 0.1 * side, 0.93 - 0.43 * math.cos(thigh))
        shin = thigh - knee_bend
        foot = (knee[0] + 0.43 * math.sin(shin), 0.1 * side, knee[2] - 0.43 * math.cos(shin))
        legs.append((knee, foot))
        upper = -0.8 * swing * math.sin(turn)
        elbow = (0.28 * math.sin(upper), 0.24 * side, 1.43 - 0.28 * math.cos(upper))
        lower = upper + 0.25 + 0.3 * swing
        hand = (elbow[0] + 0.25 * math.sin(lower), 0.25 * side, elbow[2] - 0.25 * math.cos(lower))
        arms.append((elbow, hand))
    drop = min(legs[0][1][2], legs[1][1][2]) - 0.07

    def down(joint: Joint) -> Joint:
        return joint[0], joint[1], joint[2] - drop

    return _Pose(
        hips=((0.0, -0.09, 0.93 - drop), (0.0, 0.09, 0.93 - drop)),
        knees=(down(legs[0][0]), down(legs[1][0])),
        feet=(down(legs[0][1]), down(legs[1][1])),
        shoulders=((0.02, -0.19, 1.43 - drop), (0.02, 0.19, 1.43 - drop)),
        elbows=(down(arms[0][0]), down(arms[1][0])),
        hands=(down(arms[0][1]), down(arms[1][1])),
        head=(0.04, 0.0, 1.63 - drop),
    )


def _bend(a: Joint, b: Joint, reach: float, side: float) -> Joint:
    """The joint between a and b of two bones of length `reach`, bent forwards (+1) or backwards (-1)."""
    forward, up = b[0] - a[0], b[2] - a[2]
    length = max(math.hypot(forward, up), 1e-6)
    out = math.sqrt(max(0.0, reach * reach - length * length / 4)) * side
    return (
        (a[0] + b[0]) / 2 - out * up / length,
        (a[1] + b[1]) / 2,
        (a[2] + b[2]) / 2 + out * forward / length,
    )


def _riding(phase: float) -> _Pose:
    def pair(forward: float, across: float, up: float) -> tuple[Joint, Joint]:
        return (forward, -across, up), (forward, across, up)

    hips, shoulders, hands = pair(-0.20, 0.1, 1.0), pair(0.10, 0.18, 1.47), pair(0.40, 0.24, 1.04)
    feet = tuple(
        (PEDALS[0] + 0.17 * math.cos(turn), 0.12 * side, PEDALS[2] + 0.17 * math.sin(turn))
        for side, turn in ((-1, -phase), (1, math.pi - phase))
    )
    return _Pose(
        hips=hips,
        knees=(_bend(hips[0], feet[0], 0.45, 1.0), _bend(hips[1], feet[1], 0.45, 1.0)),
        feet=(feet[0], feet[1]),
        shoulders=shoulders,
        elbows=(_bend(shoulders[0], hands[0], 0.27, -1.0), _bend(shoulders[1], hands[1], 0.27, -1.0)),
        hands=hands,
        head=(0.2, 0.0, 1.68),
    )


def paint_person(
    canvas: Canvas, view: Projection, shade: Shade, thing: Thing, place: tuple[float, float], time: float
) -> None:
    """Paint a person, walking, standing or riding, at `place` (metres)."""
    assert isinstance(thing.look, PersonLook)
    look = thing.look
    figure = figure_of(view, thing, place, thing.height / STATURE)
    distance = view.depth(*place)
    if look.bicycle:
        pose = _riding(look.phase + PEDAL_TURN * thing.speed * time)
    else:
        swing = 0.06 if thing.speed < 0.2 else 0.30 + 0.12 * min(thing.speed, 1.6)
        pose = _walking(look.phase + STRIDE * thing.speed * time / (thing.height / STATURE), swing)
    side = figure.world((0.0, 1.0, 0.0))
    right_is_near = view.depth(side[0], side[1]) < distance
    far, near = (0, 1) if right_is_near else (1, 0)
    facing = (-view.forward[0], -view.forward[1], 0.25)

    def lit(colour: Colour, factor: float = 1.0) -> Colour:
        return shade.lit(colour.times(factor), facing, distance)

    _paint_arm(canvas, figure, pose, far, (lit(look.top, 0.78), lit(look.skin, 0.8)))
    _paint_leg(canvas, figure, pose, far, look, (lit(look.legs, 0.74), lit(look.shoes), lit(look.skin, 0.8)))
    _paint_leg(canvas, figure, pose, near, look, (lit(look.legs), lit(look.shoes), lit(look.skin)))
    _paint_torso(canvas, view, shade, figure, pose, look, distance)
    _paint_head(canvas, figure, pose, look, (lit(look.skin), lit(look.hair), lit(look.hat or look.hair)))
    _paint_arm(canvas, figure, pose, near, (lit(look.top, 0.92), lit(look.skin)))


def _paint_arm(canvas: Canvas, figure: Skeleton, pose: _Pose, side: int, colours: tuple[Colour, Colour]) -> None:
    metre = figure.pixels
    shoulder, elbow, hand = (figure.at(joints[side]) for joints in (pose.shoulders, pose.elbows, pose.hands))
    canvas.limb(shoulder, elbow, 0.125 * metre, 0.10 * metre, colours[0])
    canvas.limb(elbow, hand, 0.10 * metre, 0.08 * metre, colours[0])
    canvas.disc(hand, 0.05 * metre, colours[1])


def _paint_leg(
    canvas: Canvas, figure: Skeleton, pose: _Pose, side: int, look: PersonLook, colours: tuple[Colour, Colour, Colour]
) -> None:
    metre = figure.pixels
    trousers, shoes, skin = colours
    foot = pose.feet[side]
    hip, knee, ankle = figure.at(pose.hips[side]), figure.at(pose.knees[side]), figure.at(foot)
    toe = figure.at((foot[0] + 0.17, foot[1] * 1.2, foot[2] - 0.03))
    canvas.limb(hip, knee, 0.19 * metre, 0.135 * metre, trousers)
    canvas.limb(knee, ankle, 0.135 * metre, 0.09 * metre, skin if look.dress in ("shorts", "skirt") else trousers)
    canvas.limb(ankle, toe, 0.10 * metre, 0.075 * metre, shoes)


def _middle(pair: tuple[Joint, Joint]) -> Joint:
    return (pair[0][0] + pair[1][0]) / 2, 0.0, (pair[0][2] + pair[1][2]) / 2


def _paint_torso(
    canvas: Canvas, view: Projection, shade: Shade, figure: Skeleton, pose: _Pose, look: PersonLook, distance: float
) -> None:
    metre = figure.pixels
    top, low = figure.at(_middle(pose.shoulders)), figure.at(_middle(pose.hips))
    # Seen from the side a chest is about half as wide as from the front.
    across = abs(math.cos(figure.heading - figure.view.camera.heading))
    chest = metre * math.hypot(0.225 * across, 0.125 * (1 - across * across) ** 0.5)
    waist = metre * math.hypot(0.165 * across, 0.12 * (1 - across * across) ** 0.5)
    facing = (-view.forward[0], -view.forward[1], 0.25)
    colour = shade.lit(look.top, facing, distance)
    skirt = shade.lit(look.legs, facing, distance)
    if look.bag is not None and not look.bicycle:
        back = figure.at((-0.17, 0.0, 1.22))
        canvas.disc(back, 0.16 * metre, shade.lit(look.bag, facing, distance), 1.35)
    if look.dress in ("skirt", "coat"):
        hem_up = 0.52 if look.dress == "skirt" else 0.58
        hips = _middle(pose.hips)
        hem = figure.at((hips[0] + (0.12 if look.bicycle else 0.0), 0.0, hips[2] - 0.93 + hem_up))
        flare = waist * (1.45 if look.dress == "skirt" else 1.25)
        cloth = skirt if look.dress == "skirt" else colour.times(0.93)
        canvas.polygon(
            [(low[0] - waist, low[1]), (low[0] + waist, low[1]), (hem[0] + flare, hem[1]), (hem[0] - flare, hem[1])],
            cloth,
        )
    outline = [
        (top[0] - chest * 0.72, top[1] - 0.05 * metre), (top[0] + chest * 0.72, top[1] - 0.05 * metre),
        (top[0] + chest, top[1] + 0.05 * metre), (low[0] + waist, low[1] + 0.05 * metre),
        (low[0] - waist, low[1] + 0.05 * metre), (top[0] - chest, top[1] + 0.05 * metre),
    ]  # fmt: skip
    canvas.polygon(outline, colour)
    sun = 1.0 if sum(a * b for a, b in zip(shade.to_sun, view.right, strict=True)) > 0 else -1.0
    dark = [
        (top[0], top[1]),
        (top[0] - sun * chest, top[1] + 0.05 * metre),
        (low[0] - sun * waist, low[1] + 0.05 * metre),
        (low[0], low[1]),
    ]
    canvas.paint(dark, colour.times(0.86))


def _paint_head(
    canvas: Canvas, figure: Skeleton, pose: _Pose, look: PersonLook, colours: tuple[Colour, Colour, Colour]
) -> None:
    metre = figure.pixels
    skin, hair, hat = colours
    head = pose.head
    neck = _middle(pose.shoulders)
    canvas.limb(
        figure.at(neck), figure.at((head[0] - 0.01, 0.0, head[2] - 0.05)), 0.10 * metre, 0.09 * metre, skin.times(0.85)
    )
    centre = figure.at(head)
    away = math.cos(figure.heading - figure.view.camera.heading)
    canvas.disc(centre, 0.095 * metre, skin, 1.3)
    # Hair sits on the back of the head: from behind it covers the face, from the front only the top.
    back = figure.at((head[0] - 0.05, 0.0, head[2] + 0.035))
    canvas.disc(back, 0.104 * metre, hair, 1.12)
    if away < 0.35:
        face = figure.at((head[0] + 0.045, 0.0, head[2] - 0.03))
        canvas.disc(face, 0.078 * metre, skin, 1.22)
    if look.hat is not None:
        crown = figure.at((head[0], 0.0, head[2] + 0.085))
        canvas.disc(crown, 0.112 * metre, hat, 0.62)
