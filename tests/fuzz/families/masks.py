"""Photographs and label maps of one's own: two folders, class names, a table of colours."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import mutate_bytes, mutate_lines, mutate_tree

NAMES = "road\nhouse\ncar\n"
TABLE = "name,r,g,b\nroad,128,64,128\nhouse,70,70,70\ncar,0,0,142\nvoid,0,0,0\n"
COLOURS = np.array([(128, 64, 128), (70, 70, 70), (0, 0, 142), (0, 0, 0)], np.uint8)
VALUES = (np.arange(12 * 16).reshape(12, 16) % 3).astype(np.uint8)


def make(root: Path) -> None:
    """Three images, their label maps as values, and the names of the classes."""
    for index, name in enumerate(("a", "deep/b", "deep/c")):
        reading.photo(root / f"images/{name}.png", index)
        reading.save(root / f"masks/{name}_mask.png", VALUES)
    (root / "classes.txt").write_text(NAMES)


def make_coloured(root: Path) -> None:
    """The same with label maps in colours, and the table of these."""
    make(root)
    for path in (root / "masks").rglob("*.png"):
        reading.save(path, COLOURS[VALUES])
    (root / "colours.csv").write_text(TABLE)


def mutate(rng: Random, root: Path) -> Mutation:
    """The tree, a pixel of a label map, its bytes, or the list of names."""
    kind = rng.random()
    if kind < 0.5:
        return mutate_tree(rng, root, rng.choice(("images", "masks")))
    path = rng.choice(sorted((root / "masks").rglob("*.png")))
    if kind < 0.65:
        with Image.open(path) as image:
            values = np.array(image)
        value = rng.choice((0, 2, 3, 7, 254, 255))
        values[rng.randrange(12), rng.randrange(16)] = value
        reading.save(path, values)
        return Mutation(f"{path.name}: a pixel of {value}")
    if kind < 0.8:
        content, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(content)
        return mutation
    table = root / ("colours.csv" if (root / "colours.csv").exists() else "classes.txt")
    content, _ = mutate_lines(rng, table.read_text())
    table.write_bytes(content)
    return Mutation(f"{table.name}: a line")  # another name, or another order, is another meaning


def read(root: Path) -> Found:
    """Images and label maps in values."""
    return reading.segmentation(f"masks:{root}/images?labels={root}/masks&classes={root}/classes.txt")


def read_coloured(root: Path) -> Found:
    """Images and label maps in colours."""
    return reading.segmentation(f"masks:{root}/images?labels={root}/masks&colours={root}/colours.csv")


def held(root: Path) -> tuple[int, ...]:
    """Photographs by their names."""
    return len([path for path in (root / "images").rglob("*") if reading.is_photo(path)]), 0


FAMILIES = (
    Family("masks", make, mutate, read, held),
    Family("masks in colours", make_coloured, mutate, read_coloured, held),
)
