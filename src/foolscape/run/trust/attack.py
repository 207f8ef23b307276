"""What the rows and the probes of a run say for or against its attack: no model, no images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from foolscape.metrics.paired import Difference, mean_difference
from foolscape.run.bounds import bound_reasons
from foolscape.run.controls import no_control, same_again, short_controls
from foolscape.run.store import FAILED, Record
from foolscape.run.subject import ADVERSARIAL, NOISE, PERMUTED
from foolscape.run.trust.command import with_attack
from foolscape.run.trust.probes import FEWEST, LARGER, LONGER, SQUARE, STRONGER, UNBOUND
from foolscape.run.trust.standing import standing, unit
from foolscape.verdict import Reason

POINTS: Final = 2.0
"""Percentage points below which two standings count as the same."""

_LITTLE: Final = 5.0
"""Percent of the targets that count as nothing left."""

_SETTLED: Final = 8
"""Images from which on a difference whose interval includes 0 counts as none."""

_UNREACHED: Final = 256
"""Levels that stand for the smallest change of an image that was never fooled: one more than there are."""

_SMALLER: Final = 0.9
"""The share of the smallest change with which another counts as smaller."""

_MORE_IMAGES: Final = f"too few images to tell, of which at least {FEWEST} are needed: raise --limit or --probes"


@dataclass(frozen=True)
class Attacked:
    """A model of a run under its attack.

    Attributes:
        record: run.json.
        spec: of the model.
        rows: by condition; for each condition the images in the same order.
        probed: `probes/SLUG.json`; empty if there is none.
    """

    record: Record
    spec: str
    rows: Mapping[str, Sequence[Record]]
    probed: Record

    def standings(self, rows: Sequence[Record]) -> dict[str, float]:
        """100 times the standing of each image that has one, by its id."""
        judge = standing(self.record, self.spec)
        found = {row["id"]: judge(row) for row in rows}
        return {name: 100 * value for name, value in found.items() if value is not None}

    @property
    def own(self) -> dict[str, float]:
        """What the attack leaves."""
        return self.standings(self.rows[ADVERSARIAL])


def attack_reasons(attacked: Attacked) -> Iterator[Reason]:
    """Every check of the attack, in reading order."""
    record = attacked.record
    yield from gradient_reasons(record.get("gradient", {}).get(attacked.spec))
    yield from bound_reasons(record["attack"])
    yield short_controls(attacked.rows[PERMUTED])
    yield _stronger(attacked, NOISE, "beats-noise", "stronger than noise of its size")
    yield _stronger(attacked, PERMUTED, "beats-shuffled", "stronger than its own change, shuffled")
    yield _at_8_bits(attacked)
    ladder, unbounded = "largest" in record["attack"], record["attack"]["eps"] is None
    if unbounded and not ladder:
        yield _nothing_left(attacked)
        return
    yield _converged_size(attacked) if ladder else _converged(attacked)
    yield from _tried_once(attacked)


def gradient_reasons(verdict: Record | None) -> Iterator[Reason]:
    """The check before the run; none of an attack without gradients."""
    if verdict is not None:  # not its message, which names the batch: a summary does not depend on it
        yield Reason(id="gradient", check="right in its gradient", ok=bool(verdict["ok"]), seen=str(verdict["kind"]))


def _compare(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[Difference, int]:
    """The mean of `a` less `b` over the images of both, and how many these are."""
    shared = [name for name in a if name in b]
    return mean_difference(np.array([a[n] for n in shared]), np.array([b[n] for n in shared])), len(shared)


def difference_words(difference: Difference) -> str:
    """The difference with its interval, such as `17.0 more (8.1 to 25.9)`."""
    assert difference.value is not None
    sign, more = (1, "more") if difference.value >= 0 else (-1, "less")
    ends = sorted(sign * end for end in (difference.low, difference.high) if end is not None)
    interval = f" ({ends[0]:z.1f} to {ends[1]:z.1f})" if ends else ""
    return f"{abs(difference.value):z.1f} {more}{interval}"


def _mean(values: Mapping[str, float], of: Mapping[str, float]) -> float:
    return float(np.mean([values[name] for name in values if name in of]))


def _stronger(attacked: Attacked, control: str, name: str, check: str) -> Reason:
    """Whether the control leaves more than the attack, by an interval above 0."""
    reason = partial(Reason, id=name, check=check)
    own, other = attacked.own, attacked.standings(attacked.rows[control])
    difference, images = _compare(other, own)
    if not difference.above and (same := same_again(attacked.rows[control])):
        other = {image: value for image, value in other.items() if image not in same}
        if not other:
            return no_control(name, check)
        difference, images = _compare(other, own)
    if difference.value is None:
        return reason(ok=None, seen="no image has anything to fool", advice="give other images")
    left, more = f"{_mean(own, other):z.1f} {unit(attacked.record)}", difference_words(difference)
    seen = f"{left}; the control leaves {more}, {images} image(s)"
    if difference.above:
        return reason(ok=True, seen=seen)
    if difference.value < POINTS or images >= _SETTLED:
        advice = "the change made for the model does no more than a random one: try a larger --eps or another --attack"
        return reason(ok=False, seen=seen, advice=advice)
    return reason(ok=None, seen=seen, advice="too few images to tell: raise --limit")


def _at_8_bits(attacked: Attacked) -> Reason:
    """Whether rounding to 8 bits costs the attack nothing."""
    reason = partial(Reason, id="eight-bits", check="as strong at 8 bits as in float")
    in_float = [{"id": row["id"], **row["in_float"]} for row in attacked.rows[ADVERSARIAL]]
    own, exact = attacked.own, attacked.standings(in_float)
    difference, images = _compare(own, exact)
    if difference.value is None:
        return reason(ok=None, seen="no image has anything to fool", advice="give other images")
    seen = f"{_mean(own, exact):z.1f} {unit(attacked.record)} at 8 bits, {difference_words(difference)} than in float"
    if difference.value < POINTS:
        return reason(ok=True, seen=seen)
    if difference.above or images == 1:
        advice = "its steps are smaller than a level: give a larger --step or --eps, or --rounded"
        return reason(ok=False, seen=seen, advice=advice)
    # As with the other attacks: more is left, but not on enough images to be sure.
    return reason(ok=None, seen=seen, advice="too few images to tell: raise --limit")


def _nothing_left(attacked: Attacked) -> Reason:
    """Whether an attack without a bound leaves nothing, as it can always go on."""
    reason = partial(Reason, id="converged", check="has run to its end")
    own = attacked.own
    if not own:
        return reason(ok=None, seen="no image has anything to fool")
    left = float(np.mean(list(own.values())))
    allowed = max(_LITTLE, 100 * (attacked.record["attack"].get("stop") or 0.0))
    ok = left <= allowed
    seen = f"{left:z.1f} {unit(attacked.record)} without a bound, where at most {allowed:g} should be left"
    advice = "" if ok else f"let it go on: --steps {2 * attacked.record['attack']['steps']}"
    return reason(ok=ok, seen=seen, advice=advice)


def _converged(attacked: Attacked) -> Reason:
    """Whether twice the steps and the strongest attack leave no less."""
    reason = partial(Reason, id="converged", check="has converged")
    if why := _not_probed(attacked):
        return reason(ok=None, seen=why[0], advice=why[1])
    own = attacked.own
    found = [(what, *_compare(_left(attacked, what), own)) for what in (LONGER, STRONGER)]
    compared = [one for one in found if one[1].value is not None]
    if not compared:
        return reason(ok=None, seen="no other attack could be tried on any image")
    what, difference, images = min(compared, key=_standing_out)
    probe = attacked.probed["probes"][what]
    named = "twice the steps" if what == LONGER else probe["attack"]
    mean = _mean(own, _left(attacked, what))
    seen = f"{mean:z.1f} {unit(attacked.record)} on {images} image(s), under {named} {difference_words(difference)}"
    if _does_better(difference):
        command = with_attack(attacked.record, attacked.spec, probe)
        return reason(ok=False, seen=seen, advice=f"this does better: {command}")
    if images < FEWEST or (difference.value or 0.0) <= -POINTS:
        return reason(ok=None, seen=seen, advice=_MORE_IMAGES)
    return reason(ok=True, seen=seen)


def _does_better(difference: Difference) -> bool:
    """Whether another attack leaves less, beyond chance; `difference` is what it leaves less what the attack does."""
    return difference.value is not None and difference.value <= -POINTS and difference.below


def _standing_out(compared: tuple[str, Difference, int]) -> tuple[bool, float]:
    """The key by which the other attack to name comes first: one that surely does better, then by what it leaves."""
    return not _does_better(compared[1]), compared[1].value or 0.0


def _converged_size(attacked: Attacked) -> Reason:
    """Whether twice the steps find no smaller change."""
    reason = partial(Reason, id="converged", check="has converged")
    if why := _not_probed(attacked):
        return reason(ok=None, seen=why[0], advice=why[1])
    own = {row["id"]: _level(row["attack"]["smallest_eps"]) for row in attacked.rows[ADVERSARIAL]}
    longer = {
        name: _level(found[LONGER]["smallest"])
        for name, found in attacked.probed["images"].items()
        if found.get(LONGER) is not None
    }
    difference, images = _compare(longer, own)
    seen = f"twice the steps were tried on {images} image(s)"
    if difference.value is None or images < FEWEST:
        return reason(ok=None, seen=seen, advice=_MORE_IMAGES)
    value, low, high = (2**end for end in (difference.value, difference.low or 0.0, difference.high or 0.0))
    seen = f"twice the steps need {value:.0%} of its change ({low:.0%} to {high:.0%}), {images} images"
    if not (value <= _SMALLER and difference.below):
        return reason(ok=True, seen=seen)
    command = with_attack(attacked.record, attacked.spec, attacked.probed["probes"][LONGER])
    return reason(ok=False, seen=seen, advice=f"this does better: {command}")


def _level(smallest: int | None) -> float:
    """The logarithm of a smallest change, in octaves: what is small is compared as closely as what is large."""
    return math.log2(max(_UNREACHED if smallest is None else smallest, 0.5))


def _not_probed(attacked: Attacked) -> tuple[str, str] | None:
    """Why there are no probes, and what to do about it; None if there are some."""
    if FAILED in attacked.probed:
        return f"other attacks could not be tried: {attacked.probed[FAILED]}", "mend that, and run it anew"
    if not attacked.probed:
        return "no other attack was tried", "let other attacks be tried: leave --probes 0 out"
    return None


def _left(attacked: Attacked, what: str) -> dict[str, float]:
    """What the probe `what` leaves of each image that it was tried on, in percent."""
    images = attacked.probed["images"]
    found = {name: one[what]["right"] for name, one in images.items() if one.get(what) is not None}
    return {name: 100 * right for name, right in found.items() if right is not None}


def _tried_once(attacked: Attacked) -> Iterator[Reason]:
    """What a larger bound, no bound and an attack without gradients say of the first probe image."""
    if FAILED in attacked.probed or not attacked.probed:
        return
    own = attacked.own
    for what in (LARGER, UNBOUND, SQUARE):
        for name, left in list(_left(attacked, what).items())[:1]:
            if name in own:
                yield _once(attacked, what, name, own[name], left)


def _once(attacked: Attacked, what: str, name: str, own: float, left: float) -> Reason:
    seen = f"{left:z.1f} {unit(attacked.record)} on {name}, {own:z.1f} by the attack itself"
    if what == UNBOUND:
        check, ok = f"{_LITTLE:g} % or less is left with no bound", left <= _LITTLE
        advice = "what no bound helps against hides its gradient: see docs/your-own-model.md"
    elif what == LARGER:
        check, ok = "no worse with twice the bound", left <= own + POINTS
        advice = "a larger bound holds the smaller one: give more --steps or another --attack"
    else:
        probe = attacked.probed["probes"][SQUARE]
        check, ok = f"as strong as Square with {probe['steps']} queries, without gradients", own <= left + POINTS
        advice = f"this does better: {with_attack(attacked.record, attacked.spec, probe)}"
    return Reason(id=what, check=check, ok=ok, seen=seen, advice="" if ok else advice)
