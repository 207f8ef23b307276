"""Archives that hold photographs and label maps."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from random import Random
from typing import Final
from unittest import mock

from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import masks, reading
from tests.fuzz.hostile import mutate_bytes
from tests.stores.made import files_of, tarred, zipped

MODES: Final = {"tar": "w", "tgz": "w:gz", "tar.xz": "w:xz"}


def make(ending: str, root: Path) -> None:
    """An archive of three images, their label maps and the names of the classes."""
    masks.make(root / "tree")
    files, path = files_of(root / "tree"), root / f"data.{ending}"
    if ending == "zip":
        zipped(path, files)
    else:
        tarred(path, files, MODES[ending])


def mutate(ending: str, rng: Random, root: Path) -> Mutation:
    """Its bytes."""
    path = root / f"data.{ending}"
    content, mutation = mutate_bytes(rng, path.read_bytes())
    path.write_bytes(content)
    return mutation


def read(ending: str, root: Path) -> Found:
    """What is in the archive."""
    place = root / f"data.{ending}"
    with mock.patch.dict(os.environ, {"FOOLSCAPE_CACHE": str(root / "cache")}):
        return reading.segmentation(f"masks:{place}/images?labels={place}/masks&classes={place}/classes.txt")


def held(root: Path) -> tuple[int, ...]:
    """As it was made: what the bytes of a damaged archive hold is not to be told."""
    return masks.held(root / "tree")


FAMILIES = tuple(
    Family(ending, partial(make, ending), partial(mutate, ending), partial(read, ending), held)
    for ending in ("zip", *MODES)
)
