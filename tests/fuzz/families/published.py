"""Standard sets of label maps: a tree of Cityscapes, and panoptic annotations in COCO's form."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import numpy as np
import scipy.io
from PIL import Image

from foolscape.data.sets.pascal_context import CLASSES
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_tree

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")
FILE = "annotations/panoptic_val2017.json"
IDS = (3937500, 70000, 7)


def make_cityscapes(root: Path) -> None:
    """Three images of two cities with both kinds of label maps."""
    values = (np.arange(12 * 16).reshape(12, 16) % 34).astype(np.uint8)
    for index, name in enumerate(("ulm/ulm_000000_000019", "ulm/ulm_000001_000019", "bonn/bonn_000000_000019")):
        reading.photo(root / f"leftImg8bit/val/{name}_leftImg8bit.png", index)
        reading.save(root / f"gtFine/val/{name}_gtFine_labelIds.png", values)
        reading.save(root / f"gtFine/val/{name}_gtFine_labelTrainIds.png", values % 19)


def mutate_cityscapes(rng: Random, root: Path) -> Mutation:
    """A pixel of a label map, or the tree."""
    if rng.random() < 0.75:
        return mutate_tree(rng, root)
    path = rng.choice(sorted((root / "gtFine").rglob("*_labelIds.png")))
    with Image.open(path) as image:
        values = np.array(image)
    value = rng.choice((0, 7, 18, 33, 34, 254, 255))
    values[rng.randrange(12), rng.randrange(16)] = value
    reading.save(path, values)
    return Mutation(f"{path.name}: a pixel of {value}")


def read_cityscapes(root: Path) -> Found:
    """Images and label maps."""
    return reading.segmentation(f"cityscapes:{root}")


def held_cityscapes(root: Path) -> tuple[int, ...]:
    """Entries below the split that are called as images are."""
    paths = [path for path in (root / "leftImg8bit/val").rglob("*") if not path.is_dir() or path.is_symlink()]
    names = [path.stem for path in paths if path.suffix.lower() in IMAGES and not path.name.startswith(".")]
    return len([name for name in names if name.endswith("_leftImg8bit")]), 0


def make_panoptic(root: Path) -> None:
    """Two images of three segments, one of them a crowd, and their label maps."""
    content: dict[str, list[object]] = {
        "images": [{"id": i, "file_name": f"{i:06d}.png", "height": 12, "width": 16} for i in (1, 2)],
        "annotations": [],
        "categories": [{"id": i, "name": name, "isthing": 1} for i, name in ((1, "person"), (187, "sky"))],
    }
    ids = np.array(IDS)[np.arange(12 * 16).reshape(12, 16) % 3]
    for i in (1, 2):
        segments = [
            {"id": IDS[0], "category_id": 1, "iscrowd": 0, "area": 64, "bbox": [0, 0, 16, 12]},
            {"id": IDS[1], "category_id": 1, "iscrowd": 1, "area": 64, "bbox": [0, 0, 16, 12]},
            {"id": IDS[2], "category_id": 187, "iscrowd": 0, "area": 64, "bbox": [0, 0, 16, 12]},
        ]
        content["annotations"].append({"image_id": i, "file_name": f"{i:06d}.png", "segments_info": segments})
        reading.photo(root / f"val2017/{i:06d}.png", i)
        channels = np.stack([ids % 256, ids // 256 % 256, ids // 65536], axis=2).astype(np.uint8)
        reading.save(root / f"annotations/panoptic_val2017/{i:06d}.png", channels)
    (root / FILE).write_text(json.dumps(content))


def mutate_panoptic(rng: Random, root: Path) -> Mutation:
    """Mostly the annotations."""
    path, kind = root / FILE, rng.random()
    if kind < 0.2:
        return mutate_tree(rng, root)
    content = path.read_bytes()
    mutated, mutation = mutate_bytes(rng, content) if kind < 0.3 else mutate_json(rng, json.loads(content))
    path.write_bytes(mutated)
    if mutation.what.startswith("'iscrowd'") and mutation.what.endswith(("'true'", "'false'", "'1.0'", "'0'")):
        return Mutation(mutation.what)  # a truth value may be text
    return mutation


def read_panoptic(root: Path) -> Found:
    """Images and label maps."""
    return reading.segmentation(f"coco-panoptic:{root}")


def held_panoptic(root: Path) -> tuple[int, ...] | None:
    """Images in the file."""
    try:
        return len(json.loads(reading.content(root / FILE))["images"]), 0
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def make_context(root: Path) -> None:
    """PASCAL Context as it is published: two images with label maps of MATLAB."""
    values = (np.arange(12 * 16).reshape(12, 16) % 61).astype(np.uint16)
    for index, name in enumerate(("2008_000008", "2008_000009")):
        reading.photo(root / f"JPEGImages/{name}.png", index)
        (root / "trainval").mkdir(exist_ok=True)
        scipy.io.savemat(root / f"trainval/{name}.mat", {"LabelMap": values}, do_compression=bool(index))
    (root / "ImageSets/Main").mkdir(parents=True)
    (root / "ImageSets/Main/val.txt").write_text("2008_000008\n2008_000009\n")
    names = enumerate((*CLASSES, "zoo"), 1)
    (root / "labels.txt").write_text("".join(f"{number}: {name}\n" for number, name in names))


def mutate_context(rng: Random, root: Path) -> Mutation:
    """Mostly a label map."""
    if rng.random() < 0.2:
        return mutate_tree(rng, root)
    path = rng.choice((root / "labels.txt", *[*sorted((root / "trainval").iterdir())] * 4))
    mutated, mutation = mutate_bytes(rng, path.read_bytes())
    path.write_bytes(mutated)
    return mutation


FAMILIES = (
    Family("context", make_context, mutate_context, lambda root: reading.segmentation(f"pascal-context:{root}")),
    Family("cityscapes", make_cityscapes, mutate_cityscapes, read_cityscapes, held_cityscapes),
    Family("panoptic", make_panoptic, mutate_panoptic, read_panoptic, held_panoptic),
)
