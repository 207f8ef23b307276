"""A score that another package adds stands in summary.json, in every table and in what --fail-under takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from foolscape.errors import SettingError
from foolscape.metrics.score import added, scores_of
from foolscape.records.harden_summary import HardenSummary
from foolscape.records.types import read
from foolscape.records.universal_summary import UniversalSummary
from foolscape.report import markdown
from foolscape.report.pages.harden import hardening_tables
from foolscape.report.pages.universal import universal_tables
from foolscape.report.tables.headline import headline
from foolscape.report.tables.run import tables
from tests.report import fake_harden, fake_universal

from ..written import summary_with, typed
from .made import do_run, write_net, write_photos

PACKAGE = """
    import numpy as np
    from foolscape.metrics.score import Score

    def wrong_share(counts):
        labelled = counts.truth.sum(axis=-1)
        return 100 * (labelled - counts.hit.sum(axis=-1)) / np.maximum(labelled, 1)

    WRONG = Score("wrong", "wrong pixels", "Wrong pixels: all but the right ones.", wrong_share, higher=False,
                  measure="segmentation")
    LOOSE = Score("loose", "loose", "Loose: of no measure.", wrong_share)
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """A package with a score, as pip would have installed it."""
    (folder / "foolscape_more_scores.py").write_text(dedent(PACKAGE))
    info = folder / "foolscape_more_scores-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foolscape-more-scores\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[foolscape.metrics]\n{point}\n")
    monkeypatch.syspath_prepend(folder)
    added.cache_clear()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """What is installed is looked up anew."""
    yield
    added.cache_clear()


@pytest.fixture
def wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "wrong = foolscape_more_scores:WRONG")


@pytest.fixture
def before(tmp_path: Path) -> dict[str, Any]:
    """The summary of a run without the package."""
    net, photos = write_net(tmp_path), write_photos(tmp_path / "photos", count=8)
    settings = {"models": [f"{net}:net"], "data": f"folder:{photos}", "attack": "fgsm", "eps": "8/255", "probes": 0}
    return do_run(tmp_path / "before", **settings)


@pytest.fixture
def after(tmp_path: Path, before: dict[str, Any], wrong: None) -> dict[str, Any]:
    """The summary of the same run with it."""
    settings = {"models": [f"{tmp_path / 'nets.py'}:net"], "data": f"folder:{tmp_path / 'photos'}"}
    return do_run(tmp_path / "after", **settings, attack="fgsm", eps="8/255", probes=0)


def test_a_score_of_another_package_is_in_the_summary_and_the_tables(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    (model,), (plain,) = after["models"], before["models"]
    for name, condition in model["conditions"].items():
        assert condition["wrong"] == pytest.approx(100 - condition["pixel_accuracy"])
        low, high = condition["ci95"]["pixel_accuracy"]
        assert condition["ci95"]["wrong"] == pytest.approx([100 - high, 100 - low])
        assert condition["mIoU"] == plain["conditions"][name]["mIoU"]
    assert after["conventions"]["wrong"] == "Wrong pixels: all but the right ones."
    shown = tables(typed(after))[0]
    assert [row[1].value for row in shown.rows] == ["mIoU %", "pixel acc. %", "wrong pixels %"]
    assert "Wrong pixels: all but the right ones." in shown.notes
    assert "wrong pixels %" in markdown(after)
    assert [row[1].value for row in tables(typed(before))[0].rows] == ["mIoU %", "pixel acc. %"]  # it came up later
    assert scores_of("segmentation").keys_of() == ("mIoU", "pixel_accuracy", "wrong")


def test_it_is_on_the_pages_of_other_kinds_of_runs(wrong: None, tmp_path: Path) -> None:
    import json

    summaries = [
        json.loads((made.write(tmp_path / name) / "summary.json").read_text())
        for name, made in (("harden", fake_harden), ("universal", fake_universal))
    ]
    told = [{cell.value for row in hardening_tables(read(HardenSummary, summaries[0]))[0].rows for cell in row}]
    for when in ("before", "after"):
        for condition in summaries[0][when]["conditions"].values():
            condition["wrong"] = 12.5
    for condition in summaries[1]["conditions"].values():
        condition["wrong"] = 12.5
    told += [{cell.value for row in hardening_tables(read(HardenSummary, summaries[0]))[0].rows for cell in row}]
    told += [{cell.value for row in universal_tables(read(UniversalSummary, summaries[1]))[0].rows for cell in row}]
    assert ["wrong pixels %" in one for one in told] == [False, True, True]


def test_a_score_that_is_better_low_is_raised_by_an_attack(wrong: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from foolscape.metrics.tasks import segmentation

    measure = replace(segmentation.SEGMENTATION, headline="wrong")
    monkeypatch.setattr(segmentation, "RECORD", replace(segmentation.RECORD, measures=(measure,)))
    conditions = {"clean": {"wrong": 10.0}, "adversarial": {"wrong": 90.0}}
    model = {"model": "net", "slug": "net", "samples": 2, "conditions": conditions}
    attack = {"name": "fgsm", "title": "FGSM"}
    summary = summary_with(model, attack=attack)
    assert headline(summary, summary.models[0], {}) == "FGSM raised wrong pixels from 10.0 to 90.0."
    conditions["adversarial"]["wrong"] = 9.0
    summary = summary_with(model, attack=attack)
    assert headline(summary, summary.models[0], {}) == "FGSM did not raise wrong pixels: 10.0 before, 9.0 after."


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("loose = foolscape_more_scores:LOOSE", "expected loose to be a Score with its measure set"),
        ("far = foolscape_more_scores:wrong_share", "got function at foolscape_more_scores:wrong_share"),
        ("gone = foolscape_more_scores:GONE", "expected the score gone .* got AttributeError"),
        ("twice = foolscape_more_scores:WRONG\nmore = foolscape_more_scores:WRONG", "wrong is there already"),
    ],
)
def test_what_is_no_score_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, message: str) -> None:
    install(tmp_path, monkeypatch, point)
    with pytest.raises(SettingError, match=message):
        scores_of("segmentation").keys_of()
