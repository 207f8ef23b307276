"""The one word follows from the reasons, whatever wrote them."""

from __future__ import annotations

import pytest

from foolscape.verdict import Reason, Verdict, judged, verdict


def reason(ok: bool | None, assumed: str = "") -> dict[str, object]:
    return Reason(id="x", check="is so", ok=ok, seen="this", assumed=assumed).to_json()


@pytest.mark.parametrize(
    ("reasons", "word"),
    [
        ([], Verdict.NOT_DECIDED),
        ([reason(True)], Verdict.TRUSTED),
        ([reason(True), reason(False), reason(None)], Verdict.NOT_TRUSTED),
        ([reason(True), reason(None)], Verdict.NOT_DECIDED),
        ([reason(True), reason(None, "it is right")], Verdict.TRUSTED),
        ([reason(None, "it is right"), reason(None)], Verdict.NOT_DECIDED),
    ],
)
def test_the_worst_reason_decides(reasons: list[dict[str, object]], word: Verdict) -> None:
    assert verdict(reasons) is word


def test_a_verdict_says_what_it_rests_on_once() -> None:
    found = judged([reason(True), reason(None, "a"), reason(None, "b"), reason(None, "a"), reason(None)])
    assert found["if"] == ["a", "b"]
    assert found["verdict"] == "not decided"
    assert len(found["reasons"]) == 5
    assert set(found["reasons"][0]) == {"id", "check", "ok", "seen", "advice", "assumed"}
