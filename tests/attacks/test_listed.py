"""What is read from the attacks' files is what importing them gives."""

import pytest

from foolscape.attacks.catalog import CATALOG
from foolscape.attacks.listed import check_attack, listed_attacks
from foolscape.errors import UnknownNameError


def test_what_is_listed_is_what_is_registered() -> None:
    listed = [(one.name, one.source, one.summary, one.variants, one.options) for one in listed_attacks()]
    assert listed == [(one.name, one.source, one.summary, one.variants, tuple(one.options)) for one in CATALOG]


@pytest.mark.parametrize("name", ["none", "pgd", "mine.py:attack", "package.module:attack"])
def test_what_may_be_an_attack_is_let_through(name: str) -> None:
    check_attack(name)
    check_attack(name, ["eps"] if name == "pgd" else ["anything"])


def test_near_misses_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown attack 'pdg'; did you mean dag or pgd"):
        check_attack("pdg")
    with pytest.raises(UnknownNameError, match="unknown option of pgd 'ep'; did you mean eps"):
        check_attack("pgd", ["ep"])
