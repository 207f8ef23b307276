"""Lists in text files: class names."""

from __future__ import annotations

from pathlib import Path
from random import Random

from foolscape.class_file import read_class_names
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import mutate_lines, mutate_tree

NAMES = ("sky", "road", "building", "traffic light")


def make(root: Path) -> None:
    """A class file."""
    (root / "classes.txt").write_text("# of the channels\n" + "\n".join(NAMES) + "\n")


def mutate(rng: Random, root: Path) -> Mutation:
    """Its lines, or what stands in its place."""
    if rng.random() < 0.15:
        return mutate_tree(rng, root)
    path = root / "classes.txt"
    mutated, mutation = mutate_lines(rng, path.read_text())
    path.write_bytes(mutated)
    return mutation


def read(root: Path) -> Found:
    """The names."""
    names = read_class_names(root / "classes.txt")
    return Found((len(names),), names)


def held(root: Path) -> tuple[int, ...] | None:
    """Lines that say something."""
    try:
        lines = [line.strip() for line in reading.content(root / "classes.txt").decode("utf-8-sig").split("\n")]
    except (OSError, ValueError):
        return None
    return (len([line for line in lines if line and not line.startswith("#")]),)


FAMILIES = (Family("class file", make, mutate, read, held),)
