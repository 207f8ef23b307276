"""Slices of transfers, universal perturbations and hardenings: the figures are those of runs, and pages have them."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

from foolscape.cli.console import DONE, ERROR
from foolscape.records.reader import read_slices
from foolscape.records.slices import SliceRecord, SlicesRecord

from .made import do_run, write_net
from .made_boxes import write_detector, write_squares
from .test_cli import foolscape
from .test_slices import COLOURS, found_in

MORE = """
    class Plain(nn.Module):
        '''As right in the dark; its weights can be trained.'''

        classes = ("red", "green")

        def __init__(self):
            super().__init__()
            self.mix = nn.Conv2d(3, 2, 1, bias=False)
            self.mix.weight.data = torch.tensor([[8.0, 0, 0], [0, 8, 0]])[:, :, None, None]

        def forward(self, images):
            return self.mix(nn.functional.avg_pool2d(images, 5, 1, 2))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "mine.py").write_text(dedent(COLOURS) + dedent(MORE))
    lines = (f"{'north' if i % 4 < 2 else 'south'}/{i:02d},{'yes' if i % 2 else 'no'}" for i in range(32))
    (folder / "known.csv").write_text("\n".join(["id,night", *lines, ""]))
    return folder


def image_slice(found: SlicesRecord, model: int, name: str) -> SliceRecord:
    return next(one for one in found.models[model].slices if one.of == "images" and one.name == name)


def test_a_transfer_has_slices_of_every_change_on_every_network(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mine, out = made / "mine.py", made / "transfer"
    both = ("--model", f"{mine}:Net", "--model", f"{mine}:Plain", "--data", f"{mine}:Streets", "--limit", 24)
    options = ("--attack", "fgsm", "--eps", "2/255", "--probes", 0, "--slices", made / "known.csv")
    assert foolscape("transfer", *both, *options, "--out", out) == DONE
    found = found_in(out)
    names = [one.model.replace(f"{mine}:", "") for one in found.models]
    assert names == [f"{one}, changed for {mine}:{other}".replace(f"{mine}:", "")
                     for other in ("Net", "Plain") for one in ("Net", "Plain")]  # fmt: skip
    assert found.models[0].slices[0].name == "night: yes"
    # A network's own change is that of its own run, slice by slice.
    for place, slug in ((0, "Net"), (3, "Plain")):
        (run,) = [path for path in (out / "runs").iterdir() if slug in path.name]
        own = found_in(run)
        for name in ("night: yes", "camera: left"):
            here, there = image_slice(found, place, name), image_slice(own, 0, name)
            assert here.scores["adversarial"]["mIoU"] == there.scores["adversarial"]["mIoU"]
            assert (here.clean, here.lost) == (there.clean, there.lost) or here.clean is not None
    assert not any(one.of == "objects" for model in found.models for one in model.slices)
    page = (out / "report.html").read_text()
    assert 'id="slices"' in page
    assert "night: yes" in page
    assert "The worst slices" in capfd.readouterr().out
    # Another table slices what has finished anew, the networks' own runs too.
    (made / "wet.csv").write_text("id,wet\n" + "".join(f"south/{i:02d},{i % 3 // 2}\n" for i in (2, 3, 6, 7, 10, 11)))
    assert foolscape("report", out, "--slices", made / "wet.csv") == DONE
    for place in (out, run):
        assert any(one.attribute == "wet" for one in found_in(place).models[0].slices)
        assert "wet: " in (place / "report.html").read_text()


def test_a_universal_perturbation_has_slices(made: Path) -> None:
    mine, out = made / "mine.py", made / "universal"
    what = ("--model", f"{mine}:Net", "--data", f"{mine}:Streets", "--target", "untargeted", "--epochs", 1)
    splits = ("--train-split", "[:8]", "--test-split", "[8:]", "--slices", made / "known.csv")
    assert foolscape("universal", *what, *splits, "--out", out, "--quiet") == DONE
    found = found_in(out)
    night = image_slice(found, 0, "night: yes")
    assert night.images == 12
    assert night.scores["clean"]["mIoU"] < image_slice(found, 0, "night: no").scores["clean"]["mIoU"] - 20
    assert night.loss["mIoU"].value == pytest.approx(
        night.scores["clean"]["mIoU"] - night.scores["adversarial"]["mIoU"]
    )
    assert any(one.of == "objects" for one in found.models[0].slices)
    # The same pattern over one class: the scores are those of a run over that class.
    over = made / "over"
    tile = ("--start", out / "perturbation.safetensors", "--epochs", 0, "--eval-classes", "red")
    assert foolscape("universal", *what[:-2], *splits[:-2], *tile, "--out", over, "--quiet") == DONE
    clean = json.loads((over / "summary.json").read_text())["conditions"]["clean"]
    split = {"models": [f"{mine}:Net"], "data": f"{mine}:Streets", "split": "[8:]", "attack": "none"}
    alone = do_run(made / "alone", **split, eval_classes=["red"])["models"][0]["conditions"]["clean"]
    assert {key: clean[key] for key in alone} == alone
    assert clean["mIoU"] == clean["per_class"]["red"]
    assert "Scores are over red alone" in (over / "report.html").read_text()
    assert "night: yes" in (out / "report.html").read_text()


def test_a_hardening_has_slices_before_and_after(made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mine, out = made / "mine.py", made / "harden"
    what = ("--model", f"{mine}:Plain", "--data", f"{mine}:Streets", "--epochs", 1, "--batch", 4, "--steps", 1)
    splits = ("--train-split", "[:8]", "--test-split", "[28:]", "--slices", made / "known.csv")
    assert foolscape("harden", *what, *splits, "--eval-classes", "red", "--out", out, "--quiet") == DONE
    for when in ("before", "after"):
        assert image_slice(found_in(out / when), 0, "night: yes").images == 2
    assert read_slices(out) is None
    page = (out / "report.html").read_text()
    assert "Slices of images, before and after" in page
    assert "Scores are over red alone" in page
    before = json.loads((out / "summary.json").read_text())["before"]["conditions"]["clean"]
    assert before == json.loads((out / "before/summary.json").read_text())["models"][0]["conditions"]["clean"]
    assert before["mIoU"] == before["per_class"]["red"]
    assert "night: yes" in page
    capfd.readouterr()
    assert foolscape("report", out, "--format", "markdown") == DONE
    assert "Slices of images, before and after" in capfd.readouterr().out


def test_what_has_not_finished_is_not_sliced(made: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nothing").mkdir()
    assert foolscape("report", tmp_path / "nothing", "--slices", made / "known.csv") == ERROR
    assert "expected" in capfd.readouterr().err


def test_networks_of_two_tasks_are_each_sliced_by_their_own_scores(tmp_path: Path) -> None:
    nets, detectors = write_net(tmp_path), write_detector(tmp_path)
    squares = write_squares(tmp_path / "squares")
    names = sorted(path.stem for path in squares.iterdir())
    (tmp_path / "known.csv").write_text("id,left\n" + "".join(f"{name},{i % 2}\n" for i, name in enumerate(names)))
    what = ("--model", f"{nets}:net", "--model", f"{detectors}:grid", "--data", f"folder:{squares}", "--attack", "pgd")
    out = tmp_path / "out"
    assert foolscape("transfer", *what, "--probes", 0, "--slices", tmp_path / "known.csv", "--out", out) == DONE
    found = found_in(out)
    assert [one.task for one in found.models] == ["", "detection"] * 2
    scores = [next(one for one in model.slices if one.of == "images").scores["clean"] for model in found.models[:2]]
    assert "mIoU" in scores[0]
    assert "AP50" in scores[1]
    assert (out / "report.html").read_text().count('id="slices-images') == 4
