"""Leases: who gets which keys, what is overdue, what a death costs. Time is handed in."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from foolscape.cluster.job import Difference
from foolscape.cluster.leases import LeaseSettings
from foolscape.cluster.scheduler import Grant, Scheduler
from foolscape.errors import RunError, SettingError

SETTINGS = LeaseSettings(keys_in_flight=8, lease_seconds=4.0, slack=3.0, grace=5.0)


def keys(count: int) -> list[str]:
    return [f"k{place}" for place in range(count)]


def scheduler(count: int, *workers: str, settings: LeaseSettings = SETTINGS) -> Scheduler:
    made = Scheduler(keys(count), None, settings)
    for worker in workers:
        made.joined(worker, "node")
    return made


def finish(made: Scheduler, grant: Grant, now: float, seconds: float = 1.0) -> None:
    for key in grant.keys:
        assert made.answered(grant.worker, grant.lease, key, seconds, now)
    made.lease_done(grant.lease, now)


def granted(made: Scheduler, now: float) -> dict[str, Grant]:
    """The grants of an instant, one for each worker at most."""
    grants = list(made.grants(now))
    by_worker = {grant.worker: grant for grant in grants}
    assert len(by_worker) == len(grants)
    return by_worker


def test_leases_are_of_one_key_until_it_is_known_what_keys_take() -> None:
    made = scheduler(100, "a")
    first = granted(made, 0.0)["a"]
    assert first.keys == ("k0",)
    finish(made, first, 1.0)
    ahead = list(made.grants(1.0))
    assert [grant.keys for grant in ahead] == [("k1", "k2", "k3", "k4"), ("k5", "k6", "k7", "k8")]  # 4 s, 8 keys


def test_leases_are_multiples_of_the_batch() -> None:
    made = scheduler(100, "a", settings=LeaseSettings(keys_in_flight=16, batch=3, lease_seconds=4.0))
    first = granted(made, 0.0)["a"]
    assert len(first.keys) == 3
    finish(made, first, 3.0)
    assert len(next(made.grants(3.0)).keys) == 6


def test_dear_keys_fill_a_lease_alone() -> None:
    costs = {key: 4.0 if key == "k1" else 1.0 for key in keys(100)}
    made = Scheduler(keys(100), costs, SETTINGS)
    made.joined("a", "node")
    finish(made, granted(made, 0.0)["a"], 1.0)
    assert next(made.grants(1.0)).keys == ("k1",)


def test_the_dearest_are_begun_first_so_that_none_is_waited_for_at_the_end() -> None:
    costs = {key: {"k17": 40.0, "k9": 60.0, "k3": 4.0}.get(key, 1.0) for key in keys(100)}
    made = Scheduler(keys(100), costs, replace(SETTINGS, keys_in_flight=1))
    made.joined("a", "node")
    order = []
    for _ in range(6):
        grant = granted(made, 0.0)["a"]
        order += grant.keys
        finish(made, grant, 0.0)
    assert order == ["k9", "k17", "k0", "k1", "k2", "k3"]


def test_the_last_leases_are_small() -> None:
    made = scheduler(9, "a", "b")
    grants = granted(made, 0.0)
    finish(made, grants["a"], 1.0)
    assert len(granted(made, 1.0)["a"].keys) == 2  # 7 s are left: 1.75 s for each of twice two workers


def test_a_slow_worker_gets_less() -> None:
    made = scheduler(1000, "fast", "slow")
    for _ in range(20):
        grants = list(made.grants(0.0))
        for grant in grants:
            finish(made, grant, 0.0, seconds=4.0 if grant.worker == "slow" else 1.0)
    # 4 s are a key and a bit of the slow one, whose pace has become its own.
    assert {(grant.worker, len(grant.keys)) for grant in grants} == {("fast", 4), ("slow", 2)}


def test_a_death_costs_what_was_in_flight() -> None:
    made = scheduler(20, "a", "b")
    for grant in granted(made, 0.0).values():
        finish(made, grant, 1.0)
    lease = granted(made, 1.0)["a"]
    loss = made.left("a", "killed", 2.0)
    assert loss is not None
    assert loss.keys == lease.keys
    assert (loss.worker, loss.node, loss.when, loss.reason) == ("a", "node", 2.0, "killed")
    assert made.losses == [loss]
    assert not made.finished


def drive(made: Scheduler, deadly: set[str], now: float = 0.0) -> tuple[Counter[str], dict[str, str]]:
    """One worker after the other, each until it dies, to the end."""
    answered: Counter[str] = Counter()
    given_up = {}
    number = 0
    while not made.finished:
        worker = f"w{number}"
        made.joined(worker, "node")
        number += 1
        assert number < 50
        alive = True
        while alive and not made.finished:
            grants = list(made.grants(now))
            assert grants
            for grant in grants:
                for key in grant.keys:
                    if key in deadly:
                        made.left(worker, "killed", now)
                        alive = False
                        break
                    answered[key] += made.answered(worker, grant.lease, key, 1.0, now)
                if not alive:
                    break
                made.lease_done(grant.lease, now)
            given_up |= {given.key: given.reason for given in made.given_up()}
    return answered, given_up


def test_a_key_that_three_workers_die_of_is_given_up() -> None:
    made = scheduler(30)
    answered, given_up = drive(made, {"k3", "k20"})
    assert set(given_up) == {"k3", "k20"}
    assert given_up["k3"] == "3 workers died of it, the last: w4 on node: killed"
    assert answered == {key: 1 for key in keys(30) if key not in given_up}
    assert len(made.losses) == 6
    # Of those in one lease with it, none is blamed: after the first death each is leased alone.
    assert [len(loss.keys) for loss in made.losses[2:]] == [1, 1, 1, 1]


@pytest.mark.parametrize(("batch", "abreast"), [(1, 1), (1, 2), (2, 1)])
def test_keys_that_a_worker_was_at_when_it_died_come_last_and_alone(batch: int, abreast: int) -> None:
    made = scheduler(14, "a", settings=replace(SETTINGS, batch=batch, abreast=abreast))
    finish(made, granted(made, 0.0)["a"], 1.0)
    lost = list(made.grants(1.0))[0].keys  # noqa: RUF015  # all are handed out
    assert len(lost) == 4
    made.left("a", "killed", 1.0)
    made.joined("b", "node")
    order = []
    while not made.finished:
        for grant in list(made.grants(2.0)):
            order.append(grant.keys)
            finish(made, grant, 2.0)
    suspects = lost if batch > 1 else lost[:abreast]  # one by one, it was at the first, or the first two
    assert order[-len(suspects) :] == [(key,) for key in suspects]


@pytest.mark.parametrize("batch", [1, 2])
def test_a_worker_that_finishes_one_lease_beside_the_next_was_at_both(batch: int) -> None:
    made = scheduler(100, "a", settings=replace(SETTINGS, batch=batch, abreast=2))
    finish(made, granted(made, 0.0)["a"], 1.0)
    first, second = made.grants(1.0)
    for key in first.keys[:-1]:
        made.answered("a", first.lease, key, 1.0, 1.0)
    made.left("a", "killed", 1.0)
    made.joined("b", "node")
    order = []
    while not made.finished:
        for grant in list(made.grants(2.0)):
            order.append(grant.keys)
            finish(made, grant, 2.0)
    suspects = (first.keys[-1], *(second.keys if batch > 1 else second.keys[:1]))
    assert order[-len(suspects) :] == [(key,) for key in suspects]
    assert not made.given_up()


def test_a_lease_that_was_not_begun_is_not_to_blame() -> None:
    made = scheduler(100, "a", settings=replace(SETTINGS, batch=2))
    finish(made, granted(made, 0.0)["a"], 1.0)
    _, second = made.grants(1.0)
    made.left("a", "killed", 1.0)
    made.joined("b", "node")
    assert next(made.grants(1.0)).keys == second.keys


def kill_at(made: Scheduler, key: str, deaths: int) -> list[str]:
    """One worker after the other, that dies of `key` and answers all else; the keys given up."""
    for number in range(deaths):
        worker = f"w{made.next_lease}-{number}"
        made.joined(worker, "node")
        while (grants := list(made.grants(0.0))) and not answer_until(made, grants, key):
            pass
        if made.finished:
            break
        made.left(worker, "killed", 0.0)
    return [given.key for given in made.given_up()]


def answer_until(made: Scheduler, grants: list[Grant], last: str) -> bool:
    """Answer what is leased up to `last`; whether it was reached."""
    for grant in grants:
        for key in grant.keys:
            if key == last:
                return True
            made.answered(grant.worker, grant.lease, key, 1.0, 0.0)
        made.lease_done(grant.lease, 0.0)
    return False


def test_where_workers_die_at_random_a_key_is_not_given_up_for_meeting_them() -> None:
    made = scheduler(40)
    assert kill_at(made, "k20", 2) == []
    made.joined("idle", "node")
    made.left("idle", "its node is gone", 0.0)  # this one cannot have died of a key
    assert kill_at(made, "k20", 1) == []
    assert not made.finished
    assert kill_at(made, "k20", 10) == ["k20"]
    assert 4 < len(made.losses) < 10


@pytest.mark.parametrize(("batch", "deaths"), [(1, 3), (4, 4)])
def test_where_none_dies_of_something_else_three_deaths_of_one_alone_are_enough(batch: int, deaths: int) -> None:
    made = scheduler(40, settings=replace(SETTINGS, batch=batch))
    assert kill_at(made, "k20", deaths - 1) == []
    assert kill_at(made, "k20", 1) == ["k20"]


def test_an_overdue_lease_goes_to_another_and_the_first_answer_counts() -> None:
    made = scheduler(2, "a", "b", settings=LeaseSettings(lease_seconds=1.0))
    grants = granted(made, 0.0)
    finish(made, grants["a"], 1.0)
    assert not list(made.grants(1.0))
    for now in (2.0, 7.9):  # one second was to be expected: it is overdue after 3 and 5 more
        assert made.tick(now) == []
        assert not list(made.grants(now))
    made.tick(8.1)
    (again,) = made.grants(8.1)
    assert (again.worker, again.keys) == ("a", grants["b"].keys)
    assert made.is_shared("k1")
    assert made.answered("a", again.lease, "k1", 1.0, 9.0, "one")
    assert made.finished
    assert not made.answered("b", grants["b"].lease, "k1", 9.0, 9.0, "other")
    assert made.differences == [Difference("k1", "a", "b")]


def test_equal_answers_are_no_finding() -> None:
    made = scheduler(2, "a", "b")
    grants = granted(made, 0.0)
    finish(made, grants["a"], 1.0)
    made.tick(9.0)
    (again,) = made.grants(9.0)
    assert made.answered("b", grants["b"].lease, "k1", 9.0, 9.0, "one")
    assert not made.answered("a", again.lease, "k1", 1.0, 9.0, "one")
    assert made.differences == []


def test_an_idle_worker_takes_what_a_slow_one_has_not_begun() -> None:
    made = scheduler(60, "fast", "slow")
    now = 0.0
    taken: dict[str, list[str]] = {"fast": [], "slow": []}
    while not made.finished:
        now += 1.0
        made.tick(now)
        for grant in list(made.grants(now)):
            taken[grant.worker] += grant.keys
            if grant.worker == "fast":
                finish_open(made, grant, now)
    # The slow one never answered. All that it held was done by the other.
    assert set(taken["slow"]) <= set(taken["fast"])


def finish_open(made: Scheduler, grant: Grant, now: float) -> None:
    for key in grant.keys:
        made.answered(grant.worker, grant.lease, key, 1.0, now)
    made.lease_done(grant.lease, now)


def test_a_worker_that_is_silent_for_long_is_to_be_ended() -> None:
    made = scheduler(2, "a", settings=LeaseSettings(silence=100.0))
    granted(made, 0.0)
    assert made.tick(99.0) == []
    assert made.tick(101.0) == ["a"]


def test_a_clock_that_stands_still_or_jumps_does_no_harm() -> None:
    made = scheduler(10, "a", "b")
    for now in (0.0, 0.0, 1e9, 1e9):
        for grant in list(made.grants(now)):
            finish(made, grant, now)
        made.tick(now)
    while not made.finished:
        for grant in list(made.grants(1e9)):
            finish_open(made, grant, 1e9)
    assert made.losses == []


def test_a_key_that_is_passed_over_again_and_again_is_given_up() -> None:
    made = scheduler(1, "a")
    for _ in range(3):
        made.lease_done(granted(made, 0.0)["a"].lease, 0.0)
    (given,) = made.given_up()
    assert given.key == "k0"
    assert "did not answer it" in given.reason
    assert made.finished


def test_answers_to_other_keys_are_refused() -> None:
    with pytest.raises(RunError, match="got one to 'other' from a"):
        scheduler(1, "a").answered("a", 0, "other", 1.0, 0.0)


@pytest.mark.parametrize("costs", [{"k0": 0.0}, {"k0": float("nan")}, {"k0": -1.0}])
def test_costs_are_positive(costs: dict[str, float]) -> None:
    with pytest.raises(SettingError, match="positive and finite"):
        Scheduler(["k0"], costs, SETTINGS)


def test_keys_differ() -> None:
    with pytest.raises(SettingError, match="1 of them twice"):
        Scheduler(["a", "a"], None, SETTINGS)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_key_is_answered_once(seed: int) -> None:
    chance = random.Random(seed)
    settings = LeaseSettings(keys_in_flight=chance.choice([1, 2, 7, 16]), batch=chance.choice([1, 1, 4]), deaths=50)
    made = Scheduler(keys(60), None, settings)
    held: dict[str, list[Grant]] = {}
    answered: Counter[str] = Counter()
    now, joined = 0.0, 0
    for _ in range(100_000):
        if made.finished:
            break
        now += chance.expovariate(1.0) * chance.choice([1, 1, 1, 30])
        if chance.random() < 0.1 and len(held) < 6:
            held[f"w{joined}"] = []
            made.joined(f"w{joined}", "node")
            joined += 1
        if held and chance.random() < 0.05:
            worker = chance.choice(sorted(held))
            lost = {key for grant in held.pop(worker) for key in grant.keys}
            loss = made.left(worker, "killed", now)
            assert loss is not None
            assert set(loss.keys) <= lost
        made.tick(now)
        for grant in made.grants(now):
            held[grant.worker].append(grant)
        for worker in sorted(held):
            grants = held[worker]
            assert len(grants) <= 2
            assert sum(len(grant.keys) for grant in grants) <= max(settings.keys_in_flight, settings.batch)
            if grants and chance.random() < 0.5:
                grant = grants[0]
                answered[grant.keys[0]] += made.answered(worker, grant.lease, grant.keys[0], 1.0, now)
                grants[0] = Grant(worker, grant.lease, grant.keys[1:])
                if not grants[0].keys:
                    made.lease_done(grant.lease, now)
                    del grants[0]
    assert answered == dict.fromkeys(keys(60), 1)
    assert made.given_up() == []
