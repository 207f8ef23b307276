"""What a task must say for its images to be shown: how to rank them, what to write below, what to draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from foolscape.by_name import record_of
from foolscape.metrics.score import Score
from foolscape.records.conditions import ADVERSARIAL, CLEAN, Condition
from foolscape.records.places import ONE_FOLDER, Kind, Layout
from foolscape.records.reader import Run
from foolscape.records.row import AnyRow
from foolscape.records.subjects import TRUTH, ModelRecord
from foolscape.records.types import Object
from foolscape.report.files import Pixels

_MUCH: Final = 0.5
_LITTLE: Final = 0.1
"""Shares of what was right that are much and little to lose."""

Facts = tuple[tuple[str, str], ...]
"""Names and values, as they stand below the pictures."""


@dataclass(frozen=True)
class ImageView:
    """One image as one model saw it.

    Attributes:
        directory: of the run.
        model: as run.json has it.
        attack: the settings of the run's attack; empty where images have no attack of their own.
        rows: condition, without its bound -> the row of that image and model.
        bound: of the rows, where the run has several; the largest.
        layout: where the files of the run lie.
    """

    directory: Path
    model: ModelRecord
    attack: Object
    rows: Mapping[str, AnyRow]
    bound: str | None = None
    layout: Layout = ONE_FOLDER

    def condition(self, name: Condition) -> Condition:
        """The condition of this name that the view is of, by which its files lie."""
        return name if name == CLEAN else name.at(self.bound)

    def place(self, kind: Kind, of: str = "", condition: Condition = CLEAN, frame: str = "") -> str:
        """Where a file of the image lies below the directory; see `records.places.place_of`."""
        return self.layout.found(self.directory, kind, self.judged.id, of, condition, frame)

    @property
    def attacked(self) -> bool:
        """Whether there is an attacked image."""
        return ADVERSARIAL in self.rows

    @property
    def judged(self) -> AnyRow:
        """The row by which the image is ranked: the attacked one where there is one."""
        return self.rows[ADVERSARIAL if self.attacked else CLEAN]

    @property
    def with_truth(self) -> bool:
        """Whether scores are against labels, not against the clean prediction."""
        return self.model.reference == TRUTH


@dataclass(frozen=True)
class Layers:
    """The pictures (H, W, 3) of what a model said of an image; None where a file was not kept.

    Attributes:
        clean: the prediction of the clean image.
        attacked: the prediction of the attacked image.
        truth: the labels.
        difference: what the attack changed in the prediction.
        classes: indices of the classes that occur in them.
    """

    clean: Pixels | None
    attacked: Pixels | None
    truth: Pixels | None
    difference: Pixels | None
    classes: frozenset[int]


@dataclass(frozen=True)
class Loss:
    """What an attack took from an image.

    Attributes:
        words: such as "lost 94.3 of 96.2 points of accuracy".
        share: of what the clean model had right, in [0, 1].
    """

    words: str
    share: float

    @property
    def standing(self) -> str:
        """The badge's CSS class: `fooled` where at least half is lost, `held` where less than a tenth is, else none."""
        return "fooled" if self.share >= _MUCH else "held" if self.share < _LITTLE else ""


@dataclass(frozen=True)
class Drawing:
    """How a task shows its images.

    Attributes:
        prediction: the caption of a prediction.
        changed: the caption of `Layers.difference`.
        extremes: what the weakest and the strongest images of a run without an attack are called.
        note: a sentence for the reader of the pictures; empty if there is none.
        truth_in_panel: whether a panel shows the truth where there is one, or always what changed.
        standing: how well the model did on an image, weakest first; the first number is infinite if nothing counts.
        facts: the scores of an image.
        lost: what the attack took from an image; None where the clean model had nothing right.
        layers: (image, longer side of the pictures) -> pictures.
        image: what the attacked picture is called.
    """

    prediction: str
    changed: str
    extremes: tuple[str, str]
    note: str
    truth_in_panel: bool
    standing: Callable[[ImageView], tuple[float, ...]]
    facts: Callable[[ImageView], Facts]
    lost: Callable[[ImageView], Loss | None]
    layers: Callable[[ImageView, int], Layers]
    image: str = "image"


@dataclass(frozen=True)
class TaskReport:
    """How a task is reported; the constant `RECORD` of its module in `report.tasks`.

    Attributes:
        drawing: how its images are shown.
        without_labels: what a reader must know where the clean prediction stands for the truth.
        success: what a table says of the success rate where the run has no sentence of its own.
        sentences: the same for what else is worded otherwise than for images.
        changed: what of a sample the attack changes, to be said behind by how much; empty if that is all of it.
        target: what the percentages of a universal perturbation count, one of them.
        part_score: of the objects or segments that slices are of; None for a task without such slices.
        parts: what these are called.
        reels: (run, its models) -> what moves, by the slug of the model; None where nothing does.
    """

    drawing: Drawing
    without_labels: str
    success: str = "Success: by the run's own rule, at 8 bits."
    sentences: Mapping[str, str] = field(default_factory=dict)
    changed: str = ""
    target: str = "target"
    part_score: Score[Any] | None = None
    parts: str = "objects"
    reels: Callable[[Run, Sequence[ModelRecord]], Mapping[str, Any]] | None = None


def report_of(task: str) -> TaskReport:
    """How the task of this name is reported."""
    return record_of("foolscape.report.tasks", task, TaskReport)
