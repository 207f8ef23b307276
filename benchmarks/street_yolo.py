"""A network of ultralytics trained on the bundled street: its own validation beside foolscape's detections.

    python benchmarks/street_yolo.py --out /tmp/street [--config yolo11n.yaml] [--train 300] [--epochs 8] [--imgsz 320]

writes the street as a tree of YOLO, trains a small network (some minutes on a CPU), and prints the average precision of
each class three times: as the library prints it, of the detections that its validation saves (`save_json`), and of
foolscape's, the last two by pycocotools on the same images. What is there already is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.data.load import open_detection
from foolscape.spec import written

TRAINED = 256
"""The long side of the street, at which the network is trained."""


def main() -> None:
    """Read the command line, do it all, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--config", default="yolo11n.yaml")
    parser.add_argument("--train", type=int, default=300)
    parser.add_argument("--test", type=int, default=100)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--imgsz", type=int, default=TRAINED, help="of both, while they are compared")
    parser.add_argument("--nms", choices=("true", "false"), help="which head; as the library has it where left out")
    parser.add_argument("--rect", choices=("true", "false"), default="true")
    asked = parser.parse_args()
    out: Path = asked.out
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("YOLO_CONFIG_DIR", str(out / "settings"))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    classes = write_tree(out / "tree", {"train": asked.train, "val": asked.test})
    best = out / "best.pt"
    if not best.exists():
        train(asked.config, out, asked.epochs)
    said = {"imgsz": str(asked.imgsz), "rect": asked.rect, **({"nms": asked.nms} if asked.nms else {})}
    printed, theirs = validate(best, out, said)
    ours = detect(written("ultralytics", str(best), said), out / "tree/images/val")
    truth = truth_of(out / "tree", len(classes))
    table(classes, printed, average_precision(truth, theirs), average_precision(truth, ours))


def write_tree(root: Path, counts: dict[str, int]) -> tuple[str, ...]:
    """The street as images and label files, without its difficult objects; returns the class names."""
    names: tuple[str, ...] = ()
    for split, count in counts.items():
        data = open_detection(f"scenes:?count={count}", split=split)
        names = data.classes or ()
        images, labels = root / "images" / split, root / "labels" / split
        images.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(data.ids, start=1):
            if (labels / f"{number:06d}.txt").exists():
                continue
            sample = data.load(name)
            assert sample.truth is not None
            Image.fromarray(sample.image).save(images / f"{number:06d}.png")
            easy = ~sample.truth.difficult
            lines = label_lines(sample.truth.labels[easy], sample.truth.boxes[easy], sample.image.shape)
            (labels / f"{number:06d}.txt").write_text("".join(lines))
    listed = "".join(f"  {i}: {name}\n" for i, name in enumerate(names))
    (root / "data.yaml").write_text(f"path: {root.resolve()}\ntrain: images/train\nval: images/val\nnames:\n{listed}")
    return names


def label_lines(labels: NDArray[np.int64], boxes: NDArray[np.float64], shape: Sequence[int]) -> list[str]:
    """The lines of a label file: class, middle, width and height as shares of the image."""
    height, width = shape[:2]
    middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    shares = np.concatenate([middles, sides], axis=1) / [width, height, width, height]
    return [f"{label} {' '.join(f'{x:.8f}' for x in row)}\n" for label, row in zip(labels, shares, strict=True)]


def yolo(name: str | Path) -> Any:
    """The library's own model of a file."""
    import ultralytics

    library: Any = ultralytics
    return library.YOLO(name)


def train(config: str, out: Path, epochs: int) -> None:
    """The library's own training, from random weights."""
    yolo(config).train(
        data=str(out / "tree/data.yaml"), epochs=epochs, imgsz=TRAINED, batch=8, device="cpu", workers=0, seed=0,
        amp=False, plots=False, val=False, project=str(out), name="train", exist_ok=True, verbose=False,
        warmup_epochs=1, mosaic=0.0,
    )  # fmt: skip
    (out / "best.pt").write_bytes((out / "train/weights/last.pt").read_bytes())


def validate(best: Path, out: Path, said: dict[str, str]) -> tuple[Any, list[dict[str, Any]]]:
    """What the library's validation prints, (C,) average precision in percent, and the detections that it saves."""
    nms = {"nms": said["nms"] == "true"} if "nms" in said else {}
    metrics = yolo(best).val(
        data=str(out / "tree/data.yaml"), imgsz=int(said["imgsz"]), batch=1, device="cpu", save_json=True, plots=False,
        rect=said["rect"] == "true", project=str(out), name="val", exist_ok=True, verbose=False, **nms,
    )  # fmt: skip
    return 100 * metrics.box.maps, json.loads((Path(metrics.save_dir) / "predictions.json").read_text())


def detect(spec: str, images: Path) -> list[dict[str, Any]]:
    """foolscape's detections in COCO's form."""
    from foolscape.models.load import load_detector
    from foolscape.pixels import to_unit

    paths = sorted(images.glob("*.png"))
    first = np.asarray(Image.open(paths[0]))
    detector = load_detector(spec, image_size=(first.shape[0], first.shape[1])).model
    print("\n".join(detector.notes))
    results = []
    for path in paths:
        (found,) = detector.detect(to_unit(np.asarray(Image.open(path))), 0.001)
        for box, score, label in zip(found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), strict=True):
            x1, y1, x2, y2 = box
            of = {"image_id": int(path.stem), "category_id": label + 1}
            results.append({**of, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score})
    return results


def truth_of(root: Path, classes: int) -> dict[str, Any]:
    """The labels of the tree in COCO's form."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for path in sorted((root / "labels/val").glob("*.txt")):
        with Image.open(root / f"images/val/{path.stem}.png") as image:
            width, height = image.size
        images.append({"id": int(path.stem), "width": width, "height": height})
        for line in path.read_text().splitlines():
            label, *shares = map(float, line.split())
            x, y, w, h = np.array(shares) * [width, height, width, height]
            annotations.append({
                "id": len(annotations) + 1, "image_id": int(path.stem), "category_id": int(label) + 1,
                "bbox": [x - w / 2, y - h / 2, w, h], "area": w * h, "iscrowd": 0,
            })  # fmt: skip
    categories = [{"id": i + 1, "name": str(i)} for i in range(classes)]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def average_precision(truth: dict[str, Any], results: list[dict[str, Any]]) -> NDArray[np.float64]:
    """(C,) COCO's average precision of each class in percent, by pycocotools."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # all areas, at most 100 detections
    return np.array([100 * p[p > -1].mean() if (p > -1).any() else np.nan for p in np.moveaxis(precision, 2, 0)])


def table(classes: Sequence[str], *columns: NDArray[np.float64]) -> None:
    """Print the figures, and the largest difference of the last two."""
    print(f"{'AP %':10} {'printed':>9} {'its json':>9} {'foolscape':>9}")
    for i, name in enumerate(classes):
        print(f"{name:10} " + " ".join(f"{column[i]:9.3f}" for column in columns))
    print(f"{'mean':10} " + " ".join(f"{np.nanmean(column):9.3f}" for column in columns))
    print(f"largest difference of the last two: {np.nanmax(np.abs(columns[-1] - columns[-2])):.4f}")


if __name__ == "__main__":
    main()
