"""The bundled detector: what it takes and returns, and how well it knows streets it never saw."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from foolscape.data.scene_boxes import CLASSES, scene_boxes
from foolscape.metrics.boxes import Detected, Truth
from foolscape.models.bundled.detector import ScenesOutput
from foolscape.models.bundled.load import DETECTOR_NAMES, NAMES, bundled, untrained
from tests.metrics.coco_ap import coco_ap

from .streets import street

(NAME,) = DETECTOR_NAMES


def _pixels(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def _found(dense: ScenesOutput) -> Detected:
    """The detections of the first image."""
    from torchvision.ops import batched_nms  # here: it takes three seconds

    scores, boxes = dense.scores[0], dense.boxes[0]
    cell, label = (scores >= 0.01).nonzero(as_tuple=True)
    kept = batched_nms(boxes[cell], scores[cell, label], label, 0.6)
    cell, label = cell[kept], label[kept]
    return Detected(boxes[cell].double().numpy(), scores[cell, label].double().numpy(), label.numpy())


def test_its_classes_are_those_of_the_boxes_of_the_scenes() -> None:
    assert bundled(NAME).classes == CLASSES
    assert NAME not in NAMES


@pytest.mark.parametrize("size", [(160, 256), (72, 104)])
def test_there_is_a_candidate_for_every_cell(size: tuple[int, int]) -> None:
    network, cells = bundled(NAME), size[0] * size[1] // 16
    dense = network(torch.rand(2, 3, *size))
    assert not network.training
    assert dense.scores.shape == dense.logits.shape == (2, cells, len(CLASSES))
    assert dense.boxes.shape == (2, cells, 4)
    assert bool(dense.logits.isfinite().all())
    assert bool(dense.boxes.isfinite().all())
    assert torch.equal(dense.scores, dense.logits.sigmoid())


def test_a_box_lies_around_the_centre_of_its_cell() -> None:
    boxes = bundled(NAME)(torch.rand(1, 3, 72, 104)).boxes.view(72 // 4, 104 // 4, 4)
    row, column = torch.meshgrid(torch.arange(18) * 4 + 2, torch.arange(26) * 4 + 2, indexing="ij")
    assert bool((boxes[..., 0] < column).all())
    assert bool((boxes[..., 1] < row).all())
    assert bool((boxes[..., 2] > column).all())
    assert bool((boxes[..., 3] > row).all())


def test_fresh_weights_find_nothing_yet() -> None:
    torch.manual_seed(0)
    network = untrained(NAME)
    assert network.training
    with torch.no_grad():
        dense = network.eval()(torch.rand(1, 3, 72, 104))
    assert float(dense.scores.max()) < 0.1


def test_the_weights_are_small() -> None:
    assert sum(value.nbytes for value in bundled(NAME).state_dict().values()) < 1.5e6


def test_the_input_gradient_is_finite_and_nowhere_dead() -> None:
    images = _pixels(street(0).image).requires_grad_(True)
    (gradient,) = torch.autograd.grad(bundled(NAME)(images).logits.sum(), images)
    assert bool(gradient.isfinite().all())
    assert float((gradient != 0).float().mean()) > 0.99


def test_one_image_has_the_gradient_that_it_has_in_a_batch() -> None:
    # Of one image, PyTorch 2.13 handed back a wrong input gradient where a batch norm's output is transposed.
    network = bundled(NAME)
    images = torch.cat([_pixels(street(index).image) for index in range(2)]).requires_grad_(True)
    (together,) = torch.autograd.grad(network(images).logits.sum(), images)
    alone = images[:1].detach().requires_grad_(True)
    (single,) = torch.autograd.grad(network(alone).logits.sum(), alone)
    assert float((together[:1] - single).abs().max()) < 1e-3 * float(single.abs().max())


def test_the_gradient_follows_finite_differences() -> None:
    torch.manual_seed(0)
    network = bundled(NAME).double()
    images, direction = torch.rand(1, 3, 32, 48, dtype=torch.float64, requires_grad=True), torch.randn(1, 3, 32, 48)

    def value(pixels: torch.Tensor) -> torch.Tensor:
        dense = network(pixels)
        return dense.logits.sum() + dense.boxes.sum()

    (gradient,) = torch.autograd.grad(value(images), images)
    with torch.no_grad():
        change = (value(images + 1e-6 * direction) - value(images - 1e-6 * direction)) / 2e-6
    assert float(change) == pytest.approx(float((gradient * direction).sum()), rel=1e-3)


@pytest.mark.parametrize("shape", [(1, 3, 100, 256), (1, 3, 160, 250), (1, 1, 160, 256), (3, 160, 256)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        bundled(NAME)(torch.rand(shape))


def test_ap50_on_unseen_streets() -> None:
    network = bundled(NAME)
    truths: list[Truth] = []
    detections: list[Detected] = []
    for index in range(24):
        frame = street(index)
        with torch.no_grad():
            detections.append(_found(network(_pixels(frame.image))))
        truths.append(scene_boxes(frame.labels, frame.instances))
    assert float(coco_ap(truths, detections, len(CLASSES))[0].mean()) > 80
