"""Paths as people write them: a leading `~` is the home folder, wherever a path is given."""

from __future__ import annotations

import os
from pathlib import Path

from foolscape.errors import SettingError


def path_of(text: str | Path) -> Path:
    """The path that `text` names; see `with_home`."""
    return Path(with_home(os.fspath(text)))


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
    return Path(os.path.realpath(path))
