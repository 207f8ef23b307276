"""run.json: what a directory is to hold, written before anything is measured; one record for each kind of run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

from foolscape.records.conditions import CLEAN, Condition, conditions_at
from foolscape.records.places import Layout, layout_of
from foolscape.records.schema import check_schema
from foolscape.records.subjects import DataRecord, ModelRecord, Reference, SampleRecord, ShardRecord, Split
from foolscape.records.types import CLOSED, Object, Text, read

Keep = Literal["all", "shown", "none"]
"""Which pictures a run keeps: all, those that its page shows, or none."""


@dataclass(frozen=True, kw_only=True)
class _Record:
    """What every run.json says.

    Attributes:
        schema: `records.schema.SCHEMA`.
        foolscape: the version that began it.
        command: with which it was begun.
        config: the settings, resolved.
        models: by their order on the command line.
        algorithms: the numbers of all that its figures depend on; see `run.directory.algorithms`.
        versions: of Python and of packages that figures depend on.
        samples: that are measured, in their order.
        consistency: by model, whether it gives the same answer twice.
        threads: of PyTorch, in every process that has a part in it; None in directories of earlier versions.
        shard: the part of the samples that is measured here; None: all.
        kept: which pictures are there.
    """

    __pydantic_config__ = CLOSED

    schema: int
    foolscape: str
    command: tuple[Text, ...]
    config: Object
    models: tuple[ModelRecord, ...]
    algorithms: dict[str, int]
    versions: dict[str, str]
    samples: tuple[SampleRecord, ...] = ()
    consistency: dict[Text, list[Object]] = field(default_factory=dict)
    threads: int | None = None
    shard: ShardRecord | None = None
    kept: Keep = "all"

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the samples that are measured here, in their order."""
        places = range(len(self.samples)) if self.shard is None else self.shard.samples
        return tuple(self.samples[place].id for place in places)

    @property
    def eval_classes(self) -> tuple[str, ...] | None:
        """The classes that scores are over; None: all."""
        names = self.config.get("eval_classes")
        return tuple(map(str, names)) if isinstance(names, list | tuple) and names else None

    @cached_property
    def layout(self) -> Layout:
        """Where the files of its samples lie."""
        return layout_of([sample.id for sample in self.samples])

    @cached_property
    def order(self) -> dict[str, int]:
        """The places of its samples by their ids."""
        return {sample.id: place for place, sample in enumerate(self.samples)}

    def model(self, spec: str) -> ModelRecord:
        """The model with this spec."""
        return next(model for model in self.models if model.model == spec)


@dataclass(frozen=True, kw_only=True)
class RunRecord(_Record):
    """run.json of `foolscape run`.

    Attributes:
        started: when, in ISO 8601. With `command` and `foolscape` all that differs between two runs of one command.
        task: of all its models.
        reference: what scores are against.
        data: what it is measured on.
        attack: its settings, at the largest bound where there are several; `name` alone where there is none. Under
            `bounds` what is otherwise at each bound, rising, where there are several.
        device, batch, seed: as used.
        attack_files: sha256 of the files of a user's own attack.
        gradient: by model, the verdict on its input gradient.
        narrowed: by model, the batch that memory had room for, where it was less than `batch`.
    """

    started: str
    task: str
    reference: Reference
    data: DataRecord
    attack: Object
    device: str
    batch: int
    seed: int
    attack_files: dict[Text, str] = field(default_factory=dict)
    gradient: dict[Text, Object] = field(default_factory=dict)
    narrowed: dict[Text, int] = field(default_factory=dict)

    @property
    def bounds(self) -> tuple[str, ...]:
        """The bounds of the attack, rising, where there are several; else none."""
        return tuple(self.attack.get("bounds", ()))

    @property
    def largest(self) -> str | None:
        """The largest of the bounds, which the headline is about; None where there are not several."""
        return self.bounds[-1] if self.bounds else None

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Those of a complete sample."""
        return conditions_at(self.bounds) if "eps" in self.attack else (CLEAN,)

    def at(self, bound: str | None) -> RunRecord:
        """The record of a run that has this bound alone; None: itself."""
        return self if bound is None else replace(self, attack=attack_at(self.attack, bound))


def attack_at(attack: Mapping[str, Any], bound: str) -> Object:
    """The settings of an attack at one of its bounds."""
    found: Object = {name: value for name, value in attack.items() if name != "bounds"}
    return {**found, "eps": bound, **attack["bounds"][bound]}


@dataclass(frozen=True, kw_only=True)
class EnsembleRecord(_Record):
    """run.json of the change made for several networks at once, in a transfer: its `attack` and `seed`."""

    kind: Literal["ensemble"]
    attack: Object
    seed: int


@dataclass(frozen=True, kw_only=True)
class TransferRecord(_Record):
    """run.json of `foolscape transfer`: `configs` of each network's own run, `ensembles` by their networks' slugs."""

    kind: Literal["transfer"]
    configs: tuple[Object, ...]
    ensembles: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class UniversalRecord(_Record):
    """run.json of `foolscape universal`.

    Attributes:
        device, seed: as used.
        tile: (height, width) of the pattern.
        start_sha256: of the pattern that learning begins with, if one was given.
        target_sha256: of the picture that the model is to see, if it is one.
        data_notes: what had to be done to read the data.
        train, test: the images; those of the test are `samples`.
        gradient: the verdict on the first model's input gradient.
    """

    kind: Literal["universal"]
    device: str
    seed: int
    tile: tuple[int, int]
    start_sha256: str | None
    target_sha256: str | None
    data_notes: tuple[Text, ...] = ()
    train: Split
    test: Split
    gradient: Object = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class HardenRecord(_Record):
    """run.json of `foolscape harden`.

    Attributes:
        attack: of the training.
        device, seed: as used.
        train, test: the images.
        apart: training images are attacked each by itself, as workers do, and not as a batch; last bits depend on it.
    """

    kind: Literal["harden"]
    attack: Object
    device: str
    seed: int
    train: Split
    test: Split
    apart: bool = False


AnyRecord = RunRecord | EnsembleRecord | TransferRecord | UniversalRecord | HardenRecord

RECORDS: Final[Mapping[str | None, type[AnyRecord]]] = {
    None: RunRecord,
    "ensemble": EnsembleRecord,
    "transfer": TransferRecord,
    "universal": UniversalRecord,
    "harden": HardenRecord,
}
"""By `kind` of run.json; a run has none."""


def record_in(path: Path, found: Mapping[str, Any]) -> AnyRecord:
    """The record that the JSON object `found` in run.json at `path` is.

    Raises:
        RunError: it is of another schema.
        ValueError: it is no record of a run that we know.
    """
    check_schema(path, found)
    kind = found.get("kind")
    if kind is not None and (not isinstance(kind, str) or kind not in RECORDS):
        raise ValueError(f"expected a run, a transfer, a universal perturbation or a hardening, got kind {kind!r}")
    return read(RECORDS[kind], found)
