"""Opening a data set of Hugging Face's `datasets`, from a folder or by its name: its rows, undecoded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from foolscape.data import files
from foolscape.errors import DataError, SampleError, SettingError, unknown
from foolscape.extras import extra
from foolscape.paths import path_of
from foolscape.spec import Spec
from foolscape.stores.path import StorePath
from foolscape.strict import LossNote

_PART: Final = re.compile(r"(?P<split>.+)-(?P<part>\d{5})-of-(?P<of>\d{5})\.\w+")
"""The name of a file of several that a split is in."""

_ON_DISK: Final = ("state.json", "dataset_dict.json")
"""What `save_to_disk` writes: of one split, of several."""


@dataclass(frozen=True)
class Rows:
    """The rows of a split, whose images are not decoded: each is `{"bytes": .., "path": ..}`.

    Attributes:
        split: its name; None where the data set names none.
        table: the rows by number.
        features: what each column holds, by its name, as `datasets` has it.
        notes: where they come from.
    """

    split: str | None
    table: Sequence[Mapping[str, Any]]
    features: Mapping[str, Any]
    notes: tuple[str, ...]

    def row(self, number: int) -> Mapping[str, Any]:
        """The row of this number; raises `SampleError` where the file is damaged there."""
        try:
            return self.table[number]
        except Exception as error:  # a damaged length asks for any memory, a damaged text is none
            got = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise SampleError(
                f"row {number}: expected a row that can be read, got {got:.200}; the file is damaged"
            ) from error


def open_rows(spec: Spec, split: str | None) -> Rows:
    """The rows of `hf:DIR-or-ID[?config=NAME&revision=REV&streaming=N]`; of a stream the first N, which memory holds.

    DIR is what `save_to_disk` wrote, or holds parquet, arrow or JSON files or images (imagefolder, webdataset). Nothing
    of it is run: since version 4 `datasets` has no scripts.

    Raises:
        SettingError: no folder or name, a number that is none.
        UnknownNameError: a split that is not there; those that are, are named.
        DataError: nothing that `datasets` can open.
        MissingExtraError: `datasets` is not installed.
    """
    if not spec.rest.strip():
        raise SettingError(f"{spec.text}: expected a folder or a name, hf:DIR or hf:OWNER/NAME, got none")
    with extra("hf"):
        import datasets
    datasets.disable_progress_bars()
    folder = path_of(spec.rest)
    if isinstance(folder, StorePath):
        raise SettingError(
            f"{spec.text}: expected a folder of this machine or a name of the hub, got {folder}; copy or unpack it, or "
            f"read its images with folder:{folder} or masks:"
        )
    try:
        if any((folder / name).is_file() for name in _ON_DISK):
            opened = datasets.load_from_disk(str(folder))
            notes: tuple[str, ...] = ("as save_to_disk wrote it",)
        else:
            opened, notes = _loaded(spec, folder)
    except (SettingError, DataError):
        raise
    except Exception as error:  # the readers of a dozen formats raise nearly anything
        raise DataError(
            f"{spec.text}: expected a data set that Hugging Face's datasets can open, got {type(error).__name__}: "
            f"{' '.join(str(error).split())}; check the folder or the name, the config and the network"
        ) from error
    name, rows = _split(spec, opened, split)
    return _undecoded(spec, name, rows, notes)


def _loaded(spec: Spec, folder: Path) -> tuple[Any, tuple[str, ...]]:
    """All splits, and where they come from: a folder, or the revision of a repository."""
    import datasets

    how: dict[str, Any] = {"name": spec.options.get("config"), "streaming": "streaming" in spec.options}
    if folder.exists():
        if not folder.is_dir():
            raise DataError(f"{spec.text}: expected a folder, got the file {folder}; name the folder that it is in")
        return datasets.load_dataset(str(folder), **how), tuple(_parts_missing(folder))
    revision = _revision(spec)
    opened = datasets.load_dataset(spec.rest, revision=revision, **how)
    return opened, (f"revision {revision}",) if revision else ("the revision that is in the cache",)


def _parts_missing(folder: Path) -> Iterator[str]:
    """A note for each split of which a file is not there, where names such as train-00000-of-00004 tell."""
    parts: dict[tuple[str, int], set[int]] = {}
    for path in sorted(folder.rglob("*-of-*")):
        named = _PART.fullmatch(path.name)
        if named is not None and path.is_file():
            parts.setdefault((named["split"], int(named["of"])), set()).add(int(named["part"]))
    for (split, count), there in parts.items():
        missing = [part for part in range(count) if part not in there]
        if missing:
            numbers = ", ".join(f"{part:05d}" for part in missing[:4])
            lost = f"{len(missing)} of {count} files of {split} are not in {folder} ({numbers}), nor are their rows"
            yield LossNote(lost)


def _revision(spec: Spec) -> str | None:
    """The commit that a name stands for now, so that it is on record; None where the hub does not answer."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    wanted = spec.options.get("revision")
    try:
        return HfApi().dataset_info(spec.rest, revision=wanted).sha or wanted
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError):
        return wanted


def _split(spec: Spec, opened: Any, split: str | None) -> tuple[str | None, Any]:
    """One split and its name: the one asked for, else validation or val, else test, else the only one."""
    if not isinstance(opened, Mapping):
        own = getattr(opened, "split", None)
        if split is not None and split != str(own):
            raise unknown(f"split of {spec.text}", split, () if own is None else (str(own),))
        return None if own is None else str(own), opened
    names = [str(name) for name in opened]
    default = next((name for name in ("validation", "val", "test") if name in names), names[0] if names else "val")
    name = files.pick_split(spec, split, names, default)
    return name, opened[name]


def _undecoded(spec: Spec, split: str | None, rows: Any, notes: tuple[str, ...]) -> Rows:
    import datasets

    if rows.features is None:
        raise DataError(
            f"{spec.text}: expected columns whose kinds are told, got a stream without; leave out streaming"
        )
    # What state.json says of a format may leave columns out, and make other things of the values.
    rows = rows.with_format(None)
    features = dict(rows.features)
    for name, feature in features.items():
        if isinstance(feature, datasets.Image):
            rows = rows.cast_column(name, datasets.Image(decode=False))
    if "streaming" in spec.options:
        count = _count(spec)
        rows = list(rows.take(count))
        notes += (f"the first {len(rows)} rows of a stream",)
    if not len(rows):
        raise DataError(f"{spec.text}: expected rows, got none in the split {split}")
    return Rows(split, rows, features, notes)


def _count(spec: Spec) -> int:
    text = spec.options["streaming"]
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise SettingError(f"{spec.text}: expected streaming=N, how many rows are taken from the stream, got {text!r}")
    return int(text)
