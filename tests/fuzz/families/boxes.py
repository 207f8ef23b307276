"""Boxes of one's own: YOLO's trees, KITTI's, the tables of Open Images, and VOC's trees without lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.data.made import frame
from tests.data.made_boxes import voc_xml
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import WORDS, mutate_bytes, mutate_lines, mutate_tree

_YAML = "path: .\nval: images/val\ntrain: images/train\nnc: 3\nnames:\n  0: cat\n  1: dog\n  2: 'no'\n"
_LINES = (
    "0 0.25 0.5 0.5 0.5\n2 0.5 0.5 0.125 0.25\n",
    "1 0.1 0.1 0.5 0.1 0.5 0.75\n0 0.5 0.5 1 1\n",
    "2 0.5 0.5 0.5 0.5\n",
)
_REST = "1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
_HEAD = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"


def _words(rng: Random, path: Path, parting: str | None) -> Mutation:
    """A word of a line replaced: by another number, or by what is none."""
    lines = path.read_text().splitlines()
    at = rng.randrange(len(lines))
    words = lines[at].split(parting)
    place = rng.randrange(len(words))
    old, words[place] = (
        words[place],
        rng.choice((*(w for w in WORDS if w.isprintable()), "0.25", "1e1", "٣", "-0.5", "7")),
    )
    lines[at] = (parting or " ").join(words)
    path.write_text("\n".join(lines) + "\n")
    return Mutation(f"line {at}: {old!r} became {words[place]!r:.40}")


def _text(rng: Random, root: Path, path: Path, parting: str | None = None) -> Mutation:
    """A text file of the tree, or the tree."""
    kind = rng.random()
    if kind < 0.3:
        return mutate_tree(rng, root)
    if kind < 0.6:
        return _words(rng, path, parting)
    content = path.read_text()
    mutated, mutation = mutate_lines(rng, content) if kind < 0.85 else mutate_bytes(rng, content.encode())
    path.write_bytes(mutated)
    return mutation


def make_yolo(root: Path) -> None:
    """Three images with label files."""
    (root / "data.yaml").write_text(_YAML)
    (root / "labels/val").mkdir(parents=True)
    for index, text in enumerate(_LINES):
        reading.photo(root / f"images/val/{index}.png", index)
        (root / f"labels/val/{index}.txt").write_text(text)


def mutate_yolo(rng: Random, root: Path) -> Mutation:
    """The YAML file, a label file, or the tree."""
    return _text(rng, root, root / rng.choice(("data.yaml", "labels/val/0.txt", "labels/val/1.txt")))


def held_yolo(root: Path) -> tuple[int, ...] | None:
    """The images, and the lines of their label files."""
    images = [path for path in (root / "images/val").glob("*") if reading.is_photo(path)]
    labels = [root / f"labels/val/{path.stem}.txt" for path in images]
    try:
        texts = [reading.content(path).decode("utf-8-sig") for path in labels if path.exists() or path.is_symlink()]
    except (OSError, ValueError):
        return None
    lines = [line for text in texts for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return len(images), len(lines)


def make_kitti(root: Path) -> None:
    """Two images with cars and a region."""
    (root / "training/label_2").mkdir(parents=True)
    for index in (0, 1):
        reading.photo(root / f"training/image_2/00000{index}.png", index)
        lines = f"Car 0.00 0 -1.58 1.50 2.00 9.50 8.00 {_REST}\nTram 0 0 0 2 2 {9 + index} 9 {_REST}\n"
        region = "DontCare -1 -1 -10 10.0 1.0 15.0 7.0 -1 -1 -1 -1000 -1000 -1000 -10\n"
        (root / f"training/label_2/00000{index}.txt").write_text(lines + region)


def mutate_kitti(rng: Random, root: Path) -> Mutation:
    """A label file, or the tree."""
    return _text(rng, root, root / f"training/label_2/00000{rng.randrange(2)}.txt")


def held_kitti(root: Path) -> tuple[int, ...] | None:
    """The images, and the objects of their label files: a region is one of each class."""
    images = [path for path in (root / "training/image_2").glob("*") if reading.is_photo(path)]
    try:
        texts = [reading.content(root / f"training/label_2/{path.stem}.txt").decode("utf-8-sig") for path in images]
    except (OSError, ValueError):
        return None
    lines = [line for text in texts for line in text.replace("\r", "\n").split("\n") if line.strip()]
    regions = sum(line.split()[0].casefold().replace("_", "") == "dontcare" for line in lines)
    return len(images), len(lines) + 7 * regions


def make_open_images(root: Path) -> None:
    """Two images with a table."""
    for name in ("0a", "0b"):
        reading.photo(root / f"validation/{name}.png", int(name, 16))
    (root / "class-descriptions-boxable.csv").write_text("/m/011k07,Tortoise\n/m/0jbk,Animal\n")
    rows = [
        f"{name},xclick,/m/0jbk,1,0.25,0.75,0.5,0.9{group},0,0,{group},0,0" for name in ("0a", "0b") for group in (0, 1)
    ]
    (root / "validation-annotations-bbox.csv").write_text("\n".join((_HEAD, *rows)) + "\n")


def mutate_open_images(rng: Random, root: Path) -> Mutation:
    """A table, or the tree."""
    name = rng.choice(("validation-annotations-bbox.csv",) * 3 + ("class-descriptions-boxable.csv",))
    return _text(rng, root, root / name, ",")


def make_tree(root: Path) -> None:
    """Two images with annotations of classes of one's own."""
    (root / "Annotations").mkdir()
    for index, name in enumerate("ab"):
        reading.photo(root / f"JPEGImages/{name}.png", index)
        (root / f"Annotations/{name}.xml").write_text(
            voc_xml(frame(1), [("nut", 1, 1, 5, 5), ("bolt", 2, 2, 6, 3 + index)])
        )


def mutate_xml(rng: Random, root: Path) -> Mutation:
    """Bytes of an annotation, or the tree."""
    if rng.random() < 0.5:
        return mutate_tree(rng, root)
    path = root / "Annotations/a.xml"
    mutated, mutation = mutate_bytes(rng, path.read_bytes())
    path.write_bytes(mutated)
    return mutation


def _reader(scheme: str) -> Callable[[Path], Found]:
    """Reads the boxes of a tree."""
    return lambda root: reading.detection(f"{scheme}:{root}")


FAMILIES = (
    Family("yolo", make_yolo, mutate_yolo, _reader("yolo"), held_yolo),
    Family("kitti", make_kitti, mutate_kitti, _reader("kitti"), held_kitti),
    Family("open images", make_open_images, mutate_open_images, _reader("openimages")),
    Family("voc own", make_tree, mutate_xml, _reader("voc")),
)
