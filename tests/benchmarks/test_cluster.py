"""benchmarks/cluster.py: the scheduler under a clock that is computed, on little."""

import json
from dataclasses import replace
from pathlib import Path

import pytest


def test_nothing_is_lost_and_little_wasted() -> None:
    from cluster import Scene, simulate

    figures = simulate(Scene(images=10_000, workers=16, per_node=4, lost=4.0, seconds=3.0, spread=0.5))
    assert figures.nodes_lost >= 2
    assert (figures.wanting, figures.twice, figures.given_up) == (0, 0, 0)
    assert 0.9 < figures.efficiency <= 1


def test_known_costs_waste_less_on_costs_that_differ() -> None:
    from cluster import Scene, simulate

    scene = Scene(images=1500, workers=16, per_node=4, lost=0.0, slow=0.0, spread=1.0)
    guessed, known = simulate(scene), simulate(replace(scene, known=True))
    assert known.second_answers < guessed.second_answers


def test_figures_are_printed_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import cluster

    monkeypatch.setattr("sys.argv", ["cluster.py", "--images", "200", "--workers", "8", "--json", str(tmp_path / "f")])
    cluster.main()
    assert "efficiency" in capsys.readouterr().out
    assert json.loads((tmp_path / "f").read_text())["figures"]["wanting"] == 0
