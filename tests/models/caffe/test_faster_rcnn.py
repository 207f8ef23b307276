"""Faster R-CNN as published for Caffe: anchors, proposals, pooling of regions, detections, its files of weights."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from foolscape.errors import CheckpointError, SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.caffe import with_random_weights
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.caffe import build as building
from foolscape.models.detectors.caffe.adapter import CaffeFasterRcnn, adapt_faster_rcnn
from foolscape.models.detectors.caffe.build import build
from foolscape.models.detectors.caffe.network import FasterRcnn, roi_pooled
from foolscape.models.detectors.caffe.proposals import Chosen, anchors, base_anchors, choose, clipped, kept, moved
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.load import load_detector
from foolscape.testing import check_detector

from .written import write

THIN = 32


def network(trunk: str = "zf") -> FasterRcnn:
    return with_random_weights(lambda: FasterRcnn(trunk, 21, THIN))


def detector(trunk: str = "zf") -> CaffeFasterRcnn:
    return adapt_faster_rcnn(network(trunk), ClassNames(own=("none", *"abcdefghijklmnopqrst")), sides=(64, 100))


def images(count: int = 1, size: tuple[int, int] = (48, 80)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(3))


def test_anchors_are_the_published_ones() -> None:
    assert base_anchors().tolist() == [
        [-84, -40, 99, 55], [-176, -88, 191, 103], [-360, -184, 375, 199],
        [-56, -56, 71, 71], [-120, -120, 135, 135], [-248, -248, 263, 263],
        [-36, -80, 51, 95], [-80, -168, 95, 183], [-168, -344, 183, 359],
    ]  # fmt: skip
    every = anchors(2, 3, torch.zeros(()))
    assert every.shape == (54, 4)
    assert torch.equal(every[9:18], base_anchors() + torch.tensor([16, 0, 16, 0]))
    assert torch.equal(every[27:36], base_anchors() + torch.tensor([0, 16, 0, 16]))


def test_regression_by_hand() -> None:
    """A box of 10 x 20 pixels, its middle at (15, 30) by halves of its width, moved and made twice as wide."""
    box = torch.tensor([[10.0, 20.0, 19.0, 39.0]])
    assert moved(box, torch.zeros(1, 4)).tolist() == [[10, 20, 20, 40]]
    by = torch.tensor([[0.1, -0.5, math.log(2), 0.0]])
    assert moved(box, by)[0].tolist() == pytest.approx([6, 10, 26, 30])
    assert clipped(torch.tensor([[-3.0, 4.0, 90.0, 70.0]]), 60, 80).tolist() == [[0, 4, 79, 59]]


def test_nms_counts_first_and_last_pixel() -> None:
    """Two boxes of 10 x 10 pixels that share 10 x 5: an IoU of 1/3; without their last pixels it were 4/14."""
    boxes = torch.tensor([[0.0, 0.0, 9.0, 9.0], [5.0, 0.0, 14.0, 9.0]])
    assert kept(boxes, torch.tensor([0.5, 0.9]), 0.3).tolist() == [1]
    assert kept(boxes, torch.tensor([0.5, 0.9]), 0.34).tolist() == [1, 0]


def test_proposals_are_chosen_in_the_published_order() -> None:
    """Small ones go first, then all but the best `before`, then what overlaps, then all but the best `most`."""
    boxes = torch.tensor([[0, 0, 30, 30], [0, 0, 31, 31], [0, 0, 32, 33], [50, 0, 90, 40], [0, 50, 40, 90]]).float()
    scores = torch.tensor([5.0, 4.0, 3.0, 1.0, 2.0])
    how = Chosen(0.7, 6000, 300, 16)
    assert torch.equal(choose(boxes, scores, 2.0, how), boxes[[1, 4, 3]])  # 31 pixels are less than 16 * 2
    assert torch.equal(choose(boxes, scores, 2.0, Chosen(0.7, 2, 300, 16)), boxes[[1]])
    assert torch.equal(choose(boxes, scores, 2.0, Chosen(0.95, 6000, 2, 16)), boxes[[1, 2]])


def pooled_by_loops(maps: Tensor, box: list[float], cells: int) -> Tensor:
    """RoI pooling of one box, cell by cell."""
    left, top, right, bottom = (math.floor(side / 16 + 0.5) for side in box)
    width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
    out = torch.zeros(maps.shape[0], cells, cells, dtype=maps.dtype)
    for row in range(cells):
        for column in range(cells):
            rows = range(top + math.floor(row * height / cells), top + math.ceil((row + 1) * height / cells))
            columns = range(left + math.floor(column * width / cells), left + math.ceil((column + 1) * width / cells))
            inside = [maps[:, y, x] for y in rows for x in columns if 0 <= y < maps.shape[1] and 0 <= x < maps.shape[2]]
            if inside:
                out[:, row, column] = torch.stack(inside).amax(dim=0)
    return out


def test_pooling_of_regions_against_loops_and_torchvision() -> None:
    from torchvision.ops import roi_pool

    maps = torch.randn(2, 4, 9, 13, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first = [
        [0.0, 0.0, 207.0, 143.0],
        [17.0, 24.0, 50.0, 60.0],
        [100.0, 100.0, 101.0, 101.0],
        [180.0, 120.0, 400.0, 300.0],
    ]
    second = [[8.0, 8.0, 23.9, 24.1], [33.0, 90.0, 170.0, 91.0]]
    for cells in (6, 7):
        found = roi_pooled(maps, [torch.tensor(first), torch.tensor(second)], cells)
        wanted = [pooled_by_loops(maps[0], box, cells) for box in first]
        wanted += [pooled_by_loops(maps[1], box, cells) for box in second]
        assert torch.equal(found, torch.stack(wanted))
        rows = torch.tensor([[0.0, *box] for box in first] + [[1.0, *box] for box in second], dtype=torch.float64)
        assert torch.equal(found, roi_pool(maps, rows, cells, 1 / 16))


@pytest.mark.parametrize(("trunk", "cells", "deep"), [("zf", 6, 8), ("vgg16", 7, 16)])
def test_networks(trunk: str, cells: int, deep: int) -> None:
    made = network(trunk)
    with torch.no_grad():
        maps = made.features(torch.randn(1, 3, 65, 97))
        odds, regression = made.proposals(maps)
    assert maps.shape == (1, deep, 5, 7)  # 65 / 16 and 97 / 16, rounded up at every step
    assert odds.shape == (1, 5 * 7 * 9)
    assert regression.shape == (1, 5 * 7 * 9, 4)
    assert made.fc6.in_features == deep * cells**2


@pytest.mark.parametrize(("trunk", "cells", "kept"), [("zf", 6, 0.5), ("vgg16", 7, 1.0)])
def test_hidden_layers_by_hand(trunk: str, cells: int, kept: float) -> None:
    """ZF's dropout is of the kind that halves what it is given when the network is used; VGG16's does nothing then."""
    made = network(trunk)
    maps = torch.rand(1, 256 // THIN if trunk == "zf" else 512 // THIN, 3, 4)
    box = torch.tensor([[0.0, 0.0, 63.0, 47.0]])
    with torch.no_grad():
        hidden = roi_pooled(maps, [box], cells).flatten(1)
        for layer in (made.fc6, made.fc7):
            hidden = (hidden @ layer.weight.T + layer.bias).clamp(min=0) * kept
        logits, regression = made.regions(maps, [box])
    torch.testing.assert_close(logits, hidden @ made.cls_score.weight.T + made.cls_score.bias)
    torch.testing.assert_close(regression.flatten(1), hidden @ made.bbox_pred.weight.T + made.bbox_pred.bias)


def test_scores_of_anchors_are_in_the_order_of_anchors() -> None:
    """Channel 9 + a is the chance of an object in anchor a, channels 4a to 4a + 3 its regression."""
    made = network()
    with torch.no_grad():
        for layer in (made.rpn_cls_score, made.rpn_bbox_pred):
            layer.weight.zero_()
        made.rpn_cls_score.bias.copy_(torch.arange(18.0) ** 2)
        made.rpn_bbox_pred.bias.copy_(torch.arange(36.0))
        odds, regression = made.proposals(torch.zeros(1, 8, 2, 3))
    assert odds[0, 9:18].tolist() == [(9 + a) ** 2 - a**2 for a in range(9)]
    assert regression[0, 9 + 4].tolist() == [16, 17, 18, 19]


@pytest.mark.parametrize(
    ("size", "scale", "inside"),
    [((375, 500), 1.6, (600, 800)), ((333, 500), 600 / 333, (600, 901)), ((300, 600), 1000 / 600, (500, 1000))],
)
def test_images_are_resized_as_published(size: tuple[int, int], scale: float, inside: tuple[int, int]) -> None:
    prepared = adapt_faster_rcnn(network(), ClassNames())._prepare(torch.rand(1, 3, *size))
    assert prepared.scale == pytest.approx(scale)
    assert prepared.size == inside


def test_resizing_by_hand() -> None:
    """Twice as large: a row 0, 1 becomes 0, 1/4, 3/4, 1, as OpenCV has it; grey levels less the means, BGR."""
    seen = []

    class Seeing(FasterRcnn):
        def features(self, images: Tensor) -> Tensor:
            seen.append(images)
            return images

    made = adapt_faster_rcnn(Seeing("zf", 3, THIN), ClassNames(), sides=(4, 4))
    made._prepare(torch.tensor([[0.0, 1.0], [0.0, 1.0]]).expand(1, 3, 2, 2))
    (images,) = seen
    assert images[0, 2, 1].tolist() == pytest.approx([255 * x - 122.7717 for x in (0, 0.25, 0.75, 1)])


def test_contract() -> None:
    report = check_detector(detector(), sizes=((48, 80), (50, 41)))
    assert report.ok, report.lines()


@pytest.mark.parametrize("trunk", ["zf", "vgg16"])
def test_gradient_at_given_boxes(trunk: str) -> None:
    made = detector(trunk)
    with torch.no_grad():
        boxes = made.candidates(images()).boxes[:, :6]
    verdict = check_gradient(Scorer(made, boxes), images(), seed=0)
    assert verdict.ok, verdict.message


def test_given_boxes_get_the_scores_that_they_had() -> None:
    made, batch = detector(), images(2)
    with torch.no_grad():
        own = made.candidates(batch)
        again = made.candidates(batch, own.boxes)
    assert torch.allclose(own.scores, again.scores)
    assert own.scores.shape[1] == 21
    assert float(own.boxes.min()) >= 0
    assert float(own.boxes[..., 2].max()) <= 80.5


def test_detections_against_loops() -> None:
    """Every class by itself, from 0.05 on, boxes moved by its regression, NMS at 0.3; ends behind the last pixel."""
    made = detector()
    (found,) = made.detect(images(), 0.0)
    prepared = made._prepare(images())
    with torch.no_grad():
        (proposals,) = made._propose(prepared, made.detecting)
        logits, regression = made.module.regions(prepared.maps, [proposals])
    wanted = []
    for label in range(1, 21):
        chances = logits.softmax(1)[:, label]
        rows = torch.nonzero(chances >= 0.05)[:, 0]
        boxes = clipped(moved(proposals[rows] / prepared.scale, regression[rows, label]), 48, 80)
        best = kept(boxes, chances[rows], 0.3).tolist()
        wanted += [(float(chances[rows][row]), label - 1, boxes[row] + torch.tensor([0, 0, 1, 1])) for row in best]
    wanted.sort(key=lambda one: -one[0])
    assert len(wanted) > 3
    assert found.scores.tolist() == pytest.approx([one[0] for one in wanted[:100]])
    assert found.labels.tolist() == [one[1] for one in wanted[:100]]
    assert torch.allclose(found.boxes, torch.stack([one[2] for one in wanted[:100]]))


@pytest.mark.parametrize("called", ["rpn_conv/3x3", "rpn_conv1"])
def test_published_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, called: str) -> None:
    state = network().state_dict()
    path = write(tmp_path / "w.caffemodel", state, rename={"rpn_conv": called}, former=called == "rpn_conv1")
    monkeypatch.setattr(building, "FasterRcnn", lambda trunk, classes: FasterRcnn(trunk, classes, THIN))
    loaded = load_detector(f"caffe:faster-rcnn-zf?weights={path}&shorter=64&longest=100", image_size=(48, 80))
    assert loaded.model.classes[-1] == "tvmonitor"
    assert len(loaded.model.classes) == 20
    assert torch.equal(loaded.model.module.rpn_conv.weight, state["rpn_conv.weight"])
    with pytest.raises(CheckpointError, match="missing"):
        build("faster-rcnn-vgg16", str(path))


@pytest.mark.parametrize("query", ["shorter=600&longest=500", "shorter=5"])
def test_sides_that_do_not_do(query: str) -> None:
    with pytest.raises(SettingError, match="shorter, longest: expected 32 at least"):
        load_detector(f"caffe:faster-rcnn-zf?weights=none&thin=16&{query}", image_size=(48, 80))
