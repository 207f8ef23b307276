"""What each task calls its scores, and the sentences that tables say beside their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from foolscape.metrics import CONVENTIONS, DETECTION_CONVENTIONS, VIDEO_CONVENTIONS, YOUTUBE_VOS_CONVENTIONS
from foolscape.metrics.box_counts import READABLE
from foolscape.metrics.matching import COCO_DETECTIONS
from foolscape.report.tables.table import Json

_SENTENCES: Final[dict[str, str]] = {
    "clean": "Clean (ORIG in Xie et al. 2017): the images as they are.",
    "adversarial": "Attacked (ADVR): the images with the attack's change.",
    "permuted": "Same change, shuffled (PERM): the attack's change with its pixels in random order.",
    "noise": "Random noise: uniform, within the attack's bound, or of its L2 length where it has none.",
    "eight_bit": "Everything is measured on 8-bit images.",
    "claimed_rate": "Claimed: the attack's own stopping rule.",
}


_GOALS: Final[dict[str, str]] = {
    "untargeted": "{objects} are no longer taken for what they are",
    "mislabel": "{objects} are taken for another class{rest}",
    "vanish": "{objects} are no longer found{rest}",
    "vanish-only": "{objects} are no longer found, nothing appears elsewhere{rest}",
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
        unit: the noun of a sample.
        where: what of a sample the attack changes, to be said behind by how much; empty if that is all of it.
        parts: the noun of what a score is broken down to.
        parts_note: the key of the convention that stands below that.
        further: as `scores`, for a second table; empty if there is none.
        further_title: of that table.
        further_beside: keys of the conventions that stand below it.
        undefined: why there may be no `headline` score.
    """

    scores: Mapping[str, str]
    headline: str
    by_class: str
    beside: tuple[str, ...]
    without_labels: str
    conventions: Mapping[str, str]
    unit: str = "image"
    where: str = ""
    parts: str = "class"
    parts_note: str = "per_class"
    further: Mapping[str, str] = field(default_factory=dict)
    further_title: str = ""
    further_beside: tuple[str, ...] = ()
    undefined: str = "nothing in them counts"


_VIDEO_SENTENCES: Final[dict[str, str]] = {
    **_SENTENCES,
    "clean": "Clean (ORIG in Xie et al. 2017): the clips as they are.",
    "adversarial": "Attacked (ADVR): the first frame attacked, all later frames as they were.",
    "permuted": "Same change, shuffled (PERM): the change of the first frame with its pixels in random order.",
    "noise": "Random noise: uniform, on the first frame, within the attack's bound, or of its L2 length without.",
    "success_rate": "Success: by the run's own rule, at 8 bits.",
}
_VIDEO_WITHOUT_LABELS: Final = (
    "No labels: scores are against the model's own tracking of the clean clip, so the clean score is 100 by "
    "construction."
)
_YOUTUBE_VOS: Final = "youtube-vos"
"""The key of the words for clips that are scored by the measure of YouTube-VOS."""

_WORDS: Final[dict[str, Words]] = {
    "segmentation": Words(
        scores={"mIoU": "mIoU %", "pixel_accuracy": "pixel acc. %"},
        headline="mIoU",
        by_class="IoU",
        beside=("mIoU", "pixel_accuracy", "void", "ci95"),
        without_labels="No labels: scores are against the model's own clean prediction, so the clean score is 100 by "
        "construction.",
        conventions={
            **_SENTENCES,
            **CONVENTIONS,
            "success_rate": "Success: by the run's own rule, at 8 bits.",
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
        f"{READABLE} on, so the clean score is 100 by construction. Only where an image has more than "
        f"{COCO_DETECTIONS} of these of one class are its AP, AP50 and AP75 lower: they look at the "
        f"{COCO_DETECTIONS} highest scores.",
        conventions={
            **_SENTENCES,
            **DETECTION_CONVENTIONS,
            "success_rate": "Success: every object that was detected on the clean image met the attack's goal at 8 "
            "bits.",
            "readable": f"Boxes are counted and drawn from a score of {READABLE} on.",
        },
    ),
    "video": Words(
        scores={"J&F": "J&F %", "J": "J %", "F": "F %"},
        headline="J&F",
        by_class="J&F",
        beside=("J", "F", "J&F", "ci95"),
        without_labels=_VIDEO_WITHOUT_LABELS,
        conventions={**VIDEO_CONVENTIONS, **_VIDEO_SENTENCES},
        unit="clip",
        where=" to the first frame",
        parts="object",
        parts_note="per_object",
        further={
            "J_recall": "J recall %",
            "F_recall": "F recall %",
            "J_decay": "J decay",
            "F_decay": "F decay",
        },
        further_title="Recall and decay",
        further_beside=("recall", "decay"),
    ),
    _YOUTUBE_VOS: Words(
        scores={
            "G": "G %",
            "J_seen": "J seen %",
            "F_seen": "F seen %",
            "J_unseen": "J unseen %",
            "F_unseen": "F unseen %",
        },
        headline="G",
        by_class="J&F",
        beside=("J", "F", "G", "seen", "ci95"),
        without_labels=_VIDEO_WITHOUT_LABELS,
        conventions={**YOUTUBE_VOS_CONVENTIONS, **_VIDEO_SENTENCES},
        unit="clip",
        where=" to the first frame",
        parts="object",
        parts_note="per_object",
        undefined="seen or unseen categories have no object in them",
    ),
}


def words(summary: Json) -> Words:
    """The words of the task of a summary; those of a video depend on the measure."""
    return _WORDS[_YOUTUBE_VOS if summary["task"] == "video" and _has_overall(summary) else summary["task"]]


def conventions(summary: Json, *names: str) -> tuple[str, ...]:
    """The sentences of the run itself, and ours where it has none."""
    own, ours = summary.get("conventions", {}), words(summary).conventions
    return tuple(str(own.get(name) or ours[name]) for name in names)


def reference_notes(summary: Json) -> tuple[str, ...]:
    """The sentence that a reader must have when no labels were there; empty with labels."""
    return (words(summary).without_labels,) if summary.get("reference") == "clean prediction" else ()


def unfinished(summary: Json) -> str:
    """How far an unfinished run is, such as `unfinished: 7 of 40 images`; empty where it has finished."""
    parts, unit = summary.get("unfinished", ()), words(summary).unit
    if not parts:
        return ""
    done, of = (sum(part[key] for part in parts) for key in ("done", "of"))
    models = f", of {len(parts)} models together" if len(parts) > 1 else ""
    return f"unfinished: {done} of {of} {unit}s{models}"


def goal_note(summary: Json) -> tuple[str, ...]:
    """What the attack was to reach; empty where it has no goal that we know."""
    goal, victim = summary["attack"].get("goal"), summary["attack"].get("victim")
    if goal not in _GOALS:
        return ()
    of_class = "" if victim is None else f" of class {victim}"
    rest = "" if victim is None else ", and those of other classes stay as they are"
    wanted = _GOALS[goal].format(objects=f"objects{of_class}", boxes=f"boxes{of_class}", rest=rest)
    return (f"Goal {goal}: {wanted}.",)


def _has_overall(summary: Json) -> bool:
    """Whether the scores of a video, or the sentences about them, are those of YouTube-VOS."""
    measured = (condition for model in summary["models"] for condition in model["conditions"].values())
    return "G" in summary.get("conventions", {}) or any("G" in condition for condition in measured)
