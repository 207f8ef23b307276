"""Can a figure be trusted? One word, and the reasons for it.

Every measuring command ends in a verdict. Each check that went into it is a `Reason`; the verdict is a function of the
reasons alone, so that the terminal, the page, `summary.json` and the exit code cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

ANSWERS: Final = {True: "yes", False: "NO", None: "not known"}
"""How a reader is told whether a check passed."""


class Verdict(StrEnum):
    """Whether the figures describe the model."""

    TRUSTED = "trusted"
    NOT_TRUSTED = "not trusted"
    NOT_DECIDED = "not decided"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One check behind a verdict.

    Attributes:
        id: the check for a machine, such as `converged`; stable over versions.
        check: the check for a reader, such as "has converged".
        ok: True: passed. False: failed, so nothing is trusted. None: not known.
        seen: what was measured, in one sentence without a full stop.
        advice: what to do about it, if possible the command; empty where nothing is to be done.
        assumed: where `ok` is None, the assumption under which the verdict holds, such as "the clean
            predictions are right"; empty: without this check nothing is decided.
        bound: the attack's at which it was checked, where a run has several; empty: it holds for all of them.
    """

    id: str
    check: str
    ok: bool | None
    seen: str
    advice: str = ""
    assumed: str = ""
    bound: str = ""

    def to_json(self) -> dict[str, Any]:
        """As `summary.json` holds it."""
        found = asdict(self)
        return found if self.bound else {name: value for name, value in found.items() if name != "bound"}


def verdict(reasons: Iterable[Mapping[str, Any]]) -> Verdict:
    """The verdict on `reasons`, as `Reason.to_json` writes them; without any nothing is decided."""
    checked = list(reasons)
    if any(reason["ok"] is False for reason in checked):
        return Verdict.NOT_TRUSTED
    if not checked or any(reason["ok"] is None and not reason["assumed"] for reason in checked):
        return Verdict.NOT_DECIDED
    return Verdict.TRUSTED


def at_bound(reasons: Iterable[Mapping[str, Any]], bound: str | None) -> list[Mapping[str, Any]]:
    """Those of `reasons` that speak of the attack at `bound`: checked there, or true of all; None: every one."""
    return [reason for reason in reasons if bound is None or reason.get("bound", bound) == bound]


def assumptions(reasons: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """What a verdict on `reasons` rests on, each assumption once."""
    return tuple(dict.fromkeys(r["assumed"] for r in reasons if r["ok"] is None and r["assumed"]))


def ends_in_command(advice: str) -> bool:
    """Whether `advice` ends in a command or a call, which must stay one line to be pasted."""
    return ": foolscape " in advice or ": fs." in advice


def judged(reasons: Sequence[Mapping[str, Any]], bounds: Sequence[str] = ()) -> dict[str, Any]:
    """`trust` of a summary: the verdict on `reasons`, what it rests on, and the reasons themselves.

    Where there are several `bounds`, rising, the verdict is that at the largest, and each has its own beside it.
    """
    counted = at_bound(reasons, bounds[-1] if bounds else None)
    of_each = {bound: str(verdict(at_bound(reasons, bound))) for bound in bounds}
    return {
        "verdict": str(verdict(counted)),
        "if": list(assumptions(counted)),
        "reasons": [dict(reason) for reason in reasons],
        **({"bounds": of_each} if bounds else {}),
    }
