"""What a run that has not finished amounts to so far, as `partial.json`: what a report needs in place of its result.

It is computed from the files of the run alone, whenever a report is asked for, and goes when the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foolscape.errors import CheckpointError, RunError
from foolscape.records.places import PARTIAL, RUN
from foolscape.records.reader import command_of, read_record
from foolscape.records.run import AnyRecord, EnsembleRecord, HardenRecord, RunRecord, TransferRecord, UniversalRecord
from foolscape.records.scan import whole_rows
from foolscape.records.schema import SCHEMA
from foolscape.records.stored import Rows, StoredRows
from foolscape.records.types import Object
from foolscape.report.form import of_a_run
from foolscape.report.run_kinds import kind_of, unfinished
from foolscape.run.directory.begun import write_json
from foolscape.run.directory.tensors import read_tensors
from foolscape.run.summary import summarise
from foolscape.run.universal.config import UniversalConfig


def page_of_part(place: Path) -> Path:
    """Write the pages of what an unfinished run, and those in it, amount to so far; the path of its own."""
    return [kind_of(path).write_page(path) for path in write_partial(place)][-1]


@of_a_run
def write_partial(directory: Path) -> list[Path]:
    """Write partial.json to `directory` and to the unfinished runs in it; all these directories, `directory` last.

    Raises:
        RunError: no run.json, or one that cannot be understood.
    """
    record = read_record(directory)
    inner = sorted(path for path in _inner(directory, record) if (path / RUN).exists())
    directories = [one for path in inner if unfinished(path) for one in write_partial(path)]
    try:
        content = _content(directory, record, [path.relative_to(directory).as_posix() for path in inner])
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{directory}: the run has not finished; expected records of this version to sum up, got {error!r}. Resume "
            f"it, recorded images are skipped: {command_of(record)}"
        ) from error
    write_json(directory, PARTIAL, content)
    return [*directories, directory]


def _content(directory: Path, record: AnyRecord, runs: list[str]) -> Object:
    """What partial.json holds; `runs` are the directories of runs in this one."""
    match record:
        case RunRecord():
            return so_far(directory, record)
        case TransferRecord():
            content = _of_transfer(directory, record)
        case UniversalRecord():
            content = _of_universal(directory, record)
        case HardenRecord():
            content = _of_harden(directory, record)
        case EnsembleRecord():
            raise RunError(
                f"{directory}: expected a run, got the change of an ensemble: name the transfer it is part of"
            )
    return {"schema": SCHEMA, "kind": record.kind, "runs": runs, **content}


def so_far(directory: Path, record: RunRecord) -> Object:
    """The summary of the images that are done, and how many these are; nothing is judged before all are."""
    rows = whole_rows(directory, record, record.conditions)
    parts = [_part(model.model, _count(rows, model.model), len(record.ids)) for model in record.models]
    summary = {key: value for key, value in summarise(record, rows).items() if key != "trust"}
    return summary | {"unfinished": parts}


def _of_transfer(directory: Path, record: TransferRecord) -> Object:
    ids, specs = len(record.ids), [model.model for model in record.models]
    rows, shared = whole_rows(directory, record), sorted(directory.glob("ensembles/*"))
    parts = [
        *(_part(f"attack on {spec}", _run_of(directory / "runs", spec), ids) for spec in specs),
        *(_part(f"attack on {path.name}", _images(path), ids) for path in shared),
        *(_part(f"all changes on {spec}", _count(rows, spec), ids) for spec in specs),
    ]
    return {"unfinished": parts, "epochs": []}


def _of_universal(directory: Path, record: UniversalRecord) -> Object:
    config, parts = UniversalConfig.model_validate(record.config), []
    shown_epochs: list[Object] = []
    for point in config.points:
        epochs = _epochs(directory / "learning" / f"{point.name}.safetensors")
        shown_epochs = shown_epochs or epochs
        total = config.recipe(point, record.models[0].task).epochs
        parts.append(_part(f"learning {point.name}", len(epochs), total, "epochs"))
    rows = whole_rows(directory, record)
    for model in record.models:
        title = f"{model.model} on {config.test_split}"
        parts.append(_part(title, _count(rows, model.model), record.test.samples))
    return {"unfinished": parts, "epochs": shown_epochs}


def _of_harden(directory: Path, record: HardenRecord) -> Object:
    config, tests = record.config, record.test.samples
    epochs = _epochs(directory / "checkpoint.safetensors")
    parts = [
        _part("the network before", _images(directory / "before"), tests),
        _part(f"training on {config['train_split']}", len(epochs), config["epochs"], "epochs"),
        _part("the network after", _images(directory / "after"), tests),
    ]
    return {"unfinished": parts, "epochs": epochs}


def _inner(directory: Path, record: AnyRecord) -> Iterator[Path]:
    """The directories of runs in a directory of this kind."""
    if isinstance(record, TransferRecord):
        yield from directory.glob("runs/*")
    elif isinstance(record, HardenRecord):
        yield from (directory / "before", directory / "after")


def _part(name: str, done: int, of: int, unit: str = "images") -> Object:
    return {"part": name, "done": done, "of": of, "unit": unit}


def _count(rows: Rows, spec: str) -> int:
    """How many images are done for a model, or given up for it or for all."""
    return len({*rows.ids(spec), *rows.ids(None)})


def _rows(directory: Path) -> StoredRows | None:
    """The rows of a run; None where none was begun."""
    return whole_rows(directory, read_record(directory)) if (directory / RUN).exists() else None


def _images(directory: Path) -> int:
    """How many images a run of one model, or an ensemble, has done."""
    rows = _rows(directory)
    return 0 if rows is None else len(set(rows.names()))


def _run_of(runs: Path, spec: str) -> int:
    """How many images the run of a network has done."""
    begun = (_rows(path) for path in runs.glob("*"))
    return max((_count(rows, spec) for rows in begun if rows is not None), default=0)


def _epochs(path: Path) -> list[Object]:
    """What became of each epoch of a learning, or a training, in a file; none where there is no such file yet."""
    try:
        _, metadata = read_tensors(path)
    except CheckpointError:
        return []
    return list(metadata.get("epochs", ()))
