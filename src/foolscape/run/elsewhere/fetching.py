"""What a run in a store has comes down: all but its pictures, which come one by one when they are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from foolscape.disk import PART
from foolscape.errors import RunError
from foolscape.records.places import PICTURES, RUN, SHARDS
from foolscape.records.sweep import SWEEP
from foolscape.run.directory.lock import PASSING
from foolscape.run.elsewhere.ledger import BESIDE, Chain, Piece, chains_in, grows, ledger_place, ledgers_in
from foolscape.stores.folder import StoreFolder

TOGETHER: Final = 8
"""How many files are on their way at once."""


@dataclass(frozen=True)
class Listed:
    """What a store has of a run.

    Attributes:
        sizes: the bytes of its files by their places, without those that grow.
        chains: of which pieces those are made that grow.
    """

    sizes: Mapping[str, int]
    chains: Mapping[str, Chain]

    @property
    def is_begun(self) -> bool:
        """Whether there is a run."""
        return RUN in self.sizes or SWEEP in self.sizes

    @property
    def pictures(self) -> dict[str, int]:
        """The files that only come when they are read."""
        return {place: size for place, size in self.sizes.items() if is_late(place)}


def listed(folder: StoreFolder) -> Listed:
    """What is in `folder` of the run itself, without parts of it that are runs of others.

    Raises:
        RunError: its ledger is damaged, or it has files that no run has.
        StoreError: as of the folder.
    """
    sizes = {place: size for place, size in folder.sizes().items() if not place.startswith(f"{SHARDS}/")}
    own = {place: size for place, size in sizes.items() if is_carried(place)}
    beside = [PurePosixPath(place).name for place in sizes if place.startswith(f"{BESIDE}/")]
    if odd := next((place for place in own if not _is_safe(place)), None):
        raise RunError(f"expected files of a run at {folder.address}, got {odd!r}; choose another --out")
    chains: dict[str, Chain] = {place: (Piece(place, own[place]),) for place in own if grows(place)}
    if numbers := ledgers_in(beside):
        place = ledger_place(numbers[-1])
        chains |= chains_in(folder.read(place), f"{folder.address}/{place}")
    return Listed({place: size for place, size in own.items() if place not in chains}, chains)


def refuse_others(folder: StoreFolder) -> None:
    """`RunError` where something else than a run is in `folder`; raises `StoreError`."""
    names = set(folder.names(""))
    others = sorted(name for name in names if name not in (SHARDS, BESIDE, *PASSING))
    if others and names.isdisjoint((RUN, SWEEP)):
        raise RunError(
            f"expected an empty folder or a run at {folder.address}, got {', '.join(others[:3])}; choose another --out"
        )


def fetch(folder: StoreFolder, what: Listed, local: Path) -> None:
    """Bring all but the pictures to `local`; raises `StoreError` and `RunError`."""

    def bring(place: str) -> None:
        path = local / place
        path.parent.mkdir(parents=True, exist_ok=True)
        folder.fetch(place, what.sizes[place], path)

    each(bring, [place for place in what.sizes if not is_late(place)])
    for place, chain in what.chains.items():
        _compose(folder, chain, local / place)
    if hasattr(os, "sync"):
        os.sync()


def content_at(folder: StoreFolder, place: str) -> bytes:
    """What is in a file of a run, also of one that grows, whose driver may be at work.

    Raises:
        FileNotFoundError: it is not there.
        StoreError, RunError: as of `listed`.
    """
    numbers = ledgers_in(folder.names(BESIDE))
    if grows(place) and numbers:
        ledger = ledger_place(numbers[-1])
        if (chain := chains_in(folder.read(ledger), f"{folder.address}/{ledger}").get(place)) is not None:
            return b"".join(_pieces_of(folder, chain))
    return folder.read(place)


def each(act: Callable[[str], object], places: Iterable[str]) -> None:
    """`act` for all places, several at once; raises what the first of them raises."""
    with ThreadPoolExecutor(TOGETHER, thread_name_prefix="foolscape-fetch") as pool:
        for _ in pool.map(act, places):
            pass


def is_late(place: str) -> bool:
    """Whether a file is a picture: rows name them by size and hash, and few are ever read again."""
    return place.endswith((".png", ".jpg")) and is_of_a_sample(place)


def is_of_a_sample(place: str) -> bool:
    """Whether a file is a picture, or the truth, of one image: written anew it is the same."""
    return not set(PICTURES).isdisjoint(place.split("/")[:-1])


def is_carried(place: str) -> bool:
    """Whether a file is one of the run, and belongs to the store."""
    name = PurePosixPath(place).name
    return not place.startswith((f"{BESIDE}/", f"{SHARDS}/")) and name not in PASSING and not name.endswith(PART)


def _is_safe(place: str) -> bool:
    parts = place.split("/")
    return not {"", ".", ".."} & set(parts) and "\0" not in place


def _compose(folder: StoreFolder, chain: Chain, path: Path) -> None:
    """A file that grows, from its pieces; the rows behind a piece that is not there any more are not used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.writelines(_pieces_of(folder, chain))


def _pieces_of(folder: StoreFolder, chain: Chain) -> Iterator[bytes]:
    """What is in each piece."""
    for piece in chain:
        content = folder.read(piece.place)
        if len(content) < piece.size:
            raise RunError(
                f"expected {piece.size:,} bytes of {folder.address}/{piece.place}, got {len(content):,}; the run "
                "there is damaged: choose another --out"
            )
        yield content[: piece.size]
