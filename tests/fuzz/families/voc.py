"""PASCAL VOC: annotations in XML, lists, and the tree around them."""

from __future__ import annotations

from pathlib import Path
from random import Random
from xml.etree import ElementTree

import numpy as np

from tests.data.made import mask, palette
from tests.fuzz.cases import Family, Found, Mutation
from tests.fuzz.families import reading
from tests.fuzz.hostile import WORDS, mutate_bytes, mutate_lines, mutate_tree

_SIZE = "<size><width>16</width><height>12</height><depth>3</depth></size>"
_NAMES = ("2007_000001", "2007_000002")
_USED = ("name", "difficult", "xmin", "ymin", "xmax", "ymax", "width", "height")


def _object(name: str, x1: int, y1: int, x2: int, y2: int) -> str:
    box = f"<xmin>{x1}</xmin><ymin>{y1}</ymin><xmax>{x2}</xmax><ymax>{y2}</ymax>"
    part = "<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part>"
    return f"<object><name>{name}</name><pose>Left</pose><difficult>0</difficult><bndbox>{box}</bndbox>{part}</object>"


def make(root: Path) -> None:
    """Two images with boxes and label maps."""
    year = root / "VOC2012"
    for folder in ("Annotations", "SegmentationClass", "ImageSets/Main", "ImageSets/Segmentation"):
        (year / folder).mkdir(parents=True)
    for index, name in enumerate(_NAMES):
        reading.photo(year / f"JPEGImages/{name}.jpg", index)
        things = _object("person", 2, 2, 9, 9) + _object("car", 5, 4, 16, 12)
        (year / f"Annotations/{name}.xml").write_text(f"<annotation><folder>x</folder>{_SIZE}{things}</annotation>")
        palette(mask(1, 255, 15)).save(year / f"SegmentationClass/{name}.png")
    for kind in ("Main", "Segmentation"):
        (year / f"ImageSets/{kind}/val.txt").write_text("\n".join(_NAMES) + "\n")


def _annotation(root: Path) -> Path:
    return root / f"VOC2012/Annotations/{_NAMES[1]}.xml"


def mutate_xml(rng: Random, root: Path) -> Mutation:
    """Bytes, the text of an element, or an element lost or doubled."""
    path = _annotation(root)
    if rng.random() < 0.25:
        mutated, mutation = mutate_bytes(rng, path.read_bytes())
        path.write_bytes(mutated)
        return mutation
    tree = ElementTree.fromstring(path.read_text())
    parents = [(parent, child) for parent in tree.iter() for child in parent]
    parent, child = rng.choice(parents)
    kind = rng.choice(("text", "text", "text", "lose", "double", "attribute", "rename"))
    legit = kind in ("lose", "double")
    if kind == "text":
        used = rng.choice([one for one in tree.iter() if one.tag in _USED])
        old, used.text = used.text, rng.choice((*(w for w in WORDS if w.isprintable()), "1e1", "3", " 2 ", "٣"))
        legit = used.tag not in ("difficult", "name") and used.text.strip().isascii() and _number(used.text)
        legit |= used.tag == "difficult" and used.text.strip() in ("1.0", "true")
        what = f"{used.tag}: {old!r} became {used.text!r:.40}"
    elif kind == "attribute":
        child.set("x", "1")
        what = f"{child.tag} has an attribute"
    elif kind == "rename":
        what, child.tag = f"{child.tag} renamed", child.tag.upper()
    else:
        what = f"{child.tag} {kind}"
        parent.remove(child) if kind == "lose" else parent.append(child)
    path.write_text(ElementTree.tostring(tree, encoding="unicode"), errors="surrogatepass")
    return Mutation(what, legit)


def _number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def read_xml(root: Path) -> Found:
    """The boxes."""
    return reading.detection(f"voc:{root}")


def held_xml(root: Path) -> tuple[int, ...] | None:
    """Images in the list, objects in the annotations."""
    paths = [root / f"VOC2012/Annotations/{name}.xml" for name in _NAMES]
    try:
        return len(_NAMES), sum(len(ElementTree.fromstring(reading.content(path)).findall("object")) for path in paths)
    except (OSError, ElementTree.ParseError, ValueError):
        return None


def mutate_year(rng: Random, root: Path) -> Mutation:
    """A list, or the tree."""
    if rng.random() < 0.4:
        path = root / f"VOC2012/ImageSets/{rng.choice(('Main', 'Segmentation'))}/val.txt"
        mutated, mutation = mutate_lines(rng, path.read_text())
        path.write_bytes(mutated)
        return mutation
    return mutate_tree(rng, root)


def read_year(root: Path) -> Found:
    """Boxes and label maps."""
    found = reading.joined((reading.detection(f"voc:{root}"), reading.segmentation(f"voc:{root}")))
    return Found((found.totals[0], found.totals[2]), found.facts, found.said)


def held_year(root: Path) -> tuple[int, ...] | None:
    """Lines of the two lists, each name once."""
    try:
        texts = [
            reading.content(root / f"VOC2012/ImageSets/{k}/val.txt").decode("utf-8-sig")
            for k in ("Main", "Segmentation")
        ]
    except (OSError, ValueError):
        return None
    names = [dict.fromkeys(line.split()[0] for line in text.split("\n") if line.strip()) for text in texts]
    return len(names[0]), len(names[1])


FAMILIES = (
    Family("voc xml", make, mutate_xml, read_xml, held_xml),
    Family("voc tree", make, mutate_year, read_year, held_year),
)
