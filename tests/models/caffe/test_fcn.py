"""The fully convolutional networks of Caffe: where their scores lie, what their layers do, whose weights they take."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from foolscape.errors import CheckpointError, SettingError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.caffe import bgr, bilinear, max_pool, norm_across, norm_within, with_random_weights
from foolscape.models.load import load_segmenter
from foolscape.models.segmenters.caffe_fcn import FORMS, FcnAlexNet, FcnVgg16, build

from .written import write

SIZE = (37, 52)


def tiny(name: str, classes: int = 3) -> nn.Module:
    """The network with a sixty-fourth of its channels."""
    if name == "fcn-alexnet":
        return with_random_weights(lambda: FcnAlexNet(classes, 16))
    return with_random_weights(lambda: FcnVgg16(FORMS[name], classes, 64))


class Axis:
    """Along one axis, where place 0 of a map lies in the image, and how far apart its places are.

    By the sides of layers alone: the middle of window i of k places, padded by p, is s * i + (k - 1) / 2 - p.
    """

    def __init__(self, step: float = 1, first: float = 0) -> None:
        self.step, self.first = step, first

    def window(self, kernel: int, stride: int = 1, padding: int = 0) -> "Axis":
        return Axis(self.step * stride, self.first + self.step * ((kernel - 1) / 2 - padding))

    def enlarged(self, kernel: int, stride: int) -> "Axis":
        return Axis(self.step / stride, self.first - self.step / stride * (kernel - 1) / 2)

    def crop(self, other: "Axis") -> int:
        """Which place of this map lies on place 0 of `other`."""
        assert self.step == other.step
        place = (other.first - self.first) / self.step
        assert place == round(place)
        return round(place)


def test_crops_lie_where_the_sides_of_the_layers_put_them() -> None:
    image = Axis()
    pools, at = {}, image.window(3, 1, 100)
    for stage in range(1, 6):
        at = pools[stage] = at.window(2, 2)
    for form in FORMS.values():
        scores = at.window(7)
        for skip in form.skips:
            scores = scores.enlarged(4, 2)
            assert pools[skip.pool].crop(scores) == skip.crop
        assert scores.enlarged(form.kernel, form.stride).crop(image) == form.crop
    alex = image.window(11, 4, 100).window(3, 2).window(3, 2).window(3, 2).window(6)
    assert alex.enlarged(63, 32).crop(image) == 18


def passing_on(network: nn.Module) -> nn.Module:
    """`network` with every convolution handing on its first channel as it is."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d):
                layer.weight.zero_()
                layer.bias.zero_()
                layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1
    return network


def test_a_bright_pixel_comes_out_where_it_was() -> None:
    """A pixel of row 40 and column 71: rows 139, 69, 34, 17, 8, 4 of the padded maps, 1 behind fc6, columns .., 2.

    Row 1 of the last scores has its middle at 32 * 1 + 12.5 in the image, column 2 at 76.5: the bump's middle.
    """
    network = passing_on(tiny("fcn-32s", 1))
    image = torch.zeros(1, 3, 90, 120)
    image[0, 2, 40, 71] = 1  # blue comes first in BGR
    with torch.no_grad():
        scores = network(image) - network(torch.zeros_like(image))
    assert scores.shape == (1, 1, 90, 120)
    top = torch.nonzero(scores[0, 0] == scores.max()).tolist()
    assert top == [[44, 76], [44, 77], [45, 76], [45, 77]]
    assert float(scores.max()) == pytest.approx((255 - 104.00699) * (1 - 0.5 / 32) ** 2)  # half a step from its middle


@pytest.mark.parametrize("name", [*FORMS, "fcn-alexnet"])
def test_scores_are_as_large_as_the_image(name: str) -> None:
    network = tiny(name)
    for size in ((1, 1), SIZE, (33, 130)):
        assert network(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_images_become_bgr_in_grey_levels() -> None:
    image = torch.tensor([1.0, 0.5, 0.0]).view(1, 3, 1, 1)
    assert bgr(image, (1.0, 2.0, 3.0)).flatten().tolist() == [-1.0, 125.5, 252.0]


@pytest.mark.parametrize(
    ("side", "window", "expected"),
    [
        (5, (2, 2, 0), [1, 3, 4]),  # the last window has one place alone
        (6, (2, 2, 0), [1, 3, 5]),
        (6, (3, 2, 0), [2, 4, 5]),
        (7, (3, 2, 0), [2, 4, 6]),
        (5, (3, 2, 1), [1, 3, 4]),
        (6, (3, 2, 1), [1, 3, 5, 5]),
        (4, (3, 2, 1), [1, 3, 3]),
    ],
)
def test_pooling_rounds_up(side: int, window: tuple[int, int, int], expected: list[int]) -> None:
    rising = torch.arange(float(side)).view(1, 1, 1, side).expand(1, 1, side, side)
    assert max_pool(rising, *window)[0, 0, 0].tolist() == expected


def test_normalisation_against_loops() -> None:
    maps = torch.rand(1, 7, 4, 5, dtype=torch.float64) * 100
    across, within = torch.zeros_like(maps), torch.zeros_like(maps)
    for c, y, x in np.ndindex(7, 4, 5):
        near = maps[0, max(c - 2, 0) : c + 3, y, x]
        across[0, c, y, x] = maps[0, c, y, x] / (1 + 1e-4 / 5 * (near**2).sum()) ** 0.75
        around = maps[0, c, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        within[0, c, y, x] = maps[0, c, y, x] / (1 + 5e-5 / 9 * (around**2).sum()) ** 0.75
    assert torch.allclose(norm_across(maps), across, rtol=1e-12)
    assert torch.allclose(norm_within(maps), within, rtol=1e-12)


@pytest.mark.parametrize("side", [4, 16, 63, 64])
def test_bilinear_weights(side: int) -> None:
    layer = nn.ConvTranspose2d(2, 2, side, math.ceil(side / 2), bias=False)
    weight = bilinear(layer)
    assert float(weight[0, 1].abs().max()) == 0
    assert torch.equal(weight[0, 0], weight[0, 0].flip(0))
    if side == 4:
        assert weight[1, 1, 1].tolist() == [0.1875, 0.5625, 0.5625, 0.1875]  # 3/4 times 1/4, 3/4, 3/4, 1/4
    with torch.no_grad():
        layer.weight.copy_(weight)
        inside = layer(torch.ones(1, 2, 4, 4))[0, 0, side:-side, side:-side]
    assert inside.numel() == 0 or torch.allclose(inside, torch.ones(()))


@pytest.mark.parametrize("name", ["fcn-8s", "fcn-alexnet"])
def test_gradient(name: str) -> None:
    loaded = load_segmenter(f"caffe:{name}?weights=none&thin=16", image_size=(24, 32))
    verdict = check_gradient(loaded.model, torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(1)), seed=0)
    assert verdict.ok, verdict.message


def scores_of(spec: str, image: Tensor) -> Tensor:
    return load_segmenter(spec, image_size=(image.shape[2], image.shape[3])).model.logits(image)


def test_every_kind_of_file_gives_the_same_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a file of Caffe, so by the names of fcn8s_from_caffe.pth, which are those of its layers."""
    from foolscape.models.segmenters import caffe_fcn

    monkeypatch.setattr(caffe_fcn, "_maker", lambda name, classes, thin: lambda: FcnVgg16(FORMS[name], classes, 64))
    network = tiny("fcn-8s", 5)
    state, image = network.state_dict(), torch.rand(1, 3, *SIZE)
    assert {"conv1_1.weight", "fc7.bias", "score_pool4.bias", "upscore_pool4.weight"} < set(state)
    assert "upscore8.bias" not in state
    write(tmp_path / "w.caffemodel", state)
    write(tmp_path / "former.caffemodel", state, former=True)
    torch.save(state, tmp_path / "w.pth")
    save_file(state, tmp_path / "w.safetensors")
    for name in ("w.caffemodel", "former.caffemodel", "w.pth", "w.safetensors"):
        assert torch.equal(scores_of(f"caffe:fcn-8s?weights={tmp_path / name}", image), network(image))
    with pytest.raises(CheckpointError, match=r"1 missing \(upscore16.weight\), 4 unexpected \(score_pool3.weight, "):
        build("fcn-16s", str(tmp_path / "w.caffemodel"))


def test_classes() -> None:
    loaded = load_segmenter("caffe:fcn-8s-atonce?weights=none&thin=16", image_size=(8, 8))
    assert loaded.model.classes[:2] == ("background", "aeroplane")
    assert len(loaded.model.classes) == 21
    assert loaded.slug.startswith("fcn-8s-atonce-")


@pytest.mark.parametrize(
    ("spec", "error", "said"),
    [
        ("caffe:fcn-8s", CheckpointError, "expected a file of weights for caffe:fcn-8s, got none; add"),
        ("caffe:fcn-9s?weights=none", UnknownNameError, "fcn-8s"),
        ("caffe:fcn-8s?weights=nowhere.caffemodel", CheckpointError, "expected a weights file at nowhere"),
        ("caffe:fcn-8s?weights=none&thin=3", SettingError, "thin: expected 2, 4, 8 or 16, got 3"),
        ("caffe:fcn-8s?weights=a.caffemodel&thin=2", SettingError, "thin: expected weights=none beside it"),
        ("caffe:fcn-8s?weight=none", UnknownNameError, "did you mean weights"),
        ("caffe:faster-rcnn-zf?weights=none", SettingError, "task: expected detection"),
    ],
)
def test_what_is_wrong_is_said(spec: str, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        load_segmenter(spec, image_size=SIZE)


def test_weights_of_another_network(tmp_path: Path) -> None:
    path = write(tmp_path / "w.caffemodel", {"conv1.weight": torch.ones(2, 2)})
    with pytest.raises(CheckpointError, match=r"got 1 tensors without score_fr\.weight"):
        build("fcn-8s", str(path))
