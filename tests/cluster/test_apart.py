"""An engine in a process of its own: it works, and its end is told."""

import os
import signal
import time
from pathlib import Path

import pytest

from foolscape.cluster.apart import Apart
from foolscape.cluster.job import Answer, GivenUp
from foolscape.cluster.keeping import engines_kept
from foolscape.cluster.pool import Pool
from foolscape.cluster.processes import Processes
from foolscape.cluster.ray.faults import GONE, cause_of
from foolscape.errors import ModelError, RunError
from tests.cluster.jobs import Echo, Inputs, Told

KEYS = [f"k{place}" for place in range(20)]


class Again(Processes):
    """A `Lasting` engine, of which nothing lasts but the process that it is in."""

    def rest(self) -> None:
        self.stop()
        self.__init__(2)  # type: ignore[misc]


def apart(workers: int = 2) -> Apart:
    return Apart(Again(workers), "the engine", lambda: {"FOOLSCAPE_TEST": "1"}, workers)


def test_it_works_from_there() -> None:
    with Pool(Inputs(), apart()) as pool:
        assert len(list(pool.answers(KEYS, inputs=lambda key: {key: b""}))) == len(KEYS)
        for state in (b"one", b"two"):
            assert pool.round_of(state, KEYS) == [f"{key}: {state.decode()}".encode() for key in KEYS]


def test_errors_are_those_of_the_worker() -> None:
    with Pool(Echo(deadly={"k3": "refuse"}), apart()) as pool, pytest.raises(ModelError, match="got none"):
        list(pool.answers(KEYS))


def test_all_refused_is_an_error() -> None:
    with Pool(Echo(refuse=("all",)), apart()) as pool, pytest.raises(RunError, match="expected other weights"):
        list(pool.answers(KEYS))


def test_its_end_is_told_and_leaves_nothing() -> None:
    with Pool(Told(seconds=0.05), apart()) as pool:
        answers = pool.answers([str(place) for place in range(1000)])
        answer = next(answers)
        assert isinstance(answer, Answer)
        worker = int(answer.files["pid"])
        engine = parent(parent(worker))  # behind the server that workers are forked from
        os.kill(engine, signal.SIGKILL)
        with pytest.raises(RunError, match="expected the engine to go on, got the end of the connection to it: killed"):
            list(answers)
    until = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_it_takes_one_job_after_the_other_while_it_is_held() -> None:
    engines = []
    with engines_kept():
        for _ in range(2):
            with Pool(Told(), apart()) as pool:
                engines.append(engine_of(next(pool.answers(KEYS))))  # the others are under way when it ends
        with Pool(Told(), apart()) as one, Pool(Told(), apart()) as other:
            engines += [engine_of(answer) for pool in (one, other) for answer in pool.answers(KEYS[:1])]
        assert engines[0] == engines[1] == engines[2] != engines[3]
        os.kill(engines[0], signal.SIGKILL)
        until = time.monotonic() + 60
        while is_there(engines[0]):
            assert time.monotonic() < until
            time.sleep(0.02)
        with Pool(Told(), apart()) as one, Pool(Told(), apart()) as other:
            later = {engine_of(answer) for pool in (one, other) for answer in pool.answers(KEYS[:1])}
            assert engines[3] in later
            assert engines[0] not in later
    assert not any(is_there(engine) for engine in later)


def engine_of(answer: Answer | GivenUp) -> int:
    assert isinstance(answer, Answer)
    return parent(parent(int(answer.files["pid"])))  # behind the server that workers are forked from


def is_there(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("The actor died because its node has died. Node Id: 12", GONE),
        ("RPC error: Socket closed rpc_code: 14", GONE),
        (
            "Worker exit type: NODE_OUT_OF_MEMORY; ended by the memory monitor",
            "ended by Ray for want of memory on its node",
        ),
        (
            "Worker exit type: SYSTEM_ERROR Worker exit detail: Worker unexpectedly exits with a connection error "
            "code 2. End of file. (1) the process was killed by the OOM killer",
            "its process ended, often for want of memory",
        ),
        ("The actor is dead because it was killed by `ray.kill`", "ended by Ray"),
        ("something\n  else", "ValueError: something else"),
    ],
)
def test_causes_are_told_in_few_words(said: str, words: str) -> None:
    assert cause_of(ValueError(said)) == words
