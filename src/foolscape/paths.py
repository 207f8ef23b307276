"""Paths as people write them: a leading `~` is the home folder, wherever a path is given, and addresses are paths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path, PosixPath

from foolscape.carriers import here
from foolscape.errors import SettingError
from foolscape.stores.address import is_address, is_archive, is_of_windows, restored
from foolscape.stores.path import StorePath, place_of
from foolscape.stores.secrets import scrubbed


def path_of(text: str | Path) -> Path:
    """The path that `text` names, see `with_home`; an address such as `s3://bucket/images` is one in a store.

    What lies in a run that is made here, and belongs to a store, is the file of this machine: the store's may be older.

    Raises:
        SettingError: as `with_home`, or an address with a key in it, or of another form than those that are known.
    """
    if isinstance(text, StorePath):
        return text
    path = place_of(with_home(restored(os.fspath(text))))
    return here(path) if isinstance(path, StorePath) else path


def folder_of(text: str | Path) -> Path:
    """The folder of this machine that `text` names, which is to be written to.

    Raises:
        SettingError: as `path_of`, an address of a store, or a path of Windows.
    """
    path = _to_write(text)
    if isinstance(path, StorePath):
        raise SettingError(
            f"expected a folder of this machine to write to, got {scrubbed(path)}; name one, and copy it "
            "to the store afterwards"
        )
    return path


def run_folder_of(text: str | Path) -> Path:
    """The folder that `text` names, which a run is written to: of this machine, or in a store.

    Raises:
        SettingError: as `path_of`, an address of an archive, or a path of Windows.
    """
    path = _to_write(text)
    if isinstance(path, StorePath) and any(is_archive(part) for part in path.parts):
        raise SettingError(f"expected a folder to write to, got an archive in {path}; name another folder")
    return path


def _to_write(text: str | Path) -> Path:
    """The folder that `text` names, which may be new; what looks like one of Windows is none of ours."""
    written, path = str(text), _named(text)
    if is_of_windows(written) and not os.path.lexists(path):
        raise SettingError(
            f"expected a folder as this machine names it, got the path of Windows {written}; write ./{written} for a "
            "folder of that name"
        )
    return path


def file_of(text: str | Path) -> Path:
    """As `path_of`, but an archive of this machine is a file as any other: weights may be called `net.pth.tar`."""
    path = _named(text)
    return here(path) if isinstance(path, StorePath) else path


def _named(text: str | Path) -> Path:
    """The path that `text` names; an archive of this machine is a file."""
    if isinstance(text, StorePath):
        return text
    written = with_home(restored(os.fspath(text)))
    return place_of(written) if is_address(written) else Path(written)


def with_home(written: str) -> str:
    """The path `written`, with the home folders that `~` and `~NAME` at its beginning are.

    Every path of a command line, a YAML file or a spec goes through here. A shell does not touch the `~` of `--out=~/r`
    or of `folder:~/photos`, so that a folder named `~` would be made or looked for. `~NAME` without such a user is the
    file of that name, where there is one; `./~NAME` is always the file.

    Raises:
        SettingError: no such user and no such file, or a character that no path has.
    """
    if "\0" in written:
        raise SettingError(f"expected a path, got {written!r} with a NUL in it; take it out")
    if not written.startswith("~"):
        return written
    path = os.path.expanduser(written)  # noqa: PTH111 - Path.expanduser raises where there is no such user
    if path == written and not os.path.lexists(written):
        name = written.split("/", 1)[0]
        raise SettingError(
            f"expected a home folder at the beginning of {written}, got no user {name[1:]!r}; write ./{written} for a "
            "file of that name"
        )
    return path


def real(path: Path) -> Path:
    """`path` with its links followed, absolute; one that leads round in a circle stays, where `Path.resolve` raises."""
    return path if isinstance(path, StorePath) else Path(os.path.realpath(path))


def absolute(path: Path) -> Path:
    """`path` from the root on, without `..`; a link stays."""
    if isinstance(path, StorePath):
        return normal(path)
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.absolute leaves `..`


def normal(path: Path) -> Path:
    """`path` without `..` behind a folder, as it is written; a link stays."""
    if isinstance(path, StorePath):
        return type(path)(os.path.normpath(PosixPath(*path.parts)))
    return Path(os.path.normpath(path))


def below_common(paths: Sequence[Path]) -> list[Path]:
    """Absolute `paths` relative to the nearest folder that they are all in."""
    folders = [path.parts[:-1] for path in paths]
    first, last = min(folders), max(folders)  # what these share all share
    shared = next((place for place, one in enumerate(first) if last[place : place + 1] != (one,)), len(first))
    return [Path(*path.parts[shared:]) for path in paths]
