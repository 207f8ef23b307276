"""`python -m tests.fuzz.faulty`: a reader that goes wrong in each way in turn; prints what the runner made of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

from foolscape.errors import SettingError
from tests.fuzz.cases import FINE, HANG, REFUSED, SILENT, SKIPPED, TRACEBACK, Family, Found, Mutation
from tests.fuzz.runner import MEMORY, run_family

WANTED = {
    "nothing": FINE,
    "error": TRACEBACK,
    "recursion": TRACEBACK,
    "refusal": REFUSED,
    "hang": HANG,
    "crash": TRACEBACK,
    "memory": TRACEBACK,
    "leave": TRACEBACK,
    "loss": SILENT,
    "said loss": SKIPPED,
    "other": SILENT,
    "legit": FINE,
}
"""By what the reader does, the outcome."""


def _make(root: Path) -> None:
    (root / "way").write_text("nothing")


def _mutate(rng: Random, root: Path) -> Mutation:
    way = rng.choice(tuple(WANTED))
    (root / "way").write_text(way)
    return Mutation(way, legit=way not in ("loss", "other"))


def _read(root: Path) -> Found:
    way = (root / "way").read_text()
    match way:
        case "error":
            raise ValueError(way)
        case "recursion":
            return _read_deep(root)
        case "refusal":
            raise SettingError(way)
        case "hang":
            time.sleep(600)
        case "crash":
            os.abort()
        case "memory":
            bytearray(2 * MEMORY)
        case "leave":
            os._exit(0)
        case "loss" | "said loss":
            return Found((1,), None, ("one left out",) if way == "said loss" else ())
    return Found((2,), way if way in ("other", "legit") else None)


def _read_deep(root: Path) -> Found:
    return _read_deep(root)


if __name__ == "__main__":
    family = Family("faulty", _make, _mutate, _read, lambda root: (2,))
    run_family(family, range(40), 0, lambda verdict: print(f"{verdict.what}: {verdict.outcome}"), seconds=3)
