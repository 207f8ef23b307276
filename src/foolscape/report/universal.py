"""The report of a universal perturbation: its figures, the pattern, and images before and after."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from safetensors.numpy import load_file

from foolscape.report.cells import CONDITIONS, Cell, Json, Table, images, known, number
from foolscape.report.figures import coloured, data_url, palette, png
from foolscape.report.files import read_image, read_labels, read_object, write_text
from foolscape.report.html import template
from foolscape.report.render import show, write_tables

KIND: Final = "universal"
_SHOWN: Final = 6
_ROWS: Final = {
    "hidden": ("hidden %", "hidden_per_image"),
    "preserved": ("preserved %", "preserved_per_image"),
    "preserved_without": ("preserved without %", None),
    "success": ("success %", "success_per_image"),
    "mIoU": ("mIoU %", None),
    "pixel_accuracy": ("pixel acc. %", None),
}
"""Key of a condition -> its label, and the key of its mean over images."""


@dataclass(frozen=True)
class Pair:
    """A test image: its name, and pictures as data URLs with their captions."""

    name: str
    pictures: tuple[tuple[str, str], ...]


def print_universal(directory: Path, console: Console) -> None:
    """Print the tables of the finished run in `directory`."""
    show(universal_tables(_summary(directory)), console)


def write_universal_texts(directory: Path) -> dict[str, str]:
    """Write report.md and report.tex of the finished run in `directory`; the texts by suffix."""
    return write_tables(directory, universal_tables(_summary(directory)))


def universal_tables(summary: Json) -> tuple[Table, ...]:
    """Scores under every condition, and the classes before and after."""
    conditions = summary["conditions"]
    shown = [name for name in CONDITIONS if name in conditions]
    headers = (Cell("score"), *(Cell(CONDITIONS[name]) for name in shown))
    rows = []
    for key, (label, mean) in _ROWS.items():
        if any(known(conditions[name].get(key)) is not None for name in shown):
            cells = [_score(conditions[name], key, mean) for name in shown]
            rows.append((Cell(label), *cells))
    training = summary["training"]
    title = f"{summary['target']}, {summary['model']}, {images(summary['test']['measured'])}"
    spent = f"Learnt in {training['epochs']} epochs, {training['gradient_evaluations']} gradient evaluations."
    small = "Small: the mean over images."
    notes = (*(str(text) for text in summary["conventions"].values()), small, spent)
    return Table("universal", title, headers, tuple(rows), notes), _classes(summary)


def write_universal_report(directory: Path) -> Path:
    """Write report.html and pattern.png of the finished run in `directory`; the page's path."""
    summary = _summary(directory)
    settings = read_object(directory / "run.json", "Name the folder that `foolscape universal` was given as --out.")
    values = load_file(directory / "perturbation.safetensors")["tile"]
    factor = 127 / max(float(np.abs(values).max()) * 255, 1e-9)
    pattern = np.clip(np.rint(127.5 + factor * 255 * values.transpose(1, 2, 0)), 0, 255).astype(np.uint8)
    (directory / "pattern.png").write_bytes(png(pattern))
    path = directory / "report.html"
    page = template("universal.html.j2").render(
        summary=summary,
        tables=universal_tables(summary),
        pattern=data_url(pattern),
        factor=number(factor, 1),
        curve=_curve(summary["training"]["losses"]),
        pairs=_pairs(directory, settings),
        command=shlex.join(str(word) for word in settings.get("command", ())),
        version=settings.get("foolscape", ""),
    )
    write_text(path, page)
    return path


def _score(scores: Json, key: str, mean: str | None) -> Cell:
    beside = None if mean is None else known(scores.get(mean))
    return Cell(number(scores.get(key), 1), () if beside is None else (number(beside, 1),))


def _classes(summary: Json) -> Table:
    conditions = summary["conditions"]
    before, after = conditions["clean"]["per_class"], conditions["adversarial"]["per_class"]
    rows = tuple((Cell(name), Cell(number(before[name], 1)), Cell(number(after[name], 1))) for name in before)
    return Table("classes", "IoU by class", (Cell("class"), Cell("ORIG", ("%",)), Cell("ADVR", ("%",))), rows)


def _curve(losses: list[float]) -> str:
    """Points of a polyline in a box of 600 x 120, from the first epoch to the last."""
    if len(losses) < 2:
        return ""
    low, high = min(losses), max(losses)
    span = (high - low) or 1.0
    last = len(losses) - 1
    return " ".join(f"{600 * i / last:.1f},{115 - 110 * (loss - low) / span:.1f}" for i, loss in enumerate(losses))


def _pairs(directory: Path, settings: Json) -> tuple[Pair, ...]:
    colours = palette(settings["colours"], len(settings["classes"]))
    pairs = []
    for sample in settings["samples"][:_SHOWN]:
        name = sample["name"]
        found: list[tuple[str, NDArray[np.uint8] | None]] = [
            ("clean image", read_image(directory, "clean", name)),
            ("with the pattern", read_image(directory, "images", name)),
        ]
        for condition, caption in (("clean", "segmentation, clean"), ("adversarial", "segmentation, with the pattern")):
            labels = read_labels(directory, "predictions", condition, name)
            found.append((caption, None if labels is None else coloured(labels, colours)))
        kept = tuple((caption, data_url(pixels)) for caption, pixels in found if pixels is not None)
        if kept:
            pairs.append(Pair(sample["id"], kept))
    return tuple(pairs)


def _summary(directory: Path) -> dict[str, Any]:
    return read_object(directory / "summary.json", "Name the folder that `foolscape universal` was given as --out.")
