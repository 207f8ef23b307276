"""The doors to runs in stores: a folder of this machine to make a run in, and one to read it in.

A path of this machine is that folder itself, so that whoever takes a run's directory asks here and knows no stores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from foolscape.carriers import carried_by
from foolscape.errors import RunError, UnwritableError
from foolscape.run.elsewhere.away import Driver, Reader
from foolscape.run.elsewhere.changes import Changed, Grown
from foolscape.run.elsewhere.fetching import (
    Listed,
    each,
    fetch,
    is_carried,
    is_late,
    is_of_a_sample,
    listed,
    refuse_others,
)
from foolscape.run.elsewhere.home import Home, held, home_of, named_parts
from foolscape.run.elsewhere.ledger import BESIDE, size_of
from foolscape.run.elsewhere.leftover import let_go_of_old
from foolscape.run.elsewhere.mirror import Carrying, Mirror
from foolscape.run.elsewhere.owner import take
from foolscape.stores.folder import StoreFolder, folder_at
from foolscape.stores.path import StorePath
from foolscape.stores.patience import StoreError
from foolscape.stores.secrets import WHERE

_PROBE: Final = bytes(1 << 16)
"""What is written to a store, and removed again, before anything is measured."""

_TRIES: Final = 3
"""How often a run that goes on meanwhile is read."""


@dataclass
class Workplace:
    """Where a command works that writes to `out`.

    Attributes:
        out: a path of this machine or of a store.
        done: whether all is in the store, so that the folder of this machine may go.
    """

    out: Path
    done: bool = False

    @contextmanager
    def at_work(self, say: Callable[[str], None]) -> Iterator[Path]:
        """The folder of this machine to work in; at the end all of it is where it belongs.

        Args:
            say: told what the store does, and of what could not be carried where the command fails by itself.

        Raises:
            RunError: another driver is at work in it, or has taken it over; or the store cannot be read or written to,
                with what is missing there, and where that is kept.
        """
        if not isinstance(self.out, StorePath):
            yield self.out
            return
        home, folder = home_of(self.out), folder_at(self.out)
        with held(home), _by_address(home, folder):
            mirror, away = _opened(home, folder, say)
            driver = Driver(home, mirror, away)
            with carried_by(driver), mirror.claim.heard(), driver.making():
                carrying = Carrying(mirror, say)
                try:
                    yield home.local
                except BaseException:
                    carrying.stop()
                    _leave(home, mirror, say)
                    raise
                carrying.stop()
                _conclude(home, mirror, say)
            self.done = True

    def close(self) -> None:
        """The folder of this machine goes, where all is in the store."""
        if self.done and isinstance(self.out, StorePath):
            home_of(self.out).remove()
            let_go_of_old(self.out)


@contextmanager
def workplace(out: Path | None) -> Iterator[Workplace | None]:
    """Where a command works that writes to `out`, until what it has written was shown; None for no `out`."""
    place = None if out is None else Workplace(out)
    yield place
    if place is not None:
        place.close()


@contextmanager
def visited(path: Path, say: Callable[[str], None]) -> Iterator[Path]:
    """A folder of this machine with the run at `path`, to read it and to write about it.

    Of a run in a store it is a new one, whose pictures come when they are read; what is written goes to the store at
    the end, and that it does not is said.

    Raises:
        RunError: there is no run, or it cannot be read.
    """
    if not isinstance(path, StorePath):
        yield path
        return
    with TemporaryDirectory(prefix="foolscape-") as folder:
        reader = come_down(path, Path(folder))
        with carried_by(reader):
            yield reader.local
        changes = reader.changed.taken()
        try:
            each(lambda place: reader.folder.put_file(place, reader.local / place), sorted(changes.files))
            each(reader.folder.remove, sorted(changes.gone))
        except StoreError as error:
            say(f"nothing was written to {path}: {error.strerror}")


def come_down(path: StorePath, into: Path) -> Reader:
    """Who carries the run at `path`, which is below `into` now; raises `RunError`."""
    folder, local = folder_at(path), into.joinpath(*named_parts(path))
    with _in_words(folder, "read"):
        for tries in range(_TRIES):
            what = listed(folder)
            if not what.is_begun:
                raise RunError(f"expected a run at {path}, got none there; check the address")
            try:
                fetch(folder, what, local)
                break
            except OSError:  # its driver has gone on since it was listed
                if tries == _TRIES - 1:
                    raise
    return Reader(path, folder, local, what.pictures)


def _opened(home: Home, folder: StoreFolder, say: Callable[[str], None]) -> tuple[Mirror, dict[str, int]]:
    """The run is this driver's, and the folder of this machine as the store has it, or further."""
    with _in_words(folder, "written to"):
        refuse_others(folder)
        known = home.token()
        claim = take(folder, known, say)
        own = claim.before is not None and claim.before.token == known
        if own:  # from here on it goes on from what is here, also where the store fails now
            home.remember(claim.owner.token)
        try:
            folder.put(f"{BESIDE}/probe", _PROBE)
            folder.remove(f"{BESIDE}/probe")
            what = listed(folder)
            mirror = Mirror(folder, claim, Changed(home.local))
            away = _go_on(home, mirror, what) if own else _begin_anew(home, mirror, what, say)
            home.remember(claim.owner.token)
        except BaseException:
            with suppress(StoreError):
                claim.give_up()
            raise
    return mirror, away


def _begin_anew(home: Home, mirror: Mirror, what: Listed, say: Callable[[str], None]) -> dict[str, int]:
    """What is here goes, if anything is, and what the store has comes."""
    if home.local.is_dir():
        say(f"{home.path} was gone on with elsewhere, or is new: it is read from there, and {home.local} is let go")
    home.clear()
    home.local.mkdir(parents=True)
    fetch(mirror.folder, what, home.local)
    mirror.chains = dict(what.chains)
    mirror.turns = dict.fromkeys(what.chains, 1)
    mirror.changed.begun_with({place: Grown(1, size_of(chain)) for place, chain in what.chains.items()})
    return what.pictures


def _go_on(home: Home, mirror: Mirror, what: Listed) -> dict[str, int]:
    """What is here is as far as the store, or further: what may not be there goes up again."""
    here = {path.relative_to(home.local).as_posix() for path in home.local.rglob("*") if path.is_file()}
    for place in sorted(here):
        same = is_of_a_sample(place) and what.sizes.get(place) == (home.local / place).stat().st_size
        if is_carried(place) and not same:
            mirror.changed.wrote(place)
    for place in {*what.sizes, *what.chains} - here:
        if not is_late(place):
            mirror.changed.removed(place)
    return {place: size for place, size in what.pictures.items() if place not in here}


def _conclude(home: Home, mirror: Mirror, say: Callable[[str], None]) -> None:
    """All goes up, and the run is nobody's."""
    if (count := mirror.changed.count) > 100:
        say(f"carrying {count:,} files to {home.path}")
    with _kept(home, mirror):
        while mirror.changed.count:
            mirror.carry()
        mirror.conclude()
        mirror.claim.give_up()
        home.remember(mirror.claim.owner.token, ahead=False)


def _leave(home: Home, mirror: Mirror, say: Callable[[str], None]) -> None:
    """What is there goes up when a command fails by itself; that it does not is said, and hides nothing."""
    if mirror.claim.lost:
        return
    try:
        with _kept(home, mirror):
            if not mirror.changed.count and not mirror.chains and not listed(mirror.folder).is_begun:
                mirror.leave()
                return
            while mirror.changed.count:
                mirror.carry()
            mirror.claim.give_up()
            home.remember(mirror.claim.owner.token, ahead=False)
    except RunError as error:
        say(str(error))


@contextmanager
def _kept(home: Home, mirror: Mirror) -> Iterator[None]:
    """What a store does not take is told, with where it is kept."""
    try:
        yield
    except StoreError as error:
        raise UnwritableError(
            f"expected {home.path} to take the run, got {error.strerror}; what was measured is kept in {home.local}, "
            f"of which {max(1, mirror.changed.count):,} file(s) are not in the store: mend the store, and run the same "
            "command again on this machine to carry them up"
        ) from error


@contextmanager
def _in_words(folder: StoreFolder, what: str) -> Iterator[None]:
    """What a store refuses before anything is measured."""
    try:
        yield
    except OSError as error:
        kind = UnwritableError if what == "written to" else RunError
        raise kind(
            f"expected {folder.address} to be {what}, got {error.strerror or error}; check the address, the network, "
            f"the room there and the keys, which stand in environment variables: {WHERE}"
        ) from None


@contextmanager
def _by_address(home: Home, folder: StoreFolder) -> Iterator[None]:
    """Errors about a run name it as its user does; one of this machine's disk names its folder."""
    try:
        yield
    except UnwritableError:
        raise
    except RunError as error:
        error.args = (str(error).replace(str(home.local), folder.address),)
        raise
