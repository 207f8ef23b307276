"""The settings of a run, from the command line or a YAML file, checked before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from foolscape.attacks.names import NONE
from foolscape.errors import SettingError, unknown
from foolscape.models.common.attention import Attention
from foolscape.paths import path_of
from foolscape.pixels import Levels
from foolscape.run.settings.attack_options import OptionValue, checked_options, known_options, options_in, spelled_out
from foolscape.run.settings.objections import objection
from foolscape.run.settings.recorded import settings_of_file
from foolscape.run.settings.shown import ATTACK, DATA, MEASUREMENT, OptionHelp
from foolscape.tasks.base import TASKS, task_named

MemoryFormat = Literal["contiguous", "channels_last"]
Precision = Literal["float32", "bf16"]

FLOAT32: Final = "float32"
AUTO: Final = "auto"
"""The batch that is found by trying."""

M = TypeVar("M", bound=BaseModel)

_SIZE = re.compile(r"(\d+)x(\d+)")


def _levels(name: str) -> BeforeValidator:
    return BeforeValidator(lambda value: Levels.parse(value, name) if isinstance(value, str) else value)


def size_of(name: str) -> Callable[[object], object]:
    """What makes (height, width) of `384x512`; errors call it `name`."""

    def parse(value: object) -> object:
        if not isinstance(value, str):
            return value
        match = _SIZE.fullmatch(value)
        if match is None or not all(8 <= int(side) <= 16384 for side in match.groups()):
            raise SettingError(
                f"{name}: expected HEIGHTxWIDTH with sides of 8 to 16384, such as 384x512, got {value!r}"
            )
        return int(match[1]), int(match[2])

    return parse


def _batch(value: object) -> object:
    """A number of images, also in the command line's words, or `auto`."""
    number = int(value) if isinstance(value, str) and value.isdecimal() else value
    if value in (None, AUTO) or (isinstance(number, int) and not isinstance(number, bool) and number >= 1):
        return number
    raise SettingError(f"batch: expected a number of images from 1 on, or {AUTO}, got {value!r}")


_text = PlainSerializer(str, return_type=str)
size_text = PlainSerializer(lambda size: f"{size[0]}x{size[1]}", return_type=str)

Eps = Annotated[Levels, _levels("eps"), _text]
Step = Annotated[Levels, _levels("step"), _text]
Size = Annotated[tuple[int, int], BeforeValidator(size_of("size")), size_text]
UserPath = Annotated[Path, BeforeValidator(lambda value: path_of(value) if isinstance(value, str | Path) else value)]
Batch = Annotated[int | Literal["auto"], BeforeValidator(_batch)]
Task = Annotated[str, BeforeValidator(lambda value: task_named(value).name if isinstance(value, str) else value)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]

DATA_SHOWN: Final = OptionHelp("Spec of the images, such as folder:DIR or camvid:DIR.", DATA, metavar="SPEC")
SIZE_SHOWN: Final = OptionHelp(
    "Resize to this; attack and metric work there.", DATA, "each image's own", metavar="HEIGHTxWIDTH"
)
CLASSES_SHOWN: Final = OptionHelp("File with the names of the output channels, one a line.", DATA, "the model's own")
CLASS_MAP_SHOWN: Final = OptionHelp(
    "File with lines `their name: our name` that rename and merge the data's classes; `name: void` or `*: void` leaves "
    "out.", DATA, "by name",
)  # fmt: skip
EVAL_CLASSES_SHOWN: Final = OptionHelp(
    "Classes that scores are over, with commas between them.", DATA, "all", metavar="A,B", commas=True
)
SAMPLE_SHOWN: Final = OptionHelp(
    "N images drawn by --seed, evenly over folders and classes; --limit takes the first.", DATA, "all", metavar="N"
)
TRAIN_SAMPLE_SHOWN: Final = OptionHelp("N training images, drawn as by --sample of run.", DATA, "all", metavar="N")
TEST_SAMPLE_SHOWN: Final = OptionHelp("N test images, drawn as by --sample of run.", DATA, "all", metavar="N")
TASK_SHOWN: Final = OptionHelp(
    "What the model does, where it does not tell",
    DATA,
    "the model tells",
    metavar="TASK",
    words=tuple(TASKS),
    choices=True,
)
MEMORY_FORMAT_SHOWN: Final = OptionHelp(
    "How images and weights lie in memory", MEASUREMENT, metavar="FORMAT", words=get_args(MemoryFormat), choices=True
)
ATTENTION_SHOWN: Final = OptionHelp(
    "Kernel of scaled dot-product attention: auto, or math where others' gradient is wrong.", MEASUREMENT,
    metavar="KERNEL", words=get_args(Attention),
)  # fmt: skip
SEED_SHOWN: Final = OptionHelp("Seed of everything random.", MEASUREMENT, metavar="N")
DEVICE_SHOWN: Final = OptionHelp(
    "Device as PyTorch names it, or auto: a GPU where there is one.",
    MEASUREMENT,
    metavar="DEVICE",
    words=("auto", "cpu", "cuda"),
)
"""What the help says of settings that several configs have."""


class RunConfig(BaseModel):
    """Everything a user decides about a run; the same command twice gives the same config.

    Attributes:
        models: specs of the networks to attack, each on its own.
        data: spec of the images.
        split, ids, limit, sample: which of them; `sample`: how many are drawn, see `data.drawing`.
        size: (height, width) to resize to; attack and metric work there.
        classes: a file with the names of the output channels, one a line.
        class_map: a file that gives the data's classes other names; see `data.class_map_file`.
        eval_classes: the classes that scores are over; None: all.
        task: one of `tasks.base.TASKS`; None: the models tell.
        attack: a name of the catalog, or `none` for the clean model alone; None: see `attacks.default`.
        options: those of the attack that were given, by name, as its function in `attacks.zoo` has them, and those of
            what it does to a task, `attacks.names.TASK_OPTIONS`; bounds and steps as text.
        batch: images per call of the model; `auto`: found by trying; None: 1 on a CPU and for clips, else `auto`.
        precision: of the attack's gradients; what an attack reached is counted in float32 all the same.
        memory_format: how images and weights lie in memory when the network sees them.
        attention: the kernel of scaled dot-product attention; see `models.common.attention`.
        compile: whether torch.compile makes the network's forward pass.
        probes: on how many images other attacks are tried, to see whether the attack has converged; None: on at least
            four, and on more where that costs at most a fifth of the run.
        seed: of everything random.
        device: as PyTorch names it, or `auto`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    models: Annotated[
        tuple[str, ...], OptionHelp("Spec of a model; repeat for several.", DATA, metavar="SPEC", flag="model")
    ] = Field(min_length=1)
    data: Annotated[str, DATA_SHOWN]
    split: Annotated[str | None, OptionHelp("Split of the data set.", DATA, "the data set's own", metavar="NAME")] = (
        None
    )
    ids: Annotated[
        tuple[str, ...] | None,
        OptionHelp("Only these images, with commas between them.", DATA, "all", metavar="ID,ID", commas=True),
    ] = None
    limit: Annotated[Count | None, OptionHelp("Only the first N images.", DATA, "all", metavar="N")] = None
    sample: Annotated[Count | None, SAMPLE_SHOWN] = None
    size: Annotated[Size | None, SIZE_SHOWN] = None
    classes: Annotated[UserPath | None, CLASSES_SHOWN] = None
    class_map: Annotated[UserPath | None, CLASS_MAP_SHOWN] = None
    eval_classes: Annotated[tuple[str, ...] | None, EVAL_CLASSES_SHOWN] = None
    task: Annotated[Task | None, TASK_SHOWN] = None
    attack: Annotated[
        str | None,
        OptionHelp(
            "An attack of `foolscape list attacks`, also with options, pgd?eps=8/255&steps=20; file.py:function; or "
            "none, to measure the clean model alone.", ATTACK, "worst-case, or the strongest that takes your options",
            metavar="SPEC",
        ),
    ] = None  # fmt: skip
    options: dict[str, OptionValue] = Field(default_factory=dict)
    batch: Annotated[
        Batch | None,
        OptionHelp("Images per call of the model, or auto: found by trying.", MEASUREMENT, "1 on a CPU, auto on a GPU",
              metavar="N", words=(AUTO,)),
    ] = None  # fmt: skip
    precision: Annotated[
        Precision,
        OptionHelp("Of the attack's gradients, while what it reaches is counted in float32", MEASUREMENT,
              metavar="WORD", words=get_args(Precision), choices=True),
    ] = FLOAT32  # fmt: skip
    memory_format: Annotated[MemoryFormat, MEMORY_FORMAT_SHOWN] = "contiguous"
    attention: Annotated[Attention, ATTENTION_SHOWN] = "auto"
    compile: Annotated[bool, OptionHelp("Compile the forward pass with torch.compile.", MEASUREMENT)] = False
    probes: Annotated[
        Seed | None,
        OptionHelp("On how many images other attacks are tried, for the verdict.", MEASUREMENT,
              "4, more where that costs at most a fifth", metavar="N"),
    ] = None  # fmt: skip
    seed: Annotated[Seed, SEED_SHOWN] = 0
    device: Annotated[str, DEVICE_SHOWN] = "auto"

    @property
    def attacks(self) -> bool:
        """Whether there is an attack at all."""
        return self.attack != NONE


def make_config(settings: dict[str, object]) -> RunConfig:
    """A checked config; raises `SettingError` or `UnknownNameError` in words a person can act on."""
    settings = spelled_out(settings)
    refuse_unknown(RunConfig, settings, known_options())
    models = settings.get("models")
    if isinstance(models, list | tuple) and len(set(models)) < len(models):
        raise SettingError(f"models: expected each model once, got {', '.join(map(str, models))}")
    settings["options"] = checked_options(settings.get("attack"), options_in(settings))
    config = validated(RunConfig, settings)
    refuse_sample_of_part(settings)
    refuse_no_class(config.eval_classes)
    _enter(config)
    return config


def refuse_no_class(eval_classes: tuple[str, ...] | None) -> None:
    """`SettingError` for scores over no class at all."""
    if eval_classes == ():
        raise SettingError("eval_classes: expected at least one class, got none; leave it out for all")


def refuse_sample_of_part(settings: Mapping[str, object]) -> None:
    """`SettingError` for a sample of images that are chosen otherwise, too."""
    for name, others in _CHOICES.items():
        given = [other for other in others if settings.get(other) is not None]
        if settings.get(name) is not None and given:
            raise SettingError(
                f"{name}: expected one way to choose images, got {name} and {' and '.join(given)}; leave all but one "
                "out, or take a part of a split and a sample of it (val[:80%])"
            )


_CHOICES: Final = {"sample": ("ids", "limit"), "train_sample": ("train_limit",), "test_sample": ("test_limit",)}
"""Settings that draw a sample, and those that choose in other ways."""


def _enter(config: RunConfig) -> None:
    """See to it that an attack or a loss of a user's file is known from here on."""
    loss = config.options.get("loss")
    if config.attack in (None, NONE) and loss is None:
        return
    # They may import torch, as the attacks do: only where all else is right.
    from foolscape.run.settings.user_attack import enter_attack, enter_objective

    if config.attack not in (None, NONE):
        enter_attack(str(config.attack))
    if loss is not None:
        enter_objective(str(loss))


def refuse_unknown(kind: type[BaseModel], settings: dict[str, object], also: Iterable[str] = ()) -> None:
    """`UnknownNameError` for a setting that `kind` does not have; `also` might have been meant."""
    for name in settings:
        if name not in kind.model_fields:
            raise unknown("setting", name, {**kind.model_fields, **dict.fromkeys(also)})


def validated(kind: type[M], settings: dict[str, object]) -> M:
    """`settings` as a `kind`; what pydantic objects to first becomes a `SettingError` in words."""
    try:
        config = kind.model_validate(settings)
    except ValidationError as error:
        raise SettingError(objection(kind, error)) from None
    for name, value in settings.items():
        if _is_turned(value, getattr(config, name)):
            raise SettingError(f"{name}: expected a number or a text, got the truth value {str(value).lower()}")
    return config


def _is_turned(raw: object, value: object) -> bool:
    """Whether a truth value was taken for a number, which pydantic does: `epochs: true` is no 1."""
    if isinstance(raw, bool):
        return not isinstance(value, bool)
    if isinstance(raw, list | tuple) and isinstance(value, list | tuple):
        return any(_is_turned(*pair) for pair in zip(raw, value, strict=False))
    return False


def read_settings(path: str | Path, command: str = "run") -> dict[str, object]:
    """The settings of a run in a file, by the names of `RunConfig`; `model` may stand for a single model."""
    loaded = settings_of_file(path, command)
    if "model" in loaded:
        loaded["models"] = [loaded.pop("model")]
    return loaded
