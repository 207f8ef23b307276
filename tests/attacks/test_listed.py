"""What is read from the attacks' files is what importing them gives."""

import pytest

from foolscape.attacks.catalog import CATALOG
from foolscape.attacks.listed import ListedAttack, check_attack, listed_attacks
from foolscape.attacks.names import TASK_OPTIONS
from foolscape.attacks.parts import goals
from foolscape.attacks.registry import REGISTRY, Attack
from foolscape.errors import SettingError, UnknownNameError


def test_what_is_listed_is_what_is_registered() -> None:
    def said(one: Attack | ListedAttack) -> tuple[object, ...]:
        return one.name, one.source, one.summary, one.variants, one.tasks, dict(one.options)

    assert [said(one) for one in listed_attacks()] == [said(one) for one in CATALOG]


def test_the_names_that_are_stated_without_torch() -> None:
    assert [goal.name for goal in goals.GOALS] == list(TASK_OPTIONS["goal"].choices)


@pytest.mark.parametrize("name", ["none", "pgd", "mine.py:attack", "package.module:attack"])
def test_what_may_be_an_attack_is_let_through(name: str) -> None:
    check_attack(name)
    check_attack(name, ["eps"] if name == "pgd" else ["anything"])


def test_near_misses_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown attack 'pdg'; did you mean dag or pgd"):
        check_attack("pdg")
    with pytest.raises(UnknownNameError, match="unknown option of pgd 'ep'; did you mean eps"):
        check_attack("pgd", ["ep"])


@pytest.mark.parametrize(("eps", "write"), [(8, "8/255"), (0.5, "127.5/255")])
def test_a_bare_number_is_no_bound_and_what_to_write_is_said(eps: float, write: str) -> None:
    with pytest.raises(SettingError, match=f"write {write}"):
        REGISTRY["pgd"](eps=eps)
