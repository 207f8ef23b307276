"""How a detection run shows its images: boxes in class colours, with class and score."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from foolscape.metrics.box_counts import IOU, READABLE, count_boxes
from foolscape.metrics.boxes import Detected, Truth, everywhere, pairwise_iou
from foolscape.metrics.matching import COCO_DETECTIONS
from foolscape.metrics.sample import Sample
from foolscape.metrics.slices.objects import OBJECTS_FOUND
from foolscape.records.conditions import ADVERSARIAL, CLEAN, PERMUTED
from foolscape.records.places import Kind
from foolscape.records.subjects import ModelRecord
from foolscape.report.files import Pixels, read_image
from foolscape.report.pictures import figures
from foolscape.report.pictures.boxes import TAGS, Mark, draw_boxes
from foolscape.report.tables.boxes import FATES
from foolscape.report.tables.table import counted
from foolscape.report.task import Drawing, Facts, ImageView, Layers, Loss, TaskReport


def _standing(view: ImageView) -> tuple[float, ...]:
    """The share of the objects that are kept, of the attacked class if there is one; then the fewest invented boxes."""
    counts = _counts(view, view.judged.sample, _only_class(view))
    objects = _objects(counts)
    return counts["kept"] / objects if objects else float("inf"), -counts["fabricated"]


def _facts(view: ImageView) -> Facts:
    facts = [("objects", str(_objects(_counts(view, view.judged.sample, None))))]
    for condition, title in {CLEAN: "clean", ADVERSARIAL: "attacked", PERMUTED: "shuffled"}.items():
        if condition in view.rows:
            counts = _counts(view, view.rows[condition].sample, None)
            facts.append((title, ", ".join(f"{counts[fate]} {fate}" for fate in FATES)))
    if (only_class := _only_class(view)) is not None:
        clean, after = (_counts(view, view.rows[c].sample, only_class)["kept"] for c in (CLEAN, ADVERSARIAL))
        of = f"of {_objects(_counts(view, view.judged.sample, only_class))} kept"
        facts.append(("of the attacked class", f"{after} {of}, {clean} before"))
    return tuple(facts)


def _lost(view: ImageView) -> Loss | None:
    """Of the objects that were found, of the attacked class if there is one; of `fabricate` the boxes that came up."""
    before, after = (_counts(view, view.rows[name].sample, _only_class(view)) for name in (CLEAN, ADVERSARIAL))
    if view.attack.get("goal") == "fabricate":
        more = max(after["fabricated"] - before["fabricated"], 0)
        return Loss(f"{more} more box{'es' * (more != 1)} invented", float(more > 0))
    if not before["kept"]:
        return None
    lost = max(before["kept"] - after["kept"], 0)
    return Loss(f"lost {lost} of {counted(before['kept'], 'found object')}", lost / before["kept"])


def _layers(view: ImageView, side: int) -> Layers:
    directory = view.directory
    truth: Truth = view.judged.sample.truth
    clean = _readable(view.rows[CLEAN].measured) if CLEAN in view.rows else None
    after = _readable(view.rows[ADVERSARIAL].measured) if view.attacked else None
    photo = read_image(directory, view.place(Kind.IMAGE))
    attacked = None
    if view.attacked:
        place = view.place(Kind.IMAGE, view.model.slug, view.condition(ADVERSARIAL))
        attacked = read_image(directory, place)

    def with_boxes(pixels: Pixels | None, marks: list[Mark] | None) -> Pixels | None:
        return None if pixels is None or marks is None else draw_boxes(pixels, marks, side)

    lost = [] if after is None else np.flatnonzero(~_still_found(truth, after)).tolist()
    labels = [truth.labels, *(boxes.labels for boxes in (clean, after) if boxes is not None)]
    return Layers(
        clean=with_boxes(photo, None if clean is None else _detections(view.model, clean)),
        attacked=with_boxes(attacked, None if after is None else _detections(view.model, after)),
        truth=with_boxes(photo, _reference(view.model, truth, list(range(len(truth.labels))))),
        difference=with_boxes(photo, _reference(view.model, truth, lost)),
        classes=frozenset(int(label) for label in np.concatenate(labels)),
    )


def _still_found(reference: Truth, detected: Detected) -> NDArray[np.bool_]:
    """(K,): which reference objects a detection of their class overlaps."""
    fits = pairwise_iou(reference.boxes, detected.boxes) >= IOU
    still: NDArray[np.bool_] = (fits & (reference.labels[:, None] == detected.labels[None])).any(axis=1)
    return still


def _detections(model: ModelRecord, detected: Detected) -> list[Mark]:
    order = np.argsort(-detected.scores, kind="stable")
    return [_mark(model, detected.boxes[i], int(detected.labels[i]), f"{detected.scores[i]:.2f}") for i in order]


def _reference(model: ModelRecord, truth: Truth, chosen: list[int]) -> list[Mark]:
    """The objects, the smallest on top; those that no score counts say so; regions without an end are not drawn."""
    remarks = np.where(truth.crowd, "crowd", np.where(truth.difficult, "difficult", ""))
    endless = everywhere(truth)
    chosen = sorted((i for i in chosen if not endless[i]), key=lambda i: float(truth.area[i]))
    return [_mark(model, truth.boxes[i], int(truth.labels[i]), str(remarks[i])) for i in chosen]


def _mark(model: ModelRecord, box: NDArray[np.float64], label: int, value: str) -> Mark:
    names = model.classes
    red, green, blue = figures.palette(model.colours, len(names))[min(label, 255)].tolist()
    return Mark(box, (red, green, blue), str(names[label]), value)


def _readable(detected: Detected) -> Detected:
    readable = detected.scores >= READABLE
    return Detected(detected.boxes[readable], detected.scores[readable], detected.labels[readable])


def _counts(view: ImageView, sample: Sample[Truth, Detected], only: int | None) -> dict[str, int]:
    """What became of the boxes of a row, of all classes or of one."""
    counts = count_boxes(sample.truth, sample.measured, len(view.model.classes), READABLE)
    chosen = slice(None) if only is None else slice(only, only + 1)
    return {fate: int(getattr(counts, fate)[chosen].sum()) for fate in FATES}


def _objects(counts: dict[str, int]) -> int:
    return counts["kept"] + counts["mislabelled"] + counts["vanished"]


def _only_class(view: ImageView) -> int | None:
    name = view.attack.get("only_class")
    return None if name is None else int(view.model.classes.index(name))


_DRAWING: Final = Drawing(
    prediction="detections",
    changed="clean detections that are lost",
    extremes=("Fewest objects found", "Most objects found"),
    note=f"Boxes from a score of {READABLE} on; where tags would cover each other, and behind the {TAGS} highest "
    "scores, the colour alone tells the class.",
    truth_in_panel=True,
    standing=_standing,
    facts=_facts,
    lost=_lost,
    layers=_layers,
)

RECORD: Final = TaskReport(
    _DRAWING,
    without_labels="No labels: average precision is against the model's own clean detections from a score of "
    f"{READABLE} on, so the clean score is 100 by construction. Only where an image has more than {COCO_DETECTIONS} of "
    f"these of one class are its AP, AP50 and AP75 lower: they look at the {COCO_DETECTIONS} highest scores.",
    success="Success: every object that was detected on the clean image met the attack's goal at 8 bits.",
    target="clean detection",
    part_score=OBJECTS_FOUND,
)
