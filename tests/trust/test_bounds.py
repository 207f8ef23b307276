"""The verdict at several bounds: what is said at which, and what a larger bound that leaves more gives away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from foolscape.run.trust.bounds import reasons_at_bounds
from foolscape.verdict import Reason

from .made import attacked

GOOD: dict[str, Sequence[float]] = {
    "longer": [5] * 8,
    "stronger": [5] * 8,
    "larger": [2],
    "unbound": [1],
    "square": [40],
}


def reasons(left: Sequence[float], more: Sequence[float], probes: Any = GOOD) -> dict[tuple[str, str], Reason]:
    """Of a run whose attack leaves `left` within 8/255, and `more` within 2/255."""
    at = {"2/255": attacked({"adversarial": more}, {}).model, "8/255": attacked({"adversarial": left}, probes).model}
    return {(reason.id, reason.bound): reason for reason in reasons_at_bounds(at)}


def test_what_is_tried_at_the_largest_bound_is_an_assumption_at_the_others() -> None:
    found = reasons([5] * 8, [40] * 8)
    assert next(iter(found)) == ("gradient", "")
    assert {bound for _, bound in found} == {"", "2/255", "8/255"}
    assert {"converged", "square", "beats-noise", "no-weaker"} < {name for name, bound in found if bound == "8/255"}
    assert found["converged", "8/255"].ok
    assert found["converged", "2/255"].assumed == "the attack has converged as it has at 8/255"
    assert {name for name, bound in found if bound == "2/255"} == {
        "controls-as-large", "beats-noise", "beats-shuffled", "eight-bits", "converged",
    }  # fmt: skip


@pytest.mark.parametrize("probes", [{}, {**GOOD, "stronger": [0] * 8}, {**GOOD, "square": [0]}])
def test_without_that_nothing_is_assumed(probes: dict[str, Any]) -> None:
    found = reasons([5] * 8, [40] * 8, probes)["converged", "2/255"]
    assert (found.ok, found.assumed) == (None, "")
    assert "where it is not shown" in found.seen


@pytest.mark.parametrize(
    ("left", "more", "ok"),
    [
        ([5] * 8, [40] * 8, True),
        ([5] * 8, [5] * 8, True),
        ([20] * 8, [10] * 8, False),
        ([30, 1], [10, 9], None),
        ([5, 6], [5, 60], None),
        ([5, 5], [5, 5], True),
    ],
)
def test_a_larger_bound_leaves_no_more(left: Sequence[float], more: Sequence[float], ok: bool | None) -> None:
    found = reasons(left, more)
    assert found["no-weaker", "8/255"].ok is ok
    assert ("no-weaker", "2/255") not in found
    if ok is False:
        assert "10.0 less" in found["no-weaker", "8/255"].seen
