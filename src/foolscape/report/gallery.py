"""The pictures of a report: for each model the images that broke most and the ones that held best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foolscape.metrics.segmentation import VOID
from foolscape.report import figures
from foolscape.report.cells import TIMES, Json, number
from foolscape.report.detection import DETECTION
from foolscape.report.figures import SIDE, Pixels
from foolscape.report.files import Run, read_image
from foolscape.report.segmentation import SEGMENTATION
from foolscape.report.view import Drawing, Facts, View

WORST: Final = 4
BEST: Final = 2
DRAWINGS: Final[dict[str, Drawing]] = {"segmentation": SEGMENTATION, "detection": DETECTION}
"""By the name of the task."""


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
    """One image of the gallery: its id, whether the attack succeeded (None: nothing to judge), numbers, pictures."""

    id: str
    success: bool | None
    facts: Facts
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Swatch:
    """A class of the legend and its colour as CSS."""

    name: str
    colour: str


@dataclass(frozen=True)
class Gallery:
    """The cases of one model under their headings, the classes that occur in them, and what a reader must know."""

    model: str
    groups: tuple[tuple[str, tuple[Case, ...]], ...]
    legend: tuple[Swatch, ...]
    note: str


@dataclass(frozen=True)
class Picture:
    """A picture before it is a file: as `Figure`, with `pixels` (H, W, 3), None where they were not kept."""

    slot: str
    caption: str
    pixels: Pixels | None


@dataclass(frozen=True)
class Pictures:
    """The pictures of one image in reading order, and the classes and the magnification of the change in them."""

    pictures: tuple[Picture, ...]
    classes: frozenset[int]
    factor: float | None


def gallery(run: Run, model: Json) -> Gallery:
    """The gallery of one entry of `models` in run.json; empty groups where it has no rows."""
    drawing = DRAWINGS[run.summary["task"]]
    found = views(run, model)
    attacked = any(view.attacked for view in found)
    standings = {id(view): drawing.standing(view) for view in found if view.attacked or not attacked}
    ranked = sorted(
        (view for view in found if id(view) in standings),
        key=lambda view: (*standings[id(view)], view.judged["id"]),
    )
    counted = [view for view in ranked if standings[id(view)][0] < float("inf")]
    groups = _groups(ranked, counted, drawing, attacked)
    return gallery_of(model, groups, drawing, lambda view: _facts(view, drawing))


def gallery_of(
    model: Json, groups: Sequence[tuple[str, Sequence[View]]], drawing: Drawing, facts: Callable[[View], Facts]
) -> Gallery:
    """The gallery of images that are chosen already, under their headings.

    Args:
        model: an entry of `models` in run.json.
        groups: headings and the images below them.
        drawing: of the task.
        facts: what stands below the pictures of an image.
    """
    seen: set[int] = set()
    shown = tuple((title, tuple(_case(view, facts, seen) for view in chosen)) for title, chosen in groups)
    return Gallery(model["model"], shown, _legend(model, seen), drawing.note)


def views(run: Run, model: Json) -> list[View]:
    """Every image that an entry of `models` in run.json was measured on."""
    measured = DRAWINGS[run.summary["task"]].measured
    rows: dict[str, dict[str, Json]] = {}
    for row in run.rows:
        if row.get("slug") == model["slug"] and measured in row:
            rows.setdefault(row["name"], {})[row["condition"]] = row
    return [View(run, model, conditions) for conditions in rows.values()]


def pictures(view: View, side: int, *, truth: bool) -> Pictures:
    """The image and what the model said of it: six pictures where it was attacked, else two or three.

    Args:
        view: the image.
        side: longer side of each in pixels.
        truth: whether labels, where there are any, stand between the predictions; else what changed stands there.
    """
    drawing = DRAWINGS[view.run.summary["task"]]
    directory, name = view.run.directory, view.judged["name"]
    image = read_image(directory, "clean", name)
    layers = drawing.layers(view, side)
    labels = Picture("middle", "truth", layers.truth)
    if not view.attacked:
        shown = (Picture("image", "image", _photo(image, side)), Picture("fooled", drawing.said, layers.clean))
        return Pictures((*shown, labels) if view.with_truth else shown, layers.classes, None)
    adversarial = read_image(directory, "images", view.model["slug"], name)
    changed = Picture("middle", drawing.changed, layers.difference)
    change, factor = _change(image, adversarial, side)
    found = (
        Picture("image", "clean image", _photo(image, side)),
        change,
        Picture("adversarial", "attacked image", _photo(adversarial, side)),
        Picture("clean", f"{drawing.said}, clean", layers.clean),
        labels if truth and view.with_truth else changed,
        Picture("fooled", f"{drawing.said}, attacked", layers.attacked),
    )
    return Pictures(found, layers.classes, factor)


def swatches(model: Json) -> list[tuple[str, str]]:
    """Each class of a model with its colour as CSS."""
    colours = figures.palette(model["colours"], len(model["classes"]))
    return [(str(name), _css(colours[min(index, VOID)])) for index, name in enumerate(model["classes"])]


def _groups(ranked: list[View], counted: list[View], drawing: Drawing, attacked: bool) -> list[tuple[str, list[View]]]:
    """Headings and their images; one in which nothing counts is shown only where there are few others."""
    if not ranked:
        return []
    if len(ranked) <= WORST + BEST:
        return [("Every image, weakest first", ranked)]
    worst, best = ("Broke most", "Held best") if attacked else drawing.extremes
    chosen = counted if len(counted) >= WORST + BEST else ranked
    return [(worst, chosen[:WORST]), (best, chosen[-BEST:][::-1])]


def _case(view: View, facts: Callable[[View], Facts], seen: set[int]) -> Case:
    shown = pictures(view, SIDE, truth=True)
    seen.update(shown.classes)
    success = view.judged.get("attack", {}).get("success")
    return Case(view.judged["id"], success, facts(view), tuple(map(_figure, shown.pictures)))


def _facts(view: View, drawing: Drawing) -> Facts:
    if not view.attacked:
        return drawing.facts(view)
    distortion, attack = view.judged.get("distortion", {}), view.judged.get("attack", {})
    return (
        *drawing.facts(view),
        ("iterations", number(attack.get("iterations"), 0)),
        ("Linf", f"{number(distortion.get('linf_levels'), 0)} levels"),
        ("p", f"{number(1000 * distortion.get('perceptibility', float('nan')), 2)} {TIMES}10⁻³"),
        ("SSIM", number(distortion.get("ssim"), 4)),
    )


def _photo(pixels: Pixels | None, side: int) -> Pixels | None:
    return None if pixels is None else figures.fitted(pixels, smooth=True, side=side)


def _change(image: Pixels | None, adversarial: Pixels | None, side: int) -> tuple[Picture, float | None]:
    if image is None or adversarial is None or image.shape != adversarial.shape:
        return Picture("change", "change", None), None
    noise = figures.magnified(image, adversarial)
    caption = f"change {TIMES} {noise.factor:.3g}, about mid-grey"
    return Picture("change", caption, figures.fitted(noise.pixels, smooth=False, side=side)), noise.factor


def _figure(picture: Picture) -> Figure:
    if picture.pixels is None:
        return Figure(picture.slot, picture.caption, None)
    data = figures.data_url(picture.pixels)
    return Figure(picture.slot, picture.caption, data, (picture.pixels.shape[1], picture.pixels.shape[0]))


def _legend(model: Json, seen: set[int]) -> tuple[Swatch, ...]:
    known = [Swatch(name, colour) for index, (name, colour) in enumerate(swatches(model)) if index in seen]
    void = VOID in seen and len(model["classes"]) <= VOID
    return (*known, Swatch("void", _css(figures.palette([], 0)[VOID]))) if void else tuple(known)


def _css(colour: Sequence[int] | Pixels) -> str:
    return "#" + "".join(f"{int(part):02x}" for part in colour[:3])
