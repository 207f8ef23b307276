"""What the rows of a run with several bounds say for or against its attack at each: no model, no images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from foolscape.run.trust.attack import gradient_reasons, own_reasons, probe_reasons
from foolscape.run.trust.attacked import AttackedModel
from foolscape.run.trust.comparison import compare, difference_words, mean_of, no_weaker
from foolscape.run.trust.standing import unit
from foolscape.run.trust.ways import longer
from foolscape.verdict import Reason


def reasons_at_bounds(attacked: Mapping[str, AttackedModel]) -> Iterator[Reason]:
    """Every check of an attack at every bound, the largest first; what holds for all of them has no bound.

    Args:
        attacked: a model under its attack at each of its bounds, rising.
    """
    largest = list(attacked)[-1]
    yield from gradient_reasons(attacked[largest].record.gradient.get(attacked[largest].spec))
    probed = list(probe_reasons(attacked[largest]))
    below = dict(zip(list(attacked)[1:], attacked, strict=False))
    for bound in list(attacked)[::-1]:
        reasons = list(own_reasons(attacked[bound]))
        if bound in below:
            reasons.append(_no_weaker(attacked[bound], attacked[below[bound]], below[bound]))
        reasons += probed if bound == largest else [_probed_elsewhere(largest, probed)]
        yield from (replace(reason, bound=bound) for reason in reasons)


def _no_weaker(attacked: AttackedModel, smaller: AttackedModel, bound: str) -> Reason:
    """Whether the attack leaves no more than within a smaller `bound`, whose images lie within its own."""
    reason = partial(Reason, id="no-weaker", check=f"no weaker than within {bound}")
    own, nearer = attacked.own, smaller.own
    difference, images = compare(nearer, own)
    if difference.value is None:
        return reason(ok=None, seen="no image has anything to fool", advice="give other images")
    left = f"{mean_of(own, nearer):z.1f} {unit(attacked.record)}"
    seen = f"{left}; within {bound} {difference_words(difference)}, {images} image(s)"
    ok = no_weaker(difference, images)
    no = f"a larger bound holds the smaller one: {longer(attacked.record.attack)}"
    return reason(ok=ok, seen=seen, advice={True: "", False: no, None: "too few images to tell: raise --limit"}[ok])


def _probed_elsewhere(largest: str, probed: Iterable[Reason]) -> Reason:
    """That other attacks are tried at the largest bound alone: what they find there is taken for this one, too."""
    seen = f"other attacks are tried at the largest bound alone, {largest}"
    reason = partial(Reason, id="converged", check="has converged", ok=None)
    if all(one.ok for one in probed):
        return reason(seen=seen, assumed=f"the attack has converged as it has at {largest}")
    return reason(
        seen=f"{seen}, where it is not shown", advice=f"see what is said of {largest}, or give this bound alone"
    )
