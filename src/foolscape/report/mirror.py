"""A run that lies where nothing can be written, as it would be in a place where something can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from foolscape.disk import in_words
from foolscape.paths import real

_FOLDERS: Final = ("runs", "ensembles")
"""Folders of runs."""


@contextmanager
def mirrored(directory: Path) -> Iterator[Path]:
    """A folder that lasts as long as the context, with links to all that is in `directory`, to write reports to.

    Directories of runs within it are folders of links again. Pictures are not shown from there.

    Raises:
        RunError: there is no room for it either.
    """
    with in_words(Path("the folder for temporary files")), TemporaryDirectory(prefix="foolscape-") as folder:
        copy = Path(folder) / (real(directory).name or "run")
        _link(real(directory), copy)
        yield copy


def _link(directory: Path, copy: Path) -> None:
    copy.mkdir()
    for path in directory.iterdir():
        if path.is_dir() and (path.name in _FOLDERS or (path / "run.json").exists()):
            _link(path, copy / path.name)
        else:
            (copy / path.name).symlink_to(path)
