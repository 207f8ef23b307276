"""The rows of a run of many images as Parquet parts, `rows/part-00001.parquet` and so on, beside a tail in rows.jsonl.

A part has a line of rows.jsonl in each row, as `row`, and what is asked for most as columns of its own, so that pandas
and others need not look into it. Rows of a sample and model stand together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from foolscape.disk import open_file, write_with
from foolscape.extras import extra, is_installed
from foolscape.records.row import Failure, Line

MANY: Final = 10_000
"""Samples above which rows go to parts."""
FOLDER: Final = "rows"
SEALED_BYTES: Final = 32 << 20
"""Of the tail, from which on it becomes a part."""
_GROUP_BYTES, _GROUPS = 4 << 20, 6
"""Text that is compressed, and read, together; how many of these are held while rows are read."""

COLUMNS: Final = (
    "model", "id", "condition", "height", "width", "success", "iterations", "linf_levels", "l2", "perceptibility",
    "ssim", "reason",
)  # fmt: skip
"""What of a row stands in columns of its own."""

_NAME: Final = re.compile(r"part-(\d{5,})\.parquet")

Entry = tuple[bytes, Line]
"""A line of rows.jsonl with its line break, and what it says."""


def part_place(number: int) -> str:
    """Where a part lies below the directory; numbers from 1 on."""
    return f"{FOLDER}/part-{number:05d}.parquet"


def in_parts(samples: int, say: Callable[[str], None]) -> bool:
    """Whether the rows of a run of so many samples go to parts; that they do not for want of pyarrow is said."""
    if samples <= MANY:
        return False
    if not is_installed("parquet"):
        say(
            f"rows of more than {MANY:,} images go to Parquet parts, for which pyarrow is not installed: they stay in "
            "rows.jsonl, which takes more room and is slower to read; pip install 'foolscape[parquet]'"
        )
        return False
    return True


def parts_in(directory: Path) -> list[int]:
    """The numbers of the parts of a directory, rising."""
    folder = directory / FOLDER
    names = (_NAME.fullmatch(path.name) for path in (folder.iterdir() if folder.is_dir() else ()))
    return sorted(int(found[1]) for found in names if found)


def write_part(directory: Path, number: int, entries: Iterable[Entry]) -> Path:
    """Write a part, all of it or nothing; raises `MissingExtraError` without pyarrow, and as `disk.write_file`."""
    return write_table(directory, part_place(number), entries)


def write_table(directory: Path, place: str, entries: Iterable[Entry]) -> Path:
    """Write a file in the form of a part to `place` below the directory; raises as `write_part`."""
    with extra("parquet"):
        import pyarrow.parquet

    def write(file: IO[bytes]) -> None:
        with pyarrow.parquet.ParquetWriter(file, _schema(), compression="zstd") as writer:
            for table in _tables(entries):
                writer.write_table(table, row_group_size=table.num_rows)

    return write_with(directory, place, write)


@dataclass
class PartReader:
    """Reads the lines of parts, the last few groups of which it holds.

    Attributes:
        directory: of the run.
    """

    directory: Path
    _open: dict[int, tuple[Any, list[int]]] = field(default_factory=dict)
    _files: ExitStack = field(default_factory=ExitStack)
    _held: dict[tuple[int, int], list[bytes]] = field(default_factory=dict)

    def lines(self, number: int, begin: int, count: int) -> list[bytes]:
        """`count` lines of the part, without line breaks, from the row `begin` on; `OSError` or `ValueError` else."""
        _, begins = self._part(number)
        found: list[bytes] = []
        group = next(place for place in reversed(range(len(begins) - 1)) if begins[place] <= begin)
        while len(found) < count:
            lines = self._group(number, group)
            first = begin + len(found) - begins[group]
            found += lines[first : first + count - len(found)]
            group += 1
        return found

    def all_lines(self, number: int) -> Iterator[bytes]:
        """All lines of the part, without line breaks."""
        for group in range(len(self._part(number)[1]) - 1):
            yield from self._group(number, group)

    def close(self) -> None:
        """Close the files."""
        self._files.close()
        self._open.clear()
        self._held.clear()

    def _part(self, number: int) -> tuple[Any, list[int]]:
        if number not in self._open:
            with extra("parquet"):
                import pyarrow.parquet
            opened = self._files.enter_context(open_file(self.directory / part_place(number)))
            file = pyarrow.parquet.ParquetFile(opened)
            sizes = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
            begins = [0]
            for size in sizes:
                begins.append(begins[-1] + size)
            self._open[number] = file, begins
        return self._open[number]

    def _group(self, number: int, group: int) -> list[bytes]:
        key = (number, group)
        if key not in self._held:
            while len(self._held) >= _GROUPS:
                del self._held[next(iter(self._held))]
            column = self._part(number)[0].read_row_group(group, columns=["row"]).column("row")
            self._held[key] = [text.encode() for text in column.to_pylist()]
        return self._held[key]


def _schema() -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            ("model", pa.string()), ("id", pa.string()), ("condition", pa.string()), ("height", pa.int32()),
            ("width", pa.int32()), ("success", pa.bool_()), ("iterations", pa.int64()), ("linf_levels", pa.float64()),
            ("l2", pa.float64()), ("perceptibility", pa.float64()), ("ssim", pa.float64()), ("reason", pa.string()),
            ("row", pa.string()),
        ]
    )  # fmt: skip


def _tables(entries: Iterable[Entry]) -> Iterator[Any]:
    """The entries in tables of some text each; of an entry no more is held than its columns."""
    import pyarrow as pa

    schema = _schema()
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    size = 0
    for text, line in entries:
        values = columns_of(line) | {"row": text.rstrip(b"\n").decode()}
        for name, column in columns.items():
            column.append(values.get(name))
        size += len(text)
        if size >= _GROUP_BYTES:
            yield pa.table(columns, schema=schema)
            columns, size = {name: [] for name in schema.names}, 0
    if columns["row"]:
        yield pa.table(columns, schema=schema)


def columns_of(line: Line) -> dict[str, Any]:
    """What stands in columns of its own, by `COLUMNS`; what a line does not say is left out."""
    shared = {"model": _plain(line.model), "id": _plain(line.id), "condition": str(line.condition)}
    if isinstance(line, Failure):
        return shared | {"reason": _plain(line.reason)}
    moved = {} if line.distortion is None else line.distortion.to_json()
    attack = {} if line.attack is None else {"success": line.attack.success, "iterations": line.attack.iterations}
    return shared | {"height": line.size[0], "width": line.size[1]} | moved | attack


def _plain(text: str | None) -> str | None:
    """A text that is UTF-8: names of files need not be."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()
