"""The pictures of a report: for each model the images that broke most and the ones that held best."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.segmentation import VOID, Counts, pixel_accuracy
from foolscape.report import figures
from foolscape.report.files import Run, read_image, read_labels
from foolscape.report.tables import TIMES, number

WORST: Final = 4
BEST: Final = 2

Json = Mapping[str, Any]
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Figure:
    """One picture of a case.

    Attributes:
        slot: its place in the grid and its CSS class: image, change, adversarial, clean, middle or fooled.
        caption: a few words.
        data: the PNG as a `data:` address; None where the run did not keep the file.
        size: (width, height) of the PNG.
    """

    slot: str
    caption: str
    data: str | None
    size: tuple[int, int] = (4, 3)


@dataclass(frozen=True)
class Case:
    """One image of the gallery: its id, whether the attack succeeded on it (None: no attack), numbers, pictures."""

    id: str
    success: bool | None
    facts: tuple[tuple[str, str], ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Swatch:
    """A class of the legend and its colour as CSS."""

    name: str
    colour: str


@dataclass(frozen=True)
class Gallery:
    """The cases of one model under their headings, and the classes that occur in them."""

    model: str
    groups: tuple[tuple[str, tuple[Case, ...]], ...]
    legend: tuple[Swatch, ...]


@dataclass(frozen=True)
class _Shown:
    """The arrays of one case; None where a file was not kept."""

    image: Pixels | None
    adversarial: Pixels | None
    clean: Pixels | None
    fooled: Pixels | None
    truth: Pixels | None


def gallery(run: Run, model: Json) -> Gallery:
    """The gallery of one entry of `models` in run.json; empty groups where it has no rows."""
    rows: dict[str, dict[str, Json]] = {}
    for row in run.rows:
        if row.get("slug") == model["slug"] and "counts" in row:
            rows.setdefault(row["name"], {})[row["condition"]] = row
    attacked = any("adversarial" in conditions for conditions in rows.values())
    judged = "adversarial" if attacked else "clean"
    ranked = sorted(
        (conditions for conditions in rows.values() if judged in conditions),
        key=lambda conditions: (_accuracy(conditions[judged], model), conditions[judged]["id"]),
    )
    seen: set[int] = set()
    groups = []
    for title, chosen in _groups(ranked, attacked):
        groups.append((title, tuple(_case(run, model, conditions, seen) for conditions in chosen)))
    return Gallery(model["model"], tuple(groups), _legend(model, seen))


def swatches(model: Json) -> dict[str, str]:
    """The colour of each class of a model as CSS."""
    colours = figures.palette(model["colours"], len(model["classes"]))
    return {name: _css(colours[min(index, VOID)]) for index, name in enumerate(model["classes"])}


def _groups(ranked: list[dict[str, Json]], attacked: bool) -> list[tuple[str, list[dict[str, Json]]]]:
    if not ranked:
        return []
    worst, best = ("Broke most", "Held best") if attacked else ("Lowest accuracy", "Highest accuracy")
    if len(ranked) <= WORST + BEST:
        return [("Every image, weakest first", ranked)]
    return [(worst, ranked[:WORST]), (best, ranked[-BEST:][::-1])]


def _accuracy(row: Json | None, model: Json) -> float:
    if row is None:
        return float("nan")
    value = float(pixel_accuracy(Counts.from_json(row["counts"], len(model["classes"]))))
    return value if np.isfinite(value) else float("inf")  # nothing counted: last in every order


def _case(run: Run, model: Json, conditions: Mapping[str, Json], seen: set[int]) -> Case:
    row = conditions.get("adversarial") or conditions["clean"]
    name, slug = row["name"], model["slug"]
    attacked = "adversarial" in conditions
    truth = read_labels(run.directory, "truth", slug, name)
    shown = _Shown(
        image=read_image(run.directory, "clean", name),
        adversarial=read_image(run.directory, "images", slug, name) if attacked else None,
        clean=read_labels(run.directory, "predictions", slug, "clean", name),
        fooled=read_labels(run.directory, "predictions", slug, "adversarial", name) if attacked else None,
        truth=truth if truth is not None else read_labels(run.directory, "truth", name),
    )
    for labels in (shown.clean, shown.fooled, shown.truth):
        if labels is not None:
            seen.update(np.unique(labels).tolist())
    colours = figures.palette(model["colours"], len(model["classes"]))
    with_truth = run.summary.get("reference") == "truth"
    pictures = _attacked(shown, colours, with_truth) if attacked else _unattacked(shown, colours, with_truth)
    success = row["attack"]["success"] if "attack" in row else None
    return Case(row["id"], success, _facts(conditions, model), pictures)


def _facts(conditions: Mapping[str, Json], model: Json) -> tuple[tuple[str, str], ...]:
    def accuracy(condition: str) -> str:
        return f"{number(_accuracy(conditions.get(condition), model), 1)} %"

    facts = [("pixel accuracy", accuracy("clean"))] if "clean" in conditions else []
    row = conditions.get("adversarial")
    if row is None:
        return tuple(facts)
    facts.append(("attacked", accuracy("adversarial")))
    facts += [("shuffled", accuracy("permuted"))] if "permuted" in conditions else []
    distortion, attack = row.get("distortion", {}), row.get("attack", {})
    return (
        *facts,
        ("iterations", number(attack.get("iterations"), 0)),
        ("Linf", f"{number(distortion.get('linf_levels'), 0)} levels"),
        ("p", f"{number(1000 * distortion.get('perceptibility', float('nan')), 2)} {TIMES}10⁻³"),
        ("SSIM", number(distortion.get("ssim"), 4)),
    )


def _attacked(shown: _Shown, colours: Pixels, with_truth: bool) -> tuple[Figure, ...]:
    middle = _labels("middle", "truth", shown.truth, colours) if with_truth else _changed(shown, colours)
    return (
        _photo("image", "clean image", shown.image),
        _change(shown),
        _photo("adversarial", "attacked image", shown.adversarial),
        _labels("clean", "prediction, clean", shown.clean, colours),
        middle,
        _labels("fooled", "prediction, attacked", shown.fooled, colours),
    )


def _unattacked(shown: _Shown, colours: Pixels, with_truth: bool) -> tuple[Figure, ...]:
    figures_ = [_photo("image", "image", shown.image), _labels("fooled", "prediction", shown.clean, colours)]
    return (*figures_, _labels("middle", "truth", shown.truth, colours)) if with_truth else tuple(figures_)


def _photo(slot: str, caption: str, pixels: Pixels | None) -> Figure:
    return _figure(slot, caption, None if pixels is None else figures.fitted(pixels, smooth=True))


def _labels(slot: str, caption: str, labels: Pixels | None, colours: Pixels) -> Figure:
    pixels = None if labels is None else figures.fitted(figures.coloured(labels, colours), smooth=False)
    return _figure(slot, caption, pixels)


def _change(shown: _Shown) -> Figure:
    if shown.image is None or shown.adversarial is None or shown.image.shape != shown.adversarial.shape:
        return _figure("change", "change", None)
    noise = figures.magnified(shown.image, shown.adversarial)
    caption = f"change {TIMES} {noise.factor:.3g}, about mid-grey"
    return _figure("change", caption, figures.fitted(noise.pixels, smooth=False))


def _changed(shown: _Shown, colours: Pixels) -> Figure:
    if shown.clean is None or shown.fooled is None or shown.clean.shape != shown.fooled.shape:
        return _figure("middle", "where the class changed", None)
    pixels = figures.changed(shown.clean, shown.fooled, colours)
    return _figure("middle", "where the class changed", figures.fitted(pixels, smooth=False))


def _figure(slot: str, caption: str, pixels: Pixels | None) -> Figure:
    if pixels is None:
        return Figure(slot, caption, None)
    data = f"data:image/png;base64,{base64.b64encode(figures.png(pixels)).decode('ascii')}"
    return Figure(slot, caption, data, (pixels.shape[1], pixels.shape[0]))


def _legend(model: Json, seen: set[int]) -> tuple[Swatch, ...]:
    colours = figures.palette(model["colours"], len(model["classes"]))
    names = enumerate(model["classes"])
    known = [Swatch(str(name), _css(colours[index])) for index, name in names if index in seen and index < VOID]
    return (*known, Swatch("void", _css(colours[VOID]))) if VOID in seen else tuple(known)


def _css(colour: Sequence[int] | Pixels) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour[:3])
