"""Images that could not be used: the figures of the others say nothing of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from foolscape.records.row import Failure, Line, failures_of
from foolscape.records.training import LeftOut
from foolscape.verdict import Reason

FEW: Final = 0.05
"""A share of lost images up to which the others may stand for all: a mean over images cannot move by more."""

MANY: Final = 0.25
"""A share above which figures of the others are not those of the data set."""

_LONGEST: Final = 160
"""Letters of a reason that are shown."""


def failure_reasons(
    failures: Sequence[Failure | LeftOut], of: int, name: str = "failures", kind: str = ""
) -> Iterator[Reason]:
    """Whether enough images are left; nothing where none was lost.

    Args:
        failures: an image that is there twice counts once.
        of: how many images there were.
        name: of the reason.
        kind: which images, such as "training ".

    Returns:
        Up to a share of `FEW` an assumption, above `MANY` a failure, not known between them.
    """
    lost = len({one.id for one in failures})
    if not lost:
        return
    share = lost / of
    first = str(failures[0].reason)
    reason_words = first if len(first) <= _LONGEST else f"{first[: _LONGEST - 3]}..."
    yield Reason(
        id=name,
        check=f"all {kind}images could be used",
        ok=False if share > MANY else None,
        seen=f"{lost} of {of} {kind}image(s) could not be used, the first of them: {reason_words}",
        advice="mend them (the list of failures has every reason), or leave them out of the data, and run it anew",
        assumed=f"the {kind}images that could not be used are like the others" if share <= FEW else "",
    )


def failed(rows: Iterable[Line], models: Collection[str | None]) -> list[Failure]:
    """The images that were given up for one of `models`; None: for every model."""
    return [one for one in failures_of(rows) if one.model in models]
