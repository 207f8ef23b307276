"""One check, whatever it was of: what was seen, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from foolscape.verdict import ANSWERS


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One check of a model or of a run.

    Attributes:
        id: the check for a machine, such as `converged`; stable over versions.
        check: the check for a reader.
        ok: True: passed. False: failed. None: not known, or only a hint.
        seen: what was measured.
        advice: what to do about it; empty where nothing is to be done.
        model: whose it is, by its spec; empty where it is of all.
        bound: of the attack that was checked, where a run has several; empty where it is of all.
    """

    id: str
    check: str
    ok: bool | None
    seen: str
    advice: str = ""
    model: str = ""
    bound: str = ""

    def __str__(self) -> str:
        whose = f"{self.model}: " if self.model else ""
        advice = f"; {self.advice}" if self.advice else ""
        within = f" within {self.bound}" if self.bound else ""
        return f"{whose}{self.check}{within}? {ANSWERS[self.ok]}: {self.seen}{advice}"
