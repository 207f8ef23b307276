"""The settings of a universal perturbation, and what its presets stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from foolscape.attacks.universal import Pull, Recipe
from foolscape.errors import SettingError, unknown
from foolscape.pixels import Levels
from foolscape.run.config import Eps, Size, Step, refuse_unknown, size_of, size_text, validated

Preset = Literal["ours", "paper", "notebook"]
Tile = Annotated[tuple[int, int], BeforeValidator(size_of("tile")), size_text]


class UniversalConfig(BaseModel):
    """Everything a user decides about a universal perturbation.

    Attributes:
        model, data, size, seed, device, classes: as of `RunConfig`.
        train_split, test_split: the tile is learnt on the one, every figure is measured on the other.
        train_limit, limit: how many images of them.
        target: see `run.aims.aim_of`.
        tile: (height, width) of the tile; None: the size of the first training image.
        eps, step: bound and step; None: the preset's.
        epochs: passes over the training images; None: the preset's.
        preset: where unset settings come from.
        omega: what hiding weighs against preserving, 0 to 1; None: the preset's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    model: str
    data: str
    target: str
    train_split: str
    test_split: str
    train_limit: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    size: Size | None = None
    tile: Tile | None = None
    eps: Eps = Levels.parse("10/255")
    step: Step | None = None
    epochs: int | None = Field(default=None, ge=1)
    preset: Preset = "ours"
    omega: float | None = Field(default=None, gt=0, lt=1)
    seed: int = Field(default=0, ge=0)
    device: str = "auto"
    classes: Path | None = None

    @property
    def recipe(self) -> Recipe:
        """How the tile is learnt."""
        base = _PRESETS[self.preset]
        pull = (
            base.pull if self.omega is None else Pull(omega=self.omega, tau=base.pull.tau, balanced=base.pull.balanced)
        )
        return Recipe(
            pull=pull,
            eps=self.eps.unit,
            step=base.step if self.step is None else self.step.unit,
            epochs=self.epochs or base.epochs,
            batch=base.batch,
            momentum=base.momentum,
            shifts=base.shifts,
        )


_ONE = 1 / 255

_PRESETS: dict[str, Recipe] = {
    "paper": Recipe(
        pull=Pull(omega=0.9999, tau=0.75, balanced=False),
        eps=10 * _ONE, step=_ONE, epochs=60, batch=None, momentum=0.0, shifts=False,
    ),
    "notebook": Recipe(
        pull=Pull(omega=0.9, tau=0.75, balanced=False),
        eps=10 * _ONE, step=_ONE, epochs=100, batch=None, momentum=0.0, shifts=False,
    ),
    "ours": Recipe(
        pull=Pull(omega=0.5, tau=0.75, balanced=True),
        eps=10 * _ONE, step=_ONE, epochs=20, batch=4, momentum=0.9, shifts=False,
    ),
}  # fmt: skip


def make_universal_config(settings: dict[str, object]) -> UniversalConfig:
    """A checked config; raises `SettingError` or `UnknownNameError` in words a person can act on."""
    refuse_unknown(UniversalConfig, settings)
    preset = settings.get("preset", "ours")
    if preset not in _PRESETS:
        raise unknown("preset", str(preset), _PRESETS)
    if settings.get("train_split") == settings.get("test_split"):
        raise SettingError(
            f"test_split: expected another split than the training one, got {settings.get('test_split')!r} for both; "
            "figures on the images that a tile was learnt on mean nothing"
        )
    return validated(UniversalConfig, settings)
