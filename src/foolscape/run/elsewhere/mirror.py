"""Carries a run to its store while it is made: pictures first, then the rows that name them, results and pages last.

A file goes up whole. Files that grow are as they were at one moment, by the ledger, which is written when all that was
changed before that moment is there; so no row in the store names a file that is not. What was removed goes after that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from foolscape.disk import open_file
from foolscape.errors import RunError
from foolscape.records.places import LIVE, MATRIX, PARTIAL, PROGRESS, REPORTS, RUN, SHARD, SLICES, SUMMARY
from foolscape.records.sweep import SWEEP
from foolscape.run.elsewhere.changes import Changed, Grown
from foolscape.run.elsewhere.fetching import TOGETHER
from foolscape.run.elsewhere.ledger import (
    BESIDE,
    MOST,
    PIECES,
    Chain,
    Piece,
    behind,
    ledger_bytes,
    ledger_place,
    ledgers_in,
    size_of,
)
from foolscape.run.elsewhere.owner import Claim, owner_place, owners_in
from foolscape.stores.folder import StoreFolder
from foolscape.stores.patience import StoreError

EVERY: Final = 5.0
"""Seconds between two looks at what has changed."""
_LONGEST: Final = 60.0
"""The longest pause where the store fails; each is twice the one before."""

_RESULTS: Final = (SUMMARY, MATRIX, SHARD, SWEEP, SLICES, PARTIAL)
_TOLD: Final = (*REPORTS, PROGRESS, LIVE)


@dataclass
class Mirror:
    """Carries what has changed in a folder.

    Attributes:
        folder: in the store.
        claim: by which it is this driver's.
        changed: what is to go up.
        chains: files that grow, as they are in the store.
        turns: of each the turn that is there.
    """

    folder: StoreFolder
    claim: Claim
    changed: Changed
    chains: dict[str, Chain] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)
    _pieces: int = 0
    _swept: bool = False

    def carry(self) -> None:
        """Make the store what the folder is now; raises `StoreError`, or `RunError` where the run was taken over."""
        self.claim.check()
        changes = self.changed.taken()
        remaining = set(changes.files)
        try:
            for places in _in_order(changes.files):
                self._all(self._put, places, remaining)
            self._grow(changes.grown)
            for places in _results(changes.files):
                self._all(self._put, places, remaining)
        except BaseException:
            self.changed.again(remaining, changes.gone, grown=True)
            raise
        going = set(changes.gone)
        try:
            self._all(self.folder.remove, changes.gone, going)
        except BaseException:
            self.changed.again(gone=going)
            raise

    def conclude(self) -> None:
        """Files that grow become whole ones, as in any folder; nothing is left beside the run but whose it was."""
        pieced = {place: chain for place, chain in self.chains.items() if chain != (Piece(place, size_of(chain)),)}
        for place in pieced:
            self.folder.put_file(place, self.changed.local / place)
        self._commit({place: (Piece(place, size_of(chain)),) for place, chain in self.chains.items()})
        self._swept = False
        self._sweep()
        local = self.changed.local
        runs = (path.parent for pattern in ("", "*/", "*/*/") for path in local.glob(f"{pattern}{RUN}"))
        partial = ((path / PARTIAL).relative_to(local).as_posix() for path in runs)
        # Of a report that somebody had written while the run was not finished.
        stale = [place for place in partial if not (local / place).exists()]
        self._all(self.folder.remove, stale, set(stale))

    def leave(self) -> None:
        """Nothing was begun: the store is as if nobody had been there."""
        for place in (ledger_place(self.claim.number), owner_place(self.claim.number)):
            self.folder.remove(place)

    def _put(self, place: str) -> None:
        path = self.changed.local / place
        try:
            self.folder.put_file(place, path)
        except FileNotFoundError:
            if path.exists():
                raise

    def _grow(self, grown: dict[str, Grown]) -> None:
        """Bring up what was added to files that grow, and say in the ledger how they are."""
        chains = {place: chain for place, chain in self.chains.items() if place in grown}
        turns = dict(self.turns)
        for place, now in grown.items():
            chain = chains.get(place, ()) if turns.get(place) == now.turn else ()
            new = self._pieced(place, chain, now)
            if new is not None:
                chains[place], turns[place] = new, now.turn
        if chains != self.chains:
            dropped = _named(self.chains) - _named(chains)
            self._commit(chains)
            self.turns = turns
            self._all(self.folder.remove, dropped, set(dropped))
            self._sweep()

    def _pieced(self, place: str, chain: Chain, now: Grown) -> Chain | None:
        """A file as it is `now`; None where it was written anew since, which the next look sees."""
        if chain and size_of(chain) == now.size:
            return chain
        staying, begin = behind(chain, now.size)
        pieces = list(staying)
        with open_file(self.changed.local / place) as file:
            file.seek(begin)
            while begin < now.size:
                content = file.read(min(MOST, now.size - begin))
                if not content or not self.changed.is_turn(place, now.turn):
                    return None
                self._pieces += 1
                name = f"{PIECES}/{self.claim.number:08d}-{self._pieces:06d}"
                self.folder.put(name, content)
                pieces.append(Piece(name, len(content)))
                begin += len(content)
        return tuple(pieces)

    def _commit(self, chains: dict[str, Chain]) -> None:
        self.folder.put(ledger_place(self.claim.number), ledger_bytes(chains))
        self.chains = chains

    def _sweep(self) -> None:
        """Remove what earlier drivers have left beside the run; once, when this one's ledger is there."""
        if self._swept:
            return
        names, number = list(self.folder.names(BESIDE)), self.claim.number
        kept = _named(self.chains)
        old = [
            *(owner_place(other) for other in owners_in(self.folder) if other < number),
            *(ledger_place(other) for other in ledgers_in(names) if other < number),
            *(piece for name in self.folder.names(PIECES) if (piece := f"{PIECES}/{name}") not in kept),
        ]
        self._all(self.folder.remove, old, set(old))
        self._swept = True

    def _all(self, act: Callable[[str], None], places: Iterable[str], remaining: set[str]) -> None:
        """`act` for all `places`, several at once; those that are done go from `remaining`.

        Raises the first error when those are done that were begun; no others are then.
        """
        errors: list[StoreError] = []

        def one(place: str) -> str | None:
            if errors or self.claim.lost:
                return None
            try:
                act(place)
            except StoreError as error:
                errors.append(error)
                return None
            return place

        with ThreadPoolExecutor(TOGETHER, thread_name_prefix="foolscape-carry") as pool:
            remaining.difference_update([done for done in pool.map(one, sorted(places)) if done is not None])
        if errors:
            raise errors[0]
        self.claim.refuse_lost()


def _in_order(files: Collection[str]) -> Iterable[list[str]]:
    """What goes up before the rows: what says what the run is, then pictures and whatever rows need."""
    yield [place for place in files if PurePosixPath(place).name in (RUN, SWEEP)]
    yield [place for place in files if PurePosixPath(place).name not in (RUN, SWEEP, *_RESULTS, *_TOLD)]


def _results(files: Collection[str]) -> Iterable[list[str]]:
    """What goes up after the rows: results, then what is written about them."""
    yield [place for place in files if PurePosixPath(place).name in _RESULTS and not place.endswith(SWEEP)]
    yield [place for place in files if PurePosixPath(place).name in _TOLD]


def _named(chains: dict[str, Chain]) -> set[str]:
    """The pieces that chains are made of."""
    return {piece.place for chain in chains.values() for piece in chain if piece.place.startswith(PIECES)}


class Carrying:
    """A thread that carries, until it is told that the command has ended."""

    def __init__(self, mirror: Mirror, say: Callable[[str], None]) -> None:
        self._mirror, self._say = mirror, say
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="foolscape-carrying", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What is on its way is waited for."""
        self._end.set()
        self._thread.join()

    def _go_on(self) -> None:
        pause, failing = EVERY, False
        while not self._end.wait(pause):
            if not self._mirror.changed.count:
                continue
            try:
                self._mirror.carry()
            except RunError:
                return
            except OSError as error:
                if not failing:
                    where, reason = self._mirror.folder.address, error.strerror or error
                    self._say(f"{where} takes nothing: {reason}; the run goes on here, and it is tried again")
                pause, failing = min(2 * pause, _LONGEST), True
            else:
                if failing:
                    self._say(f"{self._mirror.folder.address} takes files again")
                pause, failing = EVERY, False
