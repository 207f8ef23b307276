"""docs/models.md says which attack works on which model, as tried."""

import pytest

from .matrix import ATTACKS, CLIPS, PAGE, families, table


@pytest.mark.slow
def test_the_page_is_what_was_tried() -> None:
    assert PAGE.read_text() == table()


def test_the_page_has_every_family_and_attack() -> None:
    page = PAGE.read_text()
    assert all(f"`{family.name.split(',')[0]}`" in page for family in families())
    assert f"| | {' | '.join(ATTACKS)} |" in page
    assert f"| | {' | '.join(CLIPS)} |" in page


def test_what_has_a_gradient_is_changed_by_pgd() -> None:
    """All but black boxes, and detectors of which no random score is that of an object."""
    images, clips = PAGE.read_text().split("## Video")
    still = []
    for attacks, part in ((ATTACKS, images), (CLIPS, clips)):
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in part.splitlines() if "| `" in line]
        still += [row[0] for row in rows if row[1 + attacks.index("pgd")] != "yes"]
    assert still == [
        "`onnxruntime:`", "`blackbox:`, label maps", "`torchvision:`, one stage", "`transformers:`, lw_detr",
        "`transformers:`, rf_detr", "`ultralytics:`", "`onnxruntime:`, YOLO",
    ]  # fmt: skip
