"""The verdict on a hardening: both networks attacked by an attack to be trusted, and a gain beyond chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foolscape.metrics.paired import Difference
from foolscape.records.training import LeftOut
from foolscape.records.types import Object
from foolscape.run.trust.failures import failure_reasons
from foolscape.run.trust.own_run import own_run
from foolscape.verdict import Reason, ends_in_command, judged


def harden_trust(
    runs: Mapping[str, Object], gain: Difference, score: str, lost: Sequence[LeftOut], images: int
) -> Object:
    """`trust` of the summary of a hardening.

    Args:
        runs: `trust` of the runs `before` and `after`.
        gain: what the attacked score of the network is higher after than before, on the same images.
        score: its name.
        lost: training images that could not be used.
        images: how many training images there were.
    """
    reasons = [
        {"model": when, **reason.to_json()} for when, trust in runs.items() for reason in own_run(when, _here(trust))
    ]
    after = (*failure_reasons(lost, images, "training-failures", "training "), _gain(gain, score))
    return judged([*reasons, *({"model": "after", **reason.to_json()} for reason in after)])


def _here(trust: Object) -> Object:
    """`trust` of a run with its advice in the options of `foolscape harden`; commands are those of a run and stay."""

    def in_options_of_harden(advice: str) -> str:
        own = advice.replace("--limit or --probes", "--limit").replace("--limit", "--test-limit")
        return advice if ends_in_command(advice) else own

    return trust | {
        "reasons": [reason | {"advice": in_options_of_harden(reason["advice"])} for reason in trust["reasons"]]
    }


def _gain(gain: Difference, score: str) -> Reason:
    check = "harder to fool than before"
    if gain.value is None or gain.low is None or gain.high is None:
        seen = f"{score} under attack has no interval"
        return Reason(id="gain", check=check, ok=None, seen=seen, advice="measure more images: --test-limit")
    seen = f"{score} under attack {gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f})"
    advice = "" if gain.above else "no gain beyond chance: train longer, or measure more images"
    return Reason(id="gain", check=check, ok=gain.above, seen=seen, advice=advice)
