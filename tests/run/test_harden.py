"""Hardening: trained on attacked images, resumed to the same bytes, measured before and after."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, SOME_FAILED, USAGE
from foolscape.data.load import open_data
from foolscape.errors import CheckpointError, DataError, FoolscapeError, ModelError, RunError, SettingError
from foolscape.models.common.checkpoint import weights_sha256
from foolscape.models.load import load_segmenter
from foolscape.problem import IGNORE, Problem
from foolscape.records.progress import Foreseen
from foolscape.run.harden import execute as module
from foolscape.run.harden.checkpoint import read_trainer, write_weights
from foolscape.run.harden.config import HardenConfig, make_harden_config
from foolscape.run.harden.execute import harden, with_weights
from foolscape.run.harden.foresight import foresee_harden
from foolscape.run.harden.loss import entropy_and_dice
from foolscape.run.harden.pictures import TrainingImage, TrainingImages, stacked
from foolscape.run.harden.setup import open_network
from foolscape.run.harden.training import TrainConfig, Trainer, crafted, rate_at
from foolscape.run.listener import Listener
from foolscape.run.settings.choice import with_attack
from foolscape.run.setup import open_setup
from foolscape.run.tasks.segmentation import SegmentationSubject
from foolscape.seeds import generator_for

from .made import silent_progress, write_net

NET = """
import torch
from torch import nn

class Net(nn.Module):
    classes = ("Sky", "Building", "Pole", "Road", "Pavement", "Tree", "SignSymbol", "Fence", "Car", "Pedestrian",
               "Bicyclist")

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.SiLU(),
                                  nn.Dropout2d(0.1), nn.Conv2d(8, 11, 1))

    def forward(self, images):
        return self.body(images - 0.5)

def net():
    return Net()

def nan():
    class Broken(Net):
        def forward(self, images):
            return super().forward(images) * (float("nan") if self.training else 1)
    return Broken()

class Ready:
    classes, notes = Net.classes, ()

    def __init__(self):
        self.inner = net().eval()

    def logits(self, images):
        return self.inner(images)

def ready():
    return Ready()

def bare():
    class Bare(nn.Module):
        classes = Net.classes
        def forward(self, images):
            weights = torch.linspace(-1, 1, 33).view(11, 3)
            return torch.einsum("cd,bdhw->bchw", weights, images - 0.5)
    return Bare()
"""
COLOURS = np.array([[200, 120, 60], [70, 140, 210], [110, 190, 120]], np.float64)


def drawn(seed: int, size: tuple[int, int] = (32, 48)) -> tuple[np.ndarray, np.ndarray]:
    """An image of three classes in blocks of 8 x 8, each of its own colour with noise, and its labels."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, (size[0] // 8, size[1] // 8)).repeat(8, 0).repeat(8, 1)
    image = COLOURS[labels] + rng.normal(0, 12, (*labels.shape, 3))
    return image.clip(0, 255).astype(np.uint8), labels.astype(np.uint8)


@pytest.fixture
def setting(tmp_path: Path) -> dict[str, object]:
    """The settings of a small hardening: nine training images, of which one is torn, and two test images."""
    root = tmp_path / "camvid"
    for split, count in (("train", 9), ("test", 2)):
        for kind in (split, f"{split}annot"):
            (root / kind).mkdir(parents=True)
        for i in range(count):
            image, labels = drawn(i + 100 * (split == "test"))
            Image.fromarray(image).save(root / split / f"im{i}.png")
            Image.fromarray(labels).save(root / f"{split}annot" / f"im{i}.png")
    (root / "train" / "im3.png").write_bytes(b"torn")
    (tmp_path / "net.py").write_text(NET)
    return {
        "model": f"{tmp_path / 'net.py'}:net", "data": f"camvid:{root}", "train_split": "train", "test_split": "test",
        "epochs": 3, "batch": 4, "rate": 0.02, "device": "cpu",
    }  # fmt: skip


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are judged by an attack of one step, where it does not matter how hard they are to fool."""
    monkeypatch.setattr("foolscape.run.harden.config.JUDGE", "fgsm")


def do(
    out: Path, setting: dict[str, object], foreseen: Callable[[Foreseen], None] | None = None, **changes: Any
) -> dict[str, Any]:
    config = make_harden_config({**setting, **changes})
    return harden(config, out, ["foolscape", "harden"], Listener(lambda text: None, silent_progress, foreseen=foreseen))


def learner(setting: dict[str, object], **changes: Any) -> tuple[Trainer, HardenConfig]:
    config = make_harden_config({**setting, **changes})
    segmenter: Any = load_segmenter(config.model, image_size=(32, 48)).model
    course = TrainConfig(config.plan(segmenter.classes).ascent, config.epochs, config.batch, config.clean, config.rate,
                    config.crop, config.mirror, config.seed)  # fmt: skip
    return Trainer(segmenter, course), config


def pictures(name: str) -> TrainingImage:
    return TrainingImage(*drawn(int(name)))


def attacked_loss(learner: Trainer) -> float:
    """The mean cross-entropy on two unseen images under a stronger attack than that of the training."""
    plan = make_harden_config({"model": "", "data": "", "train_split": "a", "test_split": "b", "attack": "pgd",
                               "steps": 10, "step": "2/255"}).plan(learner.segmenter.classes)  # fmt: skip
    images, labels = stacked([pictures("200"), pictures("201")], torch.device("cpu"))
    hurt = crafted(learner.segmenter, images, labels, plan.ascent, [generator_for(0, str(i)) for i in range(2)])
    with torch.no_grad():
        return float(torch.nn.functional.cross_entropy(learner.segmenter.logits(hurt), labels))


def test_training_lowers_the_loss_under_attack(setting: dict[str, object]) -> None:
    taught, _ = learner(setting, epochs=8)
    before = attacked_loss(taught)
    ticked: list[str] = []
    for _ in range(8):
        taught.epoch([str(i) for i in range(10)], pictures, ticked.append)  # type: ignore[arg-type]
    assert len(ticked) == 8 * 8  # two images in each epoch are left over
    assert len(set(ticked)) == 10
    assert taught.epochs[-1].loss < 0.6 * taught.epochs[0].loss
    assert taught.epochs[-1].right > taught.epochs[0].right
    assert attacked_loss(taught) < 0.8 * before
    assert not taught.segmenter.module.training
    assert not any(parameter.requires_grad for parameter in taught.segmenter.module.parameters())


def test_the_attack_is_the_drivers(setting: dict[str, object]) -> None:
    for steps in (1, 3):
        taught, config = learner(setting, steps=steps, attack="pgd")
        attack = config.plan(taught.segmenter.classes).ascent
        images, labels = stacked([pictures("5")], torch.device("cpu"))
        mine = crafted(taught.segmenter, images, labels, attack, [generator_for(1, "a")])
        assert 7.9 / 255 < float((mine - images).abs().max()) <= 8 / 255 + 1e-6
        assert float(mine.min()) >= 0
        assert float(mine.max()) <= 1
        problem = Problem(images=images, labels=labels, scores=taught.segmenter.logits)
        (outcome,) = ascend([AttackItem("a", problem, generator_for(1, "a"))], attack)
        if steps == 1:  # after more of them the driver may take an earlier iterate
            assert torch.equal(mine, outcome.adversarial)
        losses = [float(attack.objective(taught.segmenter.logits(x), problem, torch.zeros(1)).value.sum())
                  for x in (images, mine)]  # fmt: skip
        assert losses[1] > losses[0]


def test_a_share_of_every_batch_is_left_clean(setting: dict[str, object]) -> None:
    assert [learner(setting, clean_share=share)[1].clean for share in (0, 0.5, 0.99)] == [0, 2, 3]
    taught, _ = learner(setting, clean_share=0.5)
    images, labels = stacked([pictures(str(i)) for i in range(4)], torch.device("cpu"))
    mixed = taught._attacked(images, labels, [str(i) for i in range(4)], 0)
    moved = (mixed != images).flatten(1).any(1)
    assert moved.tolist() == [True, True, False, False]


def test_parts_are_cut_and_mirrored_together() -> None:
    image, labels = drawn(0)
    coded = TrainingImage(np.stack([labels] * 3, -1), labels)
    seen = set()
    for i in range(20):
        part = coded.part((16, 8), True, generator_for(i))
        assert part.labels.shape == (16, 8)
        assert (part.image[..., 0] == part.labels).all()
        seen.add(part.labels.strides[1])
    assert seen == {1, -1}
    whole = TrainingImage(image, labels).part(None, False, generator_for(0))
    assert (whole.image == image).all()
    assert (whole.labels == labels).all()


def test_images_are_the_same_whether_kept_or_read_again(setting: dict[str, object]) -> None:
    data = open_data(str(setting["data"]), split="train")
    channels = tuple(range(11))
    subject = SegmentationSubject("net", "net", None, (), channels, data, None, torch.device("cpu"))  # type: ignore[arg-type]
    kept, small = TrainingImages(subject), TrainingImages(subject, budget=10)
    for _ in range(2):
        assert (kept("im0").image == small("im0").image).all()
        assert (kept("im0").labels == small("im0").labels).all()
    assert kept._kept
    assert not small._kept


def test_the_loss_is_that_of_a_hand_worked_image() -> None:
    labels = torch.tensor([[[0, 1, IGNORE]]])
    logits = torch.zeros(1, 2, 1, 3)
    logits[0, 0, 0, 2] = 50  # void: whatever stands there
    # Entropy log 2; per class 0.5 of 1 + 1 pixels: Dice loss 1 - (2 * 0.5 + 1) / (1 + 1 + 1).
    assert float(entropy_and_dice(logits, labels)) == pytest.approx(np.log(2) + 0.5 / 3, abs=1e-6)
    nothing = torch.full((1, 1, 3), IGNORE)
    assert float(entropy_and_dice(logits, nothing)) == 0


def test_the_rate_rises_and_falls() -> None:
    rates = [rate_at(step, 100, 2.0) for step in range(100)]
    assert max(rates) == rates[5] == 2
    assert rates[:6] == sorted(rates[:6])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 0.01
    assert rate_at(0, 1, 2.0) == 2


def test_before_and_after_are_runs_and_the_weights_can_be_loaded(setting: dict[str, object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[Foreseen] = []
    summary = do(out, setting, told.append, epochs=8)
    assert [one.took is not None for one in told] == [False, True]  # of the whole, and not of both runs in it again
    before, after = (summary[when]["conditions"] for when in ("before", "after"))
    assert set(before) >= {"clean", "adversarial", "permuted", "noise"}
    assert after["adversarial"]["pixel_accuracy"] > before["adversarial"]["pixel_accuracy"] + 20
    assert summary["training"]["images"] == 8
    assert summary["training"]["steps"] == 16
    assert [failure["id"] for failure in summary["training"]["failures"]] == ["im3"]
    assert (summary["judged_by"]["name"], summary["judged_by"]["budget"]) == ("worst-case", 120)
    loaded = load_segmenter(summary["hardened"], image_size=(32, 48))
    record = json.loads((out / "after" / "run.json").read_text())
    assert record["models"][0]["weights_sha256"] == loaded.sha256
    assert loaded.sha256 != json.loads((out / "run.json").read_text())["models"][0]["weights_sha256"]


def test_it_is_estimated_by_its_gradients(setting: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foolscape.run.foresight.gradient_seconds", lambda *_: 2.0)
    config, device = make_harden_config({**setting, "attack": "pgd", "steps": 3, "crop": "16x24"}), torch.device("cpu")
    network = open_network(config, device, None)
    run_setup = open_setup(with_attack(config.on_test(config.model))[0], device)

    def seconds(epochs: int, runs: int) -> float:
        found = foresee_harden(config, network, run_setup, device, (epochs, runs))
        assert found is None or found.kind == "own harden cpu 1"
        return 0 if found is None else found.raw

    # An epoch: 2 batches of 4 images, 3 gradients and a step each, of a quarter of an image.
    assert seconds(2, 0) == pytest.approx(2.0 * 2 * 2 * 4 * (3 + 1) / 4)
    both = seconds(0, 2)
    assert both > 2.0 * 2 * 2 * 120  # two runs of two images with 120 gradients each, and their probes
    assert seconds(2, 2) == pytest.approx(seconds(2, 0) + both)
    assert seconds(0, 0) == 0


def test_a_spec_gets_other_weights() -> None:
    assert with_weights("bundled:scenes-unet", Path("a/b.safetensors")) == "bundled:scenes-unet?weights=a/b.safetensors"
    spec = with_weights("net.py:build?weights=old.pt&classes=names.txt", Path("a b&c.safetensors"))
    assert spec == 'net.py:build?classes=names.txt&weights="a b&c.safetensors"'


def test_weights_of_torchvision_are_read_back_by_its_spec(tmp_path: Path) -> None:
    spec = "torchvision:lraspp_mobilenet_v3_large?weights=none"
    segmenter: Any = load_segmenter(spec, image_size=(32, 48)).model
    segmenter.module.network.classifier.high_classifier.bias.data.add_(1)
    write_weights(tmp_path, "w.safetensors", segmenter.module)
    loaded = load_segmenter(with_weights(spec, tmp_path / "w.safetensors"), image_size=(32, 48))
    assert loaded.sha256 == weights_sha256(segmenter.module)


class Killed(Exception):
    pass


@contextmanager
def killing_progress(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
    """A process that dies in the middle of the second epoch."""
    count = done

    def tick(name: str) -> None:
        nonlocal count
        count += 1
        if title.startswith("training") and count == 13:
            raise Killed

    yield tick


def same(one: Path, other: Path) -> None:
    """Everything in two directories that does not tell where they are or how long it took."""
    for name in ("weights.safetensors", "checkpoint.safetensors", "training.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes()
    texts = [(path / "summary.json").read_text().replace(str(path), "OUT") for path in (one, other)]
    assert texts[0] == texts[1]


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("memory_format", ["contiguous", pytest.param("channels_last", marks=pytest.mark.slow)])
def test_a_killed_training_goes_on_to_the_same_bytes(
    setting: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, memory_format: str
) -> None:
    setting["memory_format"] = memory_format
    whole = tmp_path / "whole"
    do(whole, setting)
    out, real = tmp_path / "out", module.write_trainer
    config = make_harden_config(setting)
    with pytest.raises(Killed):
        harden(config, out, [], Listener(lambda text: None, killing_progress))
    assert (out / "checkpoint.safetensors").exists()
    for epoch in (2, 3):

        def killed(directory: Path, place: str, learner: Trainer, last: int = epoch) -> None:
            real(directory, place, learner)
            if len(learner.epochs) == last:
                raise Killed

        torch.rand(3)  # another process finds the global generator elsewhere
        with monkeypatch.context() as patch:
            patch.setattr(module, "write_trainer", killed)
            with pytest.raises(Killed):
                do(out, setting)
        assert not (out / "summary.json").exists()
    do(out, setting)
    same(out, whole)
    do(out, setting)
    same(out, whole)


@pytest.mark.usefixtures("lenient")
def test_another_command_is_refused_and_a_damaged_file_made_again(setting: dict[str, object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    do(out, setting, epochs=1)
    shutil.copytree(out, tmp_path / "whole")
    for changes in ({"epochs": 2}, {"epochs": 1, "seed": 1}, {"epochs": 1, "eps": "4/255"}):
        with pytest.raises(RunError, match="another one"):
            do(out, setting, **changes)
    taught, _ = learner(setting)
    whole = (out / "checkpoint.safetensors").read_bytes()
    config = make_harden_config({**setting, "epochs": 1})
    for content in (
        (out / "weights.safetensors").read_bytes(), b"no", b"", bytes(len(whole)), whole[:-9], whole[:-9] + bytes(9),
    ):  # fmt: skip
        (out / "checkpoint.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match="expected"):
            read_trainer(out / "checkpoint.safetensors", taught)
    (out / "training.json").write_bytes(b"")
    said: list[str] = []
    harden(config, out, ["foolscape", "harden"], Listener(said.append, silent_progress))
    assert any("checkpoint.safetensors" in text and "trained again from the start" in text for text in said)
    assert any("training.json" in text and "made again" in text for text in said)
    for name in ("weights.safetensors", "checkpoint.safetensors", "training.json", "summary.json"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"test_split": "train"}, SettingError, "another split"),
        ({"attack": "dag"}, SettingError, "known: pgd, segpgd"),
        ({"eps": "0/255"}, SettingError, "more than 0/255"),
        ({"eps": "8"}, SettingError, "write 8/255"),
        ({"steps": 0}, SettingError, "steps"),
        ({"epochs": 0}, SettingError, "epochs"),
        ({"batch": 1}, SettingError, "batch"),
        ({"rate": 0.0}, SettingError, "rate"),
        ({"rate": float("inf")}, SettingError, "rate"),
        ({"clean_share": 1.0}, SettingError, "clean_share"),
        ({"crop": "big"}, SettingError, "crop: expected HEIGHTxWIDTH"),
        ({"crop": "64x64"}, SettingError, r"crop: expected 64 x 64 to fit"),
        ({"epoch": 3}, SettingError, "did you mean epochs"),
        ({"batch": 9}, DataError, "at least 9 training images"),
        ({"train_split": "test[:1]", "test_split": "test[:2]"}, DataError, "not in the training split"),
        ({"model": "bundled:scenes-detector"}, SettingError, "segmentation network to train.*detection"),
        ({"model": "bundled:scenes-tracker"}, SettingError, "segmentation network to train.*video"),
        ({"model": "exported:net.pt2"}, SettingError, "into which trained weights can be loaded"),
        ({"model": "blackbox:api.py:predict"}, SettingError, "into which trained weights can be loaded"),
        ({"model": "NETS:ready"}, ModelError, "let the factory return the network"),
        ({"model": "NETS:bare"}, ModelError, "with weights"),
        ({"model": "NETS:nan"}, ModelError, "finite loss"),
    ],
)
def test_mistakes_are_told_in_words(
    setting: dict[str, object], tmp_path: Path, changes: dict[str, Any], kind: type[FoolscapeError], words: str
) -> None:
    if "model" in changes:
        changes = changes | {"model": changes["model"].replace("NETS", str(tmp_path / "net.py"))}
    with pytest.raises(kind, match=words):
        do(tmp_path / "out", setting, **changes)


@pytest.mark.usefixtures("lenient")
def test_data_must_have_labels_and_one_size(setting: dict[str, object], tmp_path: Path) -> None:
    for i in range(4):
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(drawn(i)[0]).save(tmp_path / "photos" / f"{i}.png")
    changes = {"data": f"folder:{tmp_path / 'photos'}", "train_split": "[:2]", "test_split": "[2:]"}
    with pytest.raises(DataError, match="images with labels"):
        do(tmp_path / "one", setting, **changes)
    image, labels = drawn(50, (40, 48))
    Image.fromarray(image).save(tmp_path / "camvid/train/im4.png")
    Image.fromarray(labels).save(tmp_path / "camvid/trainannot/im4.png")
    with pytest.raises(SettingError, match=r"32 x 48 and 40 x 48 \(im4\)"):
        do(tmp_path / "two", setting)
    assert do(tmp_path / "three", setting, crop="16x24", epochs=1)["training"]["steps"] == 2


def test_the_command_trains_prints_and_writes_a_page(
    setting: dict[str, object], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def foolscape(*arguments: object) -> object:
        with pytest.raises(SystemExit) as caught:
            main([str(argument) for argument in arguments])
        return caught.value.code

    out = tmp_path / "out"
    small = {**setting, "epochs": 1, "clean_share": 0.5, "steps": 1, "crop": "24x24", "test_limit": 1}
    options = [f"--{name.replace('_', '-')}={value}" for name, value in small.items()]
    assert foolscape("harden", *options, "--no-mirror", "--out", out) == SOME_FAILED  # a torn training image
    printed = capfd.readouterr().out
    for word in ("before", "after", "attacked", "random noise", "mIoU %", "success %", "Sky"):
        assert word in printed
    assert max(map(len, printed.splitlines())) <= 80
    page = (out / "report.html").read_text()
    assert 'href="after/report.html"' in page
    assert (out / "before" / "report.html").exists()
    assert foolscape("report", out) == DONE
    assert capfd.readouterr().out == printed
    weights = load_file(out / "weights.safetensors")
    spec = f"{setting['model']}?weights={out / 'weights.safetensors'}"
    run = ("run", "--model", spec, "--data", setting["data"], "--attack", "none", "--out", tmp_path / "run")
    assert foolscape(*run) == DONE
    assert set(weights) == set(load_segmenter(str(setting["model"]), image_size=(32, 48)).model.module.state_dict())  # type: ignore[attr-defined]
    assert foolscape("harden", *options, "--out", out) == ERROR  # mirrored now
    assert "choose another --out" in capfd.readouterr().err.replace("\n", " ")
    assert foolscape("harden", *options, "--new", "--out", out) == USAGE
    assert foolscape("harden", *options, "--eps", "no", "--out", out) == USAGE


@pytest.mark.usefixtures("lenient")
def test_a_made_network_is_trained_on_the_street(tmp_path: Path) -> None:
    summary = do(
        tmp_path / "out",
        {"model": f"{write_net(tmp_path)}:street", "data": "scenes:", "train_split": "train", "test_split": "val"},
        train_limit=4, test_limit=1, size="40x64", batch=2, epochs=3, rate=0.05, device="cpu",
    )  # fmt: skip
    assert summary["training"]["epochs"][-1]["loss"] < summary["training"]["epochs"][0]["loss"]
    assert summary["test"] == {"split": "val", "samples": 1}
