"""Mutated inputs of every kind: no traceback, no hang, no total that changes without a word."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.fuzz.cases import FINE, HANG, REFUSED, SILENT, SKIPPED, TRACEBACK, Found, Mutation, Verdict, judge, table
from tests.fuzz.faulty import WANTED

LEGIT, NOT = Mutation("a"), Mutation("a", legit=False)


@pytest.mark.parametrize(
    ("found", "mutation", "held", "outcome"),
    [
        (Found((2, 3), "x"), LEGIT, (2, 3), FINE),
        (Found((2, 3), "y"), LEGIT, (2, 3), FINE),
        (Found((2, 3), "y"), LEGIT, None, FINE),
        (Found((2, 2), "x"), LEGIT, None, FINE),
        (Found((2, 2), "x"), LEGIT, (2, 3), SILENT),
        (Found((2, 2), "x"), NOT, (2, 2), SILENT),
        (Found((2, 3), "y"), NOT, None, SILENT),
        (Found((2, 3), "x"), NOT, None, FINE),
        (Found((2, 2), "y", ("old", "1 box left out")), NOT, (2, 3), SKIPPED),
        (Found((2, 2), "x", ("old",)), LEGIT, (2, 3), SILENT),
    ],
)
def test_verdicts(found: Found, mutation: Mutation, held: tuple[int, ...] | None, outcome: str) -> None:
    assert judge(Found((2, 3), "x", ("old",)), found, mutation, held)[0] == outcome


def test_the_table_counts_by_family() -> None:
    told = [Verdict("a", 0, FINE), Verdict("a", 1, HANG), Verdict("b", 0, REFUSED), Verdict("b", 1, TRACEBACK)]
    lines = [line.split() for line in table(told).splitlines()]
    assert lines[0] == ["family", "cases", FINE, REFUSED, SKIPPED, TRACEBACK, HANG, SILENT]
    assert lines[1:] == [
        ["a", "2", "1", "0", "0", "0", "1", "0"],
        ["b", "2", "0", "1", "0", "1", "0", "0"],
        ["all", "4", "1", "1", "0", "1", "1", "0"],
    ]


def run(*words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a module in a process of its own, which forks."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-m", *words], cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_what_goes_wrong_is_seen() -> None:
    code, out, err = run("tests.fuzz.faulty")
    assert code == 0, err
    lines = [line.split(": ") for line in out.splitlines()]
    assert len(lines) == 40
    assert dict(lines) == WANTED
    assert all(outcome == WANTED[way] for way, outcome in lines)


def fuzz(*options: str) -> None:
    """Try every family; the table and all faults are printed."""
    code, out, err = run("tests.fuzz", *options)
    print(out)
    assert code == 0, f"{out}\n{err[-2000:]}"


def test_mutated_inputs() -> None:
    fuzz("--cases", "60")


@pytest.mark.slow
@pytest.mark.parametrize(("cases", "seed"), [("120", "0"), ("300", "1")])
def test_many_mutated_inputs(cases: str, seed: str) -> None:
    """7,000 in all."""
    fuzz("--cases", cases, "--seed", seed)
