"""What the verdict on a run says where the run is a part of something larger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from foolscape.run.store import Record
from foolscape.verdict import Reason, Verdict

_OK: Final = {Verdict.TRUSTED: True, Verdict.NOT_TRUSTED: False, Verdict.NOT_DECIDED: None}


def own_run(place: str, trust: Record) -> Iterator[Reason]:
    """The verdict `trust` of the run in the folder `place` as a reason, and each assumption it rests on as another."""
    ok = _OK[Verdict(trust["verdict"])]
    shown = [r for r in trust["reasons"] if r["ok"] is False] or [
        r for r in trust["reasons"] if r["ok"] is None and not r["assumed"]
    ]
    said = "; ".join(f"{reason['check']}: {reason['seen']}" for reason in shown)
    yield Reason(
        id="own-run",
        check="attacked by a run to be trusted",
        ok=ok,
        seen=f"{trust['verdict']}{f' ({said})' if said else ''}",
        advice="" if ok else "; ".join(dict.fromkeys(r["advice"] for r in shown if r["advice"])) or f"see {place}",
    )
    for condition in trust["if"]:
        yield Reason(id="assumption", check="sound in what it rests on", ok=None, seen=condition, assumed=condition)
