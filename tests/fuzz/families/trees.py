"""Trees of files: folders of photographs, CamVid, DAVIS with its masks, YouTube-VOS with its meta.json."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from tests.data.made import frame, mask, palette
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import mutate_bytes, mutate_json, mutate_lines, mutate_tree

IMAGES = (".png", ".jpg", ".jpeg", ".bmp")


def make_folder(root: Path) -> None:
    """Photographs in two folders."""
    for index, name in enumerate(("a.png", "b.jpg", "below/c.png", "below/deeper/d.png")):
        reading.photo(root / "photos" / name, index)


def read_folder(root: Path) -> Found:
    """The photographs."""
    return reading.segmentation(f"folder:{root / 'photos'}")


def held_folder(root: Path) -> tuple[int, ...]:
    """Entries that are called as images are, whatever they are, and not hidden."""
    names = [path.name for path in (root / "photos").rglob("*") if not path.is_dir() or path.is_symlink()]
    return len([name for name in names if Path(name).suffix.lower() in IMAGES and not name.startswith(".")]), 0


def make_camvid(root: Path) -> None:
    """Three images with labels."""
    for index, name in enumerate("abc"):
        reading.photo(root / f"test/{name}.png", index)
        labels = (np.arange(12 * 16).reshape(12, 16) % 12).astype(np.uint8)
        reading.save(root / f"testannot/{name}.png", labels)


def mutate_camvid(rng: Random, root: Path) -> Mutation:
    """A label map, or the tree."""
    if rng.random() < 0.3:
        return mutate_mask(rng, rng.choice(sorted((root / "testannot").glob("*.png"))), (0, 11, 12, 30, 255))
    return mutate_tree(rng, root)


def read_camvid(root: Path) -> Found:
    """Images and label maps."""
    return reading.segmentation(f"camvid:{root}")


def make_davis(root: Path) -> None:
    """Two clips of DAVIS 2017."""
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("bear\ncat\n")
    for clip, length in (("bear", 3), ("cat", 4)):
        for index in range(length):
            reading.photo(root / f"JPEGImages/480p/{clip}/{index:05d}.jpg", index)
            path = root / f"Annotations/480p/{clip}/{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            palette(mask(1, 2)).save(path)


def make_davis2016(root: Path) -> None:
    """Two clips of DAVIS 2016, whose masks are 0 and 255."""
    make_davis(root)
    (root / "ImageSets/480p").mkdir()
    (root / "ImageSets/2017/val.txt").rename(root / "ImageSets/480p/val.txt")
    for path in root.glob("Annotations/480p/*/*.png"):
        Image.fromarray(np.where(mask(1, 2) > 0, 255, 0).astype(np.uint8)).save(path)


def mutate_davis(rng: Random, root: Path) -> Mutation:
    """A mask, the list, or the tree."""
    kind = rng.random()
    if kind < 0.4:
        return mutate_mask(rng, rng.choice(sorted(root.glob("Annotations/480p/*/*.png"))), (0, 1, 3, 128, 254, 255))
    if kind < 0.6:
        path = next(root.glob("ImageSets/*/val.txt"))
        mutated, mutation = mutate_lines(rng, path.read_text())
        path.write_bytes(mutated)
        return mutation
    return mutate_tree(rng, root)


def mutate_mask(rng: Random, path: Path, values: tuple[int, ...]) -> Mutation:
    """A label map in another form, or with another value in it; its palette is kept where it can be."""
    with Image.open(path) as image:
        labels, kept = np.array(image), image.copy()
    kind = rng.choice(("pixel", "pixel", "rgb", "grey", "jpeg", "size", "sixteen", "bits", "empty mask", "smooth"))
    match kind:
        case "pixel":
            value = rng.choice(values)
            labels[rng.randrange(12), rng.randrange(16)] = value
            kept.putdata(labels.ravel().tolist())
            kept.save(path)
            return Mutation(f"{path.name}: a pixel of {value}")
        case "rgb":
            kept.convert("RGB").save(path, "PNG")
        case "grey":
            Image.fromarray(labels).save(path)
            return Mutation(f"{path.name}: without its palette", legit=False)
        case "jpeg":
            Image.fromarray(labels).save(path, "JPEG")
        case "size":
            kept.resize((15, 12)).save(path)
        case "sixteen":
            Image.fromarray(labels.astype(np.uint16)).save(path)
        case "empty mask":
            Image.fromarray(np.zeros_like(labels)).save(path)
        case "smooth":
            Image.fromarray(labels).resize((32, 24)).resize((16, 12), Image.Resampling.BICUBIC).save(path)
        case _:
            path.write_bytes(mutate_bytes(rng, path.read_bytes())[0])
    # One clip in which a mask is another is another clip; that its form is not read as labels is seen in its values.
    return Mutation(f"{path.name}: {kind}", legit=kind in ("empty mask", "smooth"))


def read_davis(root: Path) -> Found:
    """The clips."""
    return reading.clips(f"davis{'2016' if (root / 'ImageSets/480p').is_dir() else '2017'}:{root}")


def make_youtube(root: Path) -> None:
    """A clip of the split valid, with an object that comes late, and the categories of train."""
    names = [f"{5 * index:05d}" for index in range(4)]
    for index, name in enumerate(names):
        reading.photo(root / f"valid/JPEGImages/pond/{name}.jpg", index)
    for name, labels in ((names[0], mask(1)), (names[2], mask(0, 2))):
        path = root / f"valid/Annotations/pond/{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        palette(labels).save(path)
    objects = {"1": {"category": "dog", "frames": names}, "2": {"category": "squid", "frames": names[2:]}}
    (root / "train").mkdir()
    for split in ("valid", "train"):
        (root / split / "meta.json").write_text(json.dumps({"videos": {"pond": {"objects": objects}}}))


def mutate_youtube(rng: Random, root: Path) -> Mutation:
    """A meta.json, or the tree."""
    if rng.random() < 0.2:
        return mutate_tree(rng, root)
    path = root / rng.choice(("valid", "valid", "train")) / "meta.json"
    content: Any = path.read_bytes()
    mutated, mutation = mutate_json(rng, json.loads(content)) if rng.random() < 0.8 else mutate_bytes(rng, content)
    path.write_bytes(mutated)
    return mutation


def read_youtube(root: Path) -> Found:
    """The clip."""
    return reading.clips(f"youtube-vos:{root}")


def held_camvid(root: Path) -> tuple[int, ...]:
    """Entries of the folder of images that are called as images are."""
    names = [path.name for path in (root / "test").glob("*") if not path.is_dir() or path.is_symlink()]
    return len([name for name in names if Path(name).suffix.lower() in IMAGES and not name.startswith(".")]), 0


def held_davis(root: Path) -> tuple[int, ...] | None:
    """Names in the list, each once, and the frames in their folders."""
    try:
        lines = reading.content(next(root.glob("ImageSets/*/val.txt"))).decode("utf-8-sig").splitlines()
        names = list(dict.fromkeys(line.split()[0].strip("/") for line in lines if line.strip()))
        frames = [path for name in names for path in (root / "JPEGImages/480p" / name).glob("*")]
    except (OSError, ValueError, StopIteration):
        return None
    return len(names), len([path for path in frames if path.suffix.lower() in IMAGES and path.name[0] != "."])


def held_youtube(root: Path) -> tuple[int, ...] | None:
    """Clips in meta.json; frames from the first mask on are not counted here."""
    del root
    return None


assert frame(0).shape == (12, 16, 3), "the trees are made of pictures of this size"

FAMILIES = (
    Family("folder", make_folder, mutate_tree, read_folder, held_folder),
    Family("camvid tree", make_camvid, mutate_camvid, read_camvid, held_camvid),
    Family("davis 2017", make_davis, mutate_davis, read_davis, held_davis),
    Family("davis 2016", make_davis2016, mutate_davis, read_davis, held_davis),
    Family("youtube-vos", make_youtube, mutate_youtube, read_youtube, held_youtube),
)
