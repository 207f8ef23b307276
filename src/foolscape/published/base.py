"""What a row of a published table is, what it needs, and the command line that measures it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from foolscape.spec import written


def is_level(bound: str) -> bool:
    """Whether `bound`, such as 0.5/255, is a level of an 8-bit file at least."""
    return float(bound.partition("/")[0]) >= 1


@dataclass(frozen=True)
class Figure:
    """A published number.

    Attributes:
        column: what it stands under in the table, such as ADVR.
        score: the key of the score in a run's summary.
        value: in percent.
        condition: what it is of: `clean`, `permuted`, or `adversarial`, which papers do not round to 8 bits.
        bound: within which bound, where the row has several.
    """

    column: str
    score: str
    value: float
    condition: str
    bound: str | None = None

    @property
    def measurable(self) -> bool:
        """Whether its bound, if it has one, is a level of an 8-bit file at least."""
        return self.bound is None or is_level(self.bound)


@dataclass(frozen=True)
class DataPlace:
    """Where data are looked for in the folder of --data.

    Attributes:
        scheme: of the spec.
        folder: behind it, in the folder.
        marker: a file or folder that is there if they are.
        source: where they come from.
        options: of the spec.
    """

    scheme: str
    folder: str
    marker: str
    source: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a published table, or a column of one whose rows are bounds.

    Attributes:
        name: such as dag/fcn-alexnet.
        table: paper and number of the table.
        network: as the paper calls it.
        task: of `tasks.base`.
        model: the spec of foolscape's network, to which `weights` is added, after a colon at its end or as an option.
        weights: the file that is looked for in the folder of --weights.
        source: where it comes from.
        beside: further files in that folder, by the option of the spec that names each.
        data: where it is looked for.
        command: of foolscape, `run` or `universal`.
        settings: options of the command, by name; several bounds with commas.
        figures: the published ones; none where they were not to be had as numbers.
        remark: where this differs from what was published, and what its figures are of.
    """

    name: str
    table: str
    network: str
    task: str
    data: DataPlace
    model: str
    weights: str
    source: str
    beside: Mapping[str, str] = field(default_factory=dict)
    command: str = "run"
    settings: Mapping[str, str] = field(default_factory=dict)
    figures: tuple[Figure, ...] = ()
    remark: str = ""


@dataclass(frozen=True)
class Places:
    """Where to look: the folders of --weights and --data; `model`: a spec in the place of a row's own."""

    weights: Path
    data: Path
    model: str | None = None


def missing(row: Row, places: Places) -> list[str]:
    """What a row needs that is not there, each in a few words; none: it can be run."""
    lacks = []
    if places.model is None:
        files = [places.weights / name for name in (row.weights, *row.beside.values())]
        lacks += [f"{file} ({row.source})" for file in files if not file.is_file()]
    if not (places.data / row.data.marker).exists():
        lacks.append(f"{places.data / row.data.marker} ({row.data.source})")
    return lacks


def model_spec(row: Row, places: Places) -> str:
    """The spec of the model that a row is run with."""
    if places.model is not None:
        return places.model
    file = str(places.weights / row.weights)
    scheme, _, rest = row.model.partition(":")
    more = {option: str(places.weights / name) for option, name in row.beside.items()}
    return written(scheme, rest, {"weights": file, **more}) if rest else written(scheme, file, more)


def data_spec(row: Row, places: Places) -> str:
    """The spec of the data that a row is run on."""
    return written(row.data.scheme, str(places.data / row.data.folder), dict(row.data.options))


def arguments(row: Row, model: str, data: str, settings: Mapping[str, str]) -> list[str]:
    """The command line of foolscape that measures a row, without the directory."""
    words = [row.command, "--model", model, "--data", data]
    for name, value in settings.items():
        option = f"--{name.replace('_', '-')}"
        words += [option, value] if value not in ("yes", "no") else [option if value == "yes" else f"--no-{option[2:]}"]
    return words
