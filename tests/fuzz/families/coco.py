"""Annotation files of COCO, and the images they name."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from tests.data.made import frame, note, runs
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_tree

FILE = "annotations/instances_val2017.json"


def make(root: Path) -> None:
    """Three images; polygons, run lengths and a crowd."""
    crowd = runs(frame(1)[..., 0] > 30)
    annotations = [
        note(1, 1, 2, 2, 5, 4),
        note(1, 3, 4, 3, 8, 6, area=40.5),
        note(2, 1, 0, 0, 16, 12, iscrowd=1, segmentation=crowd),
        note(2, 3, 1, 5, 6, 6),
        note(2, 24, 7, 1, 3, 3),
    ]
    images = [{"id": i, "file_name": f"{i:06d}.png", "height": 12, "width": 16} for i in (1, 2, 3)]
    categories = [
        {"id": i, "name": name, "supercategory": "x"} for i, name in ((1, "person"), (3, "car"), (24, "zebra"))
    ]
    content = {"info": {"year": 2017}, "images": images, "annotations": annotations, "categories": categories}
    (root / FILE).parent.mkdir()
    (root / FILE).write_text(json.dumps(content))
    for image in images:
        reading.photo(root / "val2017" / str(image["file_name"]), image["id"])  # type: ignore[call-overload]


def mutate(rng: Random, root: Path) -> Mutation:
    """Mostly the annotations."""
    path, kind = root / FILE, rng.random()
    if kind < 0.15:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    if kind < 0.3:
        mutated, mutation = mutate_bytes(rng, content)
    else:
        mutated, mutation = mutate_json(rng, json.loads(content))
    path.write_bytes(mutated)
    return mutation


def read(root: Path) -> Found:
    """As boxes and as label maps; the latter have no things to count."""
    boxes, maps = reading.detection(f"coco:{root}"), reading.segmentation(f"coco:{root}", classes=None)
    return reading.joined((boxes, maps))


def held(root: Path) -> tuple[int, ...] | None:
    """Images listed and objects, as the JSON has them; label maps are of the images that show an object."""
    try:
        content: Any = json.loads(reading.content(root / FILE))
        images, objects = content["images"], content["annotations"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    if not (isinstance(images, list) and isinstance(objects, list)):
        return None
    return len(images), len(objects)


def read_boxes(root: Path) -> Found:
    """Totals of the boxes alone, facts and notes of both."""
    both = read(root)
    return Found(both.totals[:2], both.facts, both.said)


LVIS = "lvis_v1_val.json"


def make_lvis(root: Path) -> None:
    """Two images by their URLs, with the classes that were looked for."""
    images = [
        {"id": i, "coco_url": f"http://x/val2017/{i}.png", "neg_category_ids": [3], "height": 12, "width": 16}
        | {"not_exhaustive_category_ids": [24]}
        for i in (1, 2)
    ]
    categories = [{"id": i, "name": name, "frequency": "r"} for i, name in ((1, "awl"), (3, "cow"), (24, "shoe"))]
    content = {"images": images, "annotations": [note(1, 1, 2, 2, 5, 4), note(2, 24, 7, 1, 3, 3)]}
    (root / LVIS).write_text(json.dumps({**content, "categories": categories}))
    for image in images:
        reading.photo(root / f"val2017/{image['id']}.png", int(str(image["id"])))


def mutate_lvis(rng: Random, root: Path) -> Mutation:
    """Mostly the annotations."""
    if rng.random() < 0.15:
        return mutate_tree(rng, root)
    path = root / LVIS
    mutated, mutation = mutate_json(rng, json.loads(path.read_bytes()))
    path.write_bytes(mutated)
    return mutation


FAMILIES = (
    Family("coco", make, mutate, read_boxes, held),
    Family("lvis", make_lvis, mutate_lvis, lambda root: reading.detection(f"lvis:{root}")),
)
