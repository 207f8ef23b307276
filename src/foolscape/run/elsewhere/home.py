"""Where a run that lies in a store is made on this machine: a folder of the user's cache, by its address."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foolscape.disk import in_words, remove_file, write_file
from foolscape.errors import RunError, SettingError
from foolscape.paths import real
from foolscape.records.places import SHARDS
from foolscape.run.directory.lock import release, reserve
from foolscape.stores.cache import cache_folder
from foolscape.stores.path import StorePath, place_of

_FOLDER: Final = "runs"
_STATE: Final = "carried.json"


@dataclass(frozen=True)
class Home:
    """The folder of one run.

    Attributes:
        path: where the run belongs.
        folder: of this machine, for it alone.
    """

    path: StorePath
    folder: Path

    @property
    def local(self) -> Path:
        """The run's directory in it, which has the name that it has in the store; of a shard those above it, too."""
        return self.folder.joinpath(*named_parts(self.path))

    def token(self) -> str | None:
        """Of the last driver here; None where there was none, or not all that it began with came down."""
        token = _state_in(self.folder).get("token")
        return token if isinstance(token, str) and self.local.is_dir() else None

    @property
    def is_ahead(self) -> bool:
        """Whether it may hold what is not in the store."""
        return self.token() is not None and _state_in(self.folder).get("ahead") is not False

    def remember(self, token: str, *, ahead: bool = True) -> None:
        """What is in it is the run of a driver with this token, and `ahead` of the store or not."""
        state = {"address": str(self.path), "token": token, "ahead": ahead}
        write_file(self.folder, _STATE, json.dumps(state).encode())

    def clear(self) -> None:
        """Let go what is in it; raises `UnwritableError`."""
        with in_words(self.folder):
            remove_file(self.folder / _STATE)
            shutil.rmtree(self.folder / named_parts(self.path)[0], ignore_errors=True)

    def remove(self) -> None:
        """Let it go, where nobody is at work in it."""
        if reserve(self.folder):
            with suppress(RunError):
                self.clear()
            release(self.folder)


def home_of(path: StorePath) -> Home:
    """The folder for the run at `path`, which need not be there yet."""
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return Home(path, _homes() / digest)


def homes_here() -> list[Home]:
    """The folders of all runs that were begun on this machine and are not gone; of unreadable ones nothing is known."""
    found = []
    for folder in sorted(_homes().glob("*/")):
        with suppress(SettingError):
            path = place_of(str(_state_in(folder).get("address", "")))
            if isinstance(path, StorePath) and home_of(path).folder == folder:
                found.append(Home(path, folder))
    return found


def _homes() -> Path:
    return real(Path(cache_folder())) / _FOLDER


def _state_in(folder: Path) -> dict[str, Any]:
    """What is remembered of a folder; nothing where that cannot be read."""
    try:
        state = json.loads((folder / _STATE).read_bytes())
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def named_parts(path: StorePath) -> tuple[str, ...]:
    """The last part of a path, of that of a shard the last three: what a run is called by."""
    return path.parts[-3:] if path.parent.name == SHARDS and len(path.parts) > 4 else path.parts[-1:]


@contextmanager
def held(home: Home) -> Iterator[None]:
    """Within it no other process of this machine is at work in `home`; raises `RunError` where one is."""
    if not reserve(home.folder):
        raise RunError(f"expected {home.path} to be free, got a run of this machine that is at work in it; wait for it")
    try:
        yield
    finally:
        release(home.folder)
