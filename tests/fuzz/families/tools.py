"""What annotation tools write: labelme's files, CVAT's XML, Label Studio's export."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import WORDS, mutate_bytes, mutate_json, mutate_tree

_MASK = '<mask label="cat" rle="1,2,4,2" left="3" top="2" width="3" height="3"/>'
_PERCENT = {"original_height": 12, "original_width": 16, "image_rotation": 0}


def _mutate(rng: Random, root: Path, path: Path) -> Mutation:
    """The tree, or bytes or values of a file."""
    kind = rng.random()
    if kind < 0.2:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    as_json = path.suffix == ".json" and kind < 0.8
    mutated, mutation = mutate_json(rng, json.loads(content)) if as_json else mutate_bytes(rng, content)
    path.write_bytes(mutated)
    # A number may be text, and a shape without a rotation is not turned.
    sound = mutation.what.startswith("'rotation'") or mutation.what.endswith(
        ("became '0'", "became '1.0'", "became '-1'")
    )
    return Mutation(mutation.what) if sound else mutation


def make_labelme(root: Path) -> None:
    """Three images; shapes of all kinds, two of them parts of one object."""
    kinds = {"rectangle": [[1, 2], [9, 8]], "polygon": [[4, 3], [12, 3], [8, 9]], "circle": [[8, 6], [8, 3]]}
    for index, name in enumerate("abc"):
        reading.photo(root / f"{name}.png", index)
        shapes: list[dict[str, Any]] = [
            {"label": kind[index:], "points": points, "shape_type": kind, "group_id": None, "flags": {}}
            for kind, points in (*kinds.items(), ("point", [[1, 1]]))
        ]
        shapes += [{**shapes[0], "group_id": 1}, {**shapes[0], "points": [[2, 3], [10, 9]], "group_id": 1}]
        content = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": 12, "imageWidth": 16}
        (root / f"{name}.json").write_text(json.dumps({"version": "5.5.0", "imageData": None, **content}))


def mutate_cvat(rng: Random, root: Path) -> Mutation:
    """As others, or the value of an attribute."""
    path = root / "annotations.xml"
    if rng.random() < 0.5:
        return _mutate(rng, root, path)
    parts = path.read_text().split('"')
    place = rng.randrange(len(parts) // 2) * 2 + 1
    words = [word for word in WORDS if word.isprintable() and len(word) < 100]
    old, parts[place] = parts[place], rng.choice((*words, "0.25", "1e1", "1,2", "-0.5", "7", "cat")).replace("<", "")
    path.write_text('"'.join(parts))
    return Mutation(f"attribute {place}: {old!r} became {parts[place]!r}")


def make_cvat(root: Path) -> None:
    """Two images; a box, a turned one, a polygon, an ellipse and a mask."""
    box = '<box label="{}" xtl="1" ytl="2" xbr="9" ybr="8"{}><attribute name="a">b</attribute></box>'
    shapes = (
        box.format("cat", ""),
        box.format("dog", ' rotation="30.5"'),
        '<polygon label="dog" points="4,3;12,3;8,9"/>',
        '<ellipse label="dog" cx="8" cy="6" rx="3" ry="2"/>',
        _MASK,
        '<polyline label="dog" points="1,1;2,2"/>',
    )
    images = [
        f'<image id="{index}" name="{index}.png" width="16" height="12">{"".join(shapes[index:])}</image>'
        for index in (0, 1)
    ]
    labels = "".join(f"<label><name>{name}</name></label>" for name in ("cat", "dog"))
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    (root / "annotations.xml").write_text(f"<annotations>{meta}{''.join(images)}</annotations>")
    for index in (0, 1):
        reading.photo(root / f"images/{index}.png", index)


def held_cvat(root: Path) -> tuple[int, ...] | None:
    """The images, and what is an object on them."""
    try:
        images = ElementTree.fromstring(reading.content(root / "annotations.xml")).findall("image")
    except (OSError, ValueError, LookupError, ElementTree.ParseError):
        return None
    objects = [one for image in images for one in image if one.tag in ("box", "polygon", "ellipse", "mask")]
    return len(images), len(objects)


def make_label_studio(root: Path) -> None:
    """Two tasks; a rectangle, a polygon, an ellipse, and what is none."""
    values = {
        "rectanglelabels": {"x": 25, "y": 50, "width": 50, "height": 25, "rotation": 0},
        "polygonlabels": {"points": [[25, 25], [75, 25], [50, 75]]},
        "ellipselabels": {"x": 50, "y": 50, "radiusX": 25, "radiusY": 20, "rotation": 10},
        "keypointlabels": {"x": 50, "y": 50, "width": 1},
    }
    tasks = []
    for index in (1, 2):
        results = [
            {"id": f"r{kind}", "type": kind, "value": {**value, kind: ["cat"]}, **_PERCENT}
            for kind, value in values.items()
        ]
        annotation = {"id": index, "was_cancelled": False, "result": results[index - 1 :]}
        tasks.append({"id": index, "data": {"image": f"/data/upload/1/{index}.png"}, "annotations": [annotation]})
        reading.photo(root / f"images/{index}.png", index)
    (root / "export.json").write_text(json.dumps(tasks))


def _read(scheme: str, file: str = "") -> Any:
    def read(root: Path) -> Found:
        return reading.detection(f"{scheme}:{root / file}")

    return read


FAMILIES = (
    Family(
        "labelme", make_labelme, lambda r, root: _mutate(r, root, root / f"{r.choice('abc')}.json"), _read("labelme")
    ),
    Family("cvat", make_cvat, mutate_cvat, _read("cvat"), held_cvat),
    Family(
        "label studio",
        make_label_studio,
        lambda r, root: _mutate(r, root, root / "export.json"),
        _read("label-studio", "export.json"),
    ),
)
