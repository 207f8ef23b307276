"""With how many threads PyTorch computes a run: the last bits of a sum, and of a gradient, depend on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


def own_threads() -> int:
    """With how many threads PyTorch computes in this process."""
    import torch  # not above: whoever only reads a directory needs none

    return torch.get_num_threads()


@contextmanager
def at_threads(recorded: int | None, say: Callable[[str], None]) -> Iterator[None]:
    """Within it PyTorch computes with as many threads as a run was begun with; None: a run that did not record them.

    Args:
        recorded: as `threads` in run.json has it.
        say: told where that is another number than this process would take.
    """
    import torch

    own = own_threads()
    if recorded is None or recorded == own:
        yield
        return
    say(f"goes on with the {recorded} threads that the run was begun with, not {own}: last bits depend on them")
    torch.set_num_threads(recorded)
    try:
        yield
    finally:
        torch.set_num_threads(own)
