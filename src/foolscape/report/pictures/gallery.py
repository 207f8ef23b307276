"""The pictures of a report: for each model the images that broke most and the ones that held best."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.metrics.segmentation import VOID
from foolscape.records.conditions import ADVERSARIAL, CLEAN, Condition, largest_bound
from foolscape.records.places import Kind, place_of
from foolscape.records.reader import Run
from foolscape.records.row import AnyRow, Line, rows_of
from foolscape.records.run import ModelRecord
from foolscape.records.types import Object
from foolscape.report.files import Pixels, read_image
from foolscape.report.pictures import figures
from foolscape.report.pictures.figures import SIDE
from foolscape.report.tables.table import TIMES, number
from foolscape.report.task import Drawing, Facts, Loss, View, report_of
from foolscape.tasks.base import task_named

WORST: Final = 4
BEST: Final = 2


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
    """One image of the gallery: its id, what the attack took (None: there was nothing to take), numbers, pictures."""

    id: str
    loss: Loss | None
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


def gallery(run: Run, model: ModelRecord) -> Gallery:
    """The gallery of one model; empty groups where it has no rows."""
    drawing = report_of(model.task).drawing
    return gallery_of(model, chosen(run, model), drawing, facts)


def chosen(run: Run, model: ModelRecord, most: tuple[int, int] = (WORST, BEST)) -> list[tuple[str, list[View]]]:
    """Headings and the images below them, `most` of the weakest and of the strongest; every image where these are all.

    An image in which nothing counts is shown only where there are few others.
    """
    drawing = report_of(model.task).drawing
    found = views(run.directory, run.rows, model, run.record.attack)
    attacked = any(view.attacked for view in found)
    standings = {id(view): drawing.standing(view) for view in found if view.attacked or not attacked}
    ranked = sorted(
        (view for view in found if id(view) in standings),
        key=lambda view: (*standings[id(view)], view.judged.id),
    )
    counted = [view for view in ranked if standings[id(view)][0] < float("inf")]
    if not ranked:
        return []
    worst, best = most
    if len(ranked) <= worst + best:
        return [(f"Every {task_named(model.task).unit}, weakest first", ranked)]
    weak, strong = ("Broke most", "Held best") if attacked else drawing.extremes
    left = counted if len(counted) >= worst + best else ranked
    groups = [(weak, left[:worst]), (strong, left[len(left) - best :][::-1])]
    return [(title, views_) for title, views_ in groups if views_]


def gallery_of(
    model: ModelRecord, groups: Sequence[tuple[str, Sequence[View]]], drawing: Drawing, told: Callable[[View], Facts]
) -> Gallery:
    """The gallery of images that are chosen already, under their headings.

    Args:
        model: of the images.
        groups: headings and the images below them.
        drawing: of the task.
        told: what stands below the pictures of an image.
    """
    seen: set[int] = set()
    shown = tuple((title, tuple(_case(view, told, seen) for view in group)) for title, group in groups)
    return Gallery(model.model, shown, _legend(model, seen), drawing.note)


def views(directory: Path, lines: Iterable[Line], model: ModelRecord, attack: Object) -> list[View]:
    """Every image that a model was measured on, at the largest bound where there are several.

    Args:
        directory: of the run.
        lines: of rows.jsonl.
        model: of the run.
        attack: its settings; empty where images have no attack of their own.
    """
    found = rows_of(lines, model.model)
    largest = largest_bound(row.condition for row in found)
    rows: dict[str, dict[str, AnyRow]] = {}
    for row in found:
        condition = Condition(row.condition)
        if condition.bound in (None, largest):
            rows.setdefault(row.id, {})[condition.name] = row
    return [View(directory, model, attack, conditions, largest) for conditions in rows.values()]


def pictures(view: View, side: int, *, truth: bool) -> Pictures:
    """The image and what the model said of it: six pictures where it was attacked, else two or three.

    Args:
        view: the image.
        side: longer side of each in pixels.
        truth: whether labels, where there are any, stand between the predictions; else what changed stands there.
    """
    drawing = report_of(view.model.task).drawing
    photos, factor = photographs(view, side)
    layers = drawing.layers(view, side)
    labels = Picture("middle", "truth", layers.truth)
    if not view.attacked:
        shown = (*photos, Picture("fooled", drawing.said, layers.clean))
        return Pictures((*shown, labels) if view.with_truth else shown, layers.classes, None)
    changed = Picture("middle", drawing.changed, layers.difference)
    found = (
        *photos,
        Picture("clean", f"{drawing.said}, clean", layers.clean),
        labels if truth and view.with_truth else changed,
        Picture("fooled", f"{drawing.said}, attacked", layers.attacked),
    )
    return Pictures(found, layers.classes, factor)


def photographs(view: View, side: int) -> tuple[tuple[Picture, ...], float | None]:
    """The image, and where it was attacked its change and what came of it; and the magnification of the change."""
    directory, name = view.directory, view.judged.id
    image, what = read_image(directory, place_of(Kind.IMAGE, name)), report_of(view.model.task).drawing.image
    if not view.attacked:
        return (Picture("image", what, _photo(image, side)),), None
    adversarial = read_image(directory, place_of(Kind.IMAGE, name, view.model.slug, view.condition(ADVERSARIAL)))
    change, factor = _change(image, adversarial, side)
    before = Picture("image", f"clean {what}", _photo(image, side))
    return (before, change, Picture("adversarial", f"attacked {what}", _photo(adversarial, side))), factor


def swatches(model: ModelRecord) -> list[tuple[str, str]]:
    """Each class of a model with its colour as CSS."""
    colours = figures.palette(model.colours, len(model.classes))
    return [(str(name), css(colours[min(index, VOID)])) for index, name in enumerate(model.classes)]


def _case(view: View, told: Callable[[View], Facts], seen: set[int]) -> Case:
    shown = pictures(view, SIDE, truth=True)
    seen.update(shown.classes)
    return Case(view.judged.id, loss(view), told(view), tuple(map(figure, shown.pictures)))


def loss(view: View) -> Loss | None:
    """What an attack of its own took from an image; None where there was none, or nothing to take."""
    drawing = report_of(view.model.task).drawing
    return drawing.lost(view) if view.judged.attack is not None and CLEAN in view.rows else None


def facts(view: View) -> Facts:
    """The scores of an image, and what the attack took and changed."""
    drawing = report_of(view.model.task).drawing
    if not view.attacked:
        return drawing.facts(view)
    moved, attack = view.judged.distortion, view.judged.attack
    return (
        *drawing.facts(view),
        ("iterations", number(None if attack is None else attack.iterations, 0)),
        ("Linf", f"{number(None if moved is None else moved.linf_levels, 0)} levels"),
        ("p", f"{number(None if moved is None else 1000 * moved.perceptibility, 2)} {TIMES}10⁻³"),
        ("SSIM", number(None if moved is None else moved.ssim, 4)),
    )


def _photo(pixels: Pixels | None, side: int) -> Pixels | None:
    return None if pixels is None else figures.fitted(pixels, smooth=True, side=side)


def _change(image: Pixels | None, adversarial: Pixels | None, side: int) -> tuple[Picture, float | None]:
    if image is None or adversarial is None or image.shape != adversarial.shape:
        return Picture("change", "change", None), None
    noise = figures.magnified(image, adversarial)
    caption = f"change {TIMES} {noise.factor:.3g}, about mid-grey"
    return Picture("change", caption, figures.fitted(noise.pixels, smooth=False, side=side)), noise.factor


def figure(picture: Picture) -> Figure:
    """A picture as the page holds it."""
    if picture.pixels is None:
        return Figure(picture.slot, picture.caption, None)
    data = figures.data_url(picture.pixels)
    return Figure(picture.slot, picture.caption, data, (picture.pixels.shape[1], picture.pixels.shape[0]))


def _legend(model: ModelRecord, seen: set[int]) -> tuple[Swatch, ...]:
    known = [Swatch(name, colour) for index, (name, colour) in enumerate(swatches(model)) if index in seen]
    void = VOID in seen and len(model.classes) <= VOID
    return (*known, Swatch("void", css(figures.palette([], 0)[VOID]))) if void else tuple(known)


def css(colour: Sequence[int] | Pixels) -> str:
    """A colour as CSS writes it."""
    return "#" + "".join(f"{int(part):02x}" for part in colour[:3])
