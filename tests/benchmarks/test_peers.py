"""The comparison with other libraries, without any of them."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


@pytest.fixture
def without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other libraries cannot be imported, even where they are installed."""
    for name in (
        "torchattacks",
        "foolbox",
        "captum",
        "captum.robust",
        "art",
        "art.attacks.evasion",
        "cospgd",
        "adv_lib",
    ):
        monkeypatch.setitem(sys.modules, name, None)


def _run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    import peers

    code = peers.main(["--limit", "1", "--crop", "48x64", "--budget", "30", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.usefixtures("without_peers")
def test_own_rows_and_the_reasons_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, plot = tmp_path / "found.json", tmp_path / "plot.png"
    asked = ["--suite", "strength", "--eps", "0.5/255,4/255", "--json", str(found), "--plot", str(plot)]
    # All libraries are asked for, and of ours the two that the test can wait for.
    only = "foolscape pgd,foolscape worst,torchattacks,foolbox,captum,ART,cospgd,adv-lib,SEA"
    code, out, _ = _run(capsys, *asked, "--only", only)
    assert code == 0
    for library in ("torchattacks", "foolbox", "captum", "ART", "cospgd", "adv-lib"):
        assert f"not run: {library}: ModuleNotFoundError" in out
    assert "SEA (robust-segmentation): no licence" in out
    assert "no other library took part" in out

    record = json.loads(found.read_text())
    scores = {(s["attack"], s["eps"]): s for s in record["strength"]}
    assert {name for name, _ in scores} == {"foolscape pgd", "foolscape worst-case"}
    clean = record["clean"]["miou"]
    for (name, eps), score in scores.items():
        assert score["backwards"] == 30, name
        assert score["forwards"] >= 30, name
        if eps == 0.5:  # no level fits in: at 8 bits nothing changes, in float something does
            assert score["miou"] == clean, name
            assert score["miou_float"] < clean, name
        else:
            assert score["miou"] < scores[name, 0.5]["miou_float"], name
    assert plot.read_bytes().startswith(b"\x89PNG")


def _cells(out: str, name: str) -> list[str]:
    return next(line for line in out.splitlines() if line.startswith(f"| {name} |")).split("|")[1:-1]


def test_cost_of_an_own_row(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--suite", "cost", "--only", "foolscape segpgd", "--rounds", "2", "--cost-steps", "4")
    assert code == 0
    # A ratio per gradient: not the four gradients' own, and near 1 however loaded the machine.
    assert 0.5 < float(_cells(out, "foolscape segpgd")[1]) < 3


@pytest.mark.slow  # two processes that load everything anew
def test_memory_of_an_own_row(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "--suite", "memory", "--only", "foolscape segpgd", "--cost-steps", "4")
    assert code == 0
    assert float(_cells(out, "bare loop")[1]) > 0
    assert float(_cells(out, "foolscape segpgd")[1]) > 0


@pytest.mark.usefixtures("without_peers")
def test_dag_in_both_ways_of_batching(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tmp_path / "found.json"
    asked = ["--suite", "dag", "--batch", "2", "--rounds", "1", "--left", "0.6", "--json", str(found), "--limit", "3"]
    code, _, _ = _run(capsys, *asked)
    assert code == 0
    passes = {one["way"]: one for one in json.loads(found.read_text())["dag"]}
    assert len(passes) == 4
    flowing, fixed = (
        passes[f"foolscape DAG to any class, {way}"] for way in ("images leave and join", "fixed batches")
    )
    # Neighbours change nothing but the number of passes.
    assert flowing["iterations"] == fixed["iterations"]
    assert flowing["fooled"] == fixed["fooled"] == 1
    assert flowing["forwards"] <= fixed["forwards"]


def test_an_attack_of_another_library_that_breaks_off_is_told() -> None:
    from comparison.contender import Absent, Contender, Task
    from comparison.stand import Settings, open_stand
    from comparison.strength import Score, measure
    from foolscape.pixels import Levels

    def broken(task: Task) -> None:
        raise IndexError("index 128 is out of bounds")

    stand = open_stand(Settings("bundled:scenes-unet", "scenes:", None, 1, "48x64", None, "cpu", 1, 0))
    breaking = Contender("peer APGD", "peer", broken)
    idle = Contender("peer DAG", "peer", lambda task: task.images + 1.0, bounded=False)
    told, *scores = measure(stand, [breaking, idle], [Levels.parse("1/255"), Levels.parse("255/255")], 5, 0)
    assert told == Absent("peer APGD", "broke off: IndexError: index 128 is out of bounds")
    small, large = scores
    assert isinstance(small, Score)
    assert isinstance(large, Score)
    # An image from outside is cut to the bound; and where its own change is too large, the clean one may stand for it.
    assert (small.within, large.within) == (0, 1)
    assert small.miou_within > large.miou_within


@pytest.mark.parametrize("strong", [0, 1])
def test_of_several_results_the_worst_counts_in_float_and_at_eight_bits_alike(strong: int) -> None:
    """Within half a level all results are the clean image at 8 bits, which must not choose for the float ones."""
    from comparison.contender import Contender, Task
    from comparison.stand import Settings, open_stand
    from comparison.strength import Score, measure
    from foolscape.pixels import Levels

    def against(task: Task) -> Tensor:
        images = task.images.clone().requires_grad_(True)
        torch.autograd.backward(cross_entropy(task.network(images), task.labels_with(-1), ignore_index=-1))
        assert images.grad is not None
        return task.images + task.eps.unit * images.grad.sign()

    def several(task: Task) -> tuple[Tensor, ...]:
        results = [task.images, against(task)]
        return tuple(results if strong else results[::-1])

    stand = open_stand(Settings("bundled:scenes-unet", "scenes:", None, 2, "48x64", None, "cpu", 1, 0))
    bounds = [Levels.parse("0.5/255"), Levels.parse("4/255")]
    both = (Contender("one", "peer", against), Contender("several", "peer", several))
    found = [one for one in measure(stand, both, bounds, 1, 0) if isinstance(one, Score)]
    idle = next(measure(stand, [Contender("idle", "peer", lambda task: task.images)], bounds, 1, 0))
    assert isinstance(idle, Score)
    for single, chosen in zip(found[:2], found[2:], strict=True):
        assert chosen.miou_float <= single.miou_float < idle.miou_float
        assert chosen.miou <= single.miou
    assert found[3].miou < idle.miou


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--suite", "strenght"], "strength"),
        (["--only", "nobody"], "only: expected the beginning"),
        (["--eps", "4"], "write 4/255"),
        (["--crop", "48"], "crop: expected HEIGHTxWIDTH"),
    ],
)
def test_refusals(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = _run(capsys, *arguments)
    assert code == 2
    assert message in err
