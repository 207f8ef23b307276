"""Worker processes of this machine: what they answer, how they end, what they leave behind."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foolscape.cluster import forking, keeping
from foolscape.cluster.endings import ending
from foolscape.cluster.job import Answer, GivenUp
from foolscape.cluster.keeping import engines_kept
from foolscape.cluster.leases import LeaseSettings
from foolscape.cluster.pool import Pool, _digest
from foolscape.cluster.processes import Processes, threads_of
from foolscape.errors import ModelError, RunError, SettingError
from tests.cluster.jobs import Behind, Echo, Family, Inputs, Jumping, Jumps, Told, answer_to
from tests.conftest import ROOT

KEYS = [f"k{place}" for place in range(30)]
MANY = [f"k{place}" for place in range(120)]


def run(pool: Pool, keys: list[str] = KEYS) -> dict[str, Answer | GivenUp]:
    found: dict[str, Answer | GivenUp] = {}
    for answer in pool.answers(keys):
        assert answer.key not in found
        found[answer.key] = answer
    return found


def payloads(found: dict[str, Answer | GivenUp]) -> dict[str, bytes]:
    return {key: answer.payload for key, answer in found.items() if isinstance(answer, Answer)}


def expected(*without: str) -> dict[str, bytes]:
    return {key: answer_to(key) for key in KEYS if key not in without}


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.02)


def test_every_key_is_answered_once() -> None:
    with Pool(Echo(), Processes(2)) as pool:
        found = run(pool)
        assert payloads(found) == expected()
        assert payloads(run(pool)) == expected()  # and again, with the same workers
        assert sum(state.answered for state in pool.workers()) == 2 * len(KEYS)
        assert {state.device for state in pool.workers()} == {"cpu"}
    assert pool.losses == pool.refusals == pool.differences == []


def test_devices_go_round_and_threads_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
    with Pool(Told(), Processes(3, ["cuda:0", "cuda:1"], threads=2)) as pool:
        while len(pool.workers()) < 3:
            found = run(pool)
        told = {answer.payload.decode().split(",", 2)[0] for answer in run(pool).values() if isinstance(answer, Answer)}
        answer = found["k0"]
    assert told <= {"worker-0 cuda:0", "worker-1 cuda:1", "worker-2 cuda:0"}
    assert isinstance(answer, Answer)
    _, threads, scratch, visible = answer.payload.decode().split(",", 3)
    assert (threads, visible) == ("2 2", "4,5")
    assert not Path(scratch).exists()
    assert not Path(scratch).parent.exists()


def test_a_killed_worker_is_replaced_and_its_keys_are_answered() -> None:
    killed = []
    with Pool(Told(seconds=0.01), Processes(1)) as pool:
        found = []
        for answer in pool.answers(MANY):
            found.append(answer.key)
            if len(found) in (3, 40, 80):  # of another each time: a worker has no more than 16 keys
                assert isinstance(answer, Answer)
                pid = int(answer.files["pid"])
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda pid=pid: not _runs(pid))  # type: ignore[misc]
                killed.append(pid)
    assert sorted(found) == sorted(MANY)
    assert len(set(killed)) == 3
    assert [loss.reason for loss in pool.losses] == ["killed by signal 9 (SIGKILL), often for want of memory"] * 3
    assert [loss.worker for loss in pool.losses] == ["worker-0", "worker-0.1", "worker-0.2"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("kill", "killed by signal 9"),
        ("raise", "ZeroDivisionError: of this key, at "),
        ("exit", "ended with exit code 3"),
    ],
)
def test_a_deadly_key_is_given_up(how: str, reason: str) -> None:
    with Pool(Echo(deadly={"k7": how}), Processes(2)) as pool:
        found = run(pool)
    assert payloads(found) == expected("k7")
    given = found["k7"]
    assert isinstance(given, GivenUp)
    assert "3 workers died of it" in given.reason
    assert reason in given.reason
    assert len(pool.losses) == 3


@pytest.mark.parametrize("seed", range(5))
def test_whoever_is_killed_the_answers_are_the_same(seed: int) -> None:
    chance = random.Random(seed)
    kills = set(chance.sample(range(len(KEYS)), 4))
    found = {}
    with Pool(Told(seconds=0.02), Processes(chance.choice([1, 2, 3]))) as pool:
        for number, answer in enumerate(pool.answers(KEYS)):
            assert isinstance(answer, Answer)
            assert answer.key not in found
            found[answer.key] = answer
            if number in kills:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(answer.files["pid"]), chance.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGABRT]))
    assert set(found) == set(KEYS)
    assert len(pool.losses) <= len(kills)


def test_last_words_are_told() -> None:
    with Pool(Echo(deadly={"k0": "exit"}), Processes(1)) as pool:
        given = run(pool, ["k0"])["k0"]
    assert isinstance(given, GivenUp)
    assert given.reason.endswith("ended with exit code 3; its last words: no more of it")


def test_a_worker_that_hangs_is_ended() -> None:
    settings = LeaseSettings(silence=0.5, deaths=1)
    with Pool(Echo(deadly={"k3": "hang"}), Processes(1), settings) as pool:
        found = run(pool, KEYS[:5])
    given = found["k3"]
    assert isinstance(given, GivenUp)
    assert "did not answer for too long" in given.reason
    assert len(payloads(found)) == 4


def test_a_slow_worker_is_overtaken() -> None:
    settings = LeaseSettings(slack=2.0, grace=0.2)
    with Pool(Echo(seconds=0.02, slow="worker-0"), Processes(2), settings) as pool:
        while len(pool.workers()) < 2:
            run(pool)
        assert payloads(run(pool)) == expected()  # though it would never have answered
        assert {state.name: state.answered for state in pool.workers()}["worker-0"] == 0
    assert pool.differences == []
    assert pool.losses == []


def test_two_workers_may_take_other_times_for_one_answer_and_tell_other_things_beside_it() -> None:
    one = Answer("k", b"rows", {"picture": b"png"}, 1.0, b"a clean prediction")
    assert _digest(one) == _digest(replace(one, seconds=2.0, beside=b""))
    others = replace(one, payload=b"row"), replace(one, files={"picture": b"pn"}), replace(one, files={"p": b"png"})
    assert len({_digest(answer) for answer in (one, *others)}) == 4


def test_a_clock_that_jumps_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", Jumps())
    settings = LeaseSettings(slack=3.0, grace=5.0, silence=60.0)
    with Pool(Jumping(seconds=0.01), Processes(2), settings) as pool:
        assert payloads(run(pool)) == expected()
    assert pool.losses == pool.refusals == pool.differences == []


def test_no_clock_that_may_jump_is_read() -> None:
    sources = list((ROOT / "src/foolscape/cluster").rglob("*.py"))
    assert len(sources) > 20
    for source in sources:
        assert not re.search(r"\btime\.time\b|\bdatetime\b|\btime\.ctime\b|from time import", source.read_text()), (
            source
        )


def test_a_refused_worker_is_left_out() -> None:
    with Pool(Echo(seconds=0.05, refuse=("worker-0",)), Processes(2)) as pool:
        assert payloads(run(pool)) == expected()
    (refusal,) = pool.refusals
    assert refusal.worker == "worker-0"
    assert "expected other weights" in refusal.reason


def test_all_refused_is_an_error() -> None:
    with Pool(Echo(refuse=("all",)), Processes(2)) as pool, pytest.raises(RunError) as caught:
        run(pool)
    assert str(caught.value).count("expected other weights") == 1


def test_workers_that_die_at_once_are_not_started_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foolscape.cluster.processes._PAUSE", 0.01)
    with Pool(Told(dies=True), Processes(1)) as pool, pytest.raises(RunError, match="ended with exit code 5"):
        run(pool)
    assert len(pool.losses) == 5


def test_an_error_of_foolscape_ends_everything() -> None:
    with Pool(Echo(deadly={"k3": "refuse"}), Processes(2)) as pool, pytest.raises(ModelError, match="got none"):
        run(pool)


def test_inputs_go_along() -> None:
    def inputs(key: str) -> dict[str, bytes]:
        return {key: key.encode() * 100_000}  # more than a pipe holds

    with Pool(Inputs(), Processes(2)) as pool:
        found = {answer.key: answer for answer in pool.answers(KEYS, inputs=inputs)}
    assert payloads(found) == {key: str(len(key) * 100_000).encode() for key in KEYS}


def test_rounds_come_in_order() -> None:
    with Pool(Inputs(), Processes(2)) as pool:
        for state in (b"one", b"three"):
            assert pool.round_of(state, KEYS) == [f"{key}: {state.decode()}".encode() for key in KEYS]


def test_a_round_leaves_nothing_out() -> None:
    with (
        Pool(Echo(deadly={"k3": "kill"}), Processes(2)) as pool,
        pytest.raises(RunError, match="expected an answer to 'k3'"),
    ):
        pool.round_of(b"", KEYS)


def test_where_nothing_works_it_is_not_gone_on_for_ever() -> None:
    with (
        Pool(Inputs(), Processes(2)) as pool,
        pytest.raises(RunError, match="got none before 12 workers had died"),
    ):
        run(pool)


def test_what_a_worker_started_ends_with_it() -> None:
    with Pool(Family(), Processes(1)) as pool:
        found = run(pool, ["k0", "k1"])
        pids = [int(payload) for payload in payloads(found).values()]
        assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    wait_for(lambda: not any(_runs(pid) for pid in pids))


DRIVER = """
    import sys
    from foolscape.cluster.pool import Pool, _digest
    from foolscape.cluster.processes import Processes, threads_of
    from tests.cluster.jobs import Told

    with Pool(Told(seconds=float(sys.argv[1])), Processes(2)) as pool:
        for answer in pool.answers([f"k{place}" for place in range(1000)]):
            print(answer.files["pid"].decode(), answer.payload.decode().split(",")[2], flush=True)
"""


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_driver_that_was_killed(stop: signal.Signals) -> None:
    driver = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(DRIVER), "0.05"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    assert driver.stdout is not None
    told = [driver.stdout.readline().decode().split() for _ in range(20)]
    pids = {int(pid) for pid, _ in told}
    assert len(pids) == 2
    assert all(_runs(pid) for pid in pids)
    if stop == signal.SIGKILL:  # also one that stands still
        os.kill(min(pids), signal.SIGSTOP)
    driver.send_signal(stop)
    _, said = driver.communicate(timeout=120)
    wait_for(lambda: not any(_runs(pid) for pid in pids))
    wait_for(lambda: not any(Path(scratch).parent.exists() for _, scratch in told))
    if stop == signal.SIGINT:
        assert b"KeyboardInterrupt" in said


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_keyboard_does_not_reach_workers() -> None:
    with Pool(Told(seconds=0.01), Processes(1)) as pool:
        answer = next(pool.answers(["k0"]))
        assert isinstance(answer, Answer)
        assert os.getpgid(int(answer.files["pid"])) != os.getpgrp()


QUICK = LeaseSettings(lease_seconds=0.2)
"""So that a worker gets a lease while it is at another."""


def test_the_next_lease_is_begun_while_the_last_is_finished() -> None:
    with Pool(Behind(), Processes(1), QUICK) as pool:
        found = run(pool, MANY)
    assert sorted(found) == sorted(MANY)
    answers = [answer.payload for answer in found.values() if isinstance(answer, Answer)]
    assert answers.count(b"next") > 5
    assert answers.count(b"alone") < 10  # where there was no next one
    assert not pool.losses


def test_what_goes_wrong_in_finishing_is_told_as_what_goes_wrong_in_working() -> None:
    with Pool(Behind({"k0": "refuse"}), Processes(1)) as pool, pytest.raises(ModelError, match="a picture"):
        run(pool)
    with Pool(Behind({"k0": "tear"}), Processes(2)) as pool:
        found = run(pool, MANY[:4])
    given = found.pop("k0")
    assert isinstance(given, GivenUp)
    assert "OSError: full" in given.reason
    assert sorted(found) == ["k1", "k2", "k3"]


def server_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def pids_of(found: dict[str, Answer | GivenUp]) -> set[int]:
    return {int(answer.files["pid"]) for answer in found.values() if isinstance(answer, Answer)}


def test_workers_are_forked_from_one_server_that_is_kept_where_asked() -> None:
    servers = []
    with engines_kept():
        for _ in range(2):
            with Pool(Told(), Processes(2, imports=("tests.cluster.jobs",))) as pool:
                servers += [server_of(pid) for pid in pids_of(run(pool))]
        assert len(set(servers)) == 1
        assert _runs(servers[0])
        assert servers[0] != os.getpid()
    assert not _runs(servers[0])


def test_what_workers_need_is_imported_ahead() -> None:
    with engines_kept():
        forking.import_ahead(["tests.cluster.jobs"], threads_of(1))
        (server,) = [server.process.pid for (server,) in keeping._HELD._there.values()]
        with Pool(Told(), Processes(1)) as pool:
            assert {server_of(pid) for pid in pids_of(run(pool, KEYS[:1]))} == {server}
    assert not _runs(server)


def test_a_server_of_forks_that_is_killed_is_replaced() -> None:
    servers = set()
    with Pool(Told(seconds=0.01), Processes(1)) as pool:
        for number, answer in enumerate(pool.answers(MANY)):
            assert isinstance(answer, Answer)
            if number in (2, 40):
                worker = int(answer.files["pid"])
                server = server_of(worker)
                os.kill(server, signal.SIGKILL)
                wait_for(lambda worker=worker: not _runs(worker))  # type: ignore[misc]
                servers.add(server)
    assert len(servers) == 2
    assert [loss.reason for loss in pool.losses] == ["ended with the process that it was forked from"] * 2


def test_a_server_with_threads_is_not_forked() -> None:
    """Its fork is another program at once; what the library started is not there."""
    for imports, program in (((), "fork_server"), (("tests.cluster.threaded",), "cluster.child")):
        with Pool(Told(), Processes(1, imports=imports)) as pool:
            (pid,) = pids_of(run(pool, KEYS[:1]))
            assert program in Path(f"/proc/{pid}/cmdline").read_text()


def test_no_thread_outlives_the_pool() -> None:
    before = threading.active_count()
    with Pool(Echo(), Processes(2)) as pool:
        run(pool)
    assert threading.active_count() == before


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0)])
def test_numbers_are_positive(numbers: tuple[int, int]) -> None:
    with pytest.raises(SettingError, match="at least one worker"):
        Processes(numbers[0], threads=numbers[1])


def test_endings_in_words() -> None:
    assert ending(-9) == "killed by signal 9 (SIGKILL), often for want of memory"
    assert ending(-11, ["\n", "Fatal error\n"]).endswith("its last words: Fatal error")
    assert ending(2) == "ended with exit code 2"
    assert ending(-64) == "killed by signal 64 (SIGRTMAX)"


@pytest.mark.skipif(not forking.CAN_FORK, reason="workers are no forks here")
def test_a_fork_can_be_ended_from_its_first_moment() -> None:
    """Its number is told when it leads a group of its own: a group that is not there yet cannot be killed."""
    with engines_kept():
        for _ in range(30):
            worker = forking.begun("foolscape.cluster.child", [], {})
            assert isinstance(worker, forking.Forked)
            while worker._pid is None:
                pass
            worker.kill()
            assert worker.wait(60) == -signal.SIGKILL
            for end in (worker.stdin, worker.stdout, worker.stderr):
                end.close()
