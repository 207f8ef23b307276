"""The examples run, as a reader would run them."""

import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import foolscape as fs
from foolscape.attacks.registry import REGISTRY
from foolscape.models.bundled.load import bundled
from foolscape.run.trust import probes
from tests.conftest import ROOT

EXAMPLES = ROOT / "examples"


def run_example(name: str) -> None:
    """As `python examples/NAME.py` does."""
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_examples_are_short_and_each_is_run_here() -> None:
    scripts = sorted(EXAMPLES.glob("*.py"))
    assert [script.stem for script in scripts] == ["attack_one_image", "evaluate_my_network", "my_attack"]
    assert all(len(script.read_text().splitlines()) < 60 for script in scripts)


def test_an_image_is_attacked(capsys: pytest.CaptureFixture[str]) -> None:
    run_example("attack_one_image")
    said = capsys.readouterr().out
    assert "goal reached: " in said
    before, after = (float(part.split("%")[0].split()[-1]) for part in said.splitlines()[0].split(","))
    assert before > 90
    assert after < before / 2


def test_a_network_of_ones_own_is_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    run_example("evaluate_my_network")
    said = capsys.readouterr().out
    assert "Can this be trusted? " in said
    assert "with a change of 4 grey levels" in said


def test_an_attack_and_a_loss_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    run_example("my_attack")
    assert [
        line.split(" of the pixels as before: ")[1].split(":")[-1] for line in capsys.readouterr().out.splitlines()
    ] == [
        "sharper?eps=4/255&steps=5",
        "confident&steps=5",
    ]
    torch.manual_seed(0)
    network = torch.nn.Conv2d(3, 4, 3, padding=1)
    images = torch.rand(2, 3, 16, 16)
    own = EXAMPLES / "my_attack.py"
    found = fs.attack(network, images, None, f"{own}:sharper?eps=4/255&warm=0.5&steps=2")
    assert found.steps.tolist() == [2, 2]
    assert float(found.perturbation.abs().max()) == pytest.approx(4 / 255)
    assert float(fs.attack(network, images, None, f"pgd?loss={own}:confident&steps=2").remaining.max()) < 1


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_what_pages_show_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probes, "FEWEST", 0)  # what else was tried is for tests of verdicts, and takes most of a run
    torch.manual_seed(0)
    images = torch.rand(1, 3, 64, 96)
    here = {
        "net": torch.nn.Conv2d(3, 4, 3, padding=1),
        "images": images,
        "labels": torch.randint(4, (1, 64, 96)),
        "detector": bundled("scenes-detector"),
        "targets": [{"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.tensor([0])}],
        "photos": TensorDataset(images[..., :24, :32], torch.randint(4, (1, 24, 32))),
        "loader": DataLoader(TensorDataset(images[..., :24, :32], torch.randint(4, (1, 24, 32)))),
    }
    if find_spec("pandas") is None:
        monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=list))
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    try:
        exec("import foolscape as fs\n" + "\n".join(blocks), here)
    finally:
        REGISTRY.pop("my-attack", None)
