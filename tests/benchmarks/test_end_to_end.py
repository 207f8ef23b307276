"""benchmarks/end_to_end.py: a run is split into its phases, and the bare work beside it writes the same pictures."""

from pathlib import Path

import pytest

from tests.run.made import write_net, write_photos


def test_a_run_and_the_bare_work_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import end_to_end
    from end_to_end import MEASURING, NOTHING, ONCE, PROBES, Round, Spent

    case = {"models": [f"{write_net(tmp_path)}:net"], "data": f"folder:{write_photos(tmp_path / 'photos', 2)}"}
    monkeypatch.setattr(end_to_end, "CASES", {"small": case})
    json = tmp_path / "figures.json"
    words = ["--only", "small", "--limit", "2", "--rounds", "1", "--probes", "0", "--json", str(json)]
    end_to_end.main(words)
    said = capsys.readouterr().out
    for phase in ("reading", "gradients", "writing", *ONCE, PROBES, MEASURING):
        assert f"  {phase} " in said
    assert "a run of 200 images without other attacks: " in said
    assert json.exists()
    run = {"checks": Spent(8, 8), MEASURING: Spent(3, 2), PROBES: Spent(90, 90)}
    one = Round(run, {"gradients": Spent(1.5, 2), "writing": Spent(0.5, 2)})
    assert one.factor(10, 40) == Spent((8 / 4 + 3) / 2, (8 / 4 + 2) / 4)
    assert Round({MEASURING: Spent(2, 2)}, {"gradients": Spent(1, 1)}).factor(1, 1) == Spent(2, 2)
    assert NOTHING + Spent(1, 2) == Spent(1, 2)
