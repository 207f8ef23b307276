"""The settings of a hardening, checked before anything is loaded."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

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
    MEMORY_FORMAT_SHOWN,
    SEED_SHOWN,
    SIZE_SHOWN,
    TEST_SAMPLE_SHOWN,
    TRAIN_SAMPLE_SHOWN,
    Count,
    Eps,
    MemoryFormat,
    RunConfig,
    Seed,
    Size,
    Step,
    UserPath,
    refuse_no_class,
    refuse_sample_of_part,
    refuse_unknown,
    size_of,
    size_text,
    validated,
)
from foolscape.run.settings.shown import ATTACK, DATA, LEARNING, OptionHelp
from foolscape.tasks.base import SEGMENTATION

if TYPE_CHECKING:
    from foolscape.attacks.plan import Plan

Teacher = Literal["segpgd", "pgd"]
"""The attacks of the catalog that a network can be trained on."""

Crop = Annotated[tuple[int, int], BeforeValidator(size_of("crop")), size_text]

JUDGE: Final = "worst-case"
"""The attack that the network is measured under before and after."""

REACH = Fraction(5, 4)
"""All steps of the training attack together, as a part of eps (Wong et al. 2020, Fast is better than free, take 1.25
with one step)."""


class HardenConfig(BaseModel):
    """Everything a user decides about hardening a network.

    Attributes:
        model, data, size, memory_format, attention, seed, device, classes, class_map, eval_classes: as of
            `RunConfig`.
        train_split, test_split: trained on the one, measured on the other.
        train_limit, test_limit: how many images of them, the first.
        train_sample, test_sample: how many images of them, drawn.
        crop: (height, width) of the part of each image, drawn anew in every epoch, that is trained on; None: all of it.
        attack, eps, step, steps: the attack that is trained on, from a random start; step None: `REACH` * eps / steps.
        clean_share: part of every batch that is left clean.
        mirror: take about half of the images as their mirror images, drawn anew in every epoch.
        epochs: passes over the training images.
        batch: images per step; those left over at the end of an epoch wait for another one.
        rate: highest learning rate of AdamW.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    model: Annotated[str, OptionHelp("Spec of the segmentation network to train.", DATA, metavar="SPEC")]
    data: Annotated[str, DATA_SHOWN]
    train_split: Annotated[
        str, OptionHelp("Split to train on; a part of one is written val[:80%].", DATA, metavar="NAME")
    ]
    test_split: Annotated[str, OptionHelp("Split to measure on, before and after.", DATA, metavar="NAME")]
    train_limit: Annotated[Count | None, OptionHelp("Only the first N training images.", DATA, "all", metavar="N")] = (
        None
    )
    test_limit: Annotated[Count | None, OptionHelp("Only the first N test images.", DATA, "all", metavar="N")] = None
    train_sample: Annotated[Count | None, TRAIN_SAMPLE_SHOWN] = None
    test_sample: Annotated[Count | None, TEST_SAMPLE_SHOWN] = None
    size: Annotated[Size | None, SIZE_SHOWN] = None
    classes: Annotated[UserPath | None, CLASSES_SHOWN] = None
    class_map: Annotated[UserPath | None, CLASS_MAP_SHOWN] = None
    eval_classes: Annotated[tuple[str, ...] | None, EVAL_CLASSES_SHOWN] = None
    crop: Annotated[
        Crop | None,
        OptionHelp("Part of each image, drawn at random, to train on.", LEARNING, "all of it", metavar="HEIGHTxWIDTH"),
    ] = None
    attack: Annotated[
        Teacher, OptionHelp("What is trained on", ATTACK, metavar="NAME", words=get_args(Teacher), choices=True)
    ] = "segpgd"
    eps: Annotated[Eps, OptionHelp("Bound on the change.", ATTACK, metavar="LEVELS")] = Levels.parse("8/255")
    step: Annotated[Step | None, OptionHelp("Size of a step.", ATTACK, "5/4 eps over the steps", metavar="LEVELS")] = (
        None
    )
    steps: Annotated[Count, OptionHelp("Steps of the attack on every batch.", ATTACK, metavar="N")] = 2
    clean_share: Annotated[
        float, Field(ge=0, lt=1), OptionHelp("Part of every batch that is left clean, 0 to 1.", LEARNING)
    ] = 0.0
    mirror: Annotated[bool, OptionHelp("Train on mirror images too; not where left and right matter.", LEARNING)] = True
    epochs: Annotated[Count, OptionHelp("Passes over the training images.", LEARNING, metavar="N")] = 10
    batch: Annotated[int, Field(ge=2), OptionHelp("Images per step of the network.", LEARNING, metavar="N")] = 8
    rate: Annotated[
        float, Field(gt=0, allow_inf_nan=False), OptionHelp("Highest learning rate.", LEARNING, metavar="RATE")
    ] = 1e-3
    memory_format: Annotated[MemoryFormat, MEMORY_FORMAT_SHOWN] = "contiguous"
    attention: Annotated[Attention, ATTENTION_SHOWN] = "auto"
    seed: Annotated[Seed, SEED_SHOWN] = 0
    device: Annotated[str, DEVICE_SHOWN] = "auto"

    @property
    def clean(self) -> int:
        """Images of a batch that are left clean; never all of them."""
        return min(round(self.clean_share * self.batch), self.batch - 1)

    def plan(self, classes: tuple[str, ...]) -> Plan:
        """The attack that is trained on, settled for a network of these classes."""
        from foolscape.attacks.catalog import plan

        step = self.step or Levels(self.eps.levels * REACH / self.steps)
        return plan(self.attack, {"eps": self.eps, "step": step, "steps": self.steps}, classes)

    @property
    def on_training(self) -> RunConfig:
        """What opening the network on the training split takes."""
        return self._run(self.model, self.train_split, (self.train_limit, self.train_sample))

    def on_test(self, model: str) -> RunConfig:
        """The run that measures `model`, before or after, on the test split."""
        judged = {"attack": JUDGE, "options": {"eps": str(self.eps)}}
        return self._run(model, self.test_split, (self.test_limit, self.test_sample)).model_copy(update=judged)

    def _run(self, model: str, split: str, which: tuple[int | None, int | None]) -> RunConfig:
        from foolscape.attacks.names import NONE

        return RunConfig(
            models=(model,), data=self.data, split=split, limit=which[0], sample=which[1], size=self.size, attack=NONE,
            seed=self.seed,
            device=self.device, classes=self.classes, class_map=self.class_map, eval_classes=self.eval_classes,
            memory_format=self.memory_format,
            attention=self.attention,
            task=SEGMENTATION.name,
        )  # fmt: skip


def make_harden_config(settings: dict[str, object]) -> HardenConfig:
    """A checked config; raises `SettingError` or `UnknownNameError` in words a person can act on."""
    refuse_unknown(HardenConfig, settings)
    attack = settings.get("attack", "segpgd")
    if attack not in get_args(Teacher):
        raise unknown("attack to train on", str(attack), get_args(Teacher))
    refuse_several(settings, "a hardening trains within one")
    refuse_sample_of_part(settings)
    config = validated(HardenConfig, settings)
    refuse_no_class(config.eval_classes)
    if config.train_split == config.test_split:
        raise SettingError(
            f"test_split: expected another split than the training one, got {config.test_split!r} for both; figures on "
            "the images that a network was trained on mean nothing. A part of a split is written val[:80%]"
        )
    return config
