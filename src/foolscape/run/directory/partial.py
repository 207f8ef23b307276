"""What a run that has not finished amounts to so far, as `partial.json`: what a report needs in place of its result.

It is computed from the files of the run alone, whenever a report is asked for, and goes when the run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foolscape.attacks.names import NONE
from foolscape.errors import CheckpointError, RunError
from foolscape.report.files import PARTIAL, command_of, read_object
from foolscape.report.form import of_a_run
from foolscape.report.run_kinds import unfinished
from foolscape.run.directory.rows import read_whole_rows
from foolscape.run.directory.store import Record, write_json
from foolscape.run.directory.tensors import read_tensors
from foolscape.run.scores.summary import summarise
from foolscape.run.tasks.base import CLEAN, CONDITIONS
from foolscape.run.universal.config import UniversalConfig


@of_a_run
def write_partial(directory: Path) -> list[Path]:
    """Write partial.json to `directory` and to the unfinished runs in it; all these directories, `directory` last.

    Raises:
        RunError: no run.json, or one that cannot be understood.
    """
    record = read_object(directory / "run.json", "")
    kind = record.get("kind")
    inner = sorted(path for path in _inner(directory, kind) if (path / "run.json").exists())
    written = [one for path in inner if unfinished(path) for one in write_partial(path)]
    parts = {None: so_far, "transfer": _of_transfer, "universal": _of_universal, "harden": _of_harden}[kind]
    about = (
        {}
        if kind is None
        else {"schema": 1, "kind": kind, "runs": [path.relative_to(directory).as_posix() for path in inner]}
    )
    try:
        found = about | parts(directory, record)
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(
            f"{directory}: the run has not finished; expected records of this version to sum up, got {error!r}. Resume "
            f"it, recorded images are skipped: {command_of(record)}"
        ) from error
    write_json(directory, PARTIAL, found)
    return [*written, directory]


def so_far(directory: Path, record: Record) -> Record:
    """The summary of the images that are done, and how many these are; nothing is judged before all are."""
    conditions = (CLEAN,) if record["attack"]["name"] == NONE else CONDITIONS
    rows = read_whole_rows(directory, set(conditions))
    parts = [
        _part(model["model"], _settled(rows, model["model"]), len(record["samples"])) for model in record["models"]
    ]
    summary = {key: value for key, value in summarise(record, rows).items() if key != "trust"}
    return summary | {"unfinished": parts}


def _of_transfer(directory: Path, record: Record) -> Record:
    ids, specs = len(record["samples"]), [config["models"][0] for config in record["configs"]]
    rows, shared = read_whole_rows(directory), sorted(directory.glob("ensembles/*"))
    parts = [
        *(_part(f"attack on {spec}", _run_of(directory / "runs", spec), ids) for spec in specs),
        *(_part(f"attack on {path.name}", _images(path), ids) for path in shared),
        *(_part(f"all changes on {spec}", _settled(rows, spec), ids) for spec in specs),
    ]
    return {"unfinished": parts, "epochs": []}


def _of_universal(directory: Path, record: Record) -> Record:
    config, parts = UniversalConfig.model_validate(record["config"]), []
    shown: list[Record] = []
    for point in config.points:
        epochs = _epochs(directory / "learning" / f"{point.name}.safetensors")
        shown = shown or epochs
        total = config.recipe(point, record["models"][0]["task"]).epochs
        parts.append(_part(f"learning {point.name}", len(epochs), total, "epochs"))
    rows = read_whole_rows(directory)
    for model in record["models"]:
        title = f"{model['model']} on {config.test_split}"
        parts.append(_part(title, _settled(rows, model["model"]), record["test"]["samples"]))
    return {"unfinished": parts, "epochs": shown}


def _of_harden(directory: Path, record: Record) -> Record:
    config, tests = record["config"], record["test"]["samples"]
    epochs = _epochs(directory / "checkpoint.safetensors")
    parts = [
        _part("the network before", _images(directory / "before"), tests),
        _part(f"training on {config['train_split']}", len(epochs), config["epochs"], "epochs"),
        _part("the network after", _images(directory / "after"), tests),
    ]
    return {"unfinished": parts, "epochs": epochs}


def _inner(directory: Path, kind: str | None) -> Iterator[Path]:
    """The directories of runs in a directory of this kind."""
    if kind == "transfer":
        yield from directory.glob("runs/*")
    elif kind == "harden":
        yield from (directory / "before", directory / "after")


def _part(name: str, done: int, of: int, unit: str = "images") -> Record:
    return {"part": name, "done": done, "of": of, "unit": unit}


def _settled(rows: list[Record], spec: str) -> int:
    """How many images are done for a model, or given up for it or for all."""
    return len({row["id"] for row in rows if row["model"] in (spec, None)})


def _images(directory: Path) -> int:
    """How many images a run of one model, or an ensemble, has done."""
    return len({row["id"] for row in read_whole_rows(directory)})


def _run_of(runs: Path, spec: str) -> int:
    """How many images the run of a network has done."""
    return max((_settled(read_whole_rows(path), spec) for path in runs.glob("*")), default=0)


def _epochs(path: Path) -> list[Record]:
    """What became of each epoch of a learning, or a training, in a file; none where there is no such file yet."""
    try:
        _, told = read_tensors(path)
    except CheckpointError:
        return []
    return list(told.get("epochs", ()))
