"""Runs the cases, each in a child with limits on time and memory, forked from one process that has imported all.

A child goes on to the next case while all is well; what it leaves in memory counts against its limit. A fork of a
process of this size costs more than most cases.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import shutil
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from foolscape.errors import FoolscapeError
from tests.fuzz.cases import HANG, REFUSED, TRACEBACK, Family, Found, Verdict, judge

SECONDS = 60
"""A case that takes longer hangs; most take a hundredth of a second, but the machine may be busy."""
MEMORY = 1 << 30
"""Bytes that a child may take beyond what it has from its parent."""
A_CHILD = 40
"""Cases before the next child, each with the family's weight."""


@dataclass(frozen=True)
class Prepared:
    """A family with its sound input.

    Attributes:
        family: which.
        sound: the folder of the sound input.
        work: the folder in which each case has its copy.
        seed: of its mutations.
        seconds: how long a case may take.
        found: what is read of the sound input.
    """

    family: Family
    sound: Path
    work: Path
    seed: int
    seconds: float
    found: Found


def run_family(
    family: Family, indices: Sequence[int], seed: int, tell: Callable[[Verdict], None], seconds: float = SECONDS
) -> None:
    """Try the cases `indices` of a family; `tell` is told of each."""
    with tempfile.TemporaryDirectory() as folder:
        sound, work = Path(folder) / "sound", Path(folder) / "case"
        # The input lies where it will lie when it is read: runs hold their own paths.
        work.mkdir()
        family.make(work)
        shutil.copytree(work, sound, symlinks=True)
        prepared = Prepared(family, sound, work, seed, seconds, family.read(work))
        todo = list(indices)
        while todo:
            done = _child(prepared, todo[: max(1, A_CHILD // family.weight)])
            for verdict in done:
                tell(verdict)
            todo = todo[len(done) :]


def try_case(prepared: Prepared, index: int) -> Verdict:
    """Mutate a copy of the sound input and read it."""
    family, work = prepared.family, prepared.work
    with contextlib.suppress(OSError):
        shutil.rmtree(work)
    shutil.copytree(prepared.sound, work, symlinks=True)
    mutation = family.mutate(Random(f"{family.name} {prepared.seed} {index}"), work)
    try:
        held = family.held(work)
        found = family.read(work)
        outcome, detail = judge(prepared.found, found, mutation, held)
    except FoolscapeError as error:
        outcome, detail = REFUSED, str(error)
    except BaseException as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = [one for one in traceback.extract_tb(error.__traceback__) if "/foolscape/" in one.filename]
        where = ours[-1] if ours else place
        outcome = TRACEBACK
        detail = (
            f"{type(error).__name__}: {error!s:.200} at {where.filename.rpartition('/foolscape/')[2]}:{where.lineno}"
        )
    return Verdict(family.name, index, outcome, mutation.what, detail)


def _child(prepared: Prepared, indices: Sequence[int]) -> list[Verdict]:
    """The verdicts of as many cases as one child gets through; the last may be one that ended it."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        _work(prepared, indices, writer)
    os.close(writer)
    done = [Verdict(**json.loads(line)) for line in _lines(reader, prepared.seconds)]
    os.close(reader)
    ended = len(done) == len(indices)
    with contextlib.suppress(ProcessLookupError):
        if not ended:
            os.kill(child, 9)
    _, status = os.waitpid(child, 0)
    if not ended:
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == 9
        index, name = indices[len(done)], prepared.family.name
        outcome, detail = (
            (HANG, f"no end within {prepared.seconds:g} s") if killed else (TRACEBACK, f"ended with status {status}")
        )
        done.append(Verdict(name, index, outcome, _described(prepared, index), detail))
    return done


def _lines(reader: int, seconds: float) -> Iterator[str]:
    """What a child writes, line by line, until it ends or is silent for too long."""
    rest = b""
    while select.select([reader], [], [], seconds)[0]:
        read = os.read(reader, 1 << 16)
        if not read:
            return
        *whole, rest = (rest + read).split(b"\n")
        yield from (line.decode() for line in whole)


def _described(prepared: Prepared, index: int) -> str:
    """The mutation of a case whose child is gone."""
    shutil.rmtree(prepared.work, ignore_errors=True)
    shutil.copytree(prepared.sound, prepared.work, symlinks=True)
    return prepared.family.mutate(Random(f"{prepared.family.name} {prepared.seed} {index}"), prepared.work).what


def _work(prepared: Prepared, indices: Sequence[int], writer: int) -> None:
    """What a child does; it never returns."""
    status = 1
    try:
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        warnings.simplefilter("ignore")
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        for index in indices:
            verdict = try_case(prepared, index)
            os.write(writer, json.dumps(asdict(verdict)).encode() + b"\n")
        status = 0
    finally:
        os._exit(status)


def settle() -> None:
    """Import what cases would else import in every child, and keep the collector from touching it.

    Pictures of pages hold the same pixels, but are not made as small as can be, as in all tests.
    """
    import av  # noqa: F401
    import matplotlib.backends.backend_svg  # noqa: F401

    import foolscape.run.harden.execute
    import foolscape.run.transfer.execute
    import foolscape.run.universal.execute  # noqa: F401
    from foolscape.report.pictures import figures

    vars(figures)["SMALLEST"] = False
    gc.collect()
    gc.freeze()
    sys.setrecursionlimit(1000)
