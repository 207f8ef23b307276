"""The page and the tables of a sweep."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, USAGE
from foolscape.errors import RunError
from foolscape.records.schema import SCHEMA
from foolscape.records.sweep import SWEEP, SweepCell, SweepRecord, SweepRow
from foolscape.records.types import to_json
from foolscape.report.pages.sweep import write_sweep_report
from foolscape.report.pictures.sweep_curves import sweep_plots
from foolscape.report.run_kinds import kind_of
from foolscape.report.tables.short import short_names
from foolscape.report.tables.sweep import headline, lines_of, progress, sweep_tables
from foolscape.report.tables.table import DASH
from foolscape.run.directory.begun import write_json

from .page import Page

ODD: Final = "_<b>&$x^{</b>\x1b[31m.py:net"
BOUNDS: Final = ("1/255", "8/255")


def cell(model: str, seed: int = 0, **known: Any) -> SweepCell:
    name = f"{'odd' if model == ODD else model}-{known.get('attack', 'pgd')}-s{seed}"
    about = {"data": "d: <i>", "attack": "pgd", "bounds": BOUNDS, "state": "done", "estimate": 10.0, "expected": 20.0}
    return SweepCell(**{"name": name, "model": model, "seed": seed, "seconds": 25.0, **about, **known})


def rows(of: SweepCell, *attacked: float, **known: Any) -> tuple[SweepRow, ...]:
    about = {"cell": of.name, "model": of.model, "data": of.data, "attack": of.attack, "seed": of.seed}
    scores = {"task": "segmentation", "reference": "truth", "score": "mIoU", "label": "mIoU", "unit": "%"}
    others = {"higher": True, "clean": 80.0, "noise": 79.0, "success_rate": 50.0, "images": 9, "failures": 0}
    shared = {**about, **scores, **others, "verdict": "trusted", **known}
    return tuple(
        SweepRow(**{**shared, "bound": bound, "attacked": score, "attacked_ci95": (score - 1, score + 2)})
        for bound, score in zip(BOUNDS, attacked, strict=True)
    )


def test_a_name_is_without_its_folders_where_that_tells_it_apart() -> None:
    specs = [
        "/nets/a/deep.py:net?weights=w/a.pth",
        "/nets/flat.py:net",
        "/nets/b/deep.py:net",
        "/other/deep.py:net",
        "timm:x",
    ]
    assert [*short_names(specs).values()] == [
        "deep.py:net?weights=w/a.pth", "flat.py:net", "/nets/b/deep.py:net", "/other/deep.py:net", "timm:x",
    ]  # fmt: skip
    hub = ["transformers:nvidia/segformer", "transformers:org/segformer"]
    assert [*short_names(hub).values()] == hub
    assert [*short_names(hub[:1]).values()] == hub[:1]  # whose it is belongs to the name
    assert [*short_names(["ultralytics:/runs/a/best.pt?imgsz=320"]).values()] == ["ultralytics:best.pt?imgsz=320"]


def made() -> SweepRecord:
    weak, again, odd = cell("weak"), cell("weak", 1), cell(ODD)
    failed = cell("lost", state="failed", reason="weights <gone>", seconds=0.0)
    left = cell("weak", attack="dag", bounds=(), state="left", reason="takes about 3 h", estimate=9e3, seconds=0.0)
    return SweepRecord(
        schema=SCHEMA, foolscape="1", command=("foolscape", "sweep", "a<b>.yaml"), settings={"models": ["weak", ODD]},
        devices=2, budget=3600.0, trials=(), cells=(weak, odd, failed, left, again),
        rows=(*rows(weak, 40, 10), *rows(odd, 70, 60), *rows(again, 44, 20, verdict="not trusted")), gone=("old-run",),
    )  # fmt: skip


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    record = made()
    write_json(tmp_path, SWEEP, to_json(SweepRecord, record))
    for one in record.cells:
        if one.state == "done":
            (tmp_path / "runs" / one.name).mkdir(parents=True)
            for name in ("summary.json", "report.html"):
                (tmp_path / "runs" / one.name / name).write_text("{}")
    return tmp_path


def test_seeds_are_pooled_and_one_seed_has_its_interval() -> None:
    table, *_ = sweep_tables(made())
    cells = [[(one.value, *one.detail) for one in row] for row in table.rows]
    assert cells[0] == [
        ("weak", "mIoU %"), ("pgd", "within 1/255"), ("80.0",), ("42.0", f"40.0{DASH}44.0"), ("79.0",), ("50.0",),
        ("1 trusted, 1 not trusted",),
    ]  # fmt: skip
    assert cells[2][:2] == [("",), ("dag",)]
    assert cells[2][-1] == ("left out",)
    assert cells[3][3] == ("70.0", f"69.0{DASH}72.0")
    assert [row[-1] for row in cells[5:]] == [("failed",), ("failed",)]
    assert table.faded == {2, 5, 6}


def test_it_says_who_is_weakest_by_the_share_that_is_left() -> None:
    record = made()
    assert headline(record) == (
        "Least is left of weak: mIoU 15.0 of 80.0, under pgd within 8/255; "
        f"most of {short_names([ODD])[ODD]}: mIoU 60.0 of 80.0, under pgd within 8/255."
    )
    worse = tuple(replace(row, higher=False, clean=5.0) for row in record.rows)
    assert headline(replace(record, rows=worse)).startswith(
        f"Least is left of {short_names([ODD])[ODD]}: mIoU 70.0 of 5.0"
    )
    assert headline(replace(record, rows=())) == "5 cells, none of them measured under an attack yet."
    assert progress(record) == "3 of 5 cells, 1 failed, 1 left out"


def test_it_says_how_wrong_estimates_were() -> None:
    *_, left, took = sweep_tables(made())
    assert took.remarks == (
        "All together took 2 min of devices, of a budget of 60 min. "
        f"3 cells took 2.50 (2.50{DASH}2.50) times what their trial had said, "
        f"1.25 (1.25{DASH}1.25) times what was expected of them when they were begun.",
    )
    assert [(row[0].value, row[1].value, row[2].value) for row in left.rows] == [
        ("lost", "failed", "weights <gone>"),
        ("weak", "left out", "takes about 3 h"),
    ]


def test_curves_go_from_the_clean_score_to_the_largest_bound() -> None:
    (plot,) = sweep_plots(made())
    assert plot.caption == "mIoU under pgd within each bound, d: <i>"
    assert sweep_plots(replace(made(), rows=())) == ()
    assert [line.bound for line in lines_of(made()) if line.model == ODD] == list(BOUNDS)


def test_the_page_shows_all_and_escapes_it(directory: Path) -> None:
    text = write_sweep_report(directory).read_text(encoding="utf-8")
    page = Page(text)
    shown = (
        "3 of 5 cells, 1 failed, 1 left out",
        "weights <gone>",
        "takes about 3 h",
        "old-run",
        "a<b>.yaml",
        "d: <i>",
    )
    for words in shown:
        assert words in page.text, words
    assert "<b>" not in text
    assert "<i>" not in text
    assert "\x1b" not in text
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    names = ("weak-pgd-s0", "weak-pgd-s1", "weak-pgd-s0", "weak-pgd-s1", "odd-pgd-s0", "odd-pgd-s0")
    assert links == [f"runs/{name}/report.html" for name in names]
    (source,) = (value for tag, name, value in page.attributes if (tag, name) == ("img", "src"))
    assert source.startswith("data:image/svg+xml")


def test_of_a_deleted_run_no_figure_stays(directory: Path) -> None:
    for path in (directory / "runs" / "odd-pgd-s0").iterdir():
        path.unlink()
    kind_of(directory).write_texts(directory)
    assert "run deleted" in (directory / "report.md").read_text(encoding="utf-8")


def code(*arguments: object) -> object:
    with pytest.raises(SystemExit) as caught:
        main(["report", *map(str, arguments)])
    return caught.value.code


def test_the_report_command_knows_it(directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert code(directory) == DONE
    assert "Least is left of weak" in " ".join(capfd.readouterr().out.split())
    for form, suffix in (("markdown", "md"), ("latex", "tex")):
        assert code(directory, "--format", form) == DONE
        assert capfd.readouterr().out == (directory / f"report.{suffix}").read_text(encoding="utf-8")
    assert code(directory, "--panel", "x") == USAGE
    assert "name one of its runs" in " ".join(capfd.readouterr().err.split())
    (directory / "s.csv").write_text("id,night\nx,1\n")
    assert code(directory, "--slices", directory / "s.csv") == USAGE


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 2}', '{"schema": 7}', '{"schema": 2, "cells": 3}'])
def test_a_damaged_one_is_refused(directory: Path, content: str) -> None:
    (directory / SWEEP).write_text(content)
    with pytest.raises(RunError, match=r"sweep\.json"):
        kind_of(directory).write_page(directory)
    assert code(directory) == ERROR
