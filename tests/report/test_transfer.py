"""The matrix of a transfer: what it says beside its numbers, and what it makes of scores that cannot be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from foolscape.report.pages.transfer import heat, matrix_tables, write_transfer_report, write_transfer_texts
from foolscape.report.tables.render import to_latex
from foolscape.report.tables.table import TIMES

from .fake_transfer import flat, matrix, typed, write


def _page(directory: Path) -> str:
    write_transfer_report(directory)
    return (directory / "report.html").read_text(encoding="utf-8")


def test_without_labels_tables_and_page_say_so(tmp_path: Path) -> None:
    directory = write(tmp_path / "none", matrix() | {"reference": "clean prediction"})
    page, text = _page(directory), write_transfer_texts(directory)[".md"]
    for said in (page, text):
        assert "A, B: No labels: scores are against the model&#39;s own clean" in said.replace("'", "&#39;")
        assert "C: No labels: average precision is against" in said
    labelled = write(tmp_path / "labelled", matrix())
    assert "No labels" not in _page(labelled) + write_transfer_texts(labelled)[".md"]


def test_every_setting_of_an_attack_is_told_with_its_networks() -> None:
    (table,) = matrix_tables(typed(matrix()))
    pgd = (
        "attack pgd, variant paper, eps 8/255, norm linf, step 2/255, steps 20, stop 0.01, random start yes, "
        "quantise steps no"
    )
    assert f"A, B: {pgd}." in table.notes
    assert f"C: {pgd}, goal vanish, only class car, resample candidates 5." in table.notes


def test_settings_that_are_not_set_are_not_told() -> None:
    found = matrix()
    found["attacks"]["boxes"] |= {"eps": None, "stop": None, "only_class": None}
    (told,) = (note for note in matrix_tables(typed(found))[0].notes if note.startswith("C: attack"))
    assert "None" not in told
    assert not {"eps", "stop", "only_class"} & set(told.split())


def test_shares_of_the_networks_own_score(tmp_path: Path) -> None:
    rows = heat(typed(matrix()))
    assert [[round(cell.share or 0) for cell in row.cells] for row in rows[:3]] == [
        [0, 0, 0],
        [90, 20, 10],
        [20, 90, 0],
    ]
    # Own: 90, 90 and 100; others: 20, 10, 20, 0, 5 and 0.
    assert "loses 93 percent of its score to the change made for itself, and 9 percent to" in _page(
        write(tmp_path / "out", matrix())
    )


@pytest.mark.parametrize("score", [None, 0.0, float("nan")])
def test_a_network_without_a_clean_score_is_in_no_mean_and_has_no_colour(tmp_path: Path, score: float | None) -> None:
    found = flat(matrix(), "two", score)
    assert [row.cells[1].share for row in heat(typed(found))] == [None] * 5
    page = _page(write(tmp_path / "out", found))
    # Own: 90 and 100; others: 10, 20, 0 and 5.
    assert "loses 95 percent of its score to the change made for itself, and 9 percent to" in page
    assert page.count("--lost:") == 5 * 2
    assert "B: The clean score is zero or not defined" in page


def test_without_any_clean_score_the_page_says_so(tmp_path: Path) -> None:
    found = flat(flat(flat(matrix(), "one", 0.0), "two", None), "boxes", None)
    directory = write(tmp_path / "out", found)
    page = _page(directory)
    assert "cannot be said: every clean score is zero or not defined" in page
    assert "percent of its score" not in page
    assert "--lost:" not in page


def test_the_unit_of_p_is_that_of_every_other_table(tmp_path: Path) -> None:
    tables = matrix_tables(typed(matrix()))
    assert tables[0].headers[2].detail == (f"{TIMES}10⁻³",)
    assert r"$\times$10" in to_latex(tables)
    assert f"{TIMES}10⁻³" in _page(write(tmp_path / "out", matrix()))
