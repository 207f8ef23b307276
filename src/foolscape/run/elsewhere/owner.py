"""Whose a run in a store is: one driver at a time, from whatever machine, without comparing two clocks.

Each driver takes the next number, by making a file that is not there (`owner-00000007.json`), which the store allows to
one alone. The file holds a count that its owner raises every few seconds; whoever wants the run watches it by a clock
of his own for as long as the owner asks for, and takes the next number where it stands still. An owner who finds a
higher number than his own has lost the run, also where he was only asleep, and stops.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Final
from uuid import uuid4

from foolscape.errors import RunError
from foolscape.run.elsewhere.ledger import BESIDE, numbers_in
from foolscape.stores.folder import StoreFolder
from foolscape.stores.patience import seconds_in

LEASE: Final = "FOOLSCAPE_STORE_LEASE"
"""The environment variable that says for how many seconds a silent driver keeps its run."""

_DEFAULT: Final = 60.0
_BEATS: Final = 6
"""How often an owner is heard within that time."""
_LOOKS: Final = 20
"""How often whoever waits looks."""
_OWNER: Final = "owner-"


@dataclass(frozen=True)
class Owner:
    """What the file of an owner says.

    Attributes:
        token: of one driver alone.
        host, pid: where it is.
        lease: seconds of silence after which it is given up.
        beat: a count that rises while it lives.
        at_work: false when it has ended.
    """

    token: str
    host: str
    pid: int
    lease: float
    beat: int = 0
    at_work: bool = True

    @property
    def told(self) -> str:
        """For people."""
        return f"{self.host} (process {self.pid})"


def lease_seconds() -> float:
    """How long a silent driver keeps its run; raises as `seconds_in`."""
    return seconds_in(LEASE, _DEFAULT)


@dataclass
class Claim:
    """A run that is this driver's.

    Attributes:
        folder: of the run.
        number: this driver's.
        owner: what its file says.
        before: the one who had the run before; None for nobody.
        lost: who has it now, in words; empty while it is this driver's.
    """

    folder: StoreFolder
    number: int
    owner: Owner
    before: Owner | None = None
    lost: str = ""
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Within it the owner is heard of; a store that does not answer for a while is asked again."""
        self._thread = threading.Thread(target=self._go_on, name="foolscape-owner", daemon=True)
        self._thread.start()
        try:
            yield
        finally:
            self._stop()

    def check(self) -> None:
        """Look whether the run is still this driver's; raises `RunError` where it is not, and `StoreError`."""
        highest = max(owners_in(self.folder), default=self.number)
        if highest > self.number:
            other = _read(self.folder, highest)
            self.lost = "another driver" if other is None else other.told
        self.refuse_lost()

    def refuse_lost(self) -> None:
        """`RunError` where it is known that another driver has the run."""
        if self.lost:
            raise RunError(
                f"expected {self.folder.address} to be this driver's, got {self.lost}, who took it over when nothing "
                "was heard from here; what it measures counts: wait for it, and run the same command again"
            )

    def give_up(self) -> None:
        """The run is nobody's from now on; raises `StoreError`."""
        self._stop()
        self._write(replace(self.owner, at_work=False))

    def _stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _go_on(self) -> None:
        while not self._end.wait(self.owner.lease / _BEATS):
            try:
                self.check()
                own = _read(self.folder, self.number)
                if own is not None and own.token != self.owner.token:  # of a store that lets two make one file
                    self.lost = own.told
                    return
                self._write(replace(self.owner, beat=self.owner.beat + 1))
            except RunError:
                return
            except OSError:
                continue

    def _write(self, owner: Owner) -> None:
        self.folder.put(owner_place(self.number), _bytes(owner))
        self.owner = owner


def take(folder: StoreFolder, known: str | None, say: Callable[[str], None]) -> Claim:
    """Make the run in `folder` this driver's.

    Args:
        folder: of the run.
        known: the token of a driver that has surely ended, if it was of this machine and not of another that shares its
            cache; its run need not be waited for.
        say: told where an owner is watched, which takes a while.

    Raises:
        RunError: another driver is at work in it, or was faster.
        StoreError: as of the folder.
    """
    lease = lease_seconds()
    numbers, before = owners_in(folder), last_owner(folder)
    ended = before is not None and before.token == known and before.host == socket.gethostname()
    if before is not None and before.at_work and not ended:
        _watch(folder, numbers[-1], before, max(lease, before.lease), say)
    number = max(numbers, default=0) + 1
    owner = Owner(uuid4().hex, socket.gethostname(), os.getpid(), lease)
    if not folder.create(owner_place(number), _bytes(owner)) or max(owners_in(folder), default=number) > number:
        other = _read(folder, max(owners_in(folder), default=number))
        raise _busy(folder, other or owner)
    return Claim(folder, number, owner, before)


def owners_in(folder: StoreFolder) -> list[int]:
    """The numbers of the drivers whose files are there, rising; raises `StoreError`."""
    return numbers_in(folder.names(BESIDE), _OWNER)


def last_owner(folder: StoreFolder) -> Owner | None:
    """The driver who has the run, or had it last; None for nobody. Raises `StoreError`."""
    numbers = owners_in(folder)
    return _read(folder, numbers[-1]) if numbers else None


def owner_place(number: int) -> str:
    """Where the file of the driver with this number lies."""
    return f"{BESIDE}/{_OWNER}{number:08d}.json"


def _watch(folder: StoreFolder, number: int, owner: Owner, lease: float, say: Callable[[str], None]) -> None:
    """Wait until an owner is heard of, which is a `RunError`, or has not been for so long."""
    say(f"{folder.address} is the run of {owner.told}; waiting up to {lease:g} s to hear whether it is at work")
    begun = time.monotonic()
    while time.monotonic() - begun < lease:
        _pause(max(lease / _LOOKS, 0.02))
        now = _read(folder, number)
        if now is None or now.beat != owner.beat or max(owners_in(folder), default=number) > number:
            raise _busy(folder, now or owner)
        if not now.at_work:
            return


def _pause(seconds: float) -> None:
    """Between two looks at an owner."""
    time.sleep(seconds)


def _busy(folder: StoreFolder, owner: Owner) -> RunError:
    return RunError(
        f"expected {folder.address} to be free, got a run that {owner.told} is at work in; wait for it, or choose "
        "another --out"
    )


def _read(folder: StoreFolder, number: int) -> Owner | None:
    """What the file of an owner says; None where it is gone or damaged."""
    try:
        told = json.loads(folder.read(owner_place(number)))
        return Owner(
            str(told["token"]), str(told["host"]), int(told["pid"]), float(told["lease"]), int(told["beat"]),
            bool(told["at_work"]),
        )  # fmt: skip
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _bytes(owner: Owner) -> bytes:
    return json.dumps(asdict(owner), indent=1).encode()
