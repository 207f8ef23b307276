"""What it costs to list a large data set and to read its first sample: CPU time, and memory above that of the imports.

    python benchmarks/listing.py [--images 100000] [--only yolo --only voc] [--profile]

For each kind of data set a tree is made in a temporary folder, whose images are hard links to a few small ones, and
opened in a process of its own. CPU time is that of the process, user and system: on a busy machine it says more than
the clock does. Memory is the highest resident size of the process above what it had after its imports. The trees are
removed at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

_SIZE: Final = (24, 32)
_LINKS: Final = 30_000
"""Of one file; file systems allow 65,000."""


def link(folder: Path, names: list[str], write_first: Callable[[Path], object]) -> None:
    """Files called `names` in a folder that is made, links to a few that are written."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        if place % _LINKS == 0:
            first = folder / name
            write_first(first)
        else:
            os.link(first, folder / name)


def photos(folder: Path, names: list[str]) -> None:
    """Photographs called `names`."""
    pixels = np.random.default_rng(0).integers(0, 256, (*_SIZE, 3), dtype=np.uint8)
    link(folder, names, Image.fromarray(pixels).save)


def texts(folder: Path, names: list[str], text: str) -> None:
    """Texts called `names`."""
    link(folder, names, lambda path: path.write_text(text))


def make_masks(root: Path, names: list[str]) -> str:
    """Photographs with label maps."""
    photos(root / "images", [f"{name}.png" for name in names])
    link(root / "labels", [f"{name}.png" for name in names], Image.fromarray(np.zeros(_SIZE, np.uint8)).save)
    (root / "classes.txt").write_text("a\nb\n")
    return f"masks:{root}/images?labels={root}/labels&classes={root}/classes.txt"


def make_yolo(root: Path, names: list[str]) -> str:
    """Photographs with label files."""
    photos(root / "images/val", [f"{name}.png" for name in names])
    texts(root / "labels/val", [f"{name}.txt" for name in names], "0 0.5 0.5 0.25 0.5\n1 0.25 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text("val: images/val\nnames: [a, b]\n")
    return f"yolo:{root}"


def make_kitti(root: Path, names: list[str]) -> str:
    """Photographs with label files of KITTI."""
    photos(root / "training/image_2", [f"{name}.png" for name in names])
    line = "Car 0.00 0 -1.58 1.50 2.00 9.50 8.00 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n"
    texts(root / "training/label_2", [f"{name}.txt" for name in names], line)
    return f"kitti:{root}"


def make_voc(root: Path, names: list[str]) -> str:
    """VOC's folders and list."""
    year = root / "VOC2012"
    photos(year / "JPEGImages", [f"{name}.jpg" for name in names])
    box = "<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>8</xmax><ymax>9</ymax></bndbox>"
    size = f"<size><width>{_SIZE[1]}</width><height>{_SIZE[0]}</height></size>"
    text = f"<annotation>{size}<object><name>cat</name><difficult>0</difficult>{box}</object></annotation>"
    texts(year / "Annotations", [f"{name}.xml" for name in names], text)
    (year / "ImageSets/Main").mkdir(parents=True)
    (year / "ImageSets/Main/val.txt").write_text("\n".join(names))
    return f"voc:{root}"


def make_open_images(root: Path, names: list[str]) -> str:
    """The tables of Open Images, two boxes an image."""
    photos(root / "validation", [f"{name}.jpg" for name in names])
    (root / "class-descriptions-boxable.csv").write_text("/m/1,a\n/m/2,b\n")
    head = (
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside"
    )
    with (root / "validation-annotations-bbox.csv").open("w") as file:
        file.write(f"{head}\n")
        for name in names:
            file.writelines(f"{name},x,/m/{k},1,0.25,0.75,0.5,0.9,0,0,0,0,0\n" for k in (1, 2))
    return f"openimages:{root}"


def make_coco(root: Path, names: list[str]) -> str:
    """A COCO file with two annotations an image."""
    photos(root / "val2017", [f"{name}.jpg" for name in names])
    images = [
        {"id": place, "file_name": f"{name}.jpg", "height": _SIZE[0], "width": _SIZE[1]}
        for place, name in enumerate(names)
    ]
    objects = [
        {
            "id": 2 * place + k,
            "image_id": place,
            "category_id": 1,
            "bbox": [2, 3, 5 + k, 6],
            "area": 30 + k,
            "iscrowd": 0,
        }
        | {"segmentation": [[2, 3, 7, 3, 7, 9, 2, 9]]}
        for place in range(len(names))
        for k in (0, 1)
    ]
    content = {"images": images, "annotations": objects, "categories": [{"id": 1, "name": "person"}]}
    (root / "annotations").mkdir()
    (root / "annotations/instances_val2017.json").write_text(json.dumps(content))
    return f"coco:{root}"


def make_labelme(root: Path, names: list[str]) -> str:
    """A JSON of labelme beside each photograph."""
    photos(root, [f"{name}.png" for name in names])
    shapes: list[dict[str, object]] = [
        {"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [9, 8]], "group_id": None, "flags": {}}
    ]
    for name in names:
        content = {"shapes": shapes, "imagePath": f"{name}.png", "imageHeight": _SIZE[0], "imageWidth": _SIZE[1]}
        (root / f"{name}.json").write_text(json.dumps(content))
    return f"labelme:{root}"


KINDS: Final[dict[str, Callable[[Path, list[str]], str]]] = {
    "masks": make_masks,
    "yolo": make_yolo,
    "kitti": make_kitti,
    "voc": make_voc,
    "openimages": make_open_images,
    "coco": make_coco,
    "labelme": make_labelme,
}


def memory(name: str) -> float:
    """Megabytes that this process takes now (VmRSS), or took at most (VmHWM); getrusage counts its parent's, too."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[name].split()[0]) / 1024


def measure(kind: str, spec: str, profiled: bool) -> None:
    """Open `spec` here, read its first sample, and print what that took as JSON."""
    from foolscape.data.load import open_data, open_detection

    opener = open_data if kind == "masks" else open_detection
    started, before = time.process_time(), memory("VmRSS")
    if profiled:
        import cProfile

        cProfile.runctx("opener(spec)", {"opener": opener, "spec": spec}, {}, sort="tottime")
        return
    data = opener(spec)
    listed = time.process_time()
    data.load(data.ids[0])
    done, peak = time.process_time(), memory("VmHWM")
    times = {"list_s": listed - started, "first_s": done - listed}
    print(json.dumps({"images": len(data.ids), **times, "memory_mb": peak - before}))


def main() -> None:
    """Make the trees, measure each in a process of its own, print a table."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=100_000)
    options.add_argument("--only", action="append", choices=list(KINDS))
    options.add_argument("--profile", action="store_true", help="print where the time goes instead")
    options.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.measure is not None:
        kind, spec = chosen.measure
        measure(kind, spec, chosen.profile)
        return
    names = [f"{place:012d}" for place in range(chosen.images)]
    print("| | images | list, s CPU | first sample, s CPU | memory, MB |\n| --- | ---: | ---: | ---: | ---: |")
    for kind in chosen.only or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            spec = KINDS[kind](Path(folder), names)
            command = [sys.executable, __file__, "--measure", kind, spec, *(["--profile"] if chosen.profile else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
        if chosen.profile:
            print(done.stdout[:4000])
        else:
            found = json.loads(done.stdout)
            print(
                f"| `{kind}:` | {found['images']:,} | {found['list_s']:.1f} | {found['first_s']:.2f} | "
                f"{found['memory_mb']:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
