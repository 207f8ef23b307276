"""The settings of a universal perturbation, and what its presets stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from foolscape.errors import SettingError, unknown
from foolscape.models.common.attention import Attention
from foolscape.pixels import Levels
from foolscape.run.settings.bounds import refuse_several
from foolscape.run.settings.config import (
    ATTENTION_SHOWN,
    CLASS_MAP_SHOWN,
    CLASSES_SHOWN,
    DATA_SHOWN,
    DEVICE_SHOWN,
    EVAL_CLASSES_SHOWN,
    SEED_SHOWN,
    SIZE_SHOWN,
    TASK_SHOWN,
    TEST_SAMPLE_SHOWN,
    TRAIN_SAMPLE_SHOWN,
    Count,
    Eps,
    RunConfig,
    Seed,
    Size,
    Step,
    Task,
    UserPath,
    refuse_no_class,
    refuse_sample_of_part,
    refuse_unknown,
    size_of,
    size_text,
    validated,
)
from foolscape.run.settings.shown import ATTACK, DATA, LEARNING, OptionHelp

if TYPE_CHECKING:
    from foolscape.attacks.parts.objectives import Objective
    from foolscape.attacks.universal.learn import LearnConfig
from foolscape.run.universal.presets import PRESETS, LearningPreset

MAIN = "main"
Preset = Literal["ours", "paper", "notebook"]
TileSize = Annotated[tuple[int, int], BeforeValidator(size_of("tile")), size_text]
Share = Annotated[float, Field(gt=0, lt=1)]


@dataclass(frozen=True)
class CurvePoint:
    """One tile of a run: the one that was asked for, or one of a curve.

    Attributes:
        name: `main`, or of a folder, such as eps-5 or omega-0.9.
        eps: its bound.
        omega: its weight of hiding.
    """

    name: str
    eps: Levels
    omega: float


class UniversalConfig(BaseModel):
    """Everything a user decides about a universal perturbation.

    Attributes:
        model, data, size, attention, seed, device, classes, class_map, eval_classes, task: as of `RunConfig`.
        transfer_to: other models that the tile is measured on.
        train_split, test_split: the tile is learnt on the one, every figure is measured on the other.
        train_limit, limit: how many images of them, the first.
        train_sample, sample: how many images of them, drawn.
        showing: learn on those images alone that show what is to be hidden.
        target: see `run.universal.targets.aim_of`.
        tile: (height, width) of the tile; None: see `tile_for`.
        eps, step: bound and step; step None: the preset's.
        start: a perturbation to begin from, of a model with the same classes; None: zeros.
        epochs: passes over the training images; None: the preset's; 0 measures `start` as it is.
        preset: where unset settings come from.
        omega: what hiding weighs against preserving, 0 to 1; None: the preset's.
        shifts: move the tile at random for every training image; None: the preset's.
        mirror: take about half of the training images as their mirror images, drawn anew in every epoch; None: the
            preset's.
        sweep_eps, sweep_omega: learn and measure further tiles at these, for curves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    model: Annotated[str, OptionHelp("Spec of the model to fool.", DATA, metavar="SPEC")]
    transfer_to: Annotated[
        tuple[str, ...],
        OptionHelp("Spec of another model to measure the pattern on; repeat for several.", DATA, metavar="SPEC",
              flag="transfer_to"),
    ] = ()  # fmt: skip
    data: Annotated[str, DATA_SHOWN]
    target: Annotated[
        str,
        OptionHelp("hide:CLASS[->CLASS], hide:all (of a detector), text:WORD:CLASS[:CLASS], static:FILE:CLASS[:CLASS], "
              "scene:ID or untargeted.", ATTACK, metavar="TARGET",
              words=("hide:", "text:", "static:", "scene:", "untargeted")),
    ]  # fmt: skip
    train_split: Annotated[
        str, OptionHelp("Split to learn on; a part of one is written val[:80%].", DATA, metavar="NAME")
    ]
    test_split: Annotated[str, OptionHelp("Split to measure on.", DATA, metavar="NAME")]
    train_limit: Annotated[Count | None, OptionHelp("Only the first N training images.", DATA, "all", metavar="N")] = (
        None
    )
    limit: Annotated[Count | None, OptionHelp("Only the first N test images.", DATA, "all", metavar="N")] = None
    train_sample: Annotated[Count | None, TRAIN_SAMPLE_SHOWN] = None
    sample: Annotated[Count | None, TEST_SAMPLE_SHOWN] = None
    showing: Annotated[bool, OptionHelp("Learn only on images that show what is to be hidden.", DATA)] = False
    size: Annotated[Size | None, SIZE_SHOWN] = None
    classes: Annotated[UserPath | None, CLASSES_SHOWN] = None
    class_map: Annotated[UserPath | None, CLASS_MAP_SHOWN] = None
    eval_classes: Annotated[tuple[str, ...] | None, EVAL_CLASSES_SHOWN] = None
    task: Annotated[Task | None, TASK_SHOWN] = None
    preset: Annotated[
        Preset,
        OptionHelp(
            "Where settings come from that are not given",
            LEARNING,
            metavar="WORD",
            words=get_args(Preset),
            choices=True,
        ),
    ] = "ours"
    tile: Annotated[
        TileSize | None,
        OptionHelp(
            "Size of the tile.", ATTACK, "an image's; for hiding by ours an eighth as wide", metavar="HEIGHTxWIDTH"
        ),
    ] = None
    eps: Annotated[Eps, OptionHelp("Bound on the change.", ATTACK, metavar="LEVELS")] = Levels.parse("10/255")
    step: Annotated[Step | None, OptionHelp("Size of a step.", LEARNING, "the preset's", metavar="LEVELS")] = None
    start: Annotated[
        UserPath | None, OptionHelp("A perturbation to begin from; --epochs 0 measures it as it is.", LEARNING, "zeros")
    ] = None
    epochs: Annotated[
        Seed | None, OptionHelp("Passes over the training images.", LEARNING, "the preset's", metavar="N")
    ] = None
    omega: Annotated[
        Share | None, OptionHelp("What hiding weighs against preserving, 0 to 1.", LEARNING, "the preset's")
    ] = None
    shifts: Annotated[bool | None, OptionHelp("Move the tile at random while learning.", LEARNING, "the preset's")] = (
        None
    )
    mirror: Annotated[
        bool | None,
        OptionHelp("Learn from mirror images too; not where left and right matter.", LEARNING, "the preset's"),
    ] = None
    sweep_eps: Annotated[
        tuple[Eps, ...],
        OptionHelp("Learn further patterns at these bounds: a curve.", LEARNING, metavar="LEVELS,LEVELS", commas=True),
    ] = ()
    sweep_omega: Annotated[
        tuple[Share, ...],
        OptionHelp("Learn further patterns at these omegas: a curve.", LEARNING, metavar="SHARE,SHARE", commas=True),
    ] = ()
    attention: Annotated[Attention, ATTENTION_SHOWN] = "auto"
    seed: Annotated[Seed, SEED_SHOWN] = 0
    device: Annotated[str, DEVICE_SHOWN] = "auto"

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """The tile that was asked for, first, and those of the curves."""
        omega = PRESETS[self.preset].omega if self.omega is None else self.omega
        along_eps = (CurvePoint(f"eps-{_short(eps)}", eps, omega) for eps in self.sweep_eps if eps != self.eps)
        along_omega = (CurvePoint(f"omega-{share:g}", self.eps, share) for share in self.sweep_omega if share != omega)
        return tuple(dict.fromkeys((CurvePoint(MAIN, self.eps, omega), *along_eps, *along_omega)))

    @property
    def bounds(self) -> list[dict[str, str | None]]:
        """Bound and step of every point, as `run.checks.bounds` looks at them."""
        step = None if self.step is None else str(self.step)
        return [{"name": "universal", "eps": str(point.eps), "norm": "linf", "step": step} for point in self.points]

    @property
    def mirrors(self) -> bool:
        """Whether mirror images are learnt from."""
        return PRESETS[self.preset].mirror if self.mirror is None else self.mirror

    def tile_for(self, image: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of the tile, for a first training image of this size.

        As large as the image in the paper and for a fixed picture. *Ours* takes the full height, for what stands where
        depends on the row, and an eighth of the width: every image then shows it several times, and a small training
        set settles it.
        """
        from foolscape.run.universal.targets import PICTURES

        if self.tile is not None:
            return self.tile
        height, width = image
        parts = 1 if self.target.partition(":")[0] in PICTURES else PRESETS[self.preset].parts
        # To a multiple of what most networks shrink by, so that all copies lie alike on their grid.
        return height, min(width, -(-width // (parts * _GRID)) * _GRID)

    def recipe(self, point: CurvePoint, task: Task) -> LearnConfig:
        """How the tile of a point is learnt."""
        from foolscape.attacks.universal.learn import LearnConfig, UniversalLoss

        preset = PRESETS[self.preset]
        step = preset.step if preset.steps_in_levels else preset.step * point.eps.unit
        return LearnConfig(
            pull=UniversalLoss(objective=self._objective(preset, task), omega=point.omega, balance=preset.balance),
            eps=point.eps.unit,
            step=step if self.step is None else self.step.unit,
            epochs=preset.epochs if self.epochs is None else self.epochs,
            batch=preset.batch,
            momentum=preset.momentum,
            adaptive=preset.adaptive,
            shifts=preset.shifts if self.shifts is None else self.shifts,
        )

    def _objective(self, preset: LearningPreset, task: Task) -> Objective:
        from foolscape.run.universal.record import universal_of
        from foolscape.run.universal.targets import UNTARGETED

        return universal_of(task).objective(preset.tau, preset.bend, self.target == UNTARGETED)

    def of_run(self, model: str, split: str, task: Task, *, training: bool) -> RunConfig:
        """What opening a model takes on a split, of which all test images count here."""
        from foolscape.attacks.names import NONE

        return RunConfig(
            models=(model,), data=self.data, split=split, limit=self.train_limit if training else None,
            sample=self.train_sample if training else None, size=self.size, attack=NONE, seed=self.seed,
            device=self.device, classes=self.classes, class_map=self.class_map, eval_classes=self.eval_classes,
            attention=self.attention, task=task,
        )  # fmt: skip


_GRID = 8
"""Pixels."""


def _short(eps: Levels) -> str:
    return f"{float(eps.levels):g}"


def make_universal_config(settings: dict[str, object]) -> UniversalConfig:
    """A checked config; raises `SettingError` or `UnknownNameError` in words a person can act on."""
    refuse_unknown(UniversalConfig, settings)
    refuse_several(settings, "a universal perturbation is learnt within one")
    preset = settings.get("preset", "ours")
    if preset not in PRESETS:
        raise unknown("preset", str(preset), PRESETS)
    if settings.get("train_split") == settings.get("test_split"):
        raise SettingError(
            f"test_split: expected another split than the training one, got {settings.get('test_split')!r} for both; "
            "figures on the images that a tile was learnt on mean nothing. A part of a split is written val[:80%]"
        )
    refuse_sample_of_part(settings)
    config = validated(UniversalConfig, settings)
    refuse_no_class(config.eval_classes)
    if config.epochs == 0 and config.start is None:
        raise SettingError("epochs: expected at least 1, got 0; only a perturbation given by --start needs no learning")
    return config
