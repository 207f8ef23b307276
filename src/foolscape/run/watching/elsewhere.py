"""How a command stands whose directory is in a store: of its files only those are asked for that tell it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from foolscape.errors import RunError
from foolscape.records.places import MATRIX, PROGRESS, RUN, SHARD, SHARD_NAME, SHARDS, SUMMARY
from foolscape.records.sweep import SWEEP
from foolscape.run.watching.standing import Standing, standing_of
from foolscape.stores.folder import StoreFolder, folder_at
from foolscape.stores.path import StorePath

_SIGNS: Final = (RUN, SWEEP, SUMMARY, MATRIX, SHARD)
"""Files that say by their names how far a command is."""


def standing_at(directory: Path) -> Standing:
    """How `directory` stands, of this machine or of a store; raises `RunError` as `standing_of`, or for the store."""
    if not isinstance(directory, StorePath):
        return standing_of(directory)
    with TemporaryDirectory(prefix="foolscape-") as folder:
        local = Path(folder) / directory.name
        local.mkdir()
        try:
            _sketch(folder_at(directory), local)
        except OSError as error:
            raise RunError(
                f"expected {directory} to be read, got {error.strerror or error}; check the address and the network"
            ) from error
        try:
            found = standing_of(local)
        except RunError as error:
            raise RunError(str(error).replace(str(local), str(directory))) from error
        parts = tuple(replace(part, directory=directory / SHARDS / part.directory.name) for part in found.parts)
        return replace(found, directory=directory, parts=parts)


def _sketch(folder: StoreFolder, local: Path) -> None:
    """Files of the names that are there, empty but for what is told in them, and of the store's time."""
    _signs(folder, "", local)
    for name in folder.names(SHARDS):
        if SHARD_NAME.fullmatch(name):
            _signs(folder, f"{SHARDS}/{name}/", local / SHARDS / name)


def _signs(folder: StoreFolder, inside: str, local: Path) -> None:
    names = folder.names(inside.rstrip("/"))
    local.mkdir(parents=True, exist_ok=True)
    for name in names.keys() & set(_SIGNS):
        (local / name).touch()
    if PROGRESS in names:
        path, when = local / PROGRESS, names[PROGRESS]
        path.write_bytes(folder.read(f"{inside}{PROGRESS}"))
        os.utime(path, (when or 0.0, when or 0.0))
