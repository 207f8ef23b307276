"""What each task calls its scores, and the sentences that tables say beside their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foolscape.metrics import CONVENTIONS, DETECTION_CONVENTIONS
from foolscape.metrics.box_counts import READABLE
from foolscape.metrics.matching import COCO_DETECTIONS
from foolscape.report.cells import Json

_SENTENCES: Final[dict[str, str]] = {
    "clean": "ORIG: the clean images.",
    "adversarial": "ADVR: the attacked images.",
    "permuted": "PERM: the attack's change with its pixels in random order.",
    "noise": "NOISE: uniform noise within the attack's bound, or of its L2 length where it has none.",
    "eight_bit": "Everything is measured on 8-bit images.",
    "claimed_rate": "Claimed: the attack's own stopping rule.",
}


_GOALS: Final[dict[str, str]] = {
    "untargeted": "{objects} are no longer taken for what they are",
    "mislabel": "{objects} are taken for another class{rest}",
    "vanish": "{objects} are no longer found{rest}",
    "fabricate": "{boxes} are found where nothing is",
}
"""What an attack on a detector is to reach, by the name of its goal."""


@dataclass(frozen=True)
class Words:
    """The words of one task.

    Attributes:
        scores: key in `conditions` of summary.json -> label with unit, in the order of the table.
        headline: the key of the score that sums a model up.
        by_class: the name of the score in `per_class`.
        beside: keys of the conventions that stand below the scores.
        without_labels: what a reader must know where the clean prediction stands for the truth.
        conventions: what a table says where the run has no sentence of its own under that key.
    """

    scores: Mapping[str, str]
    headline: str
    by_class: str
    beside: tuple[str, ...]
    without_labels: str
    conventions: Mapping[str, str]


_WORDS: Final[dict[str, Words]] = {
    "segmentation": Words(
        scores={"mIoU": "mIoU %", "pixel_accuracy": "pixel acc. %"},
        headline="mIoU",
        by_class="IoU",
        beside=("mIoU", "pixel_accuracy", "void", "ci95"),
        without_labels="No labels: scores are against the model's own clean prediction, so ORIG is 100 by "
        "construction.",
        conventions={
            **_SENTENCES,
            **CONVENTIONS,
            "success_rate": "Success: at most 1 % of the counted pixels are still right at 8 bits.",
        },
    ),
    "detection": Words(
        scores={
            "AP": "AP %",
            "AP50": "AP50 %",
            "AP75": "AP75 %",
            "mAP_voc07": "mAP VOC07 %",
            "mAP_voc": "mAP VOC %",
        },
        headline="AP50",
        by_class="AP50",
        beside=("AP", "AP50", "AP75", "mAP_voc07", "mAP_voc", "AP_scores", "ci95"),
        without_labels="No labels: average precision is against the model's own clean detections from a score of "
        f"{READABLE} on, so ORIG is 100 by construction. Only where an image has more than {COCO_DETECTIONS} of these "
        f"of one class are its AP, AP50 and AP75 lower: they look at the {COCO_DETECTIONS} highest scores.",
        conventions={
            **_SENTENCES,
            **DETECTION_CONVENTIONS,
            "success_rate": "Success: every object that was detected on the clean image met the attack's goal at 8 "
            "bits.",
            "readable": f"Boxes are counted and drawn from a score of {READABLE} on.",
        },
    ),
}


def words(summary: Json) -> Words:
    """The words of the task of a summary."""
    return _WORDS[summary["task"]]


def conventions(summary: Json, *names: str) -> tuple[str, ...]:
    """The sentences of the run itself, and ours where it has none."""
    own, ours = summary.get("conventions", {}), words(summary).conventions
    return tuple(str(own.get(name) or ours[name]) for name in names)


def reference_notes(summary: Json) -> tuple[str, ...]:
    """The sentence that a reader must have when no labels were there; empty with labels."""
    return (words(summary).without_labels,) if summary.get("reference") == "clean prediction" else ()


def goal_note(summary: Json) -> tuple[str, ...]:
    """What the attack was to reach; empty where it has no goal that we know."""
    goal, victim = summary["attack"].get("goal"), summary["attack"].get("victim")
    if goal not in _GOALS:
        return ()
    of_class = "" if victim is None else f" of class {victim}"
    rest = "" if victim is None else ", and those of other classes stay as they are"
    wanted = _GOALS[goal].format(objects=f"objects{of_class}", boxes=f"boxes{of_class}", rest=rest)
    return (f"Goal {goal}: {wanted}.",)
