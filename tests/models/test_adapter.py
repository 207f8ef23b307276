from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.margins import Margins
from foolscape.models.common.wrappers import as_double, pad_to_multiple, with_channels_last
from foolscape.models.segmenters.adapter import (
    CheckedSegmenter,
    ModuleSegmenter,
    adapt_segmenter,
    check_finite,
    checked,
)
from foolscape.tasks.segmentation import Segmenter

from .networks import Around, Fixed, Strict, Tiny, images

SIZE = (24, 40)


def test_a_plain_network_needs_nothing() -> None:
    network = Tiny().train()
    segmenter = adapt_segmenter(network, image_size=SIZE)
    assert isinstance(segmenter, Segmenter)
    assert (segmenter.multiple, segmenter.notes, segmenter.channels, segmenter.classes) == (1, (), 5, ())
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    x = images(2)
    assert torch.equal(segmenter.logits(x), network(x))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda y: {"out": y, "aux": y * 0},
        lambda y: {"loss": None, "logits": y},
        lambda y: SimpleNamespace(logits=y),
    ],
)
def test_scores_are_found_in_what_the_network_returns(wrap: object) -> None:
    segmenter = adapt_segmenter(Around(lambda net, x: wrap(net(x))), image_size=SIZE)
    assert torch.equal(segmenter.logits(images()), Tiny().eval()(images()))


@pytest.mark.parametrize(
    ("wrap", "got"),
    [
        (lambda y: (y, y), "got tuple of 2 (Tensor, Tensor)"),
        (lambda y: {"masks": y}, "got dict with the keys 'masks'"),
        (lambda y: y.numpy(), "got ndarray"),
    ],
)
def test_an_output_without_scores_is_named(wrap: object, got: str) -> None:
    with pytest.raises(ModelError, match="expected the network to return a tensor") as caught:
        adapt_segmenter(Around(lambda net, x: wrap(net(x))), image_size=SIZE)
    assert got in str(caught.value)


def test_a_coarse_output_is_upsampled_with_a_note() -> None:
    network = Tiny(stride=4)
    segmenter = adapt_segmenter(network, image_size=SIZE)
    assert segmenter.notes == ("scores are upsampled bilinearly from 6 x 10 to 24 x 40",)
    x = images(2, 21, 39)
    want = F.interpolate(network(x), size=(21, 39), mode="bilinear", align_corners=False)
    assert torch.equal(segmenter.logits(x), want)


@pytest.mark.parametrize("multiple", [2, 8, 16, 32, 64])
@pytest.mark.parametrize("size", [(64, 128), (50, 90), (24, 40), (97, 33)])
def test_sides_are_padded_to_what_the_network_takes(multiple: int, size: tuple[int, int]) -> None:
    segmenter = adapt_segmenter(Strict(multiple), image_size=size)
    assert segmenter.multiple == multiple
    assert f"image sides must be divisible by {multiple}: {size[0]} x {size[1]}" in segmenter.notes[0]
    for height, width in (size, (71, 45)):
        assert segmenter.logits(images(2, height, width)).shape == (2, 5, height, width)


def test_padding_repeats_the_last_row_and_column() -> None:
    x = images(2, 5, 7)
    padded = pad_to_multiple(x, 8)
    assert torch.equal(padded, F.pad(x, (0, 1, 0, 3), mode="replicate"))
    assert pad_to_multiple(x[:, :, :, :5], 5) is not None
    assert torch.equal(pad_to_multiple(x, 1), x)


def test_a_padded_coarse_output_is_cropped_after_upsampling() -> None:
    network = Around(lambda net, x: F.avg_pool2d(net(x), 4), Strict(8))
    segmenter = adapt_segmenter(network, image_size=(21, 39))
    assert segmenter.multiple == 8
    assert segmenter.notes == (
        "image sides must be divisible by 8: 21 x 39 is padded to 24 x 40 and the scores cropped back",
        "scores are upsampled bilinearly from 6 x 10 to 24 x 40",
    )
    x = images(1, 21, 39)
    whole = F.interpolate(network(pad_to_multiple(x, 8)), size=(24, 40), mode="bilinear", align_corners=False)
    assert torch.equal(segmenter.logits(x), whole[:, :, :21, :39])


def test_a_network_that_loses_odd_rows_is_padded_rather_than_stretched() -> None:
    network = Around(lambda net, x: F.interpolate(F.avg_pool2d(net(x), 8), scale_factor=8.0))
    assert adapt_segmenter(network, image_size=SIZE).multiple == 8


def test_a_network_without_padding_in_its_layers_is_placed_at_any_size() -> None:
    network = Around(lambda net, x: net(x)[:, :, 1:-1, 1:-1])
    segmenter = adapt_segmenter(network, image_size=SIZE)
    assert segmenter.only_size is None
    assert segmenter.margins == Margins(1, 1, 1, 1)
    x = images(1, 31, 33)
    scores = segmenter.logits(x)
    assert scores.shape == (1, 5, 31, 33)
    # Its other layers are padded with zeros, which the mirrored edges keep away.
    assert torch.allclose(scores[:, :, 6:-6, 6:-6], network(x)[:, :, 5:-5, 5:-5], atol=1e-5)


def test_a_network_of_one_size_says_so() -> None:
    segmenter = adapt_segmenter(Fixed(24, 40), image_size=SIZE)
    assert segmenter.notes == ("the network takes no other image size than 24 x 40",)
    assert segmenter.logits(images(2)).shape == (2, 5, 24, 40)
    with pytest.raises(ModelError, match=r"expected images of 24 x 40 .* got 25 x 40; give --size 24x40"):
        segmenter.logits(images(1, 25, 40))


def test_a_network_that_takes_nothing_is_refused_in_its_own_words() -> None:
    with pytest.raises(ModelError, match=r"AssertionError: this network takes \(224, 224\)\..*--size") as caught:
        adapt_segmenter(Fixed(224, 224), image_size=SIZE)
    assert isinstance(caught.value.__cause__, AssertionError)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda y: y.argmax(1), r"expected \(1, C, 24, 40\) of torch.float32, got \(1, 24, 40\) of torch.int64"),
        (lambda y: y[0], r"expected \(1, C, 24, 40\), got \(5, 24, 40\). Return the class scores before argmax"),
        (lambda y: y[:, :1], r"got \(1, 1, 24, 40\). Give one channel two classes"),
        (lambda y: torch.cat([y, y]), r"got \(2, 5, 24, 40\). Return one score map per image"),
        (lambda y: F.interpolate(y, scale_factor=2.0), r"got \(1, 5, 48, 80\). Downsample or crop"),
        (lambda y: y[:, :, :, :20], r"expected \(1, C, 24, 40\), got \(1, 5, 24, 20\). Upsample in the adapter"),
        (lambda y: y / 0, "expected 4800 finite values, got"),
    ],
)
def test_scores_of_a_wrong_kind_are_refused(change: object, text: str) -> None:
    with pytest.raises(ModelError, match=text):
        adapt_segmenter(Around(lambda net, x: change(net(x))), image_size=SIZE)


def test_a_network_that_writes_into_its_input_is_refused() -> None:
    with pytest.raises(ModelError, match="leaves its input as it is"):
        adapt_segmenter(Around(lambda net, x: net(x.sub_(0.5))), image_size=SIZE)


def test_later_calls_are_checked_too() -> None:
    network = Around(lambda net, x: net(x)[:, : 4 if len(x) == 2 else 5])
    segmenter = adapt_segmenter(network, image_size=SIZE)
    with pytest.raises(ModelError, match=r"expected \(2, 5, 24, 40\), got \(2, 4, 24, 40\). The number of channels"):
        segmenter.logits(images(2))


def test_probabilities_are_noted() -> None:
    segmenter = adapt_segmenter(Around(lambda net, x: net(x).softmax(1)), image_size=SIZE)
    assert "returns probabilities, not logits" in segmenter.notes[-1]


def test_a_float16_output_comes_back_in_the_type_of_the_images() -> None:
    assert (
        adapt_segmenter(Around(lambda net, x: net(x).half()), image_size=SIZE).logits(images()).dtype == torch.float32
    )


def test_check_finite_counts_and_places() -> None:
    scores = torch.zeros(3, 2, 4, 4)
    check_finite(scores)
    scores[1, 0, 0, 0], scores[2, 1, 1, :2] = torch.nan, torch.inf
    with pytest.raises(ModelError, match=r"96 finite values, got 1 NaN and 2 infinite \(images 1, 2 of the batch\)"):
        check_finite(scores)


def test_names_come_from_the_network_then_from_the_caller() -> None:
    network = Tiny()
    names = ("a", "b", "c", "d", "e")
    assert adapt_segmenter(network, classes=names, image_size=SIZE).classes == names
    network.classes = ["v", "w", "x", "y", "z"]
    assert adapt_segmenter(network, classes=names, image_size=SIZE).classes == ("v", "w", "x", "y", "z")
    network.classes = 5
    assert adapt_segmenter(network, image_size=SIZE).classes == ()
    with pytest.raises(ModelError, match=r"one class name per output channel \(5\), got 2 names: a, b"):
        adapt_segmenter(network, classes=("a", "b"), image_size=SIZE)


def test_the_double_is_a_copy() -> None:
    network = Tiny()
    segmenter = adapt_segmenter(network, image_size=SIZE)
    double = as_double(segmenter)
    assert double.logits(images().double()).dtype == torch.float64
    assert network.head.weight.dtype == torch.float32
    assert torch.allclose(double.logits(images().double()).float(), segmenter.logits(images()), atol=1e-5)


def test_the_gradient_that_comes_back_is_made_contiguous() -> None:
    # A loss that moves the channels last meets the fault of BatchNorm in a network that ends in one.
    segmenter = as_double(adapt_segmenter(Tiny(), image_size=SIZE))
    weights = torch.rand(1, 24 * 40, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def gradient(flat: str) -> Tensor:
        x = images().double().requires_grad_()
        y = segmenter.logits(x)
        tokens = y.flatten(2).transpose(1, 2) if flat == "transposed" else y.permute(0, 2, 3, 1).flatten(1, 2)
        return torch.autograd.grad((tokens.softmax(-1) * weights).sum(), x)[0]

    assert torch.allclose(gradient("transposed"), gradient("permuted"), rtol=1e-6)


def test_channels_last_reaches_the_network() -> None:
    seen: list[bool] = []

    def look(net: nn.Module, x: Tensor) -> Tensor:
        seen.append(x.is_contiguous(memory_format=torch.channels_last))
        return net(x)

    segmenter = adapt_segmenter(Around(look), image_size=SIZE)
    segmenter.logits(images())
    with_channels_last(segmenter).logits(images())
    assert seen[-2:] == [False, True]


class Own:
    """A segmenter as a user would write it."""

    def __init__(self, scale: float = 1, classes: tuple[str, ...] = ("a", "b", "c", "d", "e")) -> None:
        self.network, self.classes, self.notes, self.scale = Tiny().train(), classes, ("mine",), scale

    def logits(self, x: Tensor) -> Tensor:
        return F.interpolate(self.network(x), scale_factor=float(self.scale))


def test_a_ready_made_segmenter_is_frozen_and_checked() -> None:
    own = Own()
    segmenter = checked(own, image_size=SIZE)
    assert isinstance(segmenter, CheckedSegmenter)
    assert (segmenter.classes, segmenter.notes, segmenter.channels) == (own.classes, ("mine",), 5)
    assert not own.network.training
    assert as_double(segmenter).logits(images().double()).dtype == torch.float64
    with pytest.raises(ModelError, match="expected a network that foolscape adapts"):
        with_channels_last(segmenter)


def test_a_ready_made_segmenter_must_answer_at_the_input_size() -> None:
    with pytest.raises(ModelError) as caught:
        checked(Own(scale=0.5), image_size=SIZE)
    assert str(caught.value) == (
        "Segmenter.logits must return (B, C, H, W) at the input size; expected (1, C, 24, 40), got (1, 5, 12, 20). "
        "Upsample in the adapter: docs/your-own-model.md"
    )
    with pytest.raises(ModelError, match=r"one class name per output channel \(5\), got 1 names"):
        checked(Own(classes=("a",)), image_size=SIZE)


def test_the_record_is_a_segmenter() -> None:
    assert isinstance(ModuleSegmenter(Tiny(), (), 1, (), 5), Segmenter)
