"""Class maps, scores over some of the classes, and samples, from the command line to the figures."""

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from PIL import Image

import foolscape as fs
from foolscape.cli.console import DONE, ERROR, USAGE
from foolscape.errors import ClassMatchError, SettingError
from foolscape.records.reader import read_record
from foolscape.records.scan import read_rows
from foolscape.run.settings.config import make_config
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_run
from foolscape.run.slices.make import slices_of

from .made import do_run
from .made_boxes import CELL, write_detector
from .test_manners import foolscape

NET = """
    import torch
    from torch import nn

    class Colours(nn.Module):
        classes = ("motorcycle", "traffic light", "sky", "void")

        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(9.0))

        def forward(self, images):
            return self.scale * torch.cat([images, 0 * images[:, :1]], dim=1)

    class Two(Colours):
        '''No sky.'''

        classes = ("motorcycle", "traffic light")

        def forward(self, images):
            return super().forward(images)[:, :2]

    class Astray(Colours):
        '''Numbers the classes otherwise that nobody asks about.'''

        classes = ("motorcycle", "void", "sky", "traffic light")

        def forward(self, images):
            found = super().forward(images)
            return torch.stack([found[:, 0], found[:, 2], found[:, 3], found[:, 1]], dim=1)
"""


@pytest.fixture
def street(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Six images in two folders: the network's answer is red, green and blue columns, the truth lies beside it."""
    monkeypatch.chdir(tmp_path)
    picture, labels = np.zeros((8, 16, 3), np.uint8), np.zeros((8, 16), np.uint8)
    picture[:, :8, 0] = picture[:, 8:12, 1] = picture[:, 12:, 2] = 200
    labels[:, 4:10], labels[:, 10:] = 1, 2
    for name in ("a/0", "a/1", "a/2", "a/3", "b/0", "b/1"):
        for folder, image in (("images", picture), ("masks", labels)):
            path = tmp_path / folder / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture[0, 0, 1] += 1  # no two images are the same
            Image.fromarray(image).save(path)
    (tmp_path / "classes.txt").write_text("motorbike\nTraffic_Light\nheaven\n")
    (tmp_path / "named.txt").write_text("motorbike\nTraffic_Light\nsky\n")
    (tmp_path / "net.py").write_text(dedent(NET))
    data = "masks:images?labels=masks&classes=classes.txt"
    return {"models": ["net.py:Colours"], "data": data, "attack": "none"}


def figures(summary: dict[str, Any]) -> dict[str, Any]:
    scores: dict[str, Any] = summary["models"][0]["conditions"]["clean"]
    return scores


PROPOSAL = ["motorbike: motorcycle", "Traffic_Light: traffic light", "heaven: void  # ?"]


def test_classes_that_do_not_fit_are_proposed_and_the_map_is_edited(
    street: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ClassMatchError) as caught:
        do_run(Path("out"), **street)
    assert str(caught.value).split("\n")[1:] == PROPOSAL
    named = ("--model", "net.py:Colours", "--data", street["data"])
    assert foolscape("run", *named, "--attack", "none", "--out", "out") == ERROR
    assert capfd.readouterr().err.rstrip().split("\n")[-3:] == PROPOSAL
    assert not Path("out").exists()

    assert foolscape("check", *named, "--write-class-map", "map.yaml") == DONE
    told = capfd.readouterr()
    assert [line.split() for line in told.out.splitlines()][3] == ["heaven", "the", "model", "has", "none"]
    assert "of the model alone: sky, void" in told.out
    assert foolscape("check", *named, "--write-class-map", "map.yaml") == USAGE
    assert "expected the name of a new file, got map.yaml (File exists)" in capfd.readouterr().err

    void = do_run(Path("void"), class_map="map.yaml", **street)
    assert figures(void)["mIoU"] == pytest.approx((50 + 100 / 3) / 2)
    text = Path("map.yaml").read_text().replace("heaven: void  # ?", "heaven: sky")
    Path("map.yaml").write_text(text)
    said: list[str] = []
    summary = do_run(Path("mapped"), said, class_map="map.yaml", **street)
    assert figures(summary)["mIoU"] == pytest.approx((50 + 25 + 200 / 3) / 3)
    assert "net.py:Colours: the model has all classes of the data (3); not in the data: void" in said
    notes = json.loads(Path("mapped/run.json").read_text())["data"]["notes"]
    assert (
        "class map map.yaml: 3 classes of the data are 3; motorbike -> motorcycle; Traffic_Light -> traffic"
        in " ".join(notes)
    )
    again = do_run(Path("again"), **{**street, "data": street["data"].replace("classes.txt", "named.txt")})
    assert figures(again) == figures(summary)


def test_a_map_that_has_changed_is_another_run(street: dict[str, Any]) -> None:
    Path("map.yaml").write_text("heaven: sky\n")
    do_run(Path("out"), class_map="map.yaml", **street)
    before = Path("out/rows.jsonl").read_bytes()
    do_run(Path("out"), class_map="map.yaml", **street)
    assert Path("out/rows.jsonl").read_bytes() == before
    Path("map.yaml").write_text("heaven: void\n")
    with pytest.raises(fs.FoolscapeError, match=r"heaven|classes"):
        do_run(Path("out"), class_map="map.yaml", **street)


def test_what_is_forgiven_is_noted(street: dict[str, Any]) -> None:
    said: list[str] = []
    do_run(Path("out"), said, **{**street, "data": street["data"].replace("classes.txt", "named.txt")})
    record = json.loads(Path("out/run.json").read_text())
    forgiven = [
        "net.py:Colours: class 'motorbike' of the data taken for 'motorcycle' of the model: synonym",
        "net.py:Colours: class 'Traffic_Light' of the data taken for 'traffic light' of the model: written otherwise",
    ]
    assert record["data"]["notes"][-2:] == forgiven
    assert set(forgiven) <= set(said)
    # A run that began without these notes goes on.
    record["data"]["notes"] = record["data"]["notes"][:-2]
    Path("out/run.json").write_text(json.dumps(record))
    before = Path("out/rows.jsonl").read_bytes()
    do_run(Path("out"), **{**street, "data": street["data"].replace("classes.txt", "named.txt")})
    assert Path("out/rows.jsonl").read_bytes() == before


def test_the_table_comes_before_a_run(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    Path("map.yaml").write_text("heaven: void\n")
    named = ("--model", "net.py:Colours", "--data", street["data"], "--class-map", "map.yaml")
    assert foolscape("run", *named, "--attack", "none", "--dry-run") == DONE
    told = " ".join(capfd.readouterr().out.split())
    assert "classes of the data in net.py:Colours motorbike motorcycle, synonym" in told
    assert "heaven counts nowhere, by the class map" in told
    assert "not in the data sky, void" in told


def test_scores_over_some_classes(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    street["data"] = street["data"].replace("classes.txt", "named.txt")
    scores = figures(do_run(Path("out"), eval_classes=["motorbike", "Sky"], **street))
    record = read_record(Path("out"))
    (found,) = slices_of(sliced_run(Path("out"), record, list(read_rows(Path("out"), record))), Given({})).models
    (of_b,) = (one for one in found.slices if (one.attribute, one.value) == ("folder", "b"))
    assert of_b.scores["clean"]["mIoU"] == pytest.approx((50 + 200 / 3) / 2)
    assert foolscape("report", "out") == DONE
    assert "Scores are over motorbike, Sky alone; what was attacked" in " ".join(capfd.readouterr().out.split())
    # The columns of the light where a motorcycle is seen still count against it.
    assert scores["mIoU"] == pytest.approx((50 + 200 / 3) / 2)
    assert scores["pixel_accuracy"] == pytest.approx(80)
    assert scores["per_class"] == {
        "motorcycle": pytest.approx(50), "traffic light": None, "sky": pytest.approx(200 / 3), "void": None
    }  # fmt: skip
    report = fs.evaluate(street["models"][0], street["data"], "none", eval_classes=["traffic light"])
    assert report.scores["net.py:Colours"]["clean"]["mIoU"] == pytest.approx(25)


def test_a_transfer_over_some_classes_of_a_sample(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    named = ("--data", street["data"].replace("classes.txt", "named.txt"), "--sample", 3, "--eval-classes", "sky")
    Path("other.py").write_text(Path("net.py").read_text())
    models = ("--model", "net.py:Colours", "--model", "other.py:Colours")
    own = ("--attack", "fgsm", "--probes", 0, "--out", "out")
    assert foolscape("transfer", *models, *named, *own) == DONE
    assert "Scores are over sky alone" in " ".join(capfd.readouterr().out.split())
    matrix = json.loads(Path("out/transfer.json").read_text())
    assert matrix["data"]["samples"] == 3
    assert list(matrix["lines"][0]["scores"].values()) == pytest.approx([200 / 3] * 2)


def test_the_other_commands_take_a_map_and_a_sample(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    Path("map.yaml").write_text("heaven: sky\n")
    named = ("--model", "net.py:Colours", "--data", street["data"], "--class-map", "map.yaml", "--dry-run")
    splits = ("--train-split", "[:4]", "--test-split", "[4:]", "--train-sample", 2)
    assert foolscape("harden", *named, *splits, "--test-sample", 1, "--batch", 2) == DONE
    assert foolscape("universal", *named, *splits, "--sample", 1, "--target", "hide:sky") == DONE
    told = capfd.readouterr().out
    for line in ("trained on [:4] 2: a/", "learnt on [:4] 2: a/", "measured on [4:] 1: b/"):
        assert line in " ".join(told.split())
    for option, other in (("--train-sample", "--train-limit"), ("--test-sample", "--test-limit")):
        assert foolscape("harden", *named, *splits, other, 2, option, 2) == USAGE
    assert "test_sample: expected one way to choose images" in capfd.readouterr().err


def test_data_alone_are_sampled_and_mapped(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    Path("map.yaml").write_text("heaven: void\n")
    assert foolscape("check", "--data", street["data"], "--sample", 2, "--class-map", "map.yaml") == DONE
    told = capfd.readouterr()
    assert "note: sample: 2 of 6 images, drawn by seed 0, over 2 folders" in told.err
    rows = [line.split() for line in told.out.splitlines()]
    assert ["void", "pixels", "37.50", "%"] in rows
    assert foolscape("check", "--data", street["data"], "--sample", 2, "--limit", 1) == USAGE
    assert foolscape("check", "--data", street["data"], "--write-class-map", "m.yaml") == USAGE


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["mootorcycle"], "unknown class of --eval-classes 'mootorcycle'; did you mean motorcycle"),
        (["void"], "eval_classes: expected classes that the data have, got void; they have motorbike"),
        ([], "eval_classes: expected at least one class, got none"),
    ],
)
def test_classes_that_cannot_be_scored(street: dict[str, Any], names: list[str], why: str) -> None:
    street["data"] = street["data"].replace("classes.txt", "named.txt")
    with pytest.raises(SettingError, match=why):
        do_run(Path("out"), eval_classes=names, **street)


def test_a_sample_of_a_run(street: dict[str, Any]) -> None:
    street["data"] = street["data"].replace("classes.txt", "named.txt")
    do_run(Path("out"), sample=3, **street)
    record = json.loads(Path("out/run.json").read_text())
    ids = [one["id"] for one in record["samples"]]
    assert sorted(name[0] for name in ids) == ["a", "a", "b"]
    assert record["config"]["sample"] == 3
    assert any(note.startswith("sample: 3 of 6 images, drawn by seed 0") for note in record["data"]["notes"])
    do_run(Path("out"), sample=3, **street)
    assert foolscape("run", "--config", "out/run.json", "--out", "again", "--quiet") == DONE
    assert Path("again/rows.jsonl").read_bytes() == Path("out/rows.jsonl").read_bytes()


@pytest.mark.parametrize("other", [{"limit": 2}, {"ids": ["a/0"]}])
def test_a_sample_is_one_way_to_choose(other: dict[str, Any]) -> None:
    (name,) = other
    with pytest.raises(SettingError, match=f"sample: expected one way to choose images, got sample and {name}"):
        make_config({"models": ["m"], "data": "scenes:", "sample": 2, **other})


BOXES = """
    import numpy as np

    class Squares:
        classes = ("Red", "green", "BLUE", "cloud")

        def __len__(self):
            return 2

        def __getitem__(self, index):
            image = np.full((32, 48, 3), 100, np.uint8)
            for place in range(3):
                image[:8, 8 * place : 8 * place + 8, place] = 220
            image[8:16, 16 * index : 16 * index + 8, 1] = 221  # a green one that no box is for
            boxes = [[8 * place, 0, 8 * place + 8, 8] for place in range(3)] + [[0, 8, 48, 16]]
            return image, {"boxes": np.array(boxes, float), "labels": np.arange(4)}
"""


def test_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CELL == 8
    write_detector(tmp_path)
    Path("boxes.py").write_text(dedent(BOXES))
    run = {"models": ["detectors.py:grid"], "data": "boxes.py:Squares", "attack": "none"}
    with pytest.raises(ClassMatchError, match="none for 'cloud'"):
        do_run(Path("out"), **run)
    Path("as-none.yaml").write_text("cloud: void\n")
    void = do_run(Path("void"), class_map="as-none.yaml", **run)
    # The green one lies in a region that counts nowhere.
    assert figures(void)["AP50"] == pytest.approx(100)
    Path("merged.yaml").write_text("cloud: blue\nBLUE: blue\n")
    scores = figures(do_run(Path("merged"), class_map="merged.yaml", **run))
    assert scores["per_class"]["green"] < 100
    some = figures(do_run(Path("some"), class_map="merged.yaml", eval_classes=["red", "green"], **run))
    assert some["per_class"] == {**scores["per_class"], "blue": None}
    assert some["AP50"] == pytest.approx((100 + scores["per_class"]["green"]) / 2)
    assert some["boxes"]["vanished"] == 0


def test_a_model_of_the_evaluated_classes_alone_is_measured_on_them(street: dict[str, Any]) -> None:
    """Of 10 columns that count 0 to 3 are motorbike, the others light; the answer is 8 columns of the one, 2 of the
    other, and what is said of the sky counts nowhere."""
    settings = street | {"models": ["net.py:Two"]}
    with pytest.raises(ClassMatchError, match="got none for 'heaven'"):
        do_run(Path("all"), **settings)
    summary = do_run(Path("over"), **settings, eval_classes=["motorcycle", "traffic light"])
    clean = summary["models"][0]["conditions"]["clean"]
    assert clean["per_class"] == pytest.approx({"motorcycle": 100 * 4 / 8, "traffic light": 100 * 2 / 6})
    (note,) = [text for text in read_record(Path("over")).data.notes if "heaven" in text]  # type: ignore[union-attr]
    assert "no class of the model, and no score is over it; it counts nowhere" in note
    # Two models: what one lacks counts for none of them.
    Path("c.yaml").write_text("heaven: void\n")
    mapped = do_run(Path("mapped"), **street, class_map="c.yaml", eval_classes=["motorcycle"])
    two = street | {"models": ["net.py:Two", "net.py:Colours"]}
    together = do_run(Path("both"), **two, eval_classes=["motorcycle"])
    assert together["models"][1]["conditions"] == mapped["models"][0]["conditions"]


def test_a_model_is_judged_by_the_classes_that_are_evaluated(street: dict[str, Any]) -> None:
    Path("own.yaml").write_text("heaven: sky\n")
    for path in Path("masks").rglob("*.png"):  # as the network sees it, but for the numbers
        Image.fromarray(np.repeat([[0] * 8 + [1] * 4 + [2] * 4], 8, 0).astype(np.uint8)).save(path)
    settings = street | {"models": ["net.py:Astray"], "class_map": "own.yaml"}
    found = {}
    for name, over in (("all", None), ("over", ["motorcycle"])):
        do_run(Path(name), **settings, eval_classes=over)
        (path,) = (Path(name) / "wiring").iterdir()
        found[name] = json.loads(path.read_text())
    # The sky is nowhere right, which of three classes takes a third of the score; the one that is asked about is right.
    assert found["all"]["clean"] == pytest.approx(200 / 3)
    assert found["over"]["clean"] == pytest.approx(100)
    assert found["over"]["floor"]["score"] < found["over"]["clean"]


def test_check_takes_a_seed_and_classes(street: dict[str, Any], capfd: pytest.CaptureFixture[str]) -> None:
    data = ("--data", street["data"], "--task", "segmentation")
    for seed in (0, 1):
        assert foolscape("check", *data, "--sample", 2, "--seed", seed) == DONE
        assert f"drawn by seed {seed}" in capfd.readouterr().err
    assert foolscape("check", *data, "--sample", 2, "--seed", -1) == USAGE
    assert foolscape("check", *data, "--eval-classes", "sky") == USAGE
    model = ("--model", "net.py:Two", "--size", "8x16")
    assert foolscape("check", *model, *data) == ERROR
    assert "heaven" in capfd.readouterr().err
    foolscape("check", *model, *data, "--eval-classes", "motorcycle,traffic light")
    assert "heaven" not in capfd.readouterr().err


def test_a_transfer_between_models_that_lack_different_classes(street: dict[str, Any]) -> None:
    """Each network is measured on what counts for it: as by its own run, which comes first."""
    for path in Path("masks").rglob("*.png"):
        Image.fromarray(np.repeat([[0] * 8 + [1] * 4 + [2] * 4], 8, 0).astype(np.uint8)).save(path)
    models = ("--model", "net.py:Two", "--model", "net.py:Colours")
    options = ("--class-map", "c.yaml", "--eval-classes", "motorcycle", "--attack", "fgsm", "--eps", "2/255")
    Path("c.yaml").write_text("heaven: sky\n")
    out = ("--probes", 0, "--out", "out")
    assert foolscape("transfer", *models, "--data", street["data"], *options, *out) == DONE
    matrix = json.loads(Path("out/transfer.json").read_text())
    lines = {line["name"]: line["scores"] for line in matrix["lines"]}
    for column in matrix["columns"]:
        own = json.loads(Path(f"out/runs/{column['slug']}/summary.json").read_text())["models"][0]["conditions"]
        assert lines["clean"][column["slug"]] == own["clean"]["mIoU"]
        assert lines[column["slug"]][column["slug"]] == own["adversarial"]["mIoU"]
