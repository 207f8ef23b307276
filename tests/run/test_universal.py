"""Universal perturbations: learnt on one split, measured on another, resumed to the same bytes, applied to a folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.attacks.universal.label_maps import brought_to, repeated
from foolscape.cli import main
from foolscape.cli.console import DONE, SOME_FAILED
from foolscape.errors import CheckpointError, DataError, FoolscapeError, RunError, SettingError, UnknownNameError
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import Kind, place_of
from foolscape.records.row import Moved, rows_of
from foolscape.records.types import read
from foolscape.records.universal_summary import UniversalSummary
from foolscape.report.pages.universal import universal_tables, write_universal_report
from foolscape.run.listener import Listener
from foolscape.run.tasks.base import EvalSample
from foolscape.run.universal import learning as module
from foolscape.run.universal.config import make_universal_config
from foolscape.run.universal.execute import universal
from foolscape.run.universal.segmentation import SegmentationUniversal
from foolscape.run.universal.setup import open_universal
from foolscape.run.universal.targets import Hide, Scene, Static, Untargeted, aim_of
from foolscape.run.universal.tile_file import UniversalTile, read_tile, write_tile
from foolscape.run.universal.training_samples import TrainingSamples
from foolscape.run.universal.universal_task import scores_of
from foolscape.scenes import CLASSES

from ..written import lines_of
from .made import files_below, silent_progress

pytestmark = pytest.mark.usefixtures("examined_once")

SETTINGS: dict[str, object] = {
    "model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train", "test_split": "test", "size": "80x128",
    "train_limit": 6, "limit": 2, "epochs": 4, "step": "3/255", "target": "hide:road",
}  # fmt: skip


def measure(out: Path, **settings: Any) -> dict[str, Any]:
    config = make_universal_config({**SETTINGS, **settings})
    return universal(config, out, ["foolscape", "universal"], Listener(lambda text: None, silent_progress))


def test_a_class_is_hidden_and_the_controls_hide_less(tmp_path: Path) -> None:
    out = tmp_path / "out"
    summary = measure(out)
    scores = summary["conditions"]
    assert scores["clean"]["hidden"] == 0
    assert scores["clean"]["preserved"] == 100
    assert scores["adversarial"]["hidden"] > 30
    assert scores["adversarial"]["hidden"] > 3 * max(scores[name]["hidden"] for name in ("permuted", "noise"))
    assert scores["adversarial"]["per_class"]["road"] < scores["clean"]["per_class"]["road"] - 20
    assert summary["training"]["gradient_evaluations"] == 24
    assert (summary["training"]["images"], summary["test"]["measured"], summary["failures"]) == (6, 2, [])
    tile = read_tile(out / "perturbation.safetensors")
    assert tile.values.shape == (3, 80, 16)
    assert float(tile.values.abs().max()) <= 10 / 255 + 1e-7
    assert not any("beyond" in note for note in json.loads((out / "run.json").read_text())["data_notes"])
    for row in lines_of(out):
        places = place_of(Kind.IMAGE, row.id), place_of(Kind.IMAGE, row.id, "scenes-unet", ADVERSARIAL)
        clean, attacked = (np.asarray(Image.open(out / place), int) for place in places)
        assert 0 < np.abs(attacked - clean).max() <= 10


def test_hidden_and_preserved_are_those_of_a_hand_worked_image() -> None:
    before = np.array([[1, 1, 1, 0], [2, 2, 0, 0]], np.uint8)
    after = np.array([[1, 0, 2, 0], [2, 0, 0, 1]], np.uint8)
    case = EvalSample("one", np.zeros((2, 4, 3), np.uint8), (), before, before)

    def judged(aim: Any, prediction: np.ndarray) -> Moved:
        return SegmentationUniversal(None, aim).judged(case, prediction)  # type: ignore[arg-type]

    hide = Hide(1, 0)
    one = judged(hide, after)
    assert one == Moved(moving=3, left=2, reached=1, staying=5, stayed=3)
    empty = Moved(moving=0, left=0, reached=0, staying=8, stayed=8)
    scores = scores_of(hide, [one, empty])
    assert (scores["hidden"], scores["hidden_per_image"]) == pytest.approx((200 / 3, 200 / 3))
    assert scores["preserved"] == pytest.approx(100 * (3 + 8) / (5 + 8))
    assert (scores["preserved_per_image"], scores["preserved_without"], scores["images_without"]) == (60, 100, 1)
    assert judged(Hide(1, "other"), after) == replace(one, reached=2)
    picture = Static(np.array([[0, 0, 0, 0], [2, 2, 0, 0]]), tied=True)
    assert scores["counted"] == {"moving": {"number": 3, "images": 1}, "staying": {"number": 13, "images": 2}}
    half = {"success": 50, "success_per_image": 50, "counted": {"moving": {"number": 8, "images": 1}}}
    assert scores_of(picture, [judged(picture, after)]) == half
    assert scores_of(Untargeted(), [judged(Untargeted(), after)]) == half


def test_what_is_never_shown_is_not_hidden() -> None:
    nothing = Moved(moving=0, left=0, reached=0, staying=8, stayed=8)
    scores = scores_of(Hide(1, 0), [nothing, nothing])
    assert scores["hidden"] is scores["hidden_per_image"] is None
    assert scores["counted"]["moving"] == {"number": 0, "images": 0}


def test_a_torn_training_image_is_left_out_and_counted(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for kind in (split, f"{split}annot"):
            (tmp_path / "camvid" / kind).mkdir(parents=True)
        for i in range(2):
            rng = np.random.default_rng([i, len(split)])
            Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(tmp_path / f"camvid/{split}/im{i}.png")
            Image.fromarray(np.full((48, 64), i, np.uint8)).save(tmp_path / f"camvid/{split}annot/im{i}.png")
    (tmp_path / "camvid/train/im0.png").write_bytes(b"torn")  # the first of them, which also tells the size
    (tmp_path / "net.py").write_text(CAMVID)
    changes = {"model": f"{tmp_path / 'net.py'}:net", "data": f"camvid:{tmp_path / 'camvid'}", "size": None}
    summary = measure(tmp_path / "out", **changes, epochs=1, target="hide:Sky")
    assert summary["training"]["images"] == summary["training"]["gradient_evaluations"] == 1
    assert [failure["id"] for failure in summary["training"]["failures"]] == ["im0"]
    assert summary["test"]["measured"] == 2


CAMVID = """
import torch
from torch import nn

class Net(nn.Module):
    classes = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
               "Bicyclist")

    def forward(self, images):
        weights = torch.randn(11, 3, generator=torch.Generator().manual_seed(0))
        return torch.einsum("cd,bdhw->bchw", weights, images - 0.5)

def net():
    return Net()
"""


def test_lessons_are_the_same_whether_kept_or_read_again(tmp_path: Path) -> None:
    for changes in ({}, {"model": "bundled:scenes-detector", "target": "hide:person", "size": None}):
        stand = open_universal(make_universal_config({**SETTINGS, **changes}), torch.device("cpu"))
        one = stand.train_ids[0]
        kept = TrainingSamples(stand.training)
        small = TrainingSamples(stand.training, budget=100)
        read, again = small(one), (kept(one), kept(one))[1]
        assert kept._kept
        assert not small._kept
        turned = kept(one, mirrored=True)
        assert torch.equal(turned.problem.images, read.problem.images.flip(-1))
        assert torch.equal(kept(one, mirrored=True).problem.labels, turned.problem.labels)
        for name in ("images", "labels", "target"):
            assert torch.equal(getattr(again.problem, name), getattr(read.problem, name))
            assert getattr(again.problem, name).dtype == getattr(read.problem, name).dtype
        assert torch.equal(again.problem.scores(again.problem.images, *again.problem.context),
                           read.problem.scores(read.problem.images, *read.problem.context))  # fmt: skip


def test_killed_learning_goes_on_to_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = measure(tmp_path / "whole")
    out, real = tmp_path / "out", module.write_learning

    def killed(directory: Path, place: str, learning: Any) -> None:
        real(directory, place, learning)
        if len(learning.epochs) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "write_learning", killed)
    with pytest.raises(KeyboardInterrupt):
        measure(out)
    monkeypatch.undo()
    assert measure(out) == whole
    (out / "learning/main.safetensors").write_bytes(b"")  # learnt again, since it is damaged
    (out / "training.json").write_bytes(b"")
    next(iter((out / "clean").iterdir())).unlink()
    assert measure(out) == whole
    assert files_below(out) == files_below(tmp_path / "whole")
    name = "perturbation.safetensors"
    assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    with pytest.raises(RunError, match="another one"):
        measure(out, target="hide:car")


def test_a_perturbation_is_learnt_further_or_measured_as_it_is(tmp_path: Path) -> None:
    first = measure(tmp_path / "first", epochs=2)
    start = tmp_path / "first/perturbation.safetensors"
    same = measure(tmp_path / "same", start=start, epochs=0)
    assert same["conditions"] == first["conditions"]
    assert same["training"]["gradient_evaluations"] == 0
    assert "measured as it was given" in universal_tables(read(UniversalSummary, same))[0].notes[-1]
    more = measure(tmp_path / "more", start=start, epochs=2)
    assert more["training"]["losses"][0] < 0.9 * first["training"]["losses"][0]
    start.write_bytes((tmp_path / "more/perturbation.safetensors").read_bytes())
    with pytest.raises(RunError, match="another one"):
        measure(tmp_path / "more", start=start, epochs=2)


@pytest.mark.parametrize(
    ("settings", "size", "tile"),
    [({}, (160, 256), (160, 32)), ({}, (360, 480), (360, 64)), ({}, (40, 100), (40, 16)), ({}, (9, 5), (9, 5)),
     ({"preset": "paper"}, (160, 256), (160, 256)), ({"preset": "notebook"}, (160, 256), (160, 256)),
     ({"tile": "64x48"}, (160, 256), (64, 48)), ({"target": "untargeted"}, (160, 256), (160, 32)),
     ({"target": "text:foo:tree:road"}, (160, 256), (160, 256)), ({"target": "scene:a"}, (160, 256), (160, 256))],
)  # fmt: skip
def test_the_tile_is_narrow_where_nothing_fixed_is_shown(
    settings: dict[str, object], size: tuple[int, int], tile: tuple[int, int]
) -> None:
    assert make_universal_config({**SETTINGS, **settings}).tile_for(size) == tile


def test_a_word_is_written_over_every_image(tmp_path: Path) -> None:
    summary = measure(tmp_path / "out", target="text:foo:tree:road", epochs=10, eps="40/255", step="10/255")
    scores = summary["conditions"]
    assert scores["adversarial"]["success"] > scores["clean"]["success"] + 5
    assert scores["adversarial"]["success"] > scores["noise"]["success"] + 5


def test_aims_of_words_and_pictures(tmp_path: Path) -> None:
    classes = ("background", "person", "car")
    word = aim_of("text:foo:person", classes, (32, 64), "segmentation")
    assert isinstance(word, Static)
    assert set(np.unique(word.wanted)) == {0, 1}
    assert 0.05 < (word.wanted == 1).mean() < 0.6
    assert word.tied
    wide = repeated(word.wanted, (40, 100))
    assert (wide[:32, :64] == word.wanted).all()
    assert (wide[32:, 64:] == word.wanted[:8, :36]).all()
    assert brought_to(np.array([[0, 1], [2, 3]]), (4, 2)).tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert aim_of("scene:train-000001", classes, (2, 2), "segmentation") == Scene("train-000001")
    assert aim_of("hide:car->nearest", classes, (2, 2), "segmentation") == Hide(2, "nearest")
    assert aim_of("hide:all", classes, (2, 2), "detection") == Hide(None, "other")
    assert aim_of("hide:car->person", classes, (2, 2), "detection") == Hide(2, 1)
    path = tmp_path / "ink.png"
    Image.fromarray(np.uint8([[0, 255], [255, 255]])).save(path)
    drawn = aim_of(f"static:{path}:car:person", classes, (2, 2), "segmentation")
    assert isinstance(drawn, Static)
    assert drawn.wanted.tolist() == [[2, 1], [1, 1]]
    with pytest.raises(SettingError, match="size of the tile"):
        aim_of(f"static:{path}:car", classes, (2, 3), "segmentation")
    Image.fromarray(np.uint8([[0, 99], [255, 255]])).save(path)
    with pytest.raises(SettingError, match="other shades"):
        aim_of(f"static:{path}:car", classes, (2, 2), "segmentation")


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"test_split": "train"}, SettingError, "another split"),
        ({"target": "hide:raod"}, SettingError, "did you mean road"),
        ({"target": "hdie:road"}, SettingError, "did you mean hide"),
        ({"target": "text:foo:road"}, SettingError, "without background"),
        ({"target": "text:" + 60 * "long" + ":road:car", "tile": "16x16"}, SettingError, "shorten it"),
        ({"eps": "0/255"}, SettingError, "more than 0/255"),
        ({"model": "bundled:scenes-tracker"}, SettingError, "got the tracker"),
        ({"transfer_to": ("bundled:scenes-tracker",)}, SettingError, "got the tracker"),
        ({"preset": "papre"}, SettingError, "did you mean paper"),
        ({"omega": 1.5}, SettingError, "omega"),
        ({"epochs": 0}, SettingError, "at least 1"),
        ({"start": "OTHER"}, CheckpointError, "a, b at .*transfer-to"),
        ({"start": "OURS", "eps": "2/255"}, SettingError, "within eps"),
        ({"start": "OURS", "tile": "16x16"}, SettingError, "8x8"),
        ({"target": "scene:train-1"}, UnknownNameError, "did you mean train-"),
        ({"target": "hide:all"}, SettingError, "class"),
        ({"target": "hide:road->road"}, SettingError, "another class"),
        ({"transfer_to": ["bundled:scenes-unet"]}, SettingError, "other models"),
        ({"model": "bundled:scenes-detector", "target": "text:foo:person"}, SettingError, "for a detector"),
        ({"train_split": "train[:2"}, SettingError, "number the images from 0"),
        ({"train_split": "train[1000:]"}, DataError, "got none of 1000"),
        ({"train_split": "test[:3]", "test_split": "test[2:4]"}, DataError, "not in the training split"),
        ({"data": "scenes:?seed=5"}, DataError, "not in the training split"),
        ({"target": "hide:sky", "data": "scenes:", "train_limit": 1, "model": "FLAT"}, DataError, "got none of 1"),
    ],
)
def test_mistakes_are_told_in_words(
    tmp_path: Path, settings: dict[str, Any], kind: type[FoolscapeError], words: str
) -> None:
    for name, classes in (("OTHER", ("a", "b")), ("OURS", CLASSES)):
        if settings.get("start") == name:
            write_tile(tmp_path, name, UniversalTile(torch.full((3, 8, 8), 5 / 255), classes, {"eps": "5/255"}))
            settings = settings | {"start": tmp_path / name}
    if settings.get("model") == "FLAT":
        (tmp_path / "flat.py").write_text(FLAT)
        settings = settings | {"model": f"{tmp_path / 'flat.py'}:flat"}
    with pytest.raises(kind, match=words):
        measure(tmp_path / "out", **settings)


FLAT = """
import torch
from torch import nn

class Flat(nn.Module):
    classes = ("sky", "building", "road", "pavement", "tree", "sign", "car", "bicycle", "person")

    def forward(self, images):
        lift = torch.arange(9.0).view(1, 9, 1, 1)
        return lift + images.mean(1, keepdim=True) * torch.linspace(-0.1, 0.1, 9).view(1, 9, 1, 1)

def flat():
    return Flat()
"""


def test_the_pattern_is_applied_to_a_folder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    values = torch.linspace(-10 / 255, 10 / 255, 3 * 6 * 7).reshape(3, 6, 7)
    path = tmp_path / "perturbation.safetensors"
    write_tile(path.parent, path.name, UniversalTile(values, ("a", "b"), {"eps": "10/255"}))
    photos = tmp_path / "photos"
    photos.mkdir()
    image = np.full((9, 20, 3), 100, np.uint8)
    Image.fromarray(image).save(photos / "one.png")
    (photos / "torn.png").write_bytes(b"no")
    out = tmp_path / "out"

    def apply() -> object:
        with pytest.raises(SystemExit) as caught:
            main(["apply", str(path), "--images", str(photos), "--out", str(out)])
        return caught.value.code

    assert apply() == SOME_FAILED
    assert "torn" in capfd.readouterr().err
    written = np.asarray(Image.open(out / "one.png"), int)
    assert (written[:6, :7] - 100 == np.rint(values.permute(1, 2, 0).numpy() * 255)).all()
    assert (written[:6, 7:14] == written[:6, :7]).all()
    assert apply() not in (DONE, SOME_FAILED)  # nothing is overwritten
    assert "empty folder" in capfd.readouterr().err

    path.write_bytes(path.read_bytes().replace(b'format\\": 1', b'format\\": 7'))
    with pytest.raises(CheckpointError, match="newer"):
        read_tile(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointError, match="safetensors"):
        read_tile(path)


def test_a_part_that_goes_beyond_the_images_is_said_and_recorded(tmp_path: Path) -> None:
    said: list[str] = []
    config = make_universal_config(
        {**SETTINGS, "train_split": "train[:5000]", "train_limit": 2, "epochs": 1, "limit": 1}
    )
    universal(config, tmp_path, ["foolscape", "universal"], Listener(said.append, silent_progress))
    note = "the part train[:5000] goes beyond the 1000 that there are, and has 1000"
    assert note in said
    assert note in json.loads((tmp_path / "run.json").read_text())["data_notes"]


def test_the_command_prints_its_figures_and_writes_a_page(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    options = [f"--{name.replace('_', '-')}={value}" for name, value in {**SETTINGS, "epochs": 1, "limit": 1}.items()]
    with pytest.raises(SystemExit) as caught:
        main(["universal", *options, "--out", str(out)])
    assert caught.value.code == DONE
    printed = capfd.readouterr().out
    for word in ("hidden %", "preserved %", "shuffled", "random noise"):
        assert word in printed
    # A command is one line, to be pasted.
    assert max(len(line) for line in printed.splitlines() if ": foolscape universal " not in line) <= 80
    page = (out / "report.html").read_text()
    assert "magnified" in page
    assert "80 x 16 pixels, repeated over every image" in page
    assert page.count("data:image/png") >= 5
    assert (out / "pattern.png").exists()


def test_what_worked_best_is_hidden_without_breaking_the_rest(tmp_path: Path) -> None:
    measure(tmp_path, limit=4, epochs=2)
    page = write_universal_report(tmp_path).read_text()
    best, least = (page.split(f"<h3>{title}</h3>")[1].split("<h3>")[0] for title in ("Worked best", "Worked least"))
    counts = {row.id: row.universal for row in rows_of(lines_of(tmp_path), condition=ADVERSARIAL)}
    worth = {name: one.reached / one.moving + one.stayed / one.staying for name, one in counts.items()}
    order = sorted(worth, key=lambda name: -worth[name])
    assert sum(name in best for name in order) == 2
    assert all(name in best for name in order[:2])
    assert all(name in least for name in order[2:])
