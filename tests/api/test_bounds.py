"""Several bounds from Python: scores, rows, images and a figure by bound."""

from pathlib import Path

import pytest
import torch

import foolscape as fs
from foolscape.api.showing import curves_of
from foolscape.report.pictures.plots import Band, Curve
from tests.api.made import Photos, batch, net

ATTACK = "pgd?eps=2/255,8/255&steps=3"


@pytest.fixture(scope="module")
def report() -> fs.Report:
    return fs.evaluate(net(), Photos(2), ATTACK, probes=1)


def test_scores_and_verdicts_have_their_bound(report: fs.Report) -> None:
    scores = report.scores[report.models[0]]
    assert {"adversarial@2/255", "permuted@2/255", "noise@8/255", "adversarial_float@8/255"} < scores.keys()
    assert report.intervals[report.models[0]].keys() == scores.keys()
    for name in ("adversarial", "permuted", "noise", "adversarial_float"):  # at the largest, as the headline
        assert scores[name] == scores[f"{name}@8/255"]
    assert "adversarial" not in report.to_json()["models"][0]["conditions"]  # type: ignore[call-overload,index,operator]
    assert list(report.verdicts) == ["2/255", "8/255"]
    assert report.verdicts["8/255"] == report.verdict
    assert {reason.bound for reason in report.reasons} == {"", "2/255", "8/255"}
    (found,) = (reason for reason in report.reasons if reason.id == "beats-noise" and reason.bound == "2/255")
    assert "stronger than noise of its size within 2/255?" in str(found)


def test_rows_are_by_bound_and_those_of_runs_of_one(report: fs.Report) -> None:
    assert [(row.id, row.eps) for row in report.rows] == [
        (name, eps) for name in ("000000", "000001") for eps in ("2/255", "8/255")
    ]
    for eps in ("2/255", "8/255"):
        alone = fs.evaluate(net(), Photos(2), f"pgd?eps={eps}&steps=3", probes=0)
        assert not alone.verdicts
        found = [row.to_json() for row in report.rows if row.eps == eps]
        assert found == [{**row.to_json(), "eps": eps} for row in alone.rows]
        for row in alone.rows:
            assert row.eps is None
            assert all(map(torch.equal, report.images(row.id, eps=eps), alone.images(row.id, eps=fs.levels(eps))))  # type: ignore[arg-type]
    assert torch.equal(*(report.images("000000", eps=eps).adversarial for eps in (None, "8/255")))  # type: ignore[arg-type]


def test_a_stream_gives_the_same_rows(report: fs.Report) -> None:
    rows = list(fs.evaluate_stream(net(), batch(2), ATTACK, batch_size=1))
    assert [(row.id, row.eps, row.right) for row in rows] == [(row.id, row.eps, row.right) for row in report.rows]
    for row in rows:
        clean, adversarial = report.images(row.id, eps=row.eps)
        assert row.clean is not None
        assert torch.equal(row.clean, clean)
        assert row.adversarial is not None
        assert adversarial is not None
        assert torch.equal(row.adversarial, adversarial)


def test_it_is_shown(report: fs.Report, tmp_path: Path) -> None:
    (axes,) = report.plot().axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["attacked", "same change, shuffled", "random noise"]
    report.plot().savefig(tmp_path / "curve.png")
    shaded = Curve("attacked", [0.0, 8.0], [90.0, 10.0], band=Band([85.0, None], [95.0, None]))
    curves_of({"net": [shaded], "other": []}, "eps", "mIoU %").savefig(tmp_path / "shaded.png")
    assert "2/255" in report._repr_html_()
    assert "within 8/255" in str(report)


@pytest.mark.parametrize("eps", ["4/255", "0.04", "8"])
def test_a_bound_that_there_is_not_is_said(report: fs.Report, eps: str) -> None:
    with pytest.raises(fs.FoolscapeError, match="eps"):
        report.images("000000", eps=eps)


def test_one_batch_of_tensors_takes_one_bound() -> None:
    with pytest.raises(
        fs.FoolscapeError, match=r"eps: expected a fraction of 255.*several at once are for foolscape run"
    ):
        fs.attack(net(), *batch(1), ATTACK)
