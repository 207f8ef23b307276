"""Is the gradient in bfloat16 the one to follow?"""

import pytest
import torch
from torch import Tensor

from foolscape.errors import GradientError, ModelError
from foolscape.models.bundled.load import NAMES, bundled
from foolscape.models.common.bf16 import likeness
from foolscape.models.segmenters.adapter import adapt_segmenter

from .networks import Around, Tiny, images


def in_half() -> bool:
    return torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_networks_have_nearly_the_same_gradient(name: str) -> None:
    found = likeness(adapt_segmenter(bundled(name), image_size=(64, 96)), images(2, 64, 96))
    assert found is not None
    assert 0.9 < found < 0.99999


def test_a_gradient_of_another_direction_is_refused() -> None:
    turned = Around(lambda net, x: -net(x) if in_half() else net(x))
    with pytest.raises(GradientError, match=r"got a cosine of -?[0-9.]+; .* leave --precision bf16 out"):
        likeness(adapt_segmenter(turned, image_size=(24, 40)), images())


def test_one_that_is_not_finite_is_left_to_the_attack() -> None:
    broken = Around(lambda net, x: net(x) * (float("nan") if in_half() else 1))
    assert likeness(adapt_segmenter(broken, image_size=(24, 40)), images()) is None


def test_a_network_that_mixes_types_is_refused_in_words() -> None:
    class Mixing(Tiny):
        def forward(self, x: Tensor) -> Tensor:
            scores: Tensor = super().forward(x)
            return scores.float().index_add(0, torch.tensor([0]), 0 * scores[:1])

    with pytest.raises(ModelError, match="expected a network that runs under autocast to bfloat16, got RuntimeError"):
        likeness(adapt_segmenter(Mixing(), image_size=(24, 40)), images())
