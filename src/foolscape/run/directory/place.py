"""Where a command writes that was given no --out: `runs/NAME-N`, with the run to go on with or the next free number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foolscape.errors import RunError
from foolscape.records.reader import read_json
from foolscape.records.types import Object
from foolscape.run.directory.begun import as_json, read_settings
from foolscape.run.directory.lock import is_empty, release, reserve
from foolscape.spec import parse

RUNS: Final = Path("runs")
"""The folder of all runs that were not given one, in the working directory."""

_LONGEST, _NAMED = 48, 3
"""Letters of one part of a name; models that a name spells out."""
_LIBRARIES: Final = ("bundled", "torchvision", "transformers")
"""Schemes that say nothing of a model which its name does not."""


@dataclass(frozen=True)
class PlannedRun:
    """What a command is about to do.

    Attributes:
        name: of the directory, before its number; see `name_of`.
        fields: what run.json holds of it in any case, such as `config` and `kind`; a run in which any of these is
            another is another run. A key that is not there counts as null.
        result: the file that is there when all is done.
    """

    name: str
    fields: Object
    result: str = "summary.json"


@dataclass(frozen=True)
class Place:
    """A directory to write to, and whether an unfinished run is there to go on with."""

    directory: Path
    continued: bool


@contextmanager
def placed(planned_run: PlannedRun, runs: Path = RUNS, *, new: bool = False, done: bool = False) -> Iterator[Place]:
    """The newest unfinished run below `runs` that is the `planned_run`, else the next number; reserved meanwhile.

    The lock is held from here until `store.open_run` takes it over: of two commands that start at once each gets its
    own directory. A directory in which nothing was begun is removed at the end.

    Args:
        planned_run: what is to be done.
        runs: the folder of all runs.
        new: take the next number in any case.
        done: one that has finished is gone on with, too.

    Raises:
        RunError: the run to go on with is at work in another process, or nothing can be written to `runs`.
    """
    place = (None if new else _to_go_on_with(planned_run, runs, done=done)) or _next(planned_run, runs)
    try:
        yield place
    finally:
        release(place.directory)


def foreseen(planned_run: PlannedRun, out: Path | None = None, runs: Path = RUNS, *, new: bool = False) -> Place:
    """`out`, or what `placed` would give, as things stand; nothing is reserved.

    Raises:
        RunError: another command's run is in `out`.
    """
    if out is not None:
        if not (out / "run.json").exists():
            return Place(out, continued=False)
        if not _agrees(out, planned_run.fields):
            raise RunError(f"expected the command that began {out}, got other settings; choose another --out")
        return Place(out, continued=True)
    begun = _numbered(planned_run, runs)
    for _, path in () if new else begun:
        if not _is_there(path / planned_run.result) and _agrees(path, planned_run.fields):
            return Place(path, continued=True)
    return Place(runs / f"{planned_run.name}-{begun[0][0] + 1 if begun else 1}", continued=False)


def name_of(*parts: str) -> str:
    """A directory's name of these parts, of ASCII letters, digits, `.`, `_` and `-`."""
    words = (re.sub(r"[^A-Za-z0-9._]+", "-", part).strip("-.")[:_LONGEST].rstrip("-.") for part in parts)
    return "-".join(part for part in words if part) or "run"


def model_name(text: str) -> str:
    """A short name of the model that the spec `text` names, not unique: net-build of path/to/net.py:build?weights=.."""
    spec = parse(text)
    if spec.scheme == "propagation" and spec.rest:
        return model_name(text.partition(":")[2])
    name = re.sub(r"\.(pth|pt|safetensors)$", "", spec.rest.rstrip("/").rpartition("/")[2])
    if not spec.scheme or spec.scheme in _LIBRARIES:
        return name
    scheme = re.split(r"[/:\\]", spec.scheme)[-1].removesuffix(".py").rpartition(".")[2]
    return name if name == scheme else f"{scheme}-{name}"


def models_name(texts: Sequence[str]) -> str:
    """The short names of several models, the first few of them."""
    names = [model_name(text) for text in texts[: _NAMED if len(texts) <= _NAMED else _NAMED - 1]]
    more = len(texts) - len(names)
    return name_of(*names, *([f"and-{more}-more"] if more else []))


def _numbered(planned_run: PlannedRun, runs: Path) -> list[tuple[int, Path]]:
    """The directories of this name in which something was begun, by number, the newest first."""
    pattern = re.compile(rf"{re.escape(planned_run.name)}-([1-9]\d*)")
    directories = []
    for path in runs.iterdir() if runs.is_dir() else ():
        match = pattern.fullmatch(path.name)
        if match and not (path.is_dir() and is_empty(path)):
            directories.append((int(match[1]), path))
    return sorted(directories, reverse=True)


def _to_go_on_with(planned_run: PlannedRun, runs: Path, *, done: bool) -> Place | None:
    """The newest run that is the `planned_run`, and not finished unless `done`, reserved; None where there is none."""
    for _, path in _numbered(planned_run, runs):
        if not _agrees(path, planned_run.fields) or (not done and _is_there(path / planned_run.result)):
            continue
        if not reserve(path):
            raise RunError(
                f"expected {path} to be free, got a run of the same settings that is at work in it; wait for it, or "
                "add --new to begin another one beside it"
            )
        return Place(path, continued=True)
    return None


def _is_there(result: Path) -> bool:
    """Whether a run has its result, and it can be read."""
    try:
        read_json(result)
    except RunError:
        return False
    return True


def _next(planned_run: PlannedRun, runs: Path) -> Place:
    """The first free number behind all that were begun, reserved."""
    begun = _numbered(planned_run, runs)
    number = begun[0][0] + 1 if begun else 1
    while True:
        path = runs / f"{planned_run.name}-{number}"
        if reserve(path):
            if is_empty(path):  # else another process began and ended in it since
                return Place(path, continued=False)
            release(path)
        number += 1


def _agrees(directory: Path, expected: Object) -> bool:
    """Whether run.json says `expected`; a damaged one, none, or one of another schema is no run to go on with."""
    try:
        begun = read_settings(directory)
    except RunError:
        return False
    if begun is None:
        return False
    there, here = as_json(begun), json.loads(json.dumps(expected))
    return all(there.get(key) == value for key, value in here.items())
