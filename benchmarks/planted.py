"""How often the verdict misses what is wrong and accuses what is sound, over planted cases.

    python benchmarks/planted.py [--only NAME] [--groups N] [--attacks N] [--seed 0] [--looked-at] [--out FILE.json]
    python benchmarks/planted.py --tables FILE.json ...

A case is a network on a group of samples, seeded: fed or read wrongly, as a user's wrapper may do it, in one way or in
two at once; or attacked by an attack that was stopped early. It is caught where the verdict is "not trusted"; a mistake
is named where the reason says which. The same groups without a mistake, or attacked by worst-case, must not be accused.
The networks are the bundled ones and, where FOOLSCAPE_REAL names a folder of them, pretrained ones on photographs.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from planting.attacks import attacks
from planting.case import SOUND, Case, rates, table
from planting.subjects import opened
from planting.wiring import Stand, bundled, cases, real

_ATTACKED = 8
"""Samples of a group that are attacked."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="the networks whose name holds this")
    parser.add_argument("--groups", type=int, help="at most so many groups for mistakes of wiring")
    parser.add_argument("--attacks", type=int, default=2, help="at most so many groups for attacks")
    parser.add_argument("--seed", type=int, default=0, help="of the order of classes")
    parser.add_argument("--looked-at", action="store_true", help="the groups that the checks were made on instead")
    parser.add_argument("--out", type=Path, help="JSON file of all cases")
    parser.add_argument("--tables", type=Path, nargs="+", help="no cases, but the tables of these JSON files")
    options = parser.parse_args()
    if options.tables:
        report([Case(**one) for path in options.tables for one in json.loads(path.read_text())])
        return
    found: list[Case] = []
    stands = [*bundled(), *real(Path(os.environ.get("FOOLSCAPE_REAL", "../shared/real")))]
    for case in _all([one for one in stands if options.only in one.name], options):
        found.append(case)
        print(*(f"{value}" for value in asdict(case).values()), sep=" | ", flush=True)
        if options.out:
            options.out.write_text(json.dumps([asdict(case) for case in found], indent=1))
    report(found)


def _all(stands: Sequence[Stand], options: argparse.Namespace) -> Iterator[Case]:
    for stand in stands:
        groups = range(stand.groups.start) if options.looked_at else stand.groups
        yield from cases(stand, list(groups)[: options.groups], options.seed)
    for stand in stands:
        groups = range(stand.groups.start) if options.looked_at else stand.attacked
        for group in list(groups)[: options.attacks]:
            yield from attacks(
                stand.name, stand.settings, opened(stand.settings)[1], min(stand.samples, _ATTACKED), [group]
            )


def report(found: Sequence[Case]) -> None:
    """The tables, the rates, and every case that is not as it should be."""
    print(table(found, lambda case: (case.kind, case.model), ("kind", "network")), "\n")
    print(table(found, lambda case: (case.kind, case.mistake), ("kind", "mistake")), "\n")
    for what, count in rates(found).items():
        print(f"{what}: {count}")
    for case in found:
        if case.verdict != ("trusted" if case.kind in SOUND else "named"):
            print(f"- {case.verdict}: {case.model}, {case.mistake}, group {case.group}: {case.seen}")


if __name__ == "__main__":
    main()
