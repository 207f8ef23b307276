"""What the rows and the probes of a run say for or against its attack: no model, no images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

import numpy as np

from foolscape.metrics.paired import Difference
from foolscape.records.conditions import FAILED, NOISE, PERMUTED, Condition
from foolscape.records.types import Object
from foolscape.run.checks.bounds import bound_reasons
from foolscape.run.scores.controls import no_control, short_reason
from foolscape.run.trust.attacked import UNREACHED, AttackedModel
from foolscape.run.trust.command import with_attack, with_options
from foolscape.run.trust.comparison import (
    POINTS,
    compare,
    difference_words,
    less,
    mean_of,
    standing_out,
    stronger,
    surely_less,
)
from foolscape.run.trust.probes import FEWEST, LARGER, LONGER, PAIRED, SQUARE, UNBOUND
from foolscape.run.trust.standing import unit
from foolscape.run.trust.ways import larger, longer, wider
from foolscape.spec import is_black_box
from foolscape.verdict import Reason

_LITTLE: Final = 5.0
"""Percent of the targets that count as nothing left."""

_SMALLER: Final = 0.9
"""The share of the smallest change with which another counts as smaller."""

_NOTHING: Final = "no image has anything to fool"

_MORE_IMAGES: Final = f"too few images to tell, of which at least {FEWEST} are needed: raise --limit or --probes"


def attack_reasons(attacked: AttackedModel) -> Iterator[Reason]:
    """Every check of the attack, in reading order."""
    if is_black_box(attacked.spec):
        yield Reason(id="gradient", check="right in its gradient", ok=True, seen="not asked for: a black box")
    yield from gradient_reasons(attacked.record.gradient.get(attacked.spec))
    yield from own_reasons(attacked)
    yield from probe_reasons(attacked)


def own_reasons(attacked: AttackedModel) -> Iterator[Reason]:
    """What the attack's own settings and rows say of it, those of its controls among them."""
    yield from bound_reasons(attacked.record.attack)
    yield short_reason(attacked.controls.sizes())
    yield _stronger(attacked, NOISE, "beats-noise", "stronger than noise of its size")
    yield _stronger(attacked, PERMUTED, "beats-shuffled", "stronger than its own change, shuffled")
    yield _at_8_bits(attacked)


def probe_reasons(attacked: AttackedModel) -> Iterator[Reason]:
    """What other attacks say of it; of one without a bound what it leaves."""
    record = attacked.record
    ladder, unbounded = "largest" in record.attack, record.attack["eps"] is None
    if unbounded and not ladder:
        yield _nothing_left(attacked)
        return
    yield _converged_size(attacked) if ladder else _converged(attacked)
    yield from _tried_once(attacked)


def gradient_reasons(verdict: Object | None) -> Iterator[Reason]:
    """The check before the run; none of an attack without gradients."""
    if verdict is not None:  # not its message, which names the batch: a summary does not depend on it
        yield Reason(id="gradient", check="right in its gradient", ok=bool(verdict["ok"]), seen=str(verdict["kind"]))


def _stronger(attacked: AttackedModel, control: Condition, name: str, check: str) -> Reason:
    """Whether the control leaves more than the attack, by an interval above 0."""
    reason = partial(Reason, id=name, check=check)
    own = attacked.own
    other: Mapping[str, float] = attacked.left.get(control, {})
    difference, images = compare(other, own)
    if not difference.above and (same := attacked.controls.again.get(control)):
        other = {image: value for image, value in other.items() if image not in same}
        if not other:
            return no_control(name, check)
        difference, images = compare(other, own)
    if difference.value is None:
        return reason(ok=None, seen=_NOTHING, advice="give other images")
    left, more = f"{mean_of(own, other):z.1f} {unit(attacked.record)}", difference_words(difference)
    seen = f"{left}; the control leaves {more}, {images} image(s)"
    ok = stronger(difference, images)
    no = f"the change made for the model does no more than a random one: {wider(attacked.record.attack)}"
    return reason(ok=ok, seen=seen, advice={True: "", False: no, None: "too few images to tell: raise --limit"}[ok])


def _at_8_bits(attacked: AttackedModel) -> Reason:
    """Whether rounding to 8 bits costs the attack nothing."""
    reason = partial(Reason, id="eight-bits", check="as strong at 8 bits as in float")
    own, exact = attacked.own, attacked.in_float
    difference, images = compare(own, exact)
    if difference.value is None:
        return reason(ok=None, seen=_NOTHING, advice="give other images")
    seen = f"{mean_of(own, exact):z.1f} {unit(attacked.record)} at 8 bits, {difference_words(difference)} than in float"
    if difference.value < POINTS:
        return reason(ok=True, seen=seen)
    if difference.above or images == 1:
        ways = [f"a larger {' or '.join(sizes)}"] if (sizes := [*larger(attacked.record.attack, "step", "eps")]) else []
        ways += larger(attacked.record.attack, "quantise_steps")
        advice = f"its steps are smaller than a level: give {', or '.join(ways) or 'another --attack'}"
        return reason(ok=False, seen=seen, advice=advice)
    # As with the other attacks: more is left, but not on enough images to be sure.
    return reason(ok=None, seen=seen, advice="too few images to tell: raise --limit")


def _nothing_left(attacked: AttackedModel) -> Reason:
    """Whether an attack without a bound leaves nothing, as it can always go on."""
    reason = partial(Reason, id="converged", check="has run to its end")
    own = attacked.own
    if not own:
        return reason(ok=None, seen=_NOTHING, advice="give other images")
    left = float(np.mean(list(own.values())))
    allowed = max(_LITTLE, 100 * (attacked.record.attack.get("stop") or 0.0))
    ok = left <= allowed
    seen = f"{left:z.1f} {unit(attacked.record)} without a bound, where at most {allowed:g} should be left"
    on = with_options(attacked.record, attacked.spec, {"steps": 2 * attacked.record.attack["steps"]})
    return reason(ok=ok, seen=seen, advice="" if ok else f"let it go on: {on}")


def _converged(attacked: AttackedModel) -> Reason:
    """Whether twice the steps and the strongest attack leave no less."""
    reason = partial(Reason, id="converged", check="has converged")
    if why := _not_probed(attacked):
        return reason(ok=None, seen=why[0], advice=why[1])
    own = attacked.own
    compared = [(what, *compare(_left(attacked, what), own)) for what in PAIRED if what in attacked.probed["probes"]]
    if not compared:
        return reason(ok=None, seen="no other attack takes these settings")
    what, difference, images = min(compared, key=_naming)
    probe = attacked.probed["probes"][what]
    name = "twice the steps" if what == LONGER else probe["attack"]
    if difference.value is None:
        return reason(ok=None, seen=f"{name} gave up on every image that it was tried on", advice=_MORE_IMAGES)
    mean = mean_of(own, _left(attacked, what))
    seen = f"{mean:z.1f} {unit(attacked.record)} on {images} image(s), under {name} {difference_words(difference)}"
    if surely_less(difference):
        command = with_attack(attacked.record, attacked.spec, probe)
        return reason(ok=False, seen=seen, advice=f"this does better: {command}")
    if images < FEWEST or less(difference):
        return reason(ok=None, seen=seen, advice=_MORE_IMAGES)
    return reason(ok=True, seen=seen)


def _naming(compared: tuple[str, Difference, int]) -> tuple[bool, bool, float]:
    """The key by which the other attack to name comes first: one that does better, then one that is not known."""
    worse, value = standing_out(compared[1])
    return worse, compared[2] >= FEWEST, value


def _converged_size(attacked: AttackedModel) -> Reason:
    """Whether twice the steps find no smaller change."""
    reason = partial(Reason, id="converged", check="has converged")
    if why := _not_probed(attacked):
        return reason(ok=None, seen=why[0], advice=why[1])
    own = {name: _level(level) for name, level in attacked.smallest.items()}
    twice = {
        name: _level(by_probe[LONGER]["smallest"])
        for name, by_probe in attacked.probed["images"].items()
        if by_probe.get(LONGER) is not None
    }
    difference, images = compare(twice, own)
    seen = f"twice the steps were tried on {images} image(s)"
    if difference.value is None or images < FEWEST:
        return reason(ok=None, seen=seen, advice=_MORE_IMAGES)
    value, low, high = (2**end for end in (difference.value, difference.low or 0.0, difference.high or 0.0))
    seen = f"twice the steps need {value:.0%} of its change ({low:.0%} to {high:.0%}), {images} images"
    if value > _SMALLER:
        return reason(ok=True, seen=seen)
    if not difference.below:
        return reason(ok=None, seen=seen, advice=_MORE_IMAGES)
    command = with_attack(attacked.record, attacked.spec, attacked.probed["probes"][LONGER])
    return reason(ok=False, seen=seen, advice=f"this does better: {command}")


def _level(smallest: float | None) -> float:
    """The logarithm of a smallest change, in octaves: what is small is compared as closely as what is large."""
    return math.log2(max(UNREACHED if smallest is None else smallest, 0.5))


def _not_probed(attacked: AttackedModel) -> tuple[str, str] | None:
    """Why there are no probes, and what to do about it; None if there are some."""
    if not attacked.own:
        return _NOTHING, "give other images"
    if FAILED in attacked.probed:
        return f"other attacks could not be tried: {attacked.probed[FAILED]}", "mend that, and run it anew"
    if not attacked.probed:
        return "no other attack was tried", "let other attacks be tried: leave --probes 0 out"
    return None


def _left(attacked: AttackedModel, what: str) -> dict[str, float]:
    """What the probe `what` leaves of each image that it was tried on, in percent."""
    images = attacked.probed["images"]
    shares = {name: one[what]["right"] for name, one in images.items() if one.get(what) is not None}
    return {name: 100 * right for name, right in shares.items() if right is not None}


def _tried_once(attacked: AttackedModel) -> Iterator[Reason]:
    """What a larger bound, no bound and an attack without gradients say of the first probe image."""
    if FAILED in attacked.probed or not attacked.probed:
        return
    own = attacked.own
    for name, results in list(attacked.probed["images"].items())[:1]:
        for what in (LARGER, UNBOUND, SQUARE):
            if what in results and name in own:
                yield _once(attacked, what, name, own[name], results[what])


def _once(attacked: AttackedModel, what: str, name: str, own: float, result: Object | None) -> Reason:
    """`result`: what the probe `what` left of the image `name`; None where it gave up."""
    probe = attacked.probed["probes"][what]
    if what == LARGER:
        check, allowed = "no worse with twice the bound", (0.0, own + POINTS)
        advice = f"a larger bound holds the smaller one: {longer(attacked.record.attack)}"
    elif what == UNBOUND:
        check, allowed = f"{_LITTLE:g} % or less is left with no bound", (0.0, _LITTLE)
        advice = "what no bound helps against hides its gradient: see docs/your-own-model.md"
    else:
        check = f"as strong as Square with {probe['steps']} queries, without gradients"
        allowed = own - POINTS, 100.0
        advice = f"this does better: {with_attack(attacked.record, attacked.spec, probe)}"
    if result is None:
        return Reason(id=what, check=check, ok=None, seen=f"that attack gave up on {name}", advice="give other images")
    left = 100 * result["right"]
    ok = allowed[0] <= left <= allowed[1]
    seen = f"{left:z.1f} {unit(attacked.record)} on {name}, {own:z.1f} by the attack itself"
    return Reason(id=what, check=check, ok=ok, seen=seen, advice="" if ok else advice)
