"""An answer smaller than the image: shrunk by a whole number it is stretched, cut off it is placed, else refused."""

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.margins import Margins
from foolscape.models.common.output import fits
from foolscape.models.segmenters.adapter import adapt_segmenter


class Levels(nn.Module):
    """Knows the class of a pixel, its red level, after layers that move nothing."""

    classes = ("dark", "grey", "light")

    def __init__(self, layers: int = 5, kernel: int = 3) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, kernel, bias=False) for _ in range(layers))
        for layer in self.layers:
            nn.init.zeros_(layer.weight)
            for channel in range(3):
                layer.weight.data[channel, channel, kernel // 2, kernel // 2] = 1

    def forward(self, images: Tensor) -> Tensor:
        for layer in self.layers:
            images = layer(images)
        return -100 * (images[:, :1] - torch.tensor([0.0, 0.5, 1.0]).view(1, 3, 1, 1)) ** 2


class Cut(nn.Module):
    """Answers for a part of the image."""

    classes = ("dark", "grey", "light")

    def __init__(self, top: int, bottom: int, left: int, right: int) -> None:
        super().__init__()
        self.inner = Levels(0)
        self.sides = (top, bottom, left, right)

    def forward(self, images: Tensor) -> Tensor:
        top, bottom, left, right = self.sides
        scores: Tensor = self.inner(images)
        return scores[:, :, top : scores.shape[2] - bottom, left : scores.shape[3] - right]


def board(height: int, width: int) -> Tensor:
    """(1, 1, H, W): three levels in fields of five pixels."""
    rows, columns = torch.arange(height)[:, None] // 5, torch.arange(width)[None] // 5
    return ((rows + 2 * columns) % 3)[None, None] / 2.0


@pytest.mark.parametrize(
    ("module", "margins"),
    [
        (Levels(), Margins(5, 5, 5, 5)),
        (Levels(1), Margins(1, 1, 1, 1)),
        (Levels(3, kernel=5), Margins(6, 6, 6, 6)),
        (Levels(1, kernel=2), Margins(1, 0, 1, 0)),  # its one weight is the last
        (Cut(0, 4, 0, 6), Margins(0, 4, 0, 6)),
        (Cut(7, 0, 5, 0), Margins(7, 0, 5, 0)),
        (Cut(3, 3, 0, 0), Margins(3, 3, 0, 0)),
    ],
)
@pytest.mark.parametrize("size", [(40, 56), (45, 37)])
def test_a_cut_answer_is_placed(module: nn.Module, margins: Margins, size: tuple[int, int]) -> None:
    segmenter = adapt_segmenter(module, image_size=(40, 56))
    assert segmenter.margins == margins
    assert any("mirrored" in note for note in segmenter.notes)
    images = board(*size).expand(-1, 3, -1, -1)
    scores = segmenter.logits(images)
    assert scores.shape[2:] == size
    assert torch.equal(scores.argmax(1), (2 * images[:, 0]).long())


def test_a_network_with_wide_layers_is_placed_too() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(*(nn.Sequential(nn.Conv2d(c, 8, 3), nn.ReLU()) for c in (3, 8, 8, 8)), nn.Conv2d(8, 4, 5))
    assert adapt_segmenter(module, image_size=(48, 64)).margins == Margins(6, 6, 6, 6)


@pytest.mark.parametrize(
    ("module", "says"),
    [
        (Cut(2, 10, 2, 10), "Where its pixels lie in the image does not show"),  # in no middle and at no corner
        (nn.Sequential(nn.Conv2d(3, 4, 3, stride=4), nn.Conv2d(4, 4, 3)), "Upsample in the adapter"),
    ],
)
def test_an_answer_whose_place_does_not_show_is_refused(module: nn.Module, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        adapt_segmenter(module, image_size=(60, 84))


@pytest.mark.parametrize(
    ("given", "size", "right"),
    [
        ((60, 80), (120, 160), True),
        ((15, 20), (120, 160), True),
        ((40, 55), (360, 495), True),  # a ninth, nothing left over
        ((14, 20), (361, 480), False),
        ((12, 15), (360, 480), True),  # floor and ceiling of a 32nd: 11.25 and 15
        ((11, 15), (360, 480), True),
        ((107, 160), (427, 640), True),
        ((6, 7), (111, 127), True),
        ((61, 81), (120, 160), True),
        ((100, 100), (120, 120), False),
        ((119, 159), (120, 160), False),
        ((13, 18), (120, 160), False),  # an eighth, less two
        ((60, 40), (120, 160), False),
        ((121, 161), (120, 160), False),
        ((0, 0), (120, 160), False),
    ],
)
def test_which_sizes_are_shrunk_ones(given: tuple[int, int], size: tuple[int, int], right: bool) -> None:
    assert fits(given, size) is right


def test_images_are_mirrored_as_often_as_it_takes() -> None:
    images = torch.arange(3.0).view(1, 1, 1, 3)
    assert Margins(left=2, right=3).mirrored(images).flatten().tolist() == [2, 1, 0, 1, 2, 1, 0, 1]
    assert Margins(top=2).mirrored(images).shape == (1, 1, 3, 3)
    assert Margins().mirrored(images) is images
