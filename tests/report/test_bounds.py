"""A run of several bounds: tables with a line for each, a curve, and the headline at the largest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.reader import read_run
from foolscape.records.summary import Trust
from foolscape.records.types import read
from foolscape.report import markdown, write_panel
from foolscape.report.pages.run import render
from foolscape.report.pictures.bound_curves import bound_curves
from foolscape.report.pictures.gallery import pictures, views
from foolscape.report.tables.bounds import at_bound, at_largest, bounds_of
from foolscape.report.tables.headline import aftermath, headline, largest_changes, overview
from foolscape.report.tables.run import per_class, scores
from foolscape.report.tables.trust import headline_of
from foolscape.run.trust.judge import by_model

from ..run.made import do_run, write_net, write_photos
from ..written import typed

EPS = ("1/255", "8/255")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bounds")
    photos = write_photos(folder / "photos", 2)
    return {
        "models": [f"{write_net(folder)}:net"],
        "data": f"folder:{photos}",
        "attack": "pgd",
        "steps": 3,
        "probes": 0,
    }


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> Path:
    place = tmp_path_factory.mktemp("bounds") / "out"
    do_run(place, eps=",".join(EPS), **settings)
    return place


def test_at_a_bound_the_summary_is_that_of_a_run_of_it_alone(
    out: Path, tmp_path: Path, settings: dict[str, Any]
) -> None:
    summary = read_run(out).summary
    assert bounds_of(summary) == EPS
    for bound in EPS:
        alone = typed(do_run(tmp_path / bound[0], eps=bound, **settings))
        found = at_bound(summary, bound)
        assert replace(found, trust=None) == replace(alone, trust=None)
        (model,), run = summary.models, read_run(tmp_path / bound[0])
        if bound == EPS[-1]:
            assert at_largest(summary) == found
            assert headline(summary, model, largest_changes(read_run(out).rows.outlines())) == headline(
                alone, alone.models[0], largest_changes(run.rows)
            )
            assert overview(summary) == overview(alone)
    assert at_largest(alone) is alone
    assert bounds_of(alone) == ()


def test_tables_have_a_line_for_each_bound(out: Path) -> None:
    run = read_run(out)
    summary, (model,) = run.summary, run.summary.models
    table = scores(summary)
    assert [cell.value for cell in table.headers][2:5] == ["bound", "clean", "attacked"]
    assert [(row[1].value, row[2].value) for row in table.rows] == [
        ("mIoU %", "1/255"), ("", "8/255"), ("pixel acc. %", "1/255"), ("", "8/255"),
    ]  # fmt: skip
    iou = [model.conditions[ADVERSARIAL.at(bound)]["mIoU"] for bound in EPS]
    assert f"{iou[0]:.2f}" == table.rows[0][4].value
    assert f"{iou[1]:.2f}" == table.rows[1][4].value
    assert [row[3].value for row in table.rows[:2]] == ["100.00", ""]
    by_class = per_class(summary, model)
    assert [cell.value for cell in by_class.headers] == [
        "class", "clean", "attacked, 1/255", "attacked, 8/255", "change",
    ]  # fmt: skip
    assert all(len(row) == 5 for row in by_class.rows)
    assert aftermath(summary, model).startswith(f"Within 1/255 mIoU is {iou[0]:.1f}.")
    assert "within 8/255" in markdown(run.document)


def test_the_page_has_a_curve(out: Path) -> None:
    run = read_run(out)
    (model,) = run.summary.models
    attacked, shuffled, noise = bound_curves(model, "mIoU")
    assert attacked.xs == [0.0, 1.0, 8.0]
    assert attacked.ys[0] == shuffled.ys[0] == noise.ys[0] == 100
    assert attacked.ys[2] == model.conditions["adversarial@8/255"]["mIoU"]
    assert (attacked.dashed, shuffled.dashed, noise.dashed) == (False, True, True)
    page = render(run)
    assert "<h2>By the bound</h2>" in page
    assert "mIoU within each bound" in page
    assert bound_curves(replace(model, bounds={}), "mIoU") == []


def test_pictures_are_of_the_largest_bound(out: Path) -> None:
    run = read_run(out)
    view = next(views(out, run.rows, run.record.models[0], run.record.attack, run.record.layout))
    assert (view.bound, view.judged.condition) == ("8/255", "adversarial@8/255")
    assert all(picture.pixels is not None for picture in pictures(view, 64, truth=True).pictures)
    place, _ = write_panel(out, view.judged.id)
    assert place.exists()


def test_the_verdict_is_that_at_the_largest_bound() -> None:
    def reason(bound: str | None, ok: bool | None) -> dict[str, Any]:
        found = {"id": "a", "check": "a check", "ok": ok, "seen": bound or "all", "advice": "", "assumed": ""}
        return found if bound is None else {**found, "bound": bound}

    trust = by_model({"net": [reason(None, True), reason("8/255", True), reason("1/255", False)]}, EPS)
    assert (trust["verdict"], trust["bounds"]) == ("trusted", {"1/255": "not trusted", "8/255": "trusted"})
    assert trust["models"] == {"net": "trusted"}
    said = headline_of(read(Trust, trust))
    assert (said.text, said.points) == ("trusted, within 8/255 (1/255: not trusted)", ())
    everywhere = by_model({"net": [reason(None, False), reason("8/255", True), reason("1/255", True)]}, EPS)
    assert everywhere["bounds"] == dict.fromkeys(EPS, "not trusted")
    assert [point.seen for point in headline_of(read(Trust, everywhere)).points] == ["all"]
