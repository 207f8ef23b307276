"""How often the verdict misses what is wrong and accuses what is sound, over planted cases on the bundled networks.

    python benchmarks/planted.py [--groups 6] [--attacks 2] [--seed 0] [--out FILE.json]

A case is a network on a group of eight street scenes, seeded: fed or read wrongly, as a user's wrapper may do it; or
attacked by an attack that was stopped early. It is caught where the verdict is "not trusted"; a mistake of wiring is
named where the reason says which. The same groups without a mistake, and attacked by worst-case, must not be accused.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from foolscape.data.load import open_data, open_detection
from foolscape.models.detectors.load import load_detector
from foolscape.models.load import load_model
from foolscape.models.wiring import IMAGENET_MEAN, IMAGENET_STD
from foolscape.run.config import make_config
from foolscape.run.detection import DetectionSubject
from foolscape.run.execute import Listener, execute
from foolscape.run.segmentation import SegmentationSubject
from foolscape.run.wiring import examine, wiring_reasons

SEGMENTERS = ("scenes-unet", "scenes-dilated", "scenes-robust")
SIZE = (96, 160)
IMAGES = 8
MEAN, STD = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))

FED: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "values x 255": (lambda x: 255 * x, "1/255"),
    "values / 255": (lambda x: x / 255, "--input 255"),
    "values in [-1, 1]": (lambda x: 2 * x - 1, "0.5..1"),
    "BGR": (lambda x: x.flip(1), "bgr"),
    "normalised twice": (lambda x: (x - MEAN) / STD, "undo-imagenet"),
    "not normalised": (lambda x: x * STD + MEAN, "imagenet"),
    "BGR of 0 to 255": (lambda x: 255 * x.flip(1), "bgr"),
}
"""What is done to images in front of a network that is right without, and what the advice has to hold."""

Labels = NDArray[Any]


def maps(classes: int, seed: int) -> dict[str, tuple[Callable[[Labels], Labels], str]]:
    """How label maps are read wrongly, and what the reason has to say."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(classes).astype(np.uint8)
    return {
        "classes off by one": (lambda m: ((m.astype(int) + 1) % classes).astype(np.uint8), "background first"),
        "classes off by minus one": (lambda m: ((m.astype(int) - 1) % classes).astype(np.uint8), "background last"),
        "classes out of order": (lambda m: order[m], "classes numbered otherwise"),
        "laid out by columns": (lambda m: np.ascontiguousarray(m.T).reshape(m.shape), "height and width"),
        "one class everywhere": (lambda m: np.full_like(m, 1), "no better than"),
        "chance": (lambda m: rng.integers(0, classes, m.shape).astype(np.uint8), "no better than"),
    }


def boxes(sides: NDArray[np.int64]) -> dict[str, tuple[Callable[[Labels], Labels], str]]:
    """How boxes are read wrongly."""
    return {
        "xywh": (lambda b: np.c_[b[:, :2], b[:, 2:] - b[:, :2]], "read as xywh"),
        "cxcywh": (lambda b: np.c_[(b[:, :2] + b[:, 2:]) / 2, b[:, 2:] - b[:, :2]], "read as cxcywh"),
        "yxyx": (lambda b: b[:, [1, 0, 3, 2]], "read as yxyx"),
        "shares of the image": (lambda b: b / sides, "shares of the image"),
        "elsewhere": (lambda b: b + np.array([97, 0, 97, 0]), "no better than"),
    }


class Fed(nn.Module):
    """A network whose images somebody changes first."""

    def __init__(self, network: nn.Module, change: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.network, self.change = network, change

    def forward(self, images: Tensor) -> Any:
        """What the network says of the changed images."""
        return self.network(self.change(images))


def misread(subject: Any, change: Callable[[Any], Any]) -> Any:
    """`subject` with its predictions changed, as if they were read wrongly."""
    seen = type(subject).seen

    class Wrong(type(subject)):  # type: ignore[misc]
        def seen(self, image: Tensor) -> Any:
            return change(seen(self, image))

    return Wrong(**vars(subject))


@dataclass(frozen=True)
class Case:
    """One case and what became of it: caught, named, open (not decided) or trusted."""

    kind: str
    model: str
    mistake: str
    group: int
    verdict: str
    seen: str


def wired(subject: Any, mistake: str, says: str, group: int, kind: str) -> Case:
    """What the row of the clean model says of `subject` on a group of scenes."""
    ids = [f"test-{i:06d}" for i in range(IMAGES * group, IMAGES * (group + 1))]
    (reason,) = wiring_reasons(examine(subject, ids, 0))
    text = f"{reason.seen}; {reason.advice}"
    verdict = {True: "trusted", None: "open"}.get(reason.ok, "named" if says and says in text else "caught")
    return Case(kind, subject.slug, mistake, group, verdict, text)


def segmenters(groups: int, seed: int) -> Iterator[Case]:
    """Segmentation networks that are sound, fed wrongly, read wrongly."""
    data = open_data("scenes:", split="test")
    for name in SEGMENTERS:
        model: Any = load_model(f"bundled:{name}", image_size=SIZE, data_classes=data.classes).model
        channels = tuple(range(len(model.classes)))
        subject = SegmentationSubject("net.py:build", name, model, [], channels, data, SIZE, torch.device("cpu"))
        for group in range(groups):
            yield wired(subject, "none", "", group, "sound")
            for mistake, (read, says) in maps(len(model.classes), seed + group).items():
                yield wired(misread(subject, read), mistake, says, group, "wiring")
            if group < 2:
                for mistake, (change, says) in FED.items():
                    fed = replace(subject, segmenter=replace(model, module=Fed(model.module, change)))
                    yield wired(fed, mistake, says, group, "wiring")


def detectors(groups: int) -> Iterator[Case]:
    """The bundled detector, likewise."""
    data = open_detection("scenes:", split="test")
    model: Any = load_detector("bundled:scenes-detector", image_size=(160, 256), data_classes=data.classes).model
    channels = tuple(range(len(model.classes)))
    subject = DetectionSubject("net.py:build", "scenes-detector", model, channels, data, None, torch.device("cpu"))
    count = len(model.classes)
    labels = {
        "classes off by one": (lambda n: (n + 1) % count, "background first"),
        "classes out of order": (lambda n: np.array([2, 1, 0, 3])[n], "classes numbered otherwise"),
    }
    for group in range(groups):
        yield wired(subject, "none", "", group, "sound")
        for field, mistakes in (("boxes", boxes(np.array([256, 160, 256, 160]))), ("labels", labels)):
            for mistake, (change, says) in mistakes.items():
                read = lambda found, f=field, c=change: replace(found, **{f: c(getattr(found, f))})  # noqa: E731
                yield wired(misread(subject, read), mistake, says, group, "wiring")


WEAK: Sequence[dict[str, object]] = (
    {"attack": "fgsm"},
    {"attack": "pgd", "steps": 2},
    {"attack": "pgd", "steps": 4},
    {"attack": "pgd", "step": "0.2/255"},
    {"attack": "mi-fgsm", "steps": 3},
)
STRONG: Sequence[dict[str, object]] = ({"attack": "worst-case"}, {"attack": "worst-case", "eps": "2/255"})


def attacks(groups: int) -> Iterator[Case]:
    """Attacks stopped early, and strong ones, by whole runs."""
    for name in SEGMENTERS[:2]:
        for group in range(groups):
            for kind, several in (("weak attack", WEAK), ("strong attack", STRONG)):
                for settings in several:
                    yield _attacked(name, settings, kind, group)


def _attacked(name: str, settings: dict[str, object], kind: str, group: int) -> Case:
    """The verdict of a run."""
    ids = [f"test-{i:06d}" for i in range(IMAGES * group, IMAGES * (group + 1))]
    config = {"models": [f"bundled:{name}"], "data": "scenes:", "split": "test", "ids": ids, "size": "96x160"}
    listener = Listener(lambda _text: None, _silent)
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "run"
        trust = execute(make_config(config | {"eps": "8/255"} | settings), out, ["planted"], listener)["trust"]
    doubts = [reason["id"] for reason in trust["reasons"] if reason["ok"] is not True]
    verdict = {"trusted": "trusted", "not decided": "open"}.get(trust["verdict"], "caught")
    if verdict == "caught" and "converged" in doubts:
        verdict = "named"
    return Case(kind, name, str(settings), group, verdict, ", ".join(doubts))


@contextmanager
def _silent(_title: str, _total: int, _done: int) -> Iterator[Callable[[str], None]]:
    yield lambda _name: None


def table(cases: Sequence[Case]) -> str:
    """Counts by kind and mistake, as Markdown."""
    verdicts = ("named", "caught", "open", "trusted")
    lines = ["| kind | mistake | cases | " + " | ".join(verdicts) + " |", "| --- | --- |" + " ---: |" * 5]
    for kind, mistake in dict.fromkeys((case.kind, case.mistake) for case in cases):
        counts = Counter(case.verdict for case in cases if (case.kind, case.mistake) == (kind, mistake))
        row = " | ".join(str(counts[verdict]) for verdict in verdicts)
        lines.append(f"| {kind} | {mistake} | {counts.total()} | {row} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, default=6, help="groups of eight scenes for mistakes of wiring")
    parser.add_argument("--attacks", type=int, default=2, help="groups of eight scenes for attacks")
    parser.add_argument("--seed", type=int, default=0, help="of the order of classes")
    parser.add_argument("--out", type=Path, help="JSON file of all cases")
    options = parser.parse_args()
    cases: list[Case] = []
    for found in (segmenters(options.groups, options.seed), detectors(options.groups), attacks(options.attacks)):
        for case in found:
            cases.append(case)
            print(case.kind, case.model, case.mistake, case.group, case.verdict, flush=True)
            if options.out:
                options.out.write_text(json.dumps([asdict(case) for case in cases], indent=1))
    print(table(cases))


if __name__ == "__main__":
    main()
