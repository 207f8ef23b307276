"""The settings of a run, from the command line or a YAML file, checked before anything is loaded."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from foolscape.attacks.listed import check_attack
from foolscape.attacks.names import NONE
from foolscape.errors import SettingError, unknown
from foolscape.models.common.attention import Attention
from foolscape.paths import path_of
from foolscape.pixels import Levels
from foolscape.run.settings.former_names import current_name
from foolscape.run.settings.yaml_file import read_mapping
from foolscape.spec import parse, written
from foolscape.tasks.base import task_named

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


class RunConfig(BaseModel):
    """Everything a user decides about a run; the same command twice gives the same config.

    Attributes:
        models: specs of the networks to attack, each on its own.
        data: spec of the images.
        split, ids, limit: which of them.
        size: (height, width) to resize to; attack and metric work there.
        attack: a name of the catalog, or `none` for the clean model alone; None: see `attacks.default`.
        eps, step, steps, norm, stop, variant, loss, schedule, budget, transforms, quantise_steps, resample_candidates:
            options of the attack, as its function in `attacks.zoo` has them.
        goal, only_class, window, sampling, labels_from, attack_pixels: see `attacks.catalog`.
        more: options of an attack that does not come with foolscape, as text.
        batch: images per call of the model; `auto`: found by trying; None: 1 on a CPU and for clips, else `auto`.
        precision: of the attack's gradients; what an attack reached is counted in float32 all the same.
        memory_format: how images and weights lie in memory when the network sees them.
        attention: the kernel of scaled dot-product attention; see `models.common.attention`.
        compile: whether torch.compile makes the network's forward pass.
        probes: on how many images other attacks are tried, to see whether the attack has converged; None: on at least
            four, and on more where that costs at most a fifth of the run.
        seed: of everything random.
        device: as PyTorch names it, or `auto`.
        classes: a file with the names of the output channels, one a line.
        task: one of `tasks.base.TASKS`; None: the models tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    models: tuple[str, ...] = Field(min_length=1)
    data: str
    split: str | None = None
    ids: tuple[str, ...] | None = None
    limit: int | None = Field(default=None, ge=1)
    size: Size | None = None
    attack: str | None = None
    eps: Eps | None = None
    step: Step | None = None
    steps: int | None = None
    norm: str | None = None
    stop: float | None = None
    variant: str | None = None
    loss: str | None = None
    schedule: str | None = None
    budget: int | None = None
    transforms: str | None = None
    goal: str | None = None
    only_class: str | None = None
    quantise_steps: bool | None = None
    resample_candidates: int | None = None
    window: int | None = None
    sampling: str | None = None
    labels_from: str | None = None
    attack_pixels: str | None = None
    more: dict[str, str] = Field(default_factory=dict)
    batch: Batch | None = None
    precision: Precision = FLOAT32
    memory_format: MemoryFormat = "contiguous"
    attention: Attention = "auto"
    compile: bool = False
    probes: int | None = Field(default=None, ge=0)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    classes: UserPath | None = None
    task: Task | None = None

    @property
    def options(self) -> dict[str, object]:
        """The attack's share of the settings: those that were given, by name."""
        named = {name: getattr(self, name) for name in OF_THE_ATTACK}
        return {name: value for name, value in (named | self.more).items() if value is not None}

    @property
    def attacks(self) -> bool:
        """Whether there is an attack at all."""
        return self.attack != NONE


_OF_THE_RUN: Final = (
    "models", "data", "split", "ids", "limit", "size", "attack", "more", "batch", "precision", "memory_format",
    "attention", "compile", "probes", "seed", "device", "classes", "task",
)  # fmt: skip

OF_THE_ATTACK: Final = tuple(name for name in RunConfig.model_fields if name not in _OF_THE_RUN)
"""The settings that are options of an attack, or of what it does to a task."""


def make_config(settings: dict[str, object]) -> RunConfig:
    """A checked config; raises `SettingError` or `UnknownNameError` in words a person can act on."""
    settings = spelled_out(settings)
    refuse_unknown(RunConfig, settings)
    models = settings.get("models")
    if isinstance(models, list | tuple) and len(set(models)) < len(models):
        raise SettingError(f"models: expected each model once, got {', '.join(map(str, models))}")
    config = validated(RunConfig, settings)
    _enter(config)
    return config


def _enter(config: RunConfig) -> None:
    """See to it that an attack or a loss of a user's file is known from here on."""
    if config.attack in (None, NONE) and config.loss is None:
        return
    if config.attack is not None:
        check_attack(config.attack, config.more)
    # They may import torch, as the attacks do: only where all else is right.
    from foolscape.run.settings.user_attack import enter_attack, enter_objective

    if config.attack not in (None, NONE):
        enter_attack(str(config.attack))
    if config.loss is not None:
        enter_objective(config.loss)


def spelled_out(settings: dict[str, object]) -> dict[str, object]:
    """`settings` with the options of `attack: pgd?eps=8/255` each under its own name, and old names as they are now.

    Raises:
        SettingError: one option is given twice, with values that differ.
    """
    found: dict[str, object] = {}
    more: dict[str, object] = {}
    for name, value in settings.items():
        _put(found, current_name(name), value)
    text = found.get("attack")
    if isinstance(text, str) and "?" in text:
        spec = parse(text, ())
        found["attack"] = written(spec.scheme, spec.rest, {})
        for name, option in spec.options.items():
            known = name if ":" in spec.scheme + spec.rest else current_name(name)  # a user's attack has its own
            _put(found, known, option) if known in OF_THE_ATTACK else more.update({known: option})
    return found | ({"more": more} if more else {})


def over(base: dict[str, object], chosen: dict[str, object]) -> dict[str, object]:
    """The settings `base`, of a file, with those that a user has `chosen` in their place; both `spelled_out`."""
    below, above = spelled_out(base), spelled_out(chosen)
    more = [value for one in (below, above) if isinstance(value := one.get("more"), dict)]
    return below | above | ({"more": {name: value for one in more for name, value in one.items()}} if more else {})


def _put(settings: dict[str, object], name: str, value: object) -> None:
    if settings.get(name) is not None and value is None:
        return
    if settings.get(name) is not None and str(settings[name]) != str(value):
        raise SettingError(f"{name}: expected one value, got {settings[name]} and {value}; leave one of them out")
    settings[name] = value


def refuse_unknown(kind: type[BaseModel], settings: dict[str, object]) -> None:
    """`UnknownNameError` for a setting that `kind` does not have."""
    for name in settings:
        if name not in kind.model_fields:
            raise unknown("setting", name, kind.model_fields)


def validated(kind: type[M], settings: dict[str, object]) -> M:
    """`settings` as a `kind`; what pydantic objects to first becomes a `SettingError` in words."""
    try:
        made = kind.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{where}: {first['msg'].lower()}, got {first['input']!r}"
        raise SettingError(message if first["type"] != "missing" else f"{where}: is needed and was not given") from None
    for name, value in settings.items():
        if _is_turned(value, getattr(made, name)):
            raise SettingError(f"{name}: expected a number or a text, got the truth value {str(value).lower()}")
    return made


def _is_turned(written: object, settled: object) -> bool:
    """Whether a truth value was taken for a number, which pydantic does: `epochs: true` is no 1."""
    if isinstance(written, bool):
        return not isinstance(settled, bool)
    if isinstance(written, list | tuple) and isinstance(settled, list | tuple):
        return any(_is_turned(*pair) for pair in zip(written, settled, strict=False))
    return False


def read_settings(path: Path) -> dict[str, object]:
    """The settings of a run in a YAML file, by the names of `RunConfig`; `model` may stand for a single model."""
    loaded = read_mapping(path)
    if "model" in loaded:
        loaded["models"] = [loaded.pop("model")]
    return loaded
