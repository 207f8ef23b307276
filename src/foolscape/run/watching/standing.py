"""How a command stands that is at work in a directory, or was: told from its files alone, which are only read."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from foolscape.errors import RunError
from foolscape.in_place import found_at
from foolscape.records.places import MATRIX, PROGRESS, RUN, SHARD, SHARD_NAME, SHARDS, SUMMARY
from foolscape.records.progress import Progress, read_progress
from foolscape.records.sweep import SWEEP
from foolscape.run.directory.lock import is_locked
from foolscape.run.watching.process import alive

SILENT: Final = 90.0
"""Seconds after which a command of another machine is taken for dead: it writes every 10."""


class State(StrEnum):
    """How a command stands.

    `dead`: it was killed, or its machine is gone; `stopped`: it ended before all was done. Both go on with the same
    command.
    """

    FINISHED = "finished"
    RUNNING = "running"
    STOPPED = "stopped"
    DEAD = "dead"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Standing:
    """How a directory stands.

    Attributes:
        directory: of a run or another command that measures.
        state: of the command.
        why: of what is not finished, in words; empty where there is nothing to say.
        progress: what the command told last; None where it told nothing.
        parts: of a run in parts (`--shard`), each of them.
    """

    directory: Path
    state: State
    why: str = ""
    progress: Progress | None = None
    parts: tuple[Standing, ...] = ()


def standing_of(directory: Path) -> Standing:
    """How `directory` stands.

    Raises:
        RunError: nothing was begun in it, or its progress is damaged.
    """
    parts = _parts_in(directory / SHARDS)
    if (directory / PROGRESS).exists() or _is_begun(directory):
        own = _own(directory)
        return Standing(directory, own.state, own.why, own.progress, parts)
    if parts:
        return Standing(directory, _together(parts), "", None, parts)
    if is_locked(directory):
        return Standing(directory, State.RUNNING, "it has begun just now")
    there = found_at(directory).replace("a folder", "a folder in which nothing was begun")
    raise RunError(
        f"expected a directory in which a command measures or has measured, got {directory}: {there}; see --out, or "
        "the line that begins with out:"
    )


def _own(directory: Path) -> Standing:
    """How the command stands whose directory this is."""
    progress = _progress(directory)
    if progress is None:
        return _untold(directory)
    if progress.host == socket.gethostname() and is_locked(directory):
        if _is_at_work(progress):
            return Standing(directory, State.RUNNING, "", progress)
        return Standing(directory, State.RUNNING, "it goes on, and has told nothing yet", _past(progress))
    if progress.state == "finished":
        return Standing(directory, State.FINISHED, progress=progress)
    if progress.state == "stopped":
        return Standing(directory, State.STOPPED, progress.reason, progress)
    state, why = _heard_of(directory, progress)
    return Standing(directory, state, why, _past(progress) if state is State.DEAD else progress)


def _past(progress: Progress) -> Progress:
    """What a command told that is no more: nothing of a speed, of time left, and of workers, which ended with it."""
    whole = None if progress.whole is None else replace(progress.whole, ahead=None)
    return replace(progress, rate=None, left=None, workers=(), whole=whole)


def _progress(directory: Path) -> Progress | None:
    """What is told in it, or of a run in a transfer, a hardening or a sweep in the directory of that."""
    own = read_progress(directory)
    if own is not None or _has_result(directory):
        return own
    for above in (directory.parent, directory.parent.parent):
        if _is_begun(above):
            return read_progress(above)
    return None


def _untold(directory: Path) -> Standing:
    """Of a command that told nothing: one of Python, or of an earlier version."""
    if _has_result(directory):
        return Standing(directory, State.FINISHED)
    if is_locked(directory):
        return Standing(directory, State.RUNNING, "it keeps no progress")
    return Standing(directory, State.DEAD, "it has not finished, and nobody on this machine is at work in it")


def _is_begun(directory: Path) -> bool:
    return (directory / RUN).exists() or (directory / SWEEP).exists()


def _has_result(directory: Path) -> bool:
    return any((directory / name).exists() for name in (SUMMARY, MATRIX, SHARD))


def _heard_of(directory: Path, progress: Progress) -> tuple[State, str]:
    """Of a command that says that it is at work: whether it is."""
    if progress.host == socket.gethostname():
        if _is_at_work(progress):
            return State.RUNNING, ""
        return State.DEAD, f"its process {progress.pid} is gone without a word, as after kill -9 or want of memory"
    silent = _silence(directory, progress)
    if silent <= SILENT:
        return State.RUNNING, ""
    return State.DEAD, f"nothing was heard of it on {progress.host} for {silent:.0f} s"


def _is_at_work(progress: Progress) -> bool:
    """Of a command of this machine."""
    return progress.state == "running" and alive(progress.pid, progress.born)


def _silence(directory: Path, progress: Progress) -> float:
    """Seconds since a command of another machine was heard of: by that one's clock or by the file's, whichever is less.

    Clocks of machines differ, and may jump; a time that is yet to come counts as now.
    """
    now = time.time()
    heard = [0.0]
    with suppress(ValueError):
        heard.append(datetime.fromisoformat(progress.updated).timestamp())
    with suppress(OSError):
        heard.append((directory / PROGRESS).stat().st_mtime)
    return max(0.0, now - max(heard))


def _parts_in(folder: Path) -> tuple[Standing, ...]:
    """Every part of a run; those that nobody has begun, too, as the names of the others say how many there are."""
    found = {path.name: path for path in sorted(folder.glob("*-of-*")) if SHARD_NAME.fullmatch(path.name)}
    if not found:
        return ()
    counts = {int(name.partition("-of-")[2]): name.partition("-of-")[2] for name in found}
    names = {f"{number:0{len(text)}d}-of-{text}" for count, text in counts.items() for number in range(1, count + 1)}
    return tuple(_part(folder / name) for name in sorted(names | set(found)))


def _part(directory: Path) -> Standing:
    if (directory / PROGRESS).exists() or _is_begun(directory):
        return _own(directory)
    return Standing(directory, State.NOT_BEGUN)


def _together(parts: tuple[Standing, ...]) -> State:
    """Of a run in parts that are not merged: at work if any is; finished if all are."""
    states = [part.state for part in parts]
    for state in (State.RUNNING, State.DEAD, State.STOPPED, State.NOT_BEGUN):
        if state in states:
            return state
    return State.FINISHED
