"""The verdict on a transfer: little transfer means something only where the attack on the source is to be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from foolscape.attacks.plan import Plan
from foolscape.run.store import Record
from foolscape.run.trust.judge import by_model
from foolscape.run.trust.own_run import own_run
from foolscape.verdict import Reason

_CHANCE: Final = 1.0
"""Points of a headline score that are within chance."""


def transfer_trust(
    runs: Mapping[str, Record], plans: Mapping[str, Plan | None], scores: Mapping[str, str], lines: Sequence[Record]
) -> Record:
    """`trust` of transfer.json.

    Args:
        runs: `trust` of each network's own run, by slug.
        plans: of each network's attack.
        scores: the name of each network's score.
        lines: of the matrix.
    """
    reasons = {
        slug: [
            reason.to_json()
            for reason in (*own_run(f"runs/{slug}", trust), *transferred(slug, scores[slug], plans[slug], lines))
        ]
        for slug, trust in runs.items()
    }
    return by_model(reasons)


def transferred(slug: str, key: str, settled: Plan | None, lines: Sequence[Record]) -> Iterator[Reason]:
    """Whether the change made for the network `slug` does more to it than those made for others.

    Nothing where that cannot be compared: without a bound changes are of different size, and the headline score is not
    what an attack with a goal is after.

    Args:
        slug: of the network.
        key: the name of its score.
        settled: its attack.
        lines: of the matrix of a transfer.
    """
    aimed = settled is not None and settled.goal is not None and settled.goal.name != "untargeted"
    if settled is None or settled.eps is None or settled.victim is not None or aimed:
        return
    own: float | None = None
    foreign: dict[str, float] = {}
    for line in lines:
        score = line["scores"][slug]
        if score is None or line["permuted"]:
            continue
        if list(line["sources"]) == [slug]:
            own = score
        elif slug not in line["sources"] and (line["joint"] or len(line["sources"]) == 1):
            foreign[line["name"]] = score
    check = "stronger than what was made for others"
    if own is None or not foreign:
        yield Reason(id="beats-foreign", check=check, ok=None, seen=f"{key} is not defined", advice="give other images")
        return
    best = min(foreign, key=foreign.__getitem__)
    ok = own <= foreign[best] + _CHANCE
    advice = "" if ok else "its own attack is the weaker one: give it more steps, or another --attack"
    seen = f"{key} {own:.1f} against {foreign[best]:.1f} by {best}"
    yield Reason(id="beats-foreign", check=check, ok=ok, seen=seen, advice=advice)
