"""Two threads beside the one that attacks: what is read before it is needed, and what is finished behind it.

The model stays with the attack's thread. Samples come and results are finished in the order in which they would without
these threads, each one whole, so that neither rows nor files can tell that they were there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from queue import Queue
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Reader(Generic[T]):
    """Reads samples, the next ones while the last is at work; a context, at whose end it reads no more.

    One sample is read at a time, whoever asks for it, so that a data set need not be made for several threads.
    """

    def __init__(self, read: Callable[[str], T], names: Sequence[str], ahead: int) -> None:
        """Nothing is read yet.

        Args:
            read: the sample of this name.
            names: in the order in which they are going to be asked for.
            ahead: how many are read before they are; 0: none, and by the thread that asks.
        """
        self._read, self._names, self._ahead = read, tuple(names), ahead
        self._places = {name: place for place, name in enumerate(self._names)}
        self._next = 0
        self._waiting: dict[str, Future[T]] = {}
        self._thread = ThreadPoolExecutor(1, "foolscape-reader") if ahead else None

    def take(self, name: str) -> T:
        """The sample of this name, or whatever reading it raises; it may be asked for again, and is then read again."""
        if self._thread is None:
            return self._read(name)
        place = self._places.get(name, -1)
        if place >= self._next:  # those before it are not asked for any more
            for passed in self._names[self._next : place]:
                if (left := self._waiting.pop(passed, None)) is not None:
                    left.cancel()
            self._next = place + 1
        sample = self._waiting.pop(name, None) or self._begin(self._thread, name)
        for coming in self._names[self._next : self._next + self._ahead]:
            if coming not in self._waiting:
                self._waiting[coming] = self._begin(self._thread, coming)
        return sample.result()

    def _begin(self, thread: ThreadPoolExecutor, name: str) -> Future[T]:
        return thread.submit(copy_context().run, self._read, name)

    def __enter__(self) -> Reader[T]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting.clear()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)


class Finisher:
    """Does one job after the other, on a thread of its own; a context, at whose end it has done all.

    What a job raises comes out of the next `do` or `drain`; jobs that wait behind it are let go, as they would not have
    been begun.
    """

    def __init__(self, most: int) -> None:
        """No job is there yet.

        Args:
            most: how many may wait; whoever brings a further one waits himself. 0: each is done when it is brought, by
                whoever brings it.
        """
        self._jobs: Queue[Callable[[], object] | None] = Queue(most)
        self._error: BaseException | None = None
        self._then: Callable[[BaseException | None], None] = _untold
        self._thread = threading.Thread(target=self._go_on, name="foolscape-finisher", daemon=True) if most else None
        if self._thread is not None:
            self._thread.start()

    def do(self, job: Callable[[], object]) -> None:
        """Do `job` after those before it."""
        if self._thread is None:
            job()
            return
        self._raise()
        context = copy_context()
        self._jobs.put(lambda: context.run(job))

    def drain(self) -> None:
        """Wait until all is done."""
        if self._thread is not None:
            self._jobs.join()
            self._raise()

    def leave(self, then: Callable[[BaseException | None], None]) -> None:
        """Bring no more, and do not wait: `then` is told on its thread when all is done, and what a job has raised."""
        self._then = then
        if self._thread is None:
            then(None)
        else:
            self._jobs.put(None)

    def close(self) -> None:
        """Wait until all is done; its thread ends. May be called again, and after `leave`."""
        if self._thread is not None:
            if self._thread.is_alive():
                self._jobs.put(None)
            self._thread.join()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _go_on(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                if self._error is None:
                    job()
            except BaseException as error:  # of the one who brought it
                self._error = error
            finally:
                self._jobs.task_done()
                del job
        self._then(self._error)

    def __enter__(self) -> Finisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _untold(error: BaseException | None) -> None:
    """For one that is waited for."""
    del error
