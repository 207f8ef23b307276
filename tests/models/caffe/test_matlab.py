"""Faster R-CNN of the MATLAB release: two files, its own rounding and boxes, its mean, against cases by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
from torch import Tensor

from foolscape.errors import CheckpointError, FoolscapeError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.caffe import with_random_weights
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.caffe import build as building
from foolscape.models.detectors.caffe.matlab import MatlabFasterRcnn, adapt_matlab, half_up, moved, regions
from foolscape.models.detectors.caffe.mean_image import MEAN, read_mean_image
from foolscape.models.detectors.caffe.network import FasterRcnn, ProposalNetwork, RegionNetwork, TwoNetworks
from foolscape.models.detectors.caffe.proposals import anchors, base_anchors, clipped, kept
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.load import load_detector
from foolscape.testing import check_detector

from .written import write

THIN = 32
CALLED = {
    "rpn_conv": "conv_proposal1",
    "rpn_cls_score": "proposal_cls_score",
    "rpn_bbox_pred": "proposal_bbox_pred",
}
"""Layers of proposals in the release, by their names here."""


def networks(trunk: str = "zf", mean: Tensor = MEAN, *, shared: bool = True) -> TwoNetworks:
    proposing = with_random_weights(lambda: ProposalNetwork(trunk, THIN))
    detecting = with_random_weights(lambda: RegionNetwork(trunk, 21, THIN))
    if not shared:
        first = next(proposing.parameters())
        first.data *= 2
    return TwoNetworks(proposing, detecting, mean).eval()


def detector(trunk: str = "zf", *, shared: bool = True) -> MatlabFasterRcnn:
    names = ClassNames(own=("none", *"abcdefghijklmnopqrst"))
    return adapt_matlab(networks(trunk, shared=shared), names, sides=(64, 100))


def images(count: int = 1, size: tuple[int, int] = (48, 80)) -> Tensor:
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(3))


def test_anchors_are_those_of_matlab_less_one() -> None:
    """In MATLAB, where the first pixel is 1, the release's are -83 -39 100 56, and so on."""
    assert (base_anchors() + 1)[[0, 4, 8]].tolist() == [
        [-83, -39, 100, 56],
        [-119, -119, 136, 136],
        [-167, -343, 184, 360],
    ]


def test_regression_by_hand() -> None:
    """Pixels 10 to 19 and 20 to 39: middles 14.5 and 29.5; moved by a tenth and a half of 10 and 20, twice as wide."""
    box = torch.tensor([[10.0, 20.0, 19.0, 39.0]])
    assert torch.equal(moved(box, torch.zeros(1, 4)), box)
    by = torch.tensor([[0.1, -0.5, math.log(2), 0.0]])
    assert moved(box, by)[0].tolist() == pytest.approx([6, 10, 25, 29])


def test_rounding_by_hand() -> None:
    """A half goes up, where Python and numpy take the even number; 4.75 * 2 = 9.5 is pixel 10."""
    assert [half_up(value) for value in (0.5, 1.5, 2.5, 2.49)] == [1, 2, 3, 2]
    assert regions(torch.tensor([[0.0, 1.2, 4.75, 6.25]]), 2.0).tolist() == [[0, 2, 10, 13]]


@pytest.mark.parametrize(
    ("size", "scale", "inside"),
    [((375, 500), 1.6, (600, 800)), ((300, 600), 1000 / 600, (500, 1000)), ((400, 419), 1.5, (600, 629))],
)
def test_sides_are_rounded_up(size: tuple[int, int], scale: float, inside: tuple[int, int]) -> None:
    """419 * 1.5 = 628.5 becomes 629, where py-faster-rcnn makes the even number 628 of it."""
    prepared = adapt_matlab(networks(), ClassNames())._prepare(torch.rand(1, 3, *size))
    assert prepared.scale == pytest.approx(scale)
    assert prepared.images.shape[2:] == inside


def test_the_mean_image_is_taken_away_before_resizing() -> None:
    """A mean image of two pixels, resized to the four of a row (0, 1/4, 3/4, 1 of its way), then all to 64 x 128."""
    mean = torch.zeros(1, 3, 1, 2)
    mean[:, 0, :, 1] = 80.0  # red
    made = adapt_matlab(networks(mean=mean), ClassNames(), sides=(32, 64))
    inside = made._prepare(torch.ones(1, 3, 2, 4)).images
    assert inside.shape == (1, 3, 32, 64)
    assert inside[0, 2, 0, [0, 24, 40, 63]].tolist() == pytest.approx([255, 235, 195, 175], abs=2)
    assert float(inside[0, :2].min()) == 255
    assert "a mean image of 1 x 2 is taken from images" in made.notes


def test_proposals_by_hand() -> None:
    """With all regressions 0 a proposal is its anchor, scaled by the ratio of last pixels, and cut to the image."""
    made = detector()
    with torch.no_grad():
        made.module.proposing.rpn_bbox_pred.weight.zero_()
    prepared = made._prepare(images())
    assert prepared.images.shape[2:] == (60, 100)  # 80 * 64 / 48 = 106.7 is more than 100
    (found,) = made._propose(prepared, made.proposing)
    every = anchors(prepared.maps.shape[2], prepared.maps.shape[3], torch.zeros(()))
    ratio = torch.tensor([79 / 99, 47 / 59, 79 / 99, 47 / 59])
    wanted = clipped(every * ratio, 48, 80)
    assert len(found) > 5
    for box in found:
        assert float((wanted - box).abs().amax(dim=1).min()) < 1e-4


def test_detections_against_loops() -> None:
    """Every class by itself: 100 of it, boxes moved by its regression in pixels of the image, NMS at 0.3."""
    made = detector()
    (found,) = made.detect(images(), 0.06)
    prepared = made._prepare(images())
    with torch.no_grad():
        (proposals,) = made._propose(prepared, made.detecting)
        rois = torch.tensor([[half_up(side * prepared.scale) for side in one] for one in proposals.tolist()])
        logits, regression = made.module.detecting.regions(prepared.maps, [rois])
    wanted = []
    for label in range(1, 21):
        chances = logits.softmax(1)[:, label]
        rows = [row for row in chances.argsort(descending=True)[:100].tolist() if chances[row] >= 0.06]
        boxes = clipped(moved(proposals[rows], regression[rows, label]), 48, 80)
        best = kept(boxes, chances[rows], 0.3).tolist()
        wanted += [(float(chances[rows][row]), label - 1, boxes[row] + torch.tensor([0, 0, 1, 1])) for row in best]
    wanted.sort(key=lambda one: -one[0])
    assert len(wanted) > 3
    assert found.scores.tolist() == pytest.approx([one[0] for one in wanted])
    assert found.labels.tolist() == [one[1] for one in wanted]
    assert torch.allclose(found.boxes, torch.stack([one[2] for one in wanted]), atol=1e-4)


def test_given_boxes_get_the_scores_that_they_had() -> None:
    made, batch = detector(), images(2)
    with torch.no_grad():
        own = made.candidates(batch)
        again = made.candidates(batch, own.boxes)
    assert torch.allclose(own.scores, again.scores)
    assert float(own.boxes.min()) >= 0


def test_trunks_that_differ_are_both_used() -> None:
    """Proposals come of the first network's own maps; with equal trunks one map serves both."""
    alone = networks(shared=False)
    assert not alone.shared
    assert networks().shared
    made = adapt_matlab(alone, ClassNames(), sides=(64, 100))
    prepared = made._prepare(images())
    with torch.no_grad():
        own = made.module.proposing.proposals(made.module.proposing.features(prepared.images))[0]
        (found,) = made._propose(prepared, made.detecting)
        (other,) = adapt_matlab(networks(), ClassNames(), sides=(64, 100))._propose(prepared, made.detecting)
    assert own.shape[1] > len(found)
    assert found.shape != other.shape or not torch.equal(found, other)
    assert "two networks, as in the MATLAB release, whose trunks differ" in made.notes


def test_contract_and_gradient() -> None:
    report = check_detector(detector(), sizes=((48, 80),))
    assert report.ok, report.lines()
    made = detector("vgg16")
    with torch.no_grad():
        boxes = made.candidates(images()).boxes[:, :6]
    verdict = check_gradient(Scorer(made, boxes), images(), seed=0)
    assert verdict.ok, verdict.message


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`detection_final` and `proposal_final`, without an ending, as they are unpacked, and a whole network beside."""
    for name, made in {
        "ProposalNetwork": ProposalNetwork,
        "RegionNetwork": RegionNetwork,
        "FasterRcnn": FasterRcnn,
    }.items():
        monkeypatch.setattr(building, name, lambda *parts, made=made: made(*parts, THIN))
    two = networks()
    write(tmp_path / "detection_final", two.detecting.state_dict())
    write(tmp_path / "proposal_final", two.proposing.state_dict(), rename=CALLED, former=True)
    write(tmp_path / "whole.caffemodel", with_random_weights(lambda: FasterRcnn("zf", 21, THIN)).state_dict())
    return tmp_path


def test_published_names(files: Path) -> None:
    spec = f"caffe:faster-rcnn-zf?weights={files / 'detection_final'}&rpn={files / 'proposal_final'}"
    loaded = load_detector(f"{spec}&shorter=64&longest=100", image_size=(48, 80))
    assert isinstance(loaded.model, MatlabFasterRcnn)
    assert loaded.model.classes[-1] == "tvmonitor"
    state = networks().state_dict()
    assert all(torch.equal(value, state[name]) for name, value in loaded.model.module.state_dict().items())
    assert torch.equal(loaded.model.module.mean, MEAN)
    with pytest.raises(CheckpointError, match="missing"):
        load_detector(spec.replace("-zf", "-vgg16"), image_size=(48, 80))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("weights=detection_final", r"got regions alone, as in the MATLAB release \(detection_final\)"),
        ("weights=proposal_final", r"got proposals alone.* name it as \?rpn="),
        ("weights=proposal_final&rpn=detection_final", "got proposals; swap the two files"),
        ("weights=detection_final&rpn=detection_final", "without conv_proposal1.weight"),
        ("weights=whole.caffemodel&rpn=proposal_final", "got a whole network; leave &rpn= out"),
        ("weights=none&rpn=proposal_final", "weights, rpn: expected files for both"),
        ("weights=detection_final&rpn=none", "weights, rpn: expected files for both"),
        ("rpn=proposal_final", "expected a file of weights for caffe:faster-rcnn-zf, got none"),
        ("weights=whole.caffemodel&mean_image=m.mat", "mean_image: expected it with rpn=FILE"),
    ],
)
def test_files_that_do_not_do(files: Path, monkeypatch: pytest.MonkeyPatch, query: str, said: str) -> None:
    monkeypatch.chdir(files)
    with pytest.raises(FoolscapeError, match=said):
        load_detector(f"caffe:faster-rcnn-zf?{query}", image_size=(48, 80))


def test_random_weights() -> None:
    spec = "caffe:faster-rcnn-zf?weights=none&rpn=none&thin=16&shorter=64&longest=96"
    made = load_detector(spec, image_size=(48, 80)).model
    assert isinstance(made, MatlabFasterRcnn)
    assert "random weights, seed 0" in made.notes


def test_mean_images(tmp_path: Path) -> None:
    values = np.arange(60, dtype=np.float64).reshape(4, 5, 3)
    scipy.io.savemat(tmp_path / "mean.mat", {"image_mean": values})
    np.save(tmp_path / "mean.npy", values)
    for name in ("mean.mat", "mean.npy"):
        found = read_mean_image(str(tmp_path / name))
        assert torch.equal(found, torch.from_numpy(values).float().permute(2, 0, 1)[None])
    scipy.io.savemat(tmp_path / "two.mat", {"a": values, "b": values})
    np.save(tmp_path / "flat.npy", values[0])
    np.save(tmp_path / "high.npy", values * 9)
    (tmp_path / "broken.mat").write_bytes(b"MATLAB 7.3 MAT-file")
    for name, said in (
        ("none.mat", "got no readable file"),
        ("two.mat", "got 2 variables"),
        ("flat.npy", r"got float64 of shape \(5, 3\)"),
        ("high.npy", "got values outside 0 to 255"),
        ("broken.mat", "got "),
    ):
        with pytest.raises(CheckpointError, match=rf"a mean image \(height, width, 3\).*{said}"):
            read_mean_image(str(tmp_path / name))
