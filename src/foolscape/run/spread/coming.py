"""The answers to the samples of a lease, while they are made: each is told when its rows and pictures are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from foolscape.cluster.job import Answer
from foolscape.errors import RunError
from foolscape.run.spread.collected import Collected


@dataclass(eq=False)
class Laps:
    """When something was last answered, whatever it was."""

    last: float = 0.0

    def lap(self, begun: float) -> float:
        """Seconds since then, or since `begun`, if that was later."""
        now = time.perf_counter()
        since, self.last = max(begun, self.last), now
        return now - since


@dataclass(eq=False)
class Coming:
    """Of the samples of one model.

    Attributes:
        answers: by sample.
        keys: what the lease calls the samples.
        store: where rows and pictures come.
        found: see `Measurer.found`.
        single: whether each is answered as it is settled; else all are when the last is, for they share batches.
        laps: of the worker.
    """

    answers: dict[str, Future[Answer]]
    keys: dict[str, str]
    store: Collected
    found: Callable[[str], bytes]
    single: bool
    laps: Laps
    begun: float = field(default_factory=time.perf_counter)

    def settled(self, sample: str) -> None:
        """Rows and pictures of a sample are there."""
        if self.single:
            self._tell([sample])

    def ended(self, error: BaseException | None) -> None:
        """Nothing more will come; what was not answered failed for `error`."""
        try:
            if error is None and not self.single:
                self._tell(list(self.answers))
        except Exception as failed:
            error = failed
        for sample, answer in self.answers.items():
            if not answer.done():
                answer.set_exception(error or RunError(f"expected {sample} to be settled, got nothing of it"))

    def _tell(self, samples: Sequence[str]) -> None:
        each = self.laps.lap(self.begun) / len(samples)
        for sample in samples:
            answer = self.store.taken(sample, self.keys[sample], each, self.found(sample))
            self.answers[sample].set_result(answer)
