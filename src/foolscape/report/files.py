"""The files of a run directory, as docs/design.md lays it out under "A run directory"."""

from __future__ import annotations

import io
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from foolscape.disk import read_file, write_file
from foolscape.errors import RunError
from foolscape.paths import real

SCHEMA: Final = 1
ROWS: Final = "rows.jsonl"
"""One line per image, model and condition."""
PARTIAL: Final = "partial.json"
"""What an unfinished run has in place of its result: what it amounts to so far."""
REPORTS: Final = ("report.html", "report.md", "report.tex")
"""What is written about a run."""


@dataclass(frozen=True)
class Run:
    """A run that has finished, or what is there of one that has not.

    Attributes:
        directory: where it lies.
        settings: `run.json`.
        summary: `summary.json`, or `partial.json`.
        rows: the lines of `rows.jsonl`.
    """

    directory: Path
    settings: dict[str, Any]
    summary: dict[str, Any]
    rows: tuple[dict[str, Any], ...]


def read_run(directory: Path) -> Run:
    """The finished run in `directory`.

    Raises:
        RunError: it is no run directory, the run has not finished, or a file is damaged or of another schema.
    """
    settings = read_object(directory / "run.json", "Name the folder that `foolscape run` was given as --out.")
    summary = read_summary(directory)
    rows = _whole_rows(directory) if summary.get("unfinished") else read_rows(directory)
    return Run(directory, settings, summary, rows)


def read_summary(directory: Path) -> dict[str, Any]:
    """`summary.json` of a run, or `partial.json` of one that has not finished; RunError as for `read_run`."""
    settings = read_object(directory / "run.json", "Name the folder that `foolscape run` was given as --out.")
    if not (directory / "summary.json").exists() and (directory / PARTIAL).exists():
        return read_object(directory / PARTIAL, "")
    require_finished(directory, settings, "summary.json")
    return read_object(directory / "summary.json", "")


def require_finished(directory: Path, settings: dict[str, Any], result: str) -> None:
    """RunError, with the command that goes on, where the run of these `settings` has not come to its `result` file."""
    if not (directory / result).exists():
        raise RunError(
            f"{directory}: the run has not finished; expected {result}, got only {_progress(directory, settings)}. "
            f"Resume it, recorded images are skipped: {command_of(settings)}"
        )


def read_image(directory: Path, *parts: str) -> NDArray[np.uint8] | None:
    """(H, W, 3) RGB of the PNG at `parts` below `directory`; None if it was not kept or cannot be read."""
    return _pixels(directory, parts, "RGB")


def read_labels(directory: Path, *parts: str) -> NDArray[np.uint8] | None:
    """(H, W) class indices of the label map at `parts` below `directory`; None as for `read_image`."""
    return _pixels(directory, parts, None)


def read_frame(directory: Path, *parts: str) -> NDArray[np.uint8] | None:
    """(H, W, 3) RGB of the JPEG at `parts` below `directory`; None as for `read_image`."""
    return _pixels(directory, parts, "RGB", "jpg")


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, all of it or nothing; RunError where that cannot be done."""
    write_file(path.parent, path.name, text.encode("utf-8", "backslashreplace"))


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in `path`; RunError, with the line, where it is missing, damaged or something else."""
    try:
        found = json.loads(read_file(path))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or (str(error).splitlines() or ["nothing"])[0]
        raise RunError(f"{path}: expected readable JSON, got: {reason}") from error
    if not isinstance(found, dict):
        raise RunError(f"{path}: expected a JSON object, got {type(found).__name__}")
    return found


def read_object(path: Path, hint: str) -> dict[str, Any]:
    """The JSON object in `path`; RunError, with the `hint`, where it is missing, damaged or of another schema."""
    try:
        found = read_json(path)
    except RunError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            raise RunError(
                f"{path.parent}: expected a run directory with {path.name}, got none. {hint}".rstrip()
            ) from error
        raise RunError(f"{error}. Resume or repeat the run.") from error
    schema = found.get("schema")
    if schema != SCHEMA:
        raise RunError(
            f"{path}: expected schema {SCHEMA}, got {schema!r}. Report it with the version of foolscape that wrote it."
        )
    return found


def _pixels(directory: Path, parts: tuple[str, ...], mode: str | None, suffix: str = "png") -> NDArray[np.uint8] | None:
    path = directory.joinpath(*parts[:-1], f"{parts[-1]}.{suffix}")
    # Names come from a file that may be someone else's: never embed a picture from outside the run.
    if not real(path).is_relative_to(real(directory)):
        return None
    try:
        with Image.open(io.BytesIO(read_file(path))) as image:
            pixels = np.asarray(image.convert(mode) if mode else image)
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    wanted = 3 if mode else 2
    return pixels if pixels.dtype == np.uint8 and pixels.ndim == wanted else None


def read_rows(directory: Path) -> tuple[dict[str, Any], ...]:
    """The lines of `rows.jsonl` in `directory`; RunError, with the line, for a damaged one."""
    path = directory / ROWS
    try:
        lines = read_file(path).split(b"\n")  # not splitlines: an id may hold U+2028
    except OSError as error:
        raise RunError(f"{path}: expected rows, got: {error}. Resume or repeat the run.") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            row = _row(line)
            if row is None:
                raise RunError(
                    f"{path}, line {number}: expected a JSON object, got something else. The command that made the run "
                    "measures its image again"
                )
            rows.append(row)
    return tuple(rows)


def _row(line: bytes) -> dict[str, Any] | None:
    """The row in a line; None where it is damaged."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _whole_rows(directory: Path) -> tuple[dict[str, Any], ...]:
    """The rows of an unfinished run, without damaged lines and without samples of which some rows are missing."""
    path = directory / ROWS
    content = read_file(path) if path.exists() else b""
    rows = [row for line in content.split(b"\n")[:-1] if (row := _row(line)) is not None]
    samples: dict[tuple[Any, Any], set[str]] = {}
    for row in rows:
        samples.setdefault((row.get("model"), row["id"]), set()).add(row["condition"])
    most = max((len(conditions) for conditions in samples.values()), default=0)
    kept = {key for key, conditions in samples.items() if len(conditions) == most or "clean" not in conditions}
    return tuple(row for row in rows if (row.get("model"), row["id"]) in kept)


def _progress(directory: Path, settings: dict[str, Any]) -> str:
    try:
        content = read_file(directory / ROWS)
    except OSError:
        return "run.json and no row"
    rows = sum(1 for line in content.split(b"\n") if line.strip())
    return f"{rows} row{'s' * (rows != 1)} for {len(settings.get('samples', ()))} images"


def command_of(settings: dict[str, Any]) -> str:
    """The command line that began a run."""
    return shlex.join(str(word) for word in settings.get("command", ())) or "repeat the command that started it"
