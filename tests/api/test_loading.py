"""`foolscape.load_model`, `load_data` and `check`: what they give tells what it is."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import foolscape as fs
from foolscape.models.bundled.load import bundled
from foolscape.models.common.class_map import ClassNames
from foolscape.models.common.conditions import Conditions
from foolscape.models.load import OpenedModel
from foolscape.models.sources.base import SourceModel
from foolscape.spec import Spec
from tests.api.made import batch, net


def test_a_model_tells_what_it_is_and_can_be_called() -> None:
    model = fs.load_model("bundled:scenes-unet")
    assert (model.spec, model.task) == ("bundled:scenes-unet", "segmentation")
    assert repr(model) == ("<Model bundled:scenes-unet, segmentation, 9 classes: sky, building, road, pavement, ..>")
    images = torch.rand(2, 3, 24, 32).requires_grad_()
    answer = model(images)
    assert isinstance(answer, Tensor)
    assert torch.allclose(answer, bundled("scenes-unet")(images), atol=1e-5)
    assert torch.autograd.grad(answer.sum(), images)[0].abs().max() > 0
    detector = fs.load_model("bundled:scenes-detector")
    found = detector(torch.rand(2, 3, 64, 96))
    assert isinstance(found, list)
    assert len(found) == 2
    tracker = fs.load_model("bundled:scenes-tracker")
    assert tracker.classes is None
    mask = torch.zeros(32, 48, dtype=torch.int64)
    mask[8:20, 8:20] = 1
    followed = tracker(torch.rand(3, 3, 32, 48), mask)
    assert isinstance(followed, Tensor)
    assert followed.shape == (3, 2, 32, 48)
    with pytest.raises(fs.FoolscapeError, match="mask of the first frame"):
        tracker(torch.rand(3, 3, 32, 48))
    with pytest.raises(fs.FoolscapeError, match="write images / 255"):
        model((255 * images).byte())


def test_a_model_that_was_elsewhere_is_brought_back() -> None:
    places: list[str] = []

    def ready(conditions: Conditions) -> object:
        places.append(f"{conditions.image_size} {conditions.device}")
        return SimpleNamespace()

    spec = Spec("net", "", "net")
    model = fs.Model(OpenedModel(spec, SourceModel("segmentation", ready), ClassNames()))
    here, there = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8, device="meta")
    for images in (here, here, there, here, here[..., :4]):
        model.fitted(images)
    assert places == ["(8, 8) cpu", "(8, 8) meta", "(8, 8) cpu", "(8, 4) cpu"]


def test_options_of_a_model_are_those_of_its_spec(tmp_path: Any) -> None:
    names = tmp_path / "names.txt"
    names.write_text("".join(f"c{i}\n" for i in range(9)))
    model = fs.load_model("bundled:scenes-unet", classes=str(names))
    assert model.spec == f"bundled:scenes-unet?classes={names}"
    assert model.classes is not None
    assert model.classes[0] == "c0"
    with pytest.raises(fs.FoolscapeError, match="the option classes once"):
        fs.load_model(model.spec, classes="other")
    with pytest.raises(fs.FoolscapeError, match="did you mean"):
        fs.load_model("bundled:scenes-unett")
    with pytest.raises(fs.FoolscapeError, match="unknown task"):
        fs.load_model("bundled:scenes-unet", "tracking")
    wrong: Any = net()
    with pytest.raises(fs.FoolscapeError, match="there already goes into"):
        fs.load_model(wrong)


def test_what_is_loaded_is_attacked_as_what_is_live(tmp_path: Any) -> None:
    images, labels = torch.rand(1, 3, 24, 32), torch.randint(9, (1, 24, 32))
    live = fs.attack(bundled("scenes-unet"), images, labels, "pgd?steps=2")
    for model in (fs.load_model("bundled:scenes-unet"), "bundled:scenes-unet", bundled("scenes-unet").forward):
        assert torch.equal(fs.attack(model, images, labels, "pgd?steps=2").adversarial, live.adversarial)


class Twice:
    """An object that is called."""

    def __init__(self) -> None:
        self.net = net().train()

    def __call__(self, images: Tensor) -> Tensor:
        scores: Tensor = 2 * self.net(images)
        return scores


def test_the_networks_of_a_function_are_found() -> None:
    network, called = net().train(), Twice()
    images = batch(1)[0]
    for function, inner in (
        (lambda x: network(x), network),
        (network.forward, network),
        (called, called.net),
    ):
        inner.train().requires_grad_()
        fs.attack(function, images, None, "fgsm")
        assert not inner.training
        assert not any(one.requires_grad for one in inner.parameters())


def test_data_are_samples() -> None:
    data = fs.load_data("scenes:", split="test", limit=2, size=(48, 64))
    assert repr(data) == "<Dataset scenes: test, 2 images for segmentation, 9 classes>"
    assert len(data) == len(list(data)) == 2
    image, truth = data["test-000001"]
    assert isinstance(truth, Tensor)
    assert (image.shape, truth.shape) == ((3, 48, 64), (48, 64))
    assert image.dtype == torch.float32
    assert torch.equal((255 * image).round() / 255, image)
    assert truth.dtype == torch.int64
    assert torch.equal(data[-1].image, image)
    with pytest.raises(IndexError):
        data[2]
    with pytest.raises(fs.FoolscapeError, match="unknown image id"):
        data["test-9"]
    boxes = fs.load_data("scenes:", "detection", split="test", ids=["test-000000"])[0].truth
    assert isinstance(boxes, dict)
    assert boxes["boxes"].shape == (len(boxes["labels"]), 4)


CLIPS = """
import numpy as np
class Clips:
    def __len__(self):
        return 2
    def __getitem__(self, index):
        frames = np.full((3, 16, 24, 3), 80 * index, np.uint8)
        mask = np.zeros((16, 24), np.int64)
        mask[4:9, 4:9] = 1
        return list(frames), mask
"""


def test_samples_make_a_batch(tmp_path: Any) -> None:
    data = fs.load_data("scenes:", split="test", limit=2, size="48x64")
    images, labels = data.batch()
    assert images.shape == (2, 3, 48, 64)
    assert isinstance(labels, Tensor)
    assert torch.equal(images[1], data[1].image)
    one, boxes = fs.load_data("scenes:", "detection", split="test", limit=2).batch([1])
    assert len(one) == 1
    assert isinstance(boxes, list)
    (tmp_path / "mine.py").write_text(CLIPS)
    clips = fs.load_data(f"{tmp_path}/mine.py:Clips", "video")
    frames, mask = clips.batch([1])
    assert frames.shape == (3, 3, 16, 24)
    assert isinstance(mask, Tensor)
    assert int(mask.sum()) == 25
    with pytest.raises(fs.FoolscapeError, match="expected one clip"):
        clips.batch()
    with pytest.raises(fs.FoolscapeError, match="images of one size, got no images"):
        data.batch([])


def test_truth_is_numbered_as_a_model_does(tmp_path: Any) -> None:
    data = fs.load_data("scenes:", split="test", limit=1, size="48x64")
    assert data.classes is not None
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{name}\n" for name in reversed(data.classes)))
    model = fs.load_model("bundled:scenes-unet", classes=str(names))
    truth, turned = data[0].truth, data.for_model(model)[0].truth
    assert isinstance(truth, Tensor)
    assert isinstance(turned, Tensor)
    assert torch.equal(turned[truth != 255], 8 - truth[truth != 255])
    assert torch.equal(turned == 255, truth == 255)


@pytest.mark.parametrize(
    ("spec", "options", "words"),
    [
        ("scenes:", {"split": "none"}, "split"),
        ("scenes:", {"limit": 0}, "limit: expected a whole number of at least 1"),
        ("scenes:", {"ids": ["x"]}, "unknown image id"),
        ("scenes:", {"size": "big"}, "HEIGHTxWIDTH"),
        ("scenes:", {"size": 64}, "size: expected"),
        ("scenes:", {"task": "tracking"}, "unknown task"),
        ("nowhere:", {}, "unknown data set"),
        (5, {}, "expected in-memory:int to be an object with __len__"),
    ],
)
def test_data_that_do_not_fit_are_refused(spec: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.load_data(spec, **options)


def test_a_sound_model_is_ok() -> None:
    found = fs.check(net(), batch())
    assert [one.id for one in found][-1] == "clean-model"
    assert "input-gradient-at-batch-1" in [one.id for one in found.findings]
    assert len(found) > 8
    alone = fs.check(net(), size=(24, 32))
    assert alone.ok
    assert repr(alone) == f"<CheckReport of in-memory:Sequential: ok, {len(alone)} checks>"
    assert str(alone).count("\n") == len(alone) - 1
    assert "adapter at 24 x 32" in alone._repr_html_()


def test_a_wrong_gradient_is_a_finding() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, images: Tensor) -> Tensor:
            scores: Tensor = self.net(images)
            return scores.detach() + scores * 0

    found = fs.check(Detached(), batch()[0])
    failed = {one.id: one for one in found.findings if one.ok is False}
    assert not found.ok
    assert "input-gradient-at-batch-1" in failed
    assert "input-gradient-at-batch-1" in repr(found)
    for wrong in (5, None):
        with pytest.raises(fs.FoolscapeError, match="model: expected"):
            fs.check(wrong)  # type: ignore[arg-type]
