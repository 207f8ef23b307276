"""`python -m tests.fuzz`: tries mutated inputs, prints every fault and a table; exit code 1 where there is a fault."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.cases import FAULTS, Verdict, table
from tests.fuzz.families import FAMILIES
from tests.fuzz.runner import SECONDS, run_family, settle


def main() -> None:
    """Try cases, as the options say."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=200, help="cases of a family, fewer where one costs more")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--family", action="append", choices=[family.name for family in FAMILIES])
    options.add_argument("--only", type=int, help="one case alone, by its number")
    options.add_argument("--seconds", type=float, default=SECONDS, help="that a case may take")
    options.add_argument("--all", action="store_true", help="print what became of every case")
    chosen = options.parse_args()
    settle()
    told: list[Verdict] = []

    def tell(verdict: Verdict) -> None:
        told.append(verdict)
        if chosen.all or verdict.outcome in FAULTS:
            line = f"{verdict.family} {verdict.index}: {verdict.outcome}: {verdict.what} -> {verdict.detail}"
            print(ascii(line)[1:-1], flush=True)

    for family in FAMILIES:
        if chosen.family is None or family.name in chosen.family:
            count = max(1, chosen.cases // family.weight)
            indices = range(count) if chosen.only is None else [chosen.only]
            run_family(family, indices, chosen.seed, tell, chosen.seconds)
    print(table(told))
    sys.exit(any(verdict.outcome in FAULTS for verdict in told))


main()
