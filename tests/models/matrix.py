"""Which attack works on which model: one small network of every family, each attack tried on it.

`python -m tests.models.matrix` writes the table into docs/models.md; a slow test holds that it is true.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import torch
from torch import Tensor, nn

import foolscape as fs
from foolscape.attacks.listed import listed_attacks
from foolscape.errors import FoolscapeError
from foolscape.models.load import load_model
from foolscape.tasks.segmentation import predict
from tests.models import onnx_graphs, semantic, texts, yolo_graphs
from tests.models.detectors import queries
from tests.models.trackers import sams

PAGE: Final = Path(__file__).parents[2] / "docs" / "models.md"
SIZE: Final = (48, 64)
SEGMENTATION: Final = "segmentation"
DETECTION: Final = "detection"

VIDEO: Final = "video"

ATTACKS: Final = tuple(attack.name for attack in listed_attacks() if attack.name != "ara")
"""Those of images; ara is for clips."""
CLIPS: Final = tuple(attack.name for attack in listed_attacks() if VIDEO in attack.tasks)
"""Those of clips."""

_OPTIONS: Final = {
    "fgsm": "", "worst-case": "?budget=40", "square": "?steps=20", "square-labels": "?steps=20", "annealed": "?steps=9",
    "apgd": "?steps=9", "dag-min": "?steps=4",
}  # fmt: skip
"""What an attack needs to be more than its beginning; two steps for the others."""

_WORKS: Final = "yes"
_REFUSED: Final = "no"
_SAME: Final = "unchanged"

HEAD: Final = """# What can be attacked with what

Every family of models that comes by name, and every attack, tried on one small network of it with random weights, by
`python -m tests.models.matrix`: yes, where it changed the image; no, where it is refused, with the number of the reason
below; unchanged, where it ran and changed nothing, as where no score of a random network is that of an object. What is
attacked is what the network itself says of the image. Networks of your own are as `torchscript:` ones. Trackers are
given a clip of two frames, and the attacks that there are for clips; the networks of `stcn:` and `stm:` are too large
to be tried here.
"""


@dataclass(frozen=True)
class Family:
    """A line of the table.

    Attributes:
        name: as in a spec.
        task: what it is for.
        spec: makes a small network of it in a folder, and says how it is named.
    """

    name: str
    task: str
    spec: Callable[[Path], str]


def families() -> Iterator[Family]:
    """Every line, task by task."""
    yield Family("bundled:", SEGMENTATION, lambda _: "bundled:scenes-dilated")
    yield Family("torchvision:", SEGMENTATION, lambda _: "torchvision:lraspp_mobilenet_v3_large?weights=none")
    for kind in semantic.CONFIGS:
        yield Family(f"transformers:, {kind}", SEGMENTATION, lambda path, kind=kind: _hub(semantic.folder(kind, path)))
    for kind in texts.CONFIGS:
        yield Family(f"transformers:, {kind}", SEGMENTATION, lambda path, kind=kind: _hub(texts.folder(kind, path)))
    linknet = "smp:Linknet?encoder=resnet18&depth=3&weights=none&classes=3"
    yield Family("smp:", SEGMENTATION, lambda _: linknet)
    yield Family("caffe:, FCN", SEGMENTATION, lambda _: "caffe:fcn-8s?weights=none&thin=16")
    yield Family("onnx:", SEGMENTATION, lambda path: f"onnx:{onnx_graphs.graph(path / 'net.onnx')}")
    yield Family("torchscript:", SEGMENTATION, _scripted)
    yield Family("exported:", SEGMENTATION, _exported)
    yield Family("onnxruntime:", SEGMENTATION, lambda path: f"onnxruntime:{onnx_graphs.graph(path / 'net.onnx')}")
    yield Family("blackbox:, label maps", SEGMENTATION, _blackbox)
    yield Family("bundled:", DETECTION, lambda _: "bundled:scenes-detector")
    ssd = "torchvision:ssdlite320_mobilenet_v3_large?weights=none"
    yield Family("torchvision:, one stage", DETECTION, lambda _: ssd)
    for kind in queries.CONFIGS:
        yield Family(f"transformers:, {kind}", DETECTION, lambda path, kind=kind: _hub(queries.folder(kind, path)))
    yield Family("ultralytics:", DETECTION, lambda _: "ultralytics:yolo11n.yaml?imgsz=64")
    yield Family("onnx:, YOLO", DETECTION, lambda path: f"onnx:{_yolo(path)}")
    yield Family("onnxruntime:, YOLO", DETECTION, lambda path: f"onnxruntime:{_yolo(path)}")
    yield from _trackers()


def _trackers() -> Iterator[Family]:
    yield Family("bundled:", VIDEO, lambda _: "bundled:scenes-tracker")
    yield Family("propagation:, torchvision", VIDEO, lambda _: "propagation:torchvision:resnet18?weights=none")
    yield Family("propagation:, timm", VIDEO, lambda _: "propagation:timm:resnet18?weights=none")
    for kind, prompt in zip(sams.NAMES, ("box", "click", "3-clicks"), strict=True):
        named = f"transformers:, {kind} shown by {prompt}"
        yield Family(named, VIDEO, lambda path, kind=kind, prompt=prompt: f"{_sam(kind, path)}?prompt={prompt}")


def columns(task: str) -> tuple[str, ...]:
    """The attacks of its table."""
    return CLIPS if task == VIDEO else ATTACKS


def table() -> str:
    """The page, measured."""
    lines, reasons = [HEAD], {}
    for task in (SEGMENTATION, DETECTION, VIDEO):
        lines += ["", f"## {task.capitalize()}", "", f"| | {' | '.join(columns(task))} |"]
        lines.append(f"| --- |{' --- |' * len(columns(task))}")
        for family in families():
            if family.task == task:
                source, _, rest = family.name.partition(":")
                cells = [_cell(reasons, *found) for found in tried(family)]
                lines.append(f"| `{source}:`{rest} | {' | '.join(cells)} |")
    lines += ["", "## Why not", "", *(f"{number}. {reason}" for reason, number in reasons.items())]
    return "\n".join(lines) + "\n"


def _cell(reasons: dict[str, int], attack: str, refusal: str | None) -> str:
    if refusal in (None, _SAME):
        return refusal or _WORKS
    reason = re.sub(rf"\b{attack}\b(?!-)", "the attack", refusal.partition(";")[0])
    return f"{_REFUSED} {reasons.setdefault(reason, len(reasons) + 1)}"


def tried(family: Family) -> Iterator[tuple[str, str | None]]:
    """Each attack, and why it is refused, or that it changed nothing."""
    with TemporaryDirectory() as folder:
        spec, images = family.spec(Path(folder)), _images()
        if family.task == VIDEO:
            images = torch.cat([images, images.roll(3, dims=3)])
        truth = _found(load_model(spec, family.task, image_size=SIZE).model, family.task, images)
        model = fs.load_model(spec, task=family.task)
        for attack in columns(family.task):
            print(family.name, family.task, attack, file=sys.stderr)
            yield attack, _why_not(model, images, truth, attack)


def _found(ready: Any, task: str, images: Tensor) -> Any:
    """What the model itself says of the image, so that an attack has something to change; of a clip the first mask."""
    if task == VIDEO:
        mask = torch.zeros(SIZE, dtype=torch.int64)
        mask[12:36, 8:28], mask[8:40, 36:56] = 1, 2
        return mask
    if task == SEGMENTATION:
        return predict(ready, images)
    (found,) = ready.detect(images, 0.0)
    return [{"boxes": found.boxes[:3], "labels": found.labels[:3]}]


def _why_not(model: Any, images: Tensor, truth: Any, attack: str) -> str | None:
    try:
        result = fs.attack(model, images, truth, f"{attack}{_OPTIONS.get(attack, '?steps=2')}")
    except FoolscapeError as error:
        return re.sub(r"\S*/tmp/\S+", "it", str(error).splitlines()[0])
    return _SAME if torch.equal(result.adversarial, images[:1]) else None


def _images() -> Tensor:
    coarse = torch.rand((1, 3, 6, 8), generator=torch.Generator().manual_seed(0))
    return (nn.functional.interpolate(coarse, size=SIZE, mode="bilinear") * 255).round() / 255


def _hub(path: Path) -> str:
    return f"transformers:{path}"


def _sam(kind: str, path: Path) -> str:
    sams.network(kind).save_pretrained(path)  # type: ignore[operator]
    return _hub(path)


def _scripted(path: Path) -> str:
    torch.jit.trace(nn.Conv2d(3, 3, 3, padding=1), torch.rand(1, 3, *SIZE)).save(str(path / "net.ts"))
    return f"torchscript:{path / 'net.ts'}"


def _exported(path: Path) -> str:
    program = torch.export.export(nn.Conv2d(3, 3, 3, padding=1), (torch.rand(1, 3, *SIZE),))
    torch.export.save(program, path / "net.pt2")
    return f"exported:{path / 'net.pt2'}"


def _yolo(path: Path) -> Path:
    told = {"stride": "32", "task": "detect", "names": "{0: 'car', 1: 'bicycle', 2: 'person'}"}
    return yolo_graphs.written(path / "yolo.onnx", 7, rows=False, metadata=told)


def _blackbox(path: Path) -> str:
    code = "import numpy as np\n\n\ndef predict(image):\n    return (image.sum(axis=2) > 380).astype(np.int64)\n"
    (path / "box.py").write_text(code)
    (path / "names.txt").write_text("dark\nlight\n")
    return f"blackbox:{path / 'box.py'}:predict?classes={path / 'names.txt'}"


if __name__ == "__main__":
    PAGE.write_text(table())
