"""What the data sets share: folders, splits, names, fingerprints."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from foolscape.data import upright
from foolscape.data.listing import names_in
from foolscape.errors import DataError, SettingError, UnknownNameError, unknown
from foolscape.paths import path_of
from foolscape.regular import is_regular, open_regular
from foolscape.spec import Spec

T = TypeVar("T")

IMAGE_EXTENSIONS = frozenset({
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pbm",
    ".jp2", ".avif",
})  # fmt: skip
"""Extensions, in lower case, of the files that are taken for photographs."""


def directory(spec: Spec) -> Path:
    """The folder that `spec` names.

    Raises:
        SettingError: it names none.
        DataError: there is no such folder.
    """
    if not spec.rest.strip():
        raise SettingError(f"expected a folder, {spec.scheme}:DIR, got {spec.text!r}")
    path = path_of(spec.rest)
    if not path.is_dir():
        got = "a file" if path.exists() else "nothing there"
        raise DataError(f"{spec.text}: expected a folder at {path}, got {got}; check the path")
    return path


def name_ids(paths: Sequence[Path]) -> tuple[str, ...]:
    """Unique ids for relative `paths`: without the extension, or with it where that would clash; see `readable`."""
    short = [readable(_without_suffix(path.as_posix())) for path in paths]
    times = Counter(short)
    ids = [readable(path.as_posix()) if times[name] > 1 else name for path, name in zip(paths, short, strict=True)]
    if len(set(ids)) < len(ids):  # a.jpg and a.png beside a.jpg.png
        ids = [readable(path.as_posix()) for path in paths]
    counts: Counter[str] = Counter()
    for place, name in enumerate(ids):  # bytes that are no UTF-8 beside a name that is written like them
        counts[name] += 1
        ids[place] = name if counts[name] == 1 else f"{name} ({counts[name]})"
    return tuple(ids)


def _without_suffix(path: str) -> str:
    """As `Path.with_suffix("")`, which costs ten times as much."""
    name = path[path.rfind("/") + 1 :]
    dot = name.rfind(".")
    return path[: dot - len(name)] if 0 < dot < len(name) - 1 else path


def readable(name: str) -> str:
    r"""A file's `name` as text that can be written: bytes that are no UTF-8 as \xe9, lone surrogates as \ud800."""
    if name.isascii():
        return name
    try:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def number(spec: Spec, name: str, least: int) -> int:
    """The whole number that the option `name` holds, by default `least`; raises `SettingError` for another value."""
    text = spec.options.get(name, str(least))
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) >= least):
        raise SettingError(f"{spec.text}: expected {name} to be a whole number of at least {least}, got {text!r}")
    return int(text)


def pick_split(spec: Spec, chosen: str | None, known: Iterable[str], default: str) -> str:
    """The split to open: `chosen`, else `default`, else the only one there is.

    Raises:
        UnknownNameError: there is no such split; the message names those that exist.
    """
    names = tuple(known)
    if chosen is None and default not in names and len(names) == 1:
        return names[0]
    wanted = default if chosen is None else chosen
    if wanted not in names:
        raise unknown(f"split of {spec.text}", wanted, names)
    return wanted


def likely_split(spec: Spec, chosen: str | None, known: Iterable[str], default: str) -> str:
    """As `pick_split`, but a name may go on: val is val2017 or valid, if there is only one such.

    Raises:
        SettingError: several go on so.
        UnknownNameError: there is no such split; the message names those that exist.
    """
    names = tuple(known)
    wanted = default if chosen is None else chosen
    fitting = [name for name in names if name.startswith(wanted)]
    if wanted not in names and len(fitting) > 1:
        raise SettingError(
            f"{spec.text}: expected one split for {wanted!r}, got {', '.join(fitting)}; name one of them"
        )
    return pick_split(spec, fitting[0] if fitting and wanted not in names else chosen, names, wanted)


def fetch(entries: Mapping[str, T], sample_id: str, spec: str, what: str = "image id") -> T:
    """The entry called `sample_id`; raises `UnknownNameError` with near misses, and never lists thousands of ids."""
    if sample_id in entries:
        return entries[sample_id]
    kind, ids = f"{what} in {spec}", tuple(entries)
    if len(ids) <= 20 or difflib.get_close_matches(sample_id, ids, n=1, cutoff=0.5):
        raise unknown(kind, sample_id, ids)
    raise UnknownNameError(f"unknown {kind} {sample_id!r}; its {len(ids)} ids are like {', '.join(ids[:3])}")


def by_stem(folder: Path, extensions: Collection[str], preferred: str) -> tuple[dict[str, Path], int]:
    """The files in `folder` by their names without extension, and how many names have several files.

    Of several that with the extension `preferred` counts, as it is written, else the first of the alphabet. Upper case
    makes no difference to what is an extension; hidden files are none. A folder that is not there has no files.
    """
    paths: dict[str, Path] = {}
    several: set[str] = set()
    # Names as texts: to make and sort a Path of each costs ten times as much.
    for name in sorted(names_in(folder)) if is_folder(folder) else ():
        stem, extension = os.path.splitext(name)  # noqa: PTH122
        if extension.lower() not in extensions or name.startswith("."):
            continue
        if stem in paths:
            several.add(stem)
        if stem not in paths or extension == preferred:
            paths[stem] = folder / name
    return paths, len(several)


def is_there(path: Path) -> bool:
    """Whether there is a file at `path`; a name that no file system takes is not there."""
    return is_regular(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder at `path`; a name that no file system takes is not there."""
    try:
        return path.is_dir()
    except OSError:
        return False


def digest(*parts: Path | str) -> str:
    """A sha256 of the contents of files and of strings, in order; a file that cannot be read counts as such."""
    total = hashlib.sha256()
    for part in parts:
        text = _file_digest(part) if isinstance(part, Path) else f"text {part}"
        total.update(text.encode("utf-8", "surrogatepass") + b"\0")
    return total.hexdigest()


def _file_digest(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable {type(error).__name__}"


def check_size(where: Path | str, shape: tuple[int, ...], image: NDArray[np.uint8]) -> None:
    """Raises `SampleError` if labels from `where` have another (H, W) `shape` than their (H, W, 3) `image`."""
    if shape != image.shape[:2]:
        height, width = shape
        raise upright.mismatch(where, image.shape[:2], (height, width))
