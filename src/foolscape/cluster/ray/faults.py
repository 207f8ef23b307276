"""What Ray says at length, in few words."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final

from foolscape.errors import RunError

GONE: Final = "its node is gone"

_CAUSES: Final = (
    (r"preempt", "its node was preempted"),
    (
        r"node (has )?died|node .{0,120}(dead|died|terminated)|node failure|Socket closed|unavailable",
        GONE,
    ),
    (r"memory monitor|OutOfMemory|low on memory|memory usage threshold", "ended by Ray for want of memory on its node"),
    (r"ray\.kill", "ended by Ray"),
    (r"connection error code 2|SYSTEM_ERROR|worker process has died", "its process ended, often for want of memory"),
)
"""What Ray's messages hold, the more telling first, and what that is called here."""

_LONGEST: Final = 300
"""Characters of a message that is not known."""


def cause_of(error: BaseException) -> str:
    """Why an actor died, or the beginning of what Ray says."""
    said = str(error)
    for pattern, words in _CAUSES:
        if re.search(pattern, said, re.IGNORECASE):
            return words
    return f"{type(error).__name__}: {' '.join(said.split())[:_LONGEST]}"


@contextlib.contextmanager
def room_in_store() -> Iterator[None]:
    """What Ray refuses within it because its object store is full becomes a `RunError` that says what to do."""
    import ray

    try:
        yield
    except ray.exceptions.RayError as error:
        cause = getattr(error, "cause", None) or error
        if not isinstance(cause, ray.exceptions.ObjectStoreFullError | ray.exceptions.OutOfDiskError):
            raise
        raise RunError(
            f"expected room in the object store of the Ray cluster, got {type(cause).__name__}: it is full; make room, "
            "or start the nodes with more: ray start --object-store-memory=BYTES, then run the same command again to "
            "go on"
        ) from error
