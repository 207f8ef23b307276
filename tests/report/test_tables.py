"""The tables of a summary: what they say, and how each format escapes it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from foolscape.errors import RunError
from foolscape.metrics.distortion import Distortion
from foolscape.records.row import Row
from foolscape.records.timings import Times
from foolscape.report import latex, markdown, print_tables
from foolscape.report.tables.headline import headline, largest_changes, overview
from foolscape.report.tables.render import show
from foolscape.report.tables.run import DASH, costs, failures, number, per_class, scores, tables

from ..written import typed
from .fake_run import HOSTILE

Make = Callable[..., Path]


def _summary(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    return found


def _by_hand() -> dict[str, Any]:
    def condition(miou: float) -> dict[str, Any]:
        return {
            "mIoU": miou,
            "pixel_accuracy": miou + 5,
            "per_class": {"sky": miou, "road": None},
            "ci95": {"mIoU": [miou - 1.04, miou + 1], "pixel_accuracy": [miou, miou + 8]},
        }

    model = {
        "model": "bundled:street-net",
        "slug": "s",
        "samples": 40,
        "notes": ["upsampled x4"],
        "conditions": {
            "clean": condition(88.123),
            "adversarial": condition(3.204),
            "adversarial_float": condition(2.9),
            "permuted": condition(87.9),
            "noise": condition(88.0),
        },
        "distortion": {"linf_levels": 3.9, "l2": 1.234, "perceptibility": 0.00264, "ssim": 0.98765},
        "success_rate": 97.5,
        "claimed_rate": 100.0,
        "iterations": {"mean": 43.25, "max": 200},
    }
    return {
        "schema": 2,
        "task": "segmentation",
        "reference": "truth",
        "conventions": {"mIoU": "mIoU: said by the run."},
        "data": {"samples": 40},
        "attack": {"name": "dag", "title": "DAG"},
        "models": [model],
        "failures": [],
    }


def test_scores_by_hand() -> None:
    table = scores(typed(_by_hand()))
    assert [header.value for header in table.headers] == [
        "model",
        "",
        "clean",
        "attacked",
        "same change, shuffled",
        "random noise",
    ]
    first, second = table.rows
    assert (first[0].value, first[0].detail) == ("bundled:street-net", ("40 images",))
    assert (first[2].value, first[2].detail) == ("88.12", (f"87.1{DASH}89.1",))
    assert (first[3].value, first[3].detail) == ("3.20", (f"2.2{DASH}4.2", "float 2.90"))
    assert [cell.value for cell in second[:3]] == ["", "pixel acc. %", "93.12"]
    assert "mIoU: said by the run." in table.notes
    assert "bundled:street-net: upsampled x4." in table.notes


def test_float_is_shown_only_where_it_differs() -> None:
    summary = _by_hand()
    summary["models"][0]["conditions"]["adversarial_float"] = summary["models"][0]["conditions"]["adversarial"]
    assert scores(typed(summary)).rows[0][3].detail == (f"2.2{DASH}4.2",)
    assert not any("float" in note for note in scores(typed(summary)).notes)


def test_costs_by_hand() -> None:
    (row,) = costs(typed(_by_hand()), Times({"bundled:street-net": 1.5})).rows
    values = [cell.value for cell in row]
    assert values == ["bundled:street-net", "97.5", "43.2", "1.50", "3.9", "1.23", "2.64", "0.9877"]
    assert (row[1].detail, row[2].detail) == (("100.0",), ("200",))


def test_classes_without_truth_are_left_out_and_loss_is_signed() -> None:
    summary = _by_hand()
    (row,) = per_class(typed(summary), typed(summary).models[0]).rows
    assert [cell.value for cell in row] == ["sky", "88.1", "3.2", "\N{MINUS SIGN}84.9"]


def test_failures_are_counted_by_reason() -> None:
    summary = _by_hand() | {"failures": [{"id": str(n), "model": None, "reason": "broken"} for n in range(5)]}
    (row,) = failures(typed(summary)).rows
    assert [cell.value for cell in row] == ["broken", "any", "0, 1, 2", "5"]
    assert row[2].detail == ("and 2 more",)
    assert "failures" in [table.name for table in tables(typed(summary))]


def test_numbers() -> None:
    assert [number(None, 1), number(float("nan"), 1), number(-0.01, 1)] == [DASH, DASH, "0.0"]
    assert number(2.0, 1, sign=True) == "+2.0"


def test_without_labels_the_caption_says_so(make: Make) -> None:
    summary = _summary(make(reference="clean prediction"))
    assert "the clean score is 100 by construction" in scores(typed(summary)).remarks[0]
    assert "the clean score is 100 by construction" in markdown(summary)
    assert "100.00" in markdown(summary)


def test_without_an_attack_only_the_clean_scores_stand(make: Make) -> None:
    summary = _summary(make(attack="none"))
    found = tables(typed(summary))
    assert [table.name for table in found] == ["scores", "classes-bundled-street-net"]
    assert [header.value for header in found[0].headers] == ["model", "", "clean"]
    assert [header.value for header in found[1].headers] == ["class", "clean"]
    assert "same change" not in markdown(summary) + latex(summary)


def test_a_score_without_an_interval_says_so() -> None:
    summary = _by_hand()
    conditions = summary["models"][0]["conditions"]
    conditions["adversarial"]["ci95"]["mIoU"] = [None, None]
    conditions["noise"] |= {"mIoU": None, "ci95": {"mIoU": [None, None]}}
    del conditions["permuted"]["ci95"]["mIoU"]
    details = [cell.detail for cell in scores(typed(summary)).rows[0][2:]]
    assert details == [(f"87.1{DASH}89.1",), ("no interval", "float 2.90"), (), ()]
    assert "no interval" in markdown(summary)


def test_every_number_says_its_convention() -> None:
    text = markdown(_by_hand())
    for word in (
        "Clean (ORIG in Xie et al. 2017):",
        "Attacked (ADVR):",
        "Same change, shuffled (PERM in Xie et al. 2017):",
        "Random noise:",
        "mIoU:",
        "Intervals:",
        "Success:",
        "Linf:",
        "SSIM:",
        "Xie et al.",
    ):
        assert word in text


def test_the_terminal_fits_80_columns_and_shows_no_escape(hostile: Path) -> None:
    file = io.StringIO()
    print_tables(hostile, Console(file=file, width=80, color_system=None, force_terminal=False))
    text = file.getvalue()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert "[red]" in text.replace("\n", "")  # not taken for markup
    assert "…" not in text  # nothing is cut


def test_numbers_and_names_are_whole_on_80_columns() -> None:
    summary, file = _by_hand(), io.StringIO()
    name = "transformers:nvidia/segformer-b0-finetuned-cityscapes-1024-1024"
    summary["models"] += [summary["models"][0] | {"model": name}]
    show(tables(typed(summary)), Console(file=file, width=80, color_system=None))
    lines = [line.strip() for line in file.getvalue().splitlines()]
    assert "bundled:street-net, 40 images" in lines
    assert f"{name}, 40 images" in lines
    assert lines.count(name) == 1  # the costs
    for text in ("88.12", f"87.1{DASH}89.1", "float 2.90", "0.9877", "claimed %"):
        assert text in file.getvalue()


def test_what_the_other_attacks_took_stands_on_a_line_of_its_own() -> None:
    times = Times({"bundled:street-net": 1.5}, {"bundled:street-net": 12.34, "another": 3.0})
    table = costs(typed(_by_hand()), times)
    assert table.remarks == (
        "Other attacks, tried for the verdict, took 12.3 s on bundled:street-net; that is not in the time above.",
    )
    assert table.rows == costs(typed(_by_hand()), Times(times.image)).rows
    assert not costs(typed(_by_hand()), Times(times.image)).remarks


def test_the_rows_of_every_model_stand_below_the_same_headers() -> None:
    summary, file = _by_hand(), io.StringIO()
    summary["models"] += [summary["models"][0] | {"model": "other", "success_rate": 0.0}]
    show((costs(typed(summary), Times()),), Console(file=file, width=80, color_system=None))
    lines = file.getvalue().splitlines()
    ends = [line.index(text) + len(text) for text in ("success %", "97.5", " 0.0") for line in lines if text in line]
    assert len(set(ends)) == 1


def test_markdown_has_as_many_cells_in_every_row(hostile: Path) -> None:
    text = markdown(_summary(hostile))
    for block in re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(widths) == 1, block
    assert "<script" not in text.replace("\\<script", "")


def test_latex_is_escaped_and_balanced(hostile: Path) -> None:
    text = latex(_summary(hostile))
    assert r"\input" not in text
    assert text.count(r"\toprule") == text.count(r"\end{table}") == len(tables(typed(_summary(hostile))))
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[%#_]", text.replace(r"\label", ""))
    for row in re.findall(r"^    .*\\\\$", text, flags=re.MULTILINE):
        assert not re.search(r"\\\\\s*\[", row)


def test_headline_in_plain_words() -> None:
    summary = _by_hand()
    row = partial(Row, model="bundled:street-net", condition="adversarial", size=(1, 1), measured=None)
    rows = [row(id=str(n), distortion=Distortion(n, 0.0, 0.0, 1.0)) for n in (2, 4)]
    assert headline(typed(summary), typed(summary).models[0], largest_changes(rows)) == (
        "DAG cut mIoU from 88.1 to 3.2 with changes of at most 4 grey levels; the same changes shuffled: 87.9."
    )
    conditions = summary["models"][0]["conditions"]
    conditions["adversarial"] = conditions["clean"]
    before = typed(summary)
    assert headline(before, before.models[0], {}).startswith("DAG did not lower mIoU: 88.1 before, 88.1 after;")
    del conditions["adversarial"]
    assert headline(typed(summary), typed(summary).models[0], {}) == "mIoU is 88.1 on 40 images; nothing was attacked."


def test_overview_of_several_models() -> None:
    summary = _by_hand()
    summary["models"] *= 2
    assert overview(typed(summary)) == "Under DAG, mIoU of 2 models went from 88.1 to 3.2."


def test_an_unfinished_run_says_how_to_resume(make: Make) -> None:
    directory = make()
    (directory / "summary.json").unlink()
    with pytest.raises(
        RunError, match=r"not finished; .*12 rows of rows\.jsonl for 3 images\. Resume it.*foolscape run"
    ):
        print_tables(directory, Console(file=io.StringIO()))


def test_no_run_and_damaged_and_newer_runs_are_refused(make: Make, tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    with pytest.raises(RunError, match=r"expected a run directory with run\.json, got none"):
        print_tables(tmp_path, console)
    directory = make()
    (directory / "summary.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="expected readable JSON"):
        print_tables(directory, console)
    for schema, words in (
        ("1", r"expected schema 2, got schema 1: foolscape 0\.1\.0 reads it \(pip install foolscape==0\.1\.0\)"),
        ("3", "expected schema 2, got schema 3: a later version of foolscape reads it"),
        ("true", "expected schema 2, got schema True: that is no file of a run"),
        ("null", "expected schema 2, got no schema"),
    ):
        (directory / "summary.json").write_text(f'{{"schema": {schema}}}', encoding="utf-8")
        with pytest.raises(RunError, match=words):
            print_tables(directory, console)


def test_hostile_text_is_hostile() -> None:
    assert "<script>" in HOSTILE
    assert "\x1b" in HOSTILE


def test_a_directory_of_parts_is_told_with_the_way_on(tmp_path: Path) -> None:
    (tmp_path / "shards" / "1-of-2").mkdir(parents=True)
    with pytest.raises(RunError, match=r"with run\.json, got the parts of one, .*`foolscape merge .*` makes the whole"):
        print_tables(tmp_path, Console(file=io.StringIO()))
