"""What the verdict on a run says where the run is a part of something larger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from foolscape.records.types import Object
from foolscape.verdict import ANSWERS, Reason, Verdict, ends_in_command

_OK: Final = {Verdict.TRUSTED: True, Verdict.NOT_TRUSTED: False, Verdict.NOT_DECIDED: None}


def own_run(place: str, trust: Object) -> Iterator[Reason]:
    """The verdict `trust` of the run in the folder `place` as a reason, and each assumption it rests on as another."""
    ok = _OK[Verdict(trust["verdict"])]
    against = [r for r in trust["reasons"] if r["ok"] is False] or [
        r for r in trust["reasons"] if r["ok"] is None and not r["assumed"]
    ]
    summary = "; ".join(f"{reason['check']}? {ANSWERS[reason['ok']]}: {reason['seen']}" for reason in against)
    yield Reason(
        id="own-run",
        check="attacked by a run to be trusted",
        ok=ok,
        seen=f"{trust['verdict']}{f' ({summary})' if summary else ''}",
        advice="" if ok else _advice([r["advice"] for r in against if r["advice"]]) or f"see {place}",
    )
    for condition in trust["if"]:
        yield Reason(id="assumption", check="sound in what it rests on", ok=None, seen=condition, assumed=condition)


def _advice(advice: Sequence[str]) -> str:
    """All advice, each once; a command at the end and only one, so that it can be pasted."""
    commands = [one for one in advice if ends_in_command(one)]
    return "; ".join(dict.fromkeys([*(one for one in advice if not ends_in_command(one)), *commands[:1]]))
