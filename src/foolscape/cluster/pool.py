"""The driver's side: keys handed to the workers of an engine, answers as they come."""

from __future__ import annotations

import hashlib
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from foolscape.cluster.engine import Answered, Died, Engine, Event, Joined, LeaseDone, Raised, Refused
from foolscape.cluster.job import STATE, Answer, Difference, GivenUp, Job, Lease, Loss, Refusal
from foolscape.cluster.leases import LeaseSettings
from foolscape.cluster.pace import Pace
from foolscape.cluster.scheduler import Scheduler
from foolscape.errors import RunError

_TICK: Final = 1.0
"""Seconds between two looks at what comes with time alone."""

_HOPELESS: Final = 3
"""So many times as many deaths as there were workers, but for `_FEW`, and no answer, and no more is tried."""

_FEW: Final = 4

Inputs = Callable[[str], Mapping[str, bytes]]
"""From a key to the contents of the files that it needs, by name."""


@dataclass(frozen=True)
class WorkerState:
    """A worker that takes part: where it is, what it has answered, and its pace: seconds per unit of cost, if known."""

    name: str
    node: str
    device: str
    answered: int
    pace: float | None


def _unheard(_: Loss | Refusal) -> None:
    """For those who look at what was lost themselves."""


class Pool:
    """Workers that one job was given to; a context, in whose end all of them end.

    All is done in the thread that iterates. Answers are taken as fast as they are iterated, no faster: workers wait.

    Args:
        job: what every worker opens.
        engine: where the workers are.
        settings: how keys are leased.
        gone: told of every worker that died or was not let in, when that is known.

    Attributes:
        losses: the workers that died.
        refusals: those that were not let in, or could not begin.
        differences: keys that two workers answered differently.
        mean_cost: of a key of those that are being answered.

    Raises:
        FoolscapeError: on entry, the engine cannot be started.
    """

    def __init__(
        self,
        job: Job,
        engine: Engine,
        settings: LeaseSettings | None = None,
        gone: Callable[[Loss | Refusal], object] = _unheard,
    ) -> None:
        self._job = pickle.dumps(job)
        self._engine = engine
        self._settings = settings or LeaseSettings()
        self._gone = gone
        self._pace = Pace()
        self._opened = 0.0
        self._next_lease = 0
        self._most = 0
        self._any_answered = False
        self._workers: dict[str, WorkerState] = {}
        self.losses: list[Loss] = []
        self.refusals: list[Refusal] = []
        self.differences: list[Difference] = []
        self.mean_cost = 1.0

    def __enter__(self) -> Pool:
        self._opened = time.monotonic()
        try:
            self._engine.start(self._job)
        except BaseException:
            self._engine.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.stop()

    def workers(self) -> list[WorkerState]:
        """The workers that take part now; may be called in another thread."""
        return [
            WorkerState(state.name, state.node, state.device, state.answered, self._pace.of(state.name))
            for state in list(self._workers.values())
        ]

    def answers(
        self, keys: Sequence[str], *, costs: Mapping[str, float] | None = None, inputs: Inputs | None = None
    ) -> Iterator[Answer | GivenUp]:
        """One answer for every key, as they come, or that it was given up.

        How fast workers are is learnt anew: other keys may be of another kind.

        Args:
            keys: what is to be answered; begun in this order, but for those that are far dearer than the mean, which
                are begun first.
            costs: of each key, in any unit: what is known beforehand of how long each takes.
            inputs: what is sent along with a key; called when the key is leased, perhaps more than once.

        Raises:
            FoolscapeError: what a worker raised that ends everything, or the engine.
            RunError: no worker is left, and none may be expected.
        """
        self._pace = Pace()
        yield from self._answers(keys, costs, inputs)

    def share(self, state: bytes) -> None:
        """What workers find as `STATE` among the inputs of every lease from now on."""
        self._engine.share({STATE: state})

    def round_of(self, state: bytes, keys: Sequence[str], *, costs: Mapping[str, float] | None = None) -> list[bytes]:
        """A round of a training: what workers make of `state` for each of `keys`, in the order of `keys`.

        Workers find the state among the inputs of their leases, as `STATE`. Of rounds that follow each other, the keys
        cost the same.

        Raises:
            FoolscapeError: as of `answers`, and where a key was given up, for nothing may be left out of a round.
        """
        self.share(state)
        payloads: dict[str, bytes] = {}
        for answer in self._answers(keys, costs, None):
            if isinstance(answer, GivenUp):
                raise RunError(
                    f"expected an answer to {answer.key!r}, got none, for {answer.reason}; a training cannot leave it "
                    "out: see what ends the workers, then go on"
                )
            payloads[answer.key] = answer.payload
        return [payloads[key] for key in keys]

    def _answers(
        self, keys: Sequence[str], costs: Mapping[str, float] | None, inputs: Inputs | None
    ) -> Iterator[Answer | GivenUp]:
        self.mean_cost = sum(costs[key] for key in keys) / len(keys) if costs and keys else 1.0
        scheduler = Scheduler(keys, costs, self._settings, self._pace, self._next_lease)
        for state in self._workers.values():
            scheduler.joined(state.name, state.node)
        looked = self._now()
        try:
            while not scheduler.finished:
                self._submit(scheduler, inputs)
                event = self._engine.poll(_TICK)
                if event is not None:
                    answer = self._happened(scheduler, event)
                    if answer is not None:
                        yield answer
                if self._now() - looked >= _TICK:
                    looked = self._now()
                    for silent in scheduler.tick(looked):
                        self._engine.end(silent, "it did not answer for too long")
                yield from scheduler.given_up()
        finally:
            self._next_lease = scheduler.next_lease
            self.differences.extend(scheduler.differences)

    def _now(self) -> float:
        return time.monotonic() - self._opened

    def _submit(self, scheduler: Scheduler, inputs: Inputs | None) -> None:
        for grant in list(scheduler.grants(self._now())):
            given: dict[str, bytes] = {}
            if inputs is not None:
                for key in grant.keys:
                    given |= inputs(key)
            self._engine.submit(grant.worker, grant.lease, Lease(grant.keys, given))

    def _happened(self, scheduler: Scheduler, event: Event) -> Answer | None:
        """What an event changes; the answer that it brings, if it counts."""
        match event:
            case Answered(worker, lease, answer):
                return self._answered(scheduler, worker, lease, answer)
            case LeaseDone(_, lease):
                scheduler.lease_done(lease, self._now())
            case Joined(worker, node, device):
                self._workers[worker] = WorkerState(worker, node, device, 0, None)
                self._most = max(self._most, len(self._workers))
                scheduler.joined(worker, node)
            case Refused(worker, node, reason):
                self.refusals.append(Refusal(worker, node, reason))
                self._gone(self.refusals[-1])
                self._any_left()
            case Died(worker, node, reason):
                known = self._workers.pop(worker, None)
                loss = scheduler.left(worker, reason, self._now()) if known is not None else None
                self.losses.append(loss or Loss(worker, node, self._now(), reason, ()))
                self._gone(self.losses[-1])
                self._any_left()
                self._any_hope()
            case Raised(_, error):
                raise error
        return None

    def _answered(self, scheduler: Scheduler, worker: str, lease: int, answer: Answer) -> Answer | None:
        if lease < scheduler.first_lease:  # of a round before, from a worker that was overtaken in it
            return None
        digest = _digest(answer) if scheduler.is_shared(answer.key) else ""
        if not scheduler.answered(worker, lease, answer.key, answer.seconds, self._now(), digest):
            return None
        self._any_answered = True
        state = self._workers.get(worker)
        if state is not None:
            self._workers[worker] = WorkerState(worker, state.node, state.device, state.answered + 1, None)
        return answer

    def _any_left(self) -> None:
        if self._workers or self._engine.expected():
            return
        gone: Sequence[Refusal | Loss] = self.refusals or self.losses
        reasons = {one.reason: f"{one.worker} on {one.node}: {one.reason}" for one in gone}
        told = "; ".join(reasons.values())
        raise RunError(
            f"expected a worker to take the job, got none: {told or 'there is none'}; mend that, and run the same "
            "command again to go on"
        )

    def _any_hope(self) -> None:
        """Go no further where one worker after the other dies, and none has ever answered."""
        if not self._any_answered and len(self.losses) >= _HOPELESS * max(self._most, _FEW):
            raise RunError(
                f"expected answers, got none before {len(self.losses)} workers had died, the last on "
                f"{self.losses[-1].node}: {self.losses[-1].reason}; mend that, and run the same command again to go on"
            )


def _digest(answer: Answer) -> str:
    """Of all that two workers must answer alike."""
    whole = hashlib.sha256(answer.payload)
    for name in sorted(answer.files):
        whole.update(f"\0{name}\0{len(answer.files[name])}\0".encode())
        whole.update(answer.files[name])
    return whole.hexdigest()
