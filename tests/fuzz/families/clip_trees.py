"""Clips in folders: LVOS with its list, MOSE, VOST, and a user's own folders of frames with masks as RGB."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from tests.data.made import mask, palette
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.families.trees import mutate_mask
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_lines, mutate_tree

LABELS = (mask(1), mask(1, 2), mask(0, 2), mask(1, 2, 255))
COLOURS = np.zeros((256, 3), np.uint8)
COLOURS[[1, 2, 255]] = (200, 0, 0), (0, 90, 200), (224, 224, 192)


def _write(root: Path, clip: str, names: list[str], *, step: int = 1, rgb: bool = False) -> None:
    """A clip whose every `step`-th frame has a mask."""
    for index, name in enumerate(names):
        reading.photo(root / f"JPEGImages/{clip}/{name}.jpg", index)
    for index, name in enumerate(names[::step]):
        path = root / f"Annotations/{clip}/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        labels = LABELS[index % len(LABELS)]
        (Image.fromarray(COLOURS[labels]) if rgb else palette(labels)).save(path)


def make_lvos(root: Path) -> None:
    """A clip of val with a mask for every second frame, and the list of it."""
    _write(root / "val", "pond", [f"{number:08d}" for number in range(1, 9)], step=2)
    objects = {label: {"frame_range": {"start": "1", "end": "8", "frame_nums": "4"}} for label in "12"}
    (root / "val/val_meta.json").write_text(json.dumps({"videos": {"pond": {"objects": objects}}}))


def make_mose(root: Path) -> None:
    """Two clips of train."""
    for clip in ("0a", "0b"):
        _write(root / "train", clip, [f"{number:05d}" for number in range(4)])


def make_vost(root: Path) -> None:
    """Two clips, and the list of val."""
    for clip in ("1_cut_onion", "2_tear_foil"):
        _write(root, clip, [f"frame{number:05d}" for number in range(0, 48, 12)])
    (root / "ImageSets").mkdir()
    (root / "ImageSets/val.txt").write_text("1_cut_onion\n2_tear_foil\n")


def make_own(root: Path) -> None:
    """Two clips with masks as RGB."""
    for clip in ("cat", "dog"):
        _write(root, clip, [f"f{number}" for number in range(4)], rgb=True)


def _mutate(rng: Random, root: Path) -> Mutation:
    """A mask, a list, or the tree."""
    lists = [*root.rglob("*.json"), *root.rglob("*.txt")]
    kind = rng.random()
    if kind < 0.4:
        return mutate_mask(rng, rng.choice(sorted(root.rglob("Annotations/*/*.png"))), (0, 1, 3, 128, 254, 255))
    if kind < 0.7 and lists:
        path = lists[0]
        if path.suffix == ".txt":
            mutated, mutation = mutate_lines(rng, path.read_text())
        elif rng.random() < 0.8:
            mutated, mutation = mutate_json(rng, json.loads(path.read_bytes()))
        else:
            mutated, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(mutated)
        return mutation
    return mutate_tree(rng, root)


def _mutate_own(rng: Random, root: Path) -> Mutation:
    """A mask, some of its pixels, or the tree."""
    if rng.random() > 0.5:
        return mutate_tree(rng, root)
    path = rng.choice(sorted(root.rglob("Annotations/*/*.png")))
    if rng.random() < 0.3:
        mutated, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(mutated)
        return mutation
    with Image.open(path) as image:
        colours, kept = np.array(image), image.copy()
    kind = rng.choice(("colours", "pixel", "smooth", "size", "palette", "grey", "jpeg"))
    match kind:
        case "colours":
            Image.fromarray(colours[..., ::-1].copy()).save(path)
        case "pixel":
            colours[rng.randrange(12), rng.randrange(16)] = (9, 9, 200)
            Image.fromarray(colours).save(path)
        case "smooth":
            kept.resize((32, 24)).resize((16, 12), Image.Resampling.BICUBIC).save(path)
        case "size":
            kept.resize((15, 12)).save(path)
        case "palette":
            kept.convert("P").save(path)
        case "grey":
            kept.convert("L").save(path)
        case _:
            kept.save(path, "JPEG")
    # With another pixel or colour it is another clip.
    return Mutation(f"{path.name}: {kind}", legit=kind in ("colours", "pixel"))


def _held(folder: Callable[[Path], Path]) -> Callable[[Path], tuple[int, ...] | None]:
    """Folders of frames that have one of masks, and the frames in them."""

    def held(root: Path) -> tuple[int, ...] | None:
        frames, masks = folder(root) / "JPEGImages", folder(root) / "Annotations"
        try:
            names = [one.name for one in frames.iterdir() if one.is_dir() and not one.name.startswith(".")]
            names = [name for name in names if (masks / name).is_dir()]
            return len(names), sum(reading.is_photo(one) for name in names for one in (frames / name).iterdir())
        except OSError:
            return None

    return held


def _read(spec: str, **options: str) -> Callable[[Path], Found]:
    return lambda root: reading.clips(spec.replace("{}", str(root)), **options)


FAMILIES = (
    Family("lvos", make_lvos, _mutate, _read("lvos:{}"), weight=2),
    Family("mose", make_mose, _mutate, _read("mose:{}", split="train"), _held(lambda root: root / "train"), weight=2),
    Family("vost", make_vost, _mutate, _read("vost:{}"), weight=2),
    Family(
        "own clips",
        make_own,
        _mutate_own,
        _read("video:{}/JPEGImages?mask={}/Annotations&truth={}/Annotations"),
        _held(lambda root: root),
        weight=2,
    ),
)
