"""The pictures of a report: for each model the images that broke most and the ones that held best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.metrics.segmentation import VOID
from foolscape.records.conditions import ADVERSARIAL, CLEAN, largest_bound
from foolscape.records.places import Kind, Layout
from foolscape.records.reader import Run
from foolscape.records.row import Line, rows_of
from foolscape.records.stored import Rows
from foolscape.records.subjects import ModelRecord
from foolscape.records.types import Object
from foolscape.report.files import Pixels, read_image
from foolscape.report.pictures import figures
from foolscape.report.pictures.figures import SIDE
from foolscape.report.pictures.ranking import BEST, WORST, Group, Ranking
from foolscape.report.tables.table import TIMES, number
from foolscape.report.task import Drawing, Facts, ImageView, Loss, report_of

_PHOTOGRAPHS: Final = ("image", "adversarial")
"""Slots of pictures into which nothing is drawn."""


@dataclass(frozen=True)
class Figure:
    """One picture of a case.

    Attributes:
        slot: its place in the grid and its CSS class: image, change, adversarial, clean, middle or fooled.
        caption: a few words.
        data: the picture as a `data:` address; None where the run did not keep the file.
        size: (width, height) of the picture.
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
class CaptionedPicture:
    """A picture before it is a file: as `Figure`, with `pixels` (H, W, 3), None where they were not kept."""

    slot: str
    caption: str
    pixels: Pixels | None


@dataclass(frozen=True)
class ImagePictures:
    """The pictures of one image in reading order, and the classes and the magnification of the change in them."""

    pictures: tuple[CaptionedPicture, ...]
    classes: frozenset[int]
    factor: float | None


def gallery(run: Run, model: ModelRecord) -> Gallery:
    """The gallery of one model; empty groups where it has no rows."""
    drawing = report_of(model.task).drawing
    return gallery_of(model, chosen(run, model), drawing, facts)


def chosen(run: Run, model: ModelRecord, most: tuple[int, int] = (WORST, BEST)) -> list[Group]:
    """Headings and the images below them, `most` of the weakest and of the strongest; every image where these are all.

    An image in which nothing counts is shown only where there are few others.
    """
    ranking = Ranking(model.task, *most)
    for view in views(run.directory, run.rows, model, run.record.attack, run.record.layout):
        ranking.add(view)
    return ranking.groups()


def gallery_of(
    model: ModelRecord,
    groups: Sequence[tuple[str, Sequence[ImageView]]],
    drawing: Drawing,
    facts_of: Callable[[ImageView], Facts],
) -> Gallery:
    """The gallery of images that are chosen already, under their headings.

    Args:
        model: of the images.
        groups: headings and the images below them.
        drawing: of the task.
        facts_of: what stands below the pictures of an image.
    """
    labels: set[int] = set()
    cases = tuple((title, tuple(_case(view, facts_of, labels) for view in group)) for title, group in groups)
    return Gallery(model.model, cases, _legend(model, labels), drawing.note)


def views(directory: Path, rows: Rows, model: ModelRecord, attack: Object, layout: Layout) -> Iterator[ImageView]:
    """Every image that a model was measured on, at the largest bound where there are several, one after the other.

    Args:
        directory: of the run.
        rows: of the run.
        model: of the run.
        attack: its settings; empty where images have no attack of their own.
        layout: where the files of the run lie.
    """
    found = (view_of(directory, lines, model, attack, layout) for lines in rows.samples(model.model))
    return (view for view in found if view is not None)


def view_of(
    directory: Path, lines: Sequence[Line], model: ModelRecord, attack: Object, layout: Layout
) -> ImageView | None:
    """As `views`, of one image, of which `lines` are all rows of the model; None where it was not measured."""
    measured = rows_of(lines)
    largest = largest_bound(row.condition for row in measured)
    conditions = {row.condition.name: row for row in measured if row.condition.bound in (None, largest)}
    return ImageView(directory, model, attack, conditions, largest, layout) if conditions else None


def pictures(view: ImageView, side: int, *, truth: bool) -> ImagePictures:
    """The image and what the model said of it: six pictures where it was attacked, else two or three.

    Args:
        view: the image.
        side: longer side of each in pixels.
        truth: whether labels, where there are any, stand between the predictions; else what changed stands there.
    """
    drawing = report_of(view.model.task).drawing
    photos, factor = photographs(view, side)
    layers = drawing.layers(view, side)
    labels = CaptionedPicture("middle", "truth", layers.truth)
    if not view.attacked:
        row = (*photos, CaptionedPicture("fooled", drawing.prediction, layers.clean))
        return ImagePictures((*row, labels) if view.with_truth else row, layers.classes, None)
    changed = CaptionedPicture("middle", drawing.changed, layers.difference)
    six = (
        *photos,
        CaptionedPicture("clean", f"{drawing.prediction}, clean", layers.clean),
        labels if truth and view.with_truth else changed,
        CaptionedPicture("fooled", f"{drawing.prediction}, attacked", layers.attacked),
    )
    return ImagePictures(six, layers.classes, factor)


def photographs(view: ImageView, side: int) -> tuple[tuple[CaptionedPicture, ...], float | None]:
    """The image, and where it was attacked its change and what came of it; and the magnification of the change."""
    directory = view.directory
    image, noun = read_image(directory, view.place(Kind.IMAGE)), report_of(view.model.task).drawing.image
    if not view.attacked:
        return (CaptionedPicture("image", noun, _photo(image, side)),), None
    adversarial = read_image(directory, view.place(Kind.IMAGE, view.model.slug, view.condition(ADVERSARIAL)))
    change, factor = _change(image, adversarial, side)
    before = CaptionedPicture("image", f"clean {noun}", _photo(image, side))
    return (before, change, CaptionedPicture("adversarial", f"attacked {noun}", _photo(adversarial, side))), factor


def swatches(model: ModelRecord) -> list[tuple[str, str]]:
    """Each class of a model with its colour as CSS."""
    colours = figures.palette(model.colours, len(model.classes))
    return [(str(name), css(colours[min(index, VOID)])) for index, name in enumerate(model.classes)]


def _case(view: ImageView, facts_of: Callable[[ImageView], Facts], labels: set[int]) -> Case:
    drawn = pictures(view, SIDE, truth=True)
    labels.update(drawn.classes)
    return Case(view.judged.id, loss(view), facts_of(view), tuple(map(figure, drawn.pictures)))


def loss(view: ImageView) -> Loss | None:
    """What an attack of its own took from an image; None where there was none, or nothing to take."""
    drawing = report_of(view.model.task).drawing
    return drawing.lost(view) if view.judged.attack is not None and CLEAN in view.rows else None


def facts(view: ImageView) -> Facts:
    """The scores of an image, and what the attack took and changed."""
    drawing = report_of(view.model.task).drawing
    if not view.attacked:
        return drawing.facts(view)
    distortion, attack = view.judged.distortion, view.judged.attack
    return (
        *drawing.facts(view),
        ("iterations", number(None if attack is None else attack.iterations, 0)),
        ("Linf", f"{number(None if distortion is None else distortion.linf_levels, 0)} levels"),
        ("p", f"{number(None if distortion is None else 1000 * distortion.perceptibility, 2)} {TIMES}10⁻³"),
        ("SSIM", number(None if distortion is None else distortion.ssim, 4)),
    )


def _photo(pixels: Pixels | None, side: int) -> Pixels | None:
    return None if pixels is None else figures.fitted(pixels, smooth=True, side=side)


def _change(image: Pixels | None, adversarial: Pixels | None, side: int) -> tuple[CaptionedPicture, float | None]:
    if image is None or adversarial is None or image.shape != adversarial.shape:
        return CaptionedPicture("change", "change", None), None
    noise = figures.magnified(image, adversarial)
    caption = f"change {TIMES} {noise.factor:.3g}, about mid-grey"
    return CaptionedPicture("change", caption, figures.fitted(noise.pixels, smooth=False, side=side)), noise.factor


def figure(picture: CaptionedPicture) -> Figure:
    """A picture as the page holds it."""
    if picture.pixels is None:
        return Figure(picture.slot, picture.caption, None)
    data = figures.data_url(picture.pixels, photograph=picture.slot in _PHOTOGRAPHS)
    return Figure(picture.slot, picture.caption, data, (picture.pixels.shape[1], picture.pixels.shape[0]))


def _legend(model: ModelRecord, labels: set[int]) -> tuple[Swatch, ...]:
    known = [Swatch(name, colour) for index, (name, colour) in enumerate(swatches(model)) if index in labels]
    void = VOID in labels and len(model.classes) <= VOID
    return (*known, Swatch("void", css(figures.palette([], 0)[VOID]))) if void else tuple(known)


def css(colour: Sequence[int] | Pixels) -> str:
    """A colour as CSS writes it."""
    return "#" + "".join(f"{int(part):02x}" for part in colour[:3])
