"""Workers on the nodes of a Ray cluster, which is started here and loses some of them."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from foolscape.cluster.engine import Engine
from foolscape.cluster.job import Answer, GivenUp
from foolscape.cluster.keeping import engines_kept
from foolscape.cluster.pool import Pool
from foolscape.cluster.ray.engine import on_ray
from foolscape.cluster.ray.faults import room_in_store
from foolscape.errors import RunError, SettingError
from foolscape.extras import is_installed
from tests.cluster.jobs import Echo, Inputs, Told, answer_to
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(not is_installed("ray"), reason="needs foolscape[ray]")

KEYS = [f"k{place}" for place in range(40)]


class Nodes:
    """See ray_nodes.py."""

    def __init__(self, count: int) -> None:
        # Short, for the sockets' sake.
        self.folder = tempfile.mkdtemp(prefix="fsr-", dir="/tmp")
        self.environment = {
            "RAY_TMPDIR": self.folder,
            "TMPDIR": self.folder,  # what killed nodes leave goes with it
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests/cluster/ray_nodes.py"), str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
            text=True,
        )
        self.address = self._told()

    def tell(self, what: str) -> None:
        self.send(what)
        self._told()

    def send(self, what: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def _told(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("cluster"):
                return line.split()[1]
        raise AssertionError("the cluster ended")

    def stop(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    started = Nodes(2)
    yield started
    started.stop()


@pytest.fixture
def on_nodes(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Engine]:
    for name, value in nodes.environment.items():
        monkeypatch.setenv(name, value)
    return lambda: on_ray(nodes.address)


def pid_of(answer: Answer | GivenUp) -> int:
    assert isinstance(answer, Answer)
    return int(answer.files["pid"])


@pytest.mark.slow
def test_workers_are_killed_and_a_deadly_key_is_given_up(on_nodes: Callable[[], Engine]) -> None:
    job = Echo(seconds=0.02, deadly={"k9": "kill"})
    with Pool(job, on_nodes()) as pool:
        found = {answer.key: answer for answer in pool.answers(KEYS)}
        assert len(pool.losses) == 3
        given = found.pop("k9")
        assert isinstance(given, GivenUp)
        assert "its process ended" in given.reason
        assert {key: answer.payload for key, answer in found.items() if isinstance(answer, Answer)} == {
            key: answer_to(key) for key in KEYS if key != "k9"
        }


@pytest.mark.slow
def test_a_node_is_lost_and_another_comes(nodes: Nodes, on_nodes: Callable[[], Engine]) -> None:
    found = []
    with Pool(Told(seconds=0.3), on_nodes()) as pool:
        while len(pool.workers()) < 2:
            list(pool.answers(KEYS[:2]))
        for answer in pool.answers(KEYS):
            found.append(answer)
            if len(found) == 6:
                nodes.send("kill 0")
                nodes.send("add")
            if len(found) == 30:
                os.kill(pid_of(answer), signal.SIGKILL)
        names = {state.name for state in pool.workers()}
        while not names & {"worker-2", "worker-2.1"}:  # on the node that came
            list(pool.answers(KEYS[:2]))
            names = {state.name for state in pool.workers()}
    assert sorted(answer.key for answer in found) == sorted(KEYS)
    assert all(isinstance(answer, Answer) for answer in found)
    assert "its node is gone" in {loss.reason for loss in pool.losses}


@pytest.mark.slow
def test_rounds_and_inputs(on_nodes: Callable[[], Engine]) -> None:
    with Pool(Inputs(), on_nodes()) as pool:
        sizes = {answer.key: answer for answer in pool.answers(KEYS, inputs=lambda key: {key: bytes(200_000)})}
        assert all(isinstance(answer, Answer) and answer.payload == b"200000" for answer in sizes.values())
        for state in (b"one", b"two"):
            assert {state.device for state in pool.workers()} == {"cpu"}
            assert pool.round_of(state, KEYS) == [f"{key}: {state.decode()}".encode() for key in KEYS]


@pytest.mark.slow
def test_all_refused_is_an_error(on_nodes: Callable[[], Engine]) -> None:
    with (
        Pool(Echo(refuse=("all",)), on_nodes()) as pool,
        pytest.raises(RunError, match="expected other weights"),
    ):
        list(pool.answers(KEYS))


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_on_nodes(on_nodes: Callable[[], Engine], nodes: Nodes) -> None:
    leaves_nothing(f"on_ray({nodes.address!r})")


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_cluster_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    before = set(Path("/tmp").glob("fsray-*"))
    worker = leaves_nothing("on_ray('local', workers=1)")
    until = time.monotonic() + 60
    while set(Path("/tmp").glob("fsray-*")) - before:
        assert time.monotonic() < until
        time.sleep(0.2)
    assert not home.exists()
    assert not Path(f"/proc/{worker}").exists()


@pytest.mark.slow
def test_a_cluster_of_its_own_and_its_workers_serve_all_jobs_of_a_command() -> None:
    before = set(Path("/tmp").glob("fsray-*"))

    def begun() -> set[Path]:
        return set(Path("/tmp").glob("fsray-*")) - before

    pids, folders = list[set[int]](), set[Path]()
    with engines_kept():
        for job in (Told(), Told(seconds=0.01), Told(seconds=2.0), Told()):
            with Pool(job, on_ray("local", workers=1)) as pool:
                answers = pool.answers(KEYS)
                pids.append({pid_of(answer) for answer in (answers if job.seconds < 0.1 else islice(answers, 2))})
                folders |= begun()
        with Pool(Inputs(), on_ray("local", workers=1)) as pool:
            for state in (b"one", b"two"):  # of this job alone
                assert pool.round_of(state, KEYS[:3]) == [f"{key}: {state.decode()}".encode() for key in KEYS[:3]]
        assert len(folders) == 1
    # The same process; but one that is still at work when its job ends is not waited for.
    assert pids[0] == pids[1] == pids[2] != pids[3]
    assert all(len(one) == 1 for one in pids)
    assert not begun()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for one in pids for pid in one):
        assert time.monotonic() < until
        time.sleep(0.2)


def leaves_nothing(engine: str) -> int:
    """Kill a driver with workers there; the number of the process of one."""
    program = (
        "from tests.cluster.jobs import Told; from foolscape.cluster.pool import Pool\n"
        "from foolscape.cluster.ray.engine import on_ray\n"
        f"with Pool(Told(seconds=0.2), {engine}) as pool:\n"
        "    for answer in pool.answers([str(place) for place in range(1000)]):\n"
        "        print(answer.files['pid'].decode(), answer.payload.decode().split(',')[2], flush=True)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert driver.stdout is not None
    told = [driver.stdout.readline().split() for _ in range(4)]
    driver.kill()
    driver.communicate()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid, _ in told) or any(Path(scratch).exists() for _, scratch in told):
        assert time.monotonic() < until
        time.sleep(0.2)
    return int(told[0][0])


@pytest.mark.slow
def test_a_full_store_is_told() -> None:
    import ray

    with pytest.raises(RunError, match="ray start --object-store-memory"), room_in_store():
        raise ray.exceptions.ObjectStoreFullError("full")
    with pytest.raises(ray.exceptions.NodeDiedError), room_in_store():
        raise ray.exceptions.NodeDiedError("gone")


@pytest.mark.slow
def test_the_loss_of_the_head_is_told(nodes: Nodes, on_nodes: Callable[[], Engine]) -> None:
    """The last one: after it there is no cluster."""
    with Pool(Told(seconds=0.3), on_nodes()) as pool:
        answers = pool.answers([str(place) for place in range(100_000)])
        for _ in range(3):
            next(answers)
        nodes.send("head")
        with pytest.raises(RunError, match=r"(the head of|the connection to) the Ray cluster"):
            list(answers)


def test_no_cluster_is_refused_with_the_command_that_starts_one() -> None:
    with pytest.raises(SettingError, match="ray start --head"), Pool(Echo(), on_ray("127.0.0.1:1")):
        pass
    with pytest.raises(SettingError, match="HOST:PORT"), Pool(Echo(), on_ray("somewhere")):
        pass


def test_numbers_are_asked_for() -> None:
    with pytest.raises(SettingError, match="at least one worker"):
        on_ray("auto", workers=0)
    with pytest.raises(SettingError, match="local cluster"):
        on_ray("local")
