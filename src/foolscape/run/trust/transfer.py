"""The verdict on a transfer: little transfer means something only where the attack on the source is to be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from foolscape.attacks.plan import Plan
from foolscape.records.row import Failure
from foolscape.records.types import Object
from foolscape.run.trust.comparison import compare, difference_words, mean_of, no_weaker
from foolscape.run.trust.failures import failure_reasons
from foolscape.run.trust.judge import by_model
from foolscape.run.trust.own_run import own_run
from foolscape.run.trust.standing import SHARE
from foolscape.run.trust.ways import longer
from foolscape.verdict import Reason

_CHECK: Final = "stronger than what was made for others"

_ORDER: Final = (False, None, True)
"""In which order answers are named: what is against the attack first."""


@dataclass(frozen=True)
class Column:
    """A network of a transfer, under every change.

    Attributes:
        spec: of the network.
        task: its own.
        plan: its own attack.
        trust: the verdict on its own run.
        left: by line of the matrix and image, the percentage of the reference that it still has right, where there is
            any.
    """

    spec: str
    task: str
    plan: Plan | None
    trust: Object
    left: Mapping[str, Mapping[str, float]]


def transfer_trust(
    columns: Mapping[str, Column], lines: Sequence[Object], lost: Sequence[Failure], images: int
) -> Object:
    """`trust` of transfer.json.

    Args:
        columns: the networks by slug.
        lines: of the matrix.
        lost: images that could not be used.
        images: how many images there were.
    """
    blamed = {one.model for one in lost}
    # An image that one network cannot use counts for none, but is told of the networks that it failed with.
    reasons = {
        slug: [
            *(failure_reasons(lost, images) if column.spec in blamed else ()),
            *own_run(f"runs/{slug}", column.trust),
            *transferred(slug, column.plan, lines, column.left),
        ]
        for slug, column in columns.items()
    }
    return by_model({slug: [reason.to_json() for reason in model_reasons] for slug, model_reasons in reasons.items()})


def transferred(
    slug: str, plan: Plan | None, lines: Sequence[Object], left: Mapping[str, Mapping[str, float]]
) -> tuple[Reason, ...]:
    """Whether the change made for the network `slug` does as much to it as those made for others.

    Nothing where that cannot be compared: without a bound changes are of different size, and what is right is not what
    an attack with a goal is after.

    Args:
        slug: of the network.
        plan: its attack.
        lines: of the matrix of a transfer.
        left: of the column.
    """
    aimed = plan is not None and plan.goal is not None and plan.goal.name != "untargeted"
    if plan is None or plan.eps is None or plan.only_class is not None or aimed:
        return ()
    plain = [line for line in lines if line["sources"] and not line["permuted"]]
    (own,) = (left.get(line["name"], {}) for line in plain if list(line["sources"]) == [slug])
    foreign = [
        line["name"] for line in plain if slug not in line["sources"] and (line["joint"] or len(line["sources"]) == 1)
    ]
    reason = partial(Reason, id="beats-foreign", check=_CHECK)
    compared = {name: compare(left.get(name, {}), own) for name in foreign}
    known = {
        name: (difference, no_weaker(difference, images)) for name, (difference, images) in compared.items() if images
    }
    if not known:
        return (reason(ok=None, seen="no image has anything to fool", advice="give other images"),)
    name = min(known, key=lambda one: (_ORDER.index(known[one][1]), known[one][0].value or 0.0))
    difference, ok = known[name]
    seen = f"{mean_of(own, left[name]):z.1f} {SHARE}, under the change made for {name} {difference_words(difference)}"
    weaker = f"its own attack is the weaker one: {longer(plan.settings)}"
    advice = {True: "", False: weaker, None: "too few images to tell: raise --limit"}[ok]
    return (reason(ok=ok, seen=seen, advice=advice),)
