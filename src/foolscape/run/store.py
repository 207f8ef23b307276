"""The run directory: what is written survives a kill at any moment, and no run overwrites another."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from foolscape.errors import RunError
from foolscape.report.files import PARTIAL, REPORTS
from foolscape.run.agreement import differences
from foolscape.run.lock import LOCK, locked, readable_errors
from foolscape.strict import lose

Record = dict[str, Any]
"""A JSON object."""

FAILED = "failed"
"""The condition of a row that says why a sample could not be used."""


def safe_name(text: str) -> str:
    """A file name for an arbitrary id: readable, of ASCII letters, digits, `.`, `_` and `-`, and without collisions.

    Ids that are safe already stay as they are; others get a short hash of the id behind what is left of them.
    """
    kept = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80]
    if kept == text and kept.lower() == text:
        return kept
    return f"{kept}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also after a kill."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def write_json(path: Path, record: Record) -> None:
    """Write a JSON object atomically; NaN is refused."""
    write_atomically(path, (json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode())


def write_image(path: Path, image: NDArray[np.uint8], palette: Sequence[Sequence[int]] | None = None) -> None:
    """Write (H, W, 3) RGB, or (H, W) class indices with a palette, as a PNG, atomically."""
    picture = Image.fromarray(image)
    if palette is not None:
        # 255 is void: dark grey, apart from every class.
        colours = [*palette, *[(0, 0, 0)] * (255 - len(palette)), (60, 60, 60)]
        picture.putpalette([channel for colour in colours[:256] for channel in colour])
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read back a PNG that `write_image` wrote: (H, W, 3) RGB or (H, W) indices."""
    with Image.open(path) as picture:
        return np.array(picture, dtype=np.uint8)


@dataclass
class RunStore:
    """An open run directory, locked against a second process. Made by `open_run`.

    Attributes:
        directory: the run's directory.
        record: what run.json holds.
        rows: the complete rows so far, in the order in which they were written.
    """

    directory: Path
    record: Record
    rows: list[Record] = field(default_factory=list)

    def settled(self, model: str | None) -> set[str]:
        """Ids of samples that are done or given up for `model` (None: given up whatever the model)."""
        return {row["id"] for row in self.rows if row["model"] == model}

    def append(self, rows: Sequence[Record]) -> None:
        """Add all rows of one sample and model at once, and make sure that they are on the disk.

        Raises:
            LossError: one tells of something left out, and nothing may be.
        """
        lose_rows(rows)
        text = "".join(json.dumps(row, allow_nan=False, ensure_ascii=False) + "\n" for row in rows)
        with readable_errors(self.directory), (self.directory / "rows.jsonl").open("ab") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        self.rows.extend(rows)

    def save_image(
        self, place: str, image: NDArray[np.uint8], palette: Sequence[Sequence[int]] | None = None
    ) -> NDArray[np.uint8]:
        """Write an image to `place` below the directory and return it as read back from the disk."""
        path = self.directory / place
        with readable_errors(self.directory):
            write_image(path, image, palette)
            return read_image(path)

    def save_photograph(self, place: str, image: NDArray[np.uint8]) -> None:
        """Write (H, W, 3) RGB to `place` as a JPEG: for a page to show, never to be measured."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        self.save_bytes(place, buffer.getvalue())

    def save_bytes(self, place: str, content: bytes) -> None:
        """Write a file to `place` below the directory."""
        with readable_errors(self.directory):
            write_atomically(self.directory / place, content)

    def load_json(self, place: str) -> Record:
        """What `save_json` wrote to `place`; empty if it did not."""
        path = self.directory / place
        found: Record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found

    def finish(self, place: str, result: Record) -> None:
        """Write the result, the last file of a run; reports of the unfinished run go."""
        with readable_errors(self.directory):
            _forget_partial(self.directory)
        self.save_json(place, result)

    def save_json(self, place: str, record: Record) -> None:
        """Write a JSON object to `place` below the directory."""
        with readable_errors(self.directory):
            write_json(self.directory / place, record)


@contextlib.contextmanager
def open_run(directory: Path, record: Record, conditions: Iterable[str]) -> Iterator[RunStore]:
    """Begin the run that `record` describes in `directory`, or go on with it.

    Args:
        directory: made if it is missing.
        record: for run.json; apart from the time, the command line and the gradient checks it must equal what is
            there.
        conditions: of a complete sample; a sample of which only some rows reached the disk is done again.

    Raises:
        RunError: another run's directory, a directory with other things in it, a second process, or no permission.
        LossError: something was left out when it was begun, and nothing may be.
    """
    with locked(directory):
        with readable_errors(directory):
            store = RunStore(directory, _agree(directory, record), _complete_rows(directory, set(conditions)))
            _forget_partial(directory)
        lose_rows(store.rows)
        yield store


def lose_rows(rows: Iterable[Record]) -> None:
    """`lose` for the first of the `rows` of a sample that could not be used, or of which something was left out."""
    for row in rows:
        for reason in (*([row["reason"]] if row["condition"] == FAILED else []), *row.get("lost", ())):
            lose(f"{row['id']}: {reason}")


def lose_failures(failures: Iterable[Record]) -> None:
    """`lose` for the first of the images that training could not use, each with its id and reason."""
    for failure in failures:
        lose(f"{failure['id']}: {failure['reason']}")


def _forget_partial(directory: Path) -> None:
    """Remove what was written about an unfinished run: it is not true any more when the run goes on."""
    if (directory / PARTIAL).exists():
        for name in (*REPORTS, PARTIAL):
            (directory / name).unlink(missing_ok=True)


def _agree(directory: Path, record: Record) -> Record:
    """What run.json holds, written if it is not there, and equal to `record` in all that matters."""
    path = directory / "run.json"
    if not path.exists():
        strangers = sorted(p.name for p in directory.iterdir() if p.name != LOCK and not p.name.endswith(".part"))
        if strangers:
            raise RunError(f"expected an empty directory or a run in {directory}, got {', '.join(strangers[:3])}")
        write_json(path, record)
        return record
    there: Record = json.loads(path.read_text(encoding="utf-8"))
    record = json.loads(json.dumps(record))
    changed = differences(there, record)
    if changed:
        raise RunError(
            f"expected the command that began {directory}, got another one: {'; '.join(changed[:4])}. "
            "Runs are never mixed: choose another --out, or --new without one"
        )
    return there


def read_whole_rows(directory: Path, conditions: set[str] | None = None) -> list[Record]:
    """The rows of samples that are wholly there, of a run that may be at work: nothing is cut off.

    Args:
        directory: of the run.
        conditions: of a complete sample; None: whole lines are enough.
    """
    path = directory / "rows.jsonl"
    content = path.read_bytes() if path.exists() else b""
    return [row for _, row, whole in _read_rows(content, conditions) if whole]


def _complete_rows(directory: Path, conditions: set[str]) -> list[Record]:
    """The rows of samples that are wholly there; a torn line and parts of a sample are cut off the file."""
    path = directory / "rows.jsonl"
    if not path.exists():
        return []
    content = path.read_bytes()
    rows = _read_rows(content, conditions)
    if not all(whole for *_, whole in rows) or not content.endswith(b"\n"):
        write_atomically(path, "".join(f"{line}\n" for line, _, whole in rows if whole).encode())
    return [row for _, row, whole in rows if whole]


def _read_rows(content: bytes, conditions: set[str] | None) -> list[tuple[str, Record, bool]]:
    """Every whole line with its row, and whether all of its sample is there."""
    # Not splitlines: an id or a reason may hold U+2028.
    lines = content[: content.rfind(b"\n") + 1].decode().split("\n")[:-1]
    rows: list[Record] = [json.loads(line) for line in lines]
    if conditions is None:
        return [(line, row, True) for line, row in zip(lines, rows, strict=True)]
    seen: dict[tuple[str | None, str], set[str]] = {}
    for row in rows:
        seen.setdefault((row["model"], row["id"]), set()).add(row["condition"])
    whole = [seen[row["model"], row["id"]] in ({FAILED}, conditions) for row in rows]
    return list(zip(lines, rows, whole, strict=True))
