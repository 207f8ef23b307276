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


def test_what_has_a_gradient_is_changed_by_pgd() -> None:
    """All but black boxes, and detectors of which no random score is that of an object."""
    column = 1 + ATTACKS.index("pgd")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines() if "| `" in line]
    still = [row[0] for row in rows if row[column] != "yes"]
    assert still == [
        "`onnxruntime:`", "`blackbox:`, label maps", "`torchvision:`, one stage", "`transformers:`, lw_detr",
        "`transformers:`, rf_detr", "`ultralytics:`",
    ]  # fmt: skip
