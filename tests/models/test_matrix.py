"""docs/models.md says which attack works on which model, as tried."""

import pytest

from .matrix import ATTACKS, PAGE, families, table


@pytest.mark.slow
def test_the_page_is_what_was_tried() -> None:
    assert PAGE.read_text() == table()


def test_the_page_has_every_family_and_attack() -> None:
    page = PAGE.read_text()
    assert all(f"`{family.name.split(',')[0]}`" in page for family in families())
    assert f"| | {' | '.join(ATTACKS)} |" in page
