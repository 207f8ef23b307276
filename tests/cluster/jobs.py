"""Jobs of little work, for workers that must be quick to start: nothing here imports torch."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

from foolscape.cluster.job import STATE, Answer, Lease, WorkerPlace
from foolscape.errors import ModelError


def answer_to(key: str) -> bytes:
    return f"answer to {key}".encode()


@dataclass(frozen=True)
class Echo:
    """Answers every key after `seconds`; `deadly` keys end the process, by name of what they do; `slow` hangs."""

    seconds: float = 0.0
    deadly: Mapping[str, str] = field(default_factory=dict)
    refuse: tuple[str, ...] = ()
    slow: str = ""

    def open(self, place: WorkerPlace) -> EchoWorker:
        if place.name in self.refuse or "all" in self.refuse:
            raise ModelError(f"expected other weights, got those of {place.node}")
        return EchoWorker(self, place)


@dataclass(frozen=True)
class EchoWorker:
    job: Echo
    place: WorkerPlace

    def work(self, lease: Lease) -> Iterator[Answer]:
        for key in lease.keys:
            time.sleep(1000 if self.place.name == self.job.slow else self.job.seconds)
            self._die_of(self.job.deadly.get(key, ""))
            yield Answer(key, answer_to(key), {"who": b""}, self.job.seconds)

    def _die_of(self, how: str) -> None:
        if how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "raise":
            raise ZeroDivisionError("of this key")
        elif how == "refuse":
            raise ModelError("expected a model, got none")
        elif how == "hang":
            time.sleep(1000)
        elif how == "exit":
            print("no more of it", flush=True)
            os._exit(3)


@dataclass(frozen=True)
class Told:
    """Answers with what the worker knows of its place; its process is the file `pid`."""

    seconds: float = 0.0
    dies: bool = False

    def open(self, place: WorkerPlace) -> ToldWorker:
        if self.dies:
            os._exit(5)
        return ToldWorker(self, place)


@dataclass(frozen=True)
class ToldWorker:
    job: Told
    place: WorkerPlace

    def work(self, lease: Lease) -> Iterator[Answer]:
        place = self.place
        assert place.scratch.is_dir()
        threads = f"{place.threads} {os.environ['OMP_NUM_THREADS']}"
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        for key in lease.keys:
            time.sleep(self.job.seconds)
            told = f"{place.name} {place.device},{threads},{place.scratch},{visible}"
            yield Answer(key, told.encode(), {"pid": str(os.getpid()).encode()}, 0.5)


@dataclass(frozen=True)
class Behind:
    """Answers the last key of a lease when the next lease has begun, or when that has not come for long: whether it
    came; `torn` keys raise in the place of that."""

    torn: Mapping[str, str] = field(default_factory=dict)
    _behind: list[Future[None]] = field(default_factory=list)

    def open(self, place: WorkerPlace) -> Behind:
        return self

    def work(self, lease: Lease) -> Iterator[Answer | Future[Answer]]:
        while self._behind:
            self._behind.pop().set_result(None)
        *first, last = lease.keys
        for key in first:
            yield Answer(key, b"", seconds=0.1)
        begun, answer = Future[None](), Future[Answer]()
        self._behind.append(begun)
        threading.Thread(target=self._finish, args=(last, begun, answer), daemon=True).start()
        yield answer

    def _finish(self, key: str, begun: Future[None], answer: Future[Answer]) -> None:
        came = bool(wait([begun], 1.0).done)
        if how := self.torn.get(key):
            answer.set_exception(ModelError("expected a picture, got none") if how == "refuse" else OSError("full"))
        else:
            answer.set_result(Answer(key, b"next" if came else b"alone", seconds=0.1))


@dataclass(frozen=True)
class Inputs:
    """Answers with the size of a key's input, or with the state of the round."""

    def open(self, place: WorkerPlace) -> Inputs:
        return self

    def work(self, lease: Lease) -> Iterator[Answer]:
        for key in lease.keys:
            state = lease.inputs.get(STATE)
            payload = str(len(lease.inputs[key])).encode() if state is None else f"{key}: {state.decode()}".encode()
            yield Answer(key, payload)


@dataclass(frozen=True)
class Family:
    """Starts a process for each key, which it does not end."""

    def open(self, place: WorkerPlace) -> Family:
        return self

    def work(self, lease: Lease) -> Iterator[Answer]:
        for key in lease.keys:
            child = subprocess.Popen(["sleep", "1000"])
            yield Answer(key, str(child.pid).encode())


class Jumps:
    """A clock whose every reading is years from the one before."""

    def __init__(self) -> None:
        self._readings = 0

    def __call__(self) -> float:
        self._readings += 1
        return 1e9 * (-1) ** self._readings


@dataclass(frozen=True)
class Jumping(Echo):
    """In the worker, too, the clock jumps."""

    def open(self, place: WorkerPlace) -> EchoWorker:
        time.time = Jumps()
        return super().open(place)
