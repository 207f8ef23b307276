"""`foolscape.testing.check_segmenter`: what it says of sound and of unsound models."""

from collections.abc import Callable

import pytest
import torch.nn.functional as F
from torch import Tensor, nn

from foolscape.models.bundled.load import NAMES, bundled
from foolscape.models.segmenters import torchvision
from foolscape.models.segmenters.adapter import adapt_segmenter
from foolscape.testing import ContractReport, check_segmenter

from .networks import Around, Fixed, Strict, Tiny, Tokens

SIZES = ((24, 40), (21, 37))


def _failed(report: ContractReport) -> set[str]:
    return {check.name for check in report.checks if check.passed is False}


@pytest.mark.parametrize("network", [Tiny(), Tiny(stride=4), Strict(8)])
def test_a_sound_network_passes(network: nn.Module) -> None:
    report = check_segmenter(network, sizes=SIZES)
    assert report.ok, report.lines()
    assert [check.name for check in report.checks] == [
        "adapter at 24 x 40",
        "shape at 24 x 40",
        "shape at 21 x 37",
        "class names",
        "same output twice",
        "images left unchanged",
        "batch of 2 equals one by one",
        "input gradient at batch 1",
        "input gradient at batch 2",
        "range of the input",
    ]
    lines = report.lines()
    assert lines[1] == "ok    shape at 24 x 40: (2, 5, 24, 40) float32, finite"
    assert lines[-1].startswith("hint  range of the input: scores of black, white and colours differ by ")
    assert lines[-1].endswith("nothing speaks against [0, 1]")


@pytest.mark.parametrize("name", [*NAMES, "lraspp_mobilenet_v3_large"])
def test_the_networks_at_hand_pass(name: str) -> None:
    network = bundled(name) if name in NAMES else torchvision.build(name, "none").module
    report = check_segmenter(network, sizes=((64, 96), (51, 77)))
    assert report.ok, report.lines()


@pytest.mark.usefixtures("remedies_untried")
@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (lambda net, x: F.dropout(net(x), 0.1, training=True), "same output twice"),
        (lambda net, x: net(x) + x.mean(), "batch of 2 equals one by one"),
        (lambda net, x: net(x.detach()), "input gradient at batch 1"),
        (lambda net, x: net(x) + net(x.flip(3).detach()), "input gradient at batch 2"),
        (lambda net, x: net(x.flip(2)) if x.shape[2] == 24 else net(x) / 0, "shape at 21 x 37"),
        (lambda net, x: net(x).argmax(1), "adapter at 24 x 40"),
        (lambda net, x: net(x).div(0), "adapter at 24 x 40"),
    ],
)
def test_an_unsound_network_fails_by_name(change: Callable[..., Tensor], failed: str) -> None:
    report = check_segmenter(Around(change), sizes=SIZES)
    assert not report.ok
    assert failed in _failed(report)
    assert any(line.startswith(f"FAIL  {failed}: ") for line in report.lines())


def test_the_fault_of_batch_norm_is_told_with_its_remedies() -> None:
    report = check_segmenter(Tokens(), sizes=SIZES)
    assert _failed(report) == {"input gradient at batch 1"}
    assert any("right with --batch 2 or with --memory-format channels_last" in line for line in report.lines())


class Writer:
    """A segmenter that spoils the images it is given."""

    classes, notes = ("a", "b", "c", "d", "e"), ()

    def __init__(self) -> None:
        self.network = Tiny()

    def logits(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images.sub_(0.5))
        return scores


def test_a_segmenter_that_writes_into_the_images_fails() -> None:
    report = check_segmenter(Writer(), sizes=SIZES)
    assert "images left unchanged" in _failed(report)
    assert "same output twice" not in _failed(report)


def test_a_network_that_wants_255_gets_a_hint() -> None:
    # A mean and a deviation of levels taken from RGB in [0, 1]: all images are nearly black.
    lines = check_segmenter(Around(lambda net, x: net((x - 120) / 58)), sizes=SIZES).lines()
    assert "does the network expect [0, 255]?" in lines[-1]
    assert lines[-1].startswith("hint")


@pytest.mark.parametrize("scale", [1e-3, 0.2, 1, 50])
def test_how_sure_a_network_is_of_itself_is_no_hint(scale: float) -> None:
    lines = check_segmenter(Around(lambda net, x: scale * net((x - 0.45) / 0.22)), sizes=SIZES[:1], batch=1).lines()
    assert lines[-1].endswith("nothing speaks against [0, 1]")


def test_a_network_of_one_size_is_not_tried_at_others() -> None:
    report = check_segmenter(adapt_segmenter(Fixed(24, 40), image_size=(24, 40)), sizes=SIZES)
    assert report.ok
    assert "hint  shape at 21 x 37: not tried: the network takes 24 x 40 alone" in report.lines()


def test_a_batch_of_one_has_one_gradient_check() -> None:
    names = [check.name for check in check_segmenter(Tiny(), sizes=SIZES[:1], batch=1).checks]
    assert "input gradient at batch 1" in names
    assert sum(name.startswith("input gradient") for name in names) == 1


def test_every_check_is_told_when_it_begins_and_when_it_is_known() -> None:
    told: list[tuple[str, str | None]] = []
    report = check_segmenter(
        Tiny(), sizes=SIZES, on_check=lambda name, check: told.append((name, None if check is None else check.line))
    )
    assert [line for _, line in told if line is not None] == report.lines()
    assert told[::2] == [(name, None) for name, _ in told[1::2]]
