"""torchvision's detectors with random weights, against the networks' own way from image to boxes."""

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import CheckpointError, ModelError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors import torchvision_dense, torchvision_two_stage, torchvision_zoo
from foolscape.models.detectors.common import SIGMOID_NOTE, SOFTMAX_NOTE
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.torchvision_dense import DenseDetector
from foolscape.models.detectors.torchvision_two_stage import TwoStageDetector
from foolscape.models.segmenters.torchvision import library, random_network
from foolscape.tasks.detection import Detector

from ..networks import images

FASTER, LITE = "fasterrcnn_mobilenet_v3_large_320_fpn", "ssdlite320_mobilenet_v3_large"
SLOW_TWO_STAGE = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn")
SLOW_DENSE = ("retinanet_resnet50_fpn", "fcos_resnet50_fpn", "ssd300_vgg16")
NAMES = (FASTER, LITE, *(pytest.param(name, marks=pytest.mark.slow) for name in (*SLOW_TWO_STAGE, *SLOW_DENSE)))
TWO_STAGE = (FASTER, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_TWO_STAGE))
DENSE = (LITE, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW_DENSE))
SIZE = (40, 56)
THRESHOLD = 0.02


@cache
def network(name: str) -> nn.Module:
    """The network for small images, made to depend on them: all layers scaled until their outputs vary by about 1."""
    module: Any = torchvision_zoo.build(name, "none").module.eval()
    if "320" not in name and "300" not in name:
        module.transform.min_size, module.transform.max_size = (64,), 96

    def scale(part: Any, given: object, output: Tensor) -> Tensor:
        factor = output.std()
        part.weight.div_(factor)
        return output / factor

    layers = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(scale) for layer in layers]
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for _ in range(2):
            module(list(torch.rand(2, 3, *SIZE)))
    for hook in hooks:
        hook.remove()
    return module


@cache
def detector(name: str) -> TwoStageDetector | DenseDetector:
    names = ClassNames(own=torchvision_zoo.build(name, "none").classes)
    module = network(name)
    if not isinstance(module, library().detection.FasterRCNN):
        return torchvision_dense.adapt_dense(module, names)
    found = torchvision_two_stage.adapt_two_stage(module, names)
    assert (found.nms_iou, found.most) == (0.9, 3000)  # DAG's
    return replace(found, most=200)


def own_detections(name: str, given: Tensor, threshold: float) -> list[dict[str, Tensor]]:
    """What the network itself returns, with its threshold set."""
    module: Any = network(name)
    part = module.roi_heads if isinstance(module, library().detection.FasterRCNN) else module
    before, part.score_thresh = part.score_thresh, threshold
    try:
        with torch.no_grad():
            found: list[dict[str, Tensor]] = module(list(given))
    finally:
        part.score_thresh = before
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_contract(name: str) -> None:
    found, given = detector(name), images(2, *SIZE)
    assert isinstance(found, Detector)
    assert len(found.classes) == 80  # COCO's numbers without the unused ones
    assert found.classes[0] == "person"
    assert found.channels[0] == 1
    sigmoid = name.startswith(("retinanet", "fcos"))
    assert any(note.startswith(SIGMOID_NOTE if sigmoid else SOFTMAX_NOTE) for note in found.notes)
    with torch.no_grad():
        candidates = found.candidates(given)
    count = candidates.boxes.shape[1]
    assert candidates.boxes.shape == (2, count, 4)
    assert candidates.scores.shape == (2, 81, count)
    assert candidates.boxes.dtype == candidates.scores.dtype == torch.float32
    assert bool(candidates.scores.isfinite().all())
    if sigmoid:
        assert not candidates.scores[:, -1].any()
    assert torch.equal(given, images(2, *SIZE))


@pytest.mark.parametrize("name", NAMES)
def test_detections_are_those_of_the_network(name: str) -> None:
    given = images(2, *SIZE)
    found = detector(name).detect(given, THRESHOLD)
    for one, wanted in zip(found, own_detections(name, given, THRESHOLD), strict=True):
        channels = torch.tensor(detector(name).channels)
        kept = torch.isin(wanted["labels"], channels)
        assert len(one.scores) > 0
        torch.testing.assert_close(one.scores, wanted["scores"][kept])
        torch.testing.assert_close(one.boxes, wanted["boxes"][kept], rtol=1e-4, atol=1e-3)
        assert torch.equal(channels[one.labels], wanted["labels"][kept])
        assert bool((one.boxes[:, 2] <= SIZE[1] + 1e-3).all())
        assert bool((one.boxes[:, 3] <= SIZE[0] + 1e-3).all())


@pytest.mark.parametrize("name", NAMES)
def test_the_threshold_is_at_least_and_leaves_the_network_as_it_is(name: str) -> None:
    given = images(1, *SIZE)
    (every,) = detector(name).detect(given, THRESHOLD)
    middle = float(every.scores[len(every.scores) // 2])
    (some,) = detector(name).detect(given, middle)
    assert float(some.scores.min()) == pytest.approx(middle)
    assert len(some.scores) < len(every.scores) or every.scores[-1] == middle
    assert detector(name).detect(given, 1.5)[0].boxes.shape == (0, 4)  # a sigmoid may round to 1
    module: Any = network(name)
    assert getattr(module, "roi_heads", module).score_thresh < 0.6


@pytest.mark.parametrize("name", DENSE)
def test_every_detection_of_a_dense_network_is_one_of_its_candidates(name: str) -> None:
    given = images(1, *SIZE)
    found = detector(name)
    (one,) = found.detect(given, THRESHOLD)
    with torch.no_grad():
        candidates = found.candidates(given)
    sigmoid = name.startswith(("retinanet", "fcos"))
    chances = candidates.scores.sigmoid() if sigmoid else candidates.scores.softmax(1)
    low, high = torch.zeros(4), torch.tensor([SIZE[1], SIZE[0], SIZE[1], SIZE[0]])
    clipped = candidates.boxes[0].clamp(low, high)
    for box, score, label in zip(one.boxes[:5], one.scores, one.labels, strict=False):
        near = ((clipped - box).abs().amax(1) < 1e-2) & ((chances[0, label] - score).abs() < 1e-4)
        assert bool(near.any())


@pytest.mark.parametrize("name", TWO_STAGE)
def test_proposals_given_are_scored_as_the_network_scores_them(name: str) -> None:
    found, given = detector(name), images(2, *SIZE)
    with torch.no_grad():
        first = found.candidates(given)
        again = found.candidates(given, first.boxes)
        few = found.candidates(given, first.boxes[:, 3:7])
    torch.testing.assert_close(first.scores, again.scores, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(first.scores[:, :, 3:7], few.scores, rtol=1e-4, atol=1e-4)
    assert torch.equal(few.boxes, first.boxes[:, 3:7])
    assert 20 < first.boxes.shape[1] <= 200
    with torch.no_grad(), pytest.raises(ModelError, match="at least one candidate box per image"):
        found.candidates(given, first.boxes[:, :0])


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_at_the_pixels_is_finite_and_not_zero(name: str) -> None:
    given = images(1, *SIZE).requires_grad_()
    candidates = detector(name).candidates(given)
    assert not candidates.boxes.requires_grad or not detector(name).two_stage
    weights = torch.randn(candidates.scores.shape, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((weights * candidates.scores).sum(), given)
    assert bool(gradient.isfinite().all())
    assert bool(gradient.any())


@pytest.mark.slow
@pytest.mark.parametrize("name", [FASTER, LITE, *SLOW_TWO_STAGE, *SLOW_DENSE])
def test_the_gradient_follows_finite_differences(name: str) -> None:
    given = images(1, *SIZE)
    with torch.no_grad():
        boxes = detector(name).candidates(given).boxes[:, :50] if detector(name).two_stage else None
    verdict = check_gradient(Scorer(detector(name), boxes), given, seed=0)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("name", NAMES)
def test_an_image_does_not_depend_on_its_neighbours(name: str) -> None:
    given = images(2, *SIZE)
    found = detector(name)
    with torch.no_grad():
        alone = found.candidates(given[1:])
        boxes = alone.boxes.expand(2, -1, -1) if found.two_stage else None
        together = found.candidates(given, boxes)
    torch.testing.assert_close(together.scores[1:], alone.scores, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together.boxes[1:], alone.boxes, rtol=1e-3, atol=1e-2)


def test_a_network_that_proposes_nothing_is_told() -> None:
    module: Any = torchvision_zoo.build(FASTER, "none").module
    module.rpn.min_size = 1e6
    found = torchvision_two_stage.adapt_two_stage(module, ClassNames())
    with pytest.raises(ModelError, match="at least one proposal per image, got none for 1 of 1"):
        found.candidates(images(1, *SIZE))
    assert found.detect(images(1, *SIZE), 0.01)[0].boxes.shape == (0, 4)


def test_scores_that_are_nan_are_an_error_and_not_an_empty_street() -> None:
    module: Any = torchvision_zoo.build(FASTER, "none").module
    with torch.no_grad():
        module.roi_heads.box_predictor.cls_score.bias.fill_(math.nan)
    with pytest.raises(ModelError, match="expected finite scores"):
        torchvision_two_stage.adapt_two_stage(module, ClassNames()).detect(images(1, *SIZE), 0.01)


def test_region_proposals_that_are_nan_are_an_error_and_not_an_empty_street() -> None:
    module: Any = torchvision_zoo.build(FASTER, "none").module
    with torch.no_grad():
        module.rpn.head.cls_logits.bias.fill_(math.nan)
    with pytest.raises(ModelError, match="expected finite scores"):
        torchvision_two_stage.adapt_two_stage(module, ClassNames()).detect(images(1, *SIZE), 0.01)


@pytest.mark.parametrize(
    ("name", "last"),
    [
        (LITE, "module_list"),
        pytest.param("ssd300_vgg16", "module_list", marks=pytest.mark.slow),
        pytest.param("retinanet_resnet50_fpn", "cls_logits", marks=pytest.mark.slow),
        pytest.param("fcos_resnet50_fpn", "cls_logits", marks=pytest.mark.slow),
    ],
)
def test_logits_of_a_dense_network_that_are_nan_are_an_error_and_not_an_empty_street(name: str, last: str) -> None:
    module: Any = torchvision_zoo.build(name, "none").module
    with torch.no_grad():
        for parameter in getattr(module.head.classification_head, last).parameters():
            parameter.fill_(math.nan)
    found = torchvision_dense.adapt_dense(module, ClassNames())
    with pytest.raises(ModelError, match="expected finite scores"):
        found.detect(images(1, *SIZE), 0.01)
    with torch.no_grad(), pytest.raises(ModelError, match="expected finite scores"):
        found.candidates(images(1, *SIZE))
    assert not module.head._forward_hooks


def test_boxes_that_are_nan_are_an_error() -> None:
    module: Any = torchvision_zoo.build(LITE, "none").module
    with torch.no_grad():
        for convolution in module.head.regression_head.module_list:
            convolution[-1].bias.fill_(math.nan)
    found = torchvision_dense.adapt_dense(module, ClassNames())
    with torch.no_grad(), pytest.raises(ModelError, match="expected finite boxes"):
        found.candidates(images(1, *SIZE))


def test_the_adapters_refuse_each_others_networks() -> None:
    with pytest.raises(ModelError, match="expected a RetinaNet, FCOS or SSD"):
        torchvision_dense.adapt_dense(network(FASTER), ClassNames())
    with pytest.raises(ModelError, match="expected a Faster R-CNN or Mask R-CNN"):
        torchvision_two_stage.adapt_two_stage(network(LITE), ClassNames())


def test_names_must_be_as_many_as_classes() -> None:
    with pytest.raises(ModelError, match=r"one class name per class that the detector scores \(90\), got 2"):
        torchvision_dense.adapt_dense(network(LITE), ClassNames(option=("a", "b")))
    with pytest.raises(ModelError, match=r"\(90\), got 3"):
        torchvision_two_stage.adapt_two_stage(network(FASTER), ClassNames(data=("a", "b", "c")))


def test_weights_of_your_own_bring_their_number_of_classes(tmp_path: Path) -> None:
    state = random_network(LITE, 4).state_dict()
    torch.save(state, tmp_path / "mine.pth")
    built = torchvision_zoo.build(LITE, str(tmp_path / "mine.pth"))
    assert built.classes is None
    found = torchvision_dense.adapt_dense(built.module, ClassNames(data=("a", "b", "c")))
    assert found.classes == ("a", "b", "c")
    assert found.channels == (1, 2, 3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="without its class head"):
        torchvision_zoo.build(LITE, str(tmp_path / "other.pth"))


def test_unknown_names_are_told_with_those_there_are() -> None:
    assert FASTER in torchvision_zoo.names()
    assert not any("keypoint" in name for name in torchvision_zoo.names())
    with pytest.raises(UnknownNameError, match="torchvision detection network"):
        torchvision_zoo.build("fasterrcnn", "none")
    with pytest.raises(UnknownNameError, match="weights of ssdlite320"):
        torchvision_zoo.build(LITE, "COCO_V9")
