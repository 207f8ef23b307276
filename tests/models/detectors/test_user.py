"""Detection networks that users bring: what they may return, and what is said of what they may not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.bundled.load import bundled
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.common import best_class
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.user import ModuleDetector, adapt_detector
from foolscape.tasks.detection import Detections, Detector

from ..networks import REAL, images, needs_real
from .dense import Cells, Detecting, Output, Returning, Sized, WithObjectness

SIZE = (24, 40)


def adapted(module: nn.Module, size: tuple[int, int] = SIZE) -> ModuleDetector:
    return adapt_detector(module, ClassNames(), image_size=size)


def test_the_contract() -> None:
    found = adapted(Cells())
    assert isinstance(found, Detector)
    assert found.classes == ("car", "dog", "cat")
    assert not found.two_stage
    candidates = found.candidates(images(2))
    assert candidates.boxes.shape == (2, 60, 4)
    assert candidates.scores.shape == (2, 4, 60)
    assert not candidates.scores[:, 3].any()
    assert "the network returns log-odds" in found.notes
    assert "detections are those of NMS at an IoU of 0.5, at most 100 boxes" in found.notes


@pytest.mark.parametrize(
    "change",
    [
        lambda boxes, scores, _: (boxes, scores),
        lambda boxes, scores, _: [boxes, scores],
        lambda boxes, scores, _: {"scores": scores, "boxes": boxes},
        lambda boxes, scores, _: Output(boxes, scores),
        lambda boxes, scores, _: {"scores": scores.sigmoid(), "boxes": boxes},
        lambda boxes, scores, objectness: WithObjectness(scores, boxes, objectness),
        lambda boxes, scores, objectness: (boxes, scores, objectness),
    ],
)
def test_boxes_and_scores_are_found_in_whatever_holds_them(change: Callable[..., object]) -> None:
    found, wanted = adapted(Returning(change)).candidates(images(2)), adapted(Cells()).candidates(images(2))
    torch.testing.assert_close(found.boxes, wanted.boxes)
    torch.testing.assert_close(found.scores, wanted.scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("probable_scores", [True, False])
@pytest.mark.parametrize("probable_objectness", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_an_objectness_is_multiplied_in_where_the_network_says_so(
    probable_scores: bool, probable_objectness: bool, flat: bool
) -> None:
    def change(boxes: Tensor, scores: Tensor, objectness: Tensor) -> object:
        objectness = objectness.sigmoid() if probable_objectness else objectness
        scores = scores.sigmoid() if probable_scores else scores
        return {"boxes": boxes, "scores": scores, "objectness": objectness[..., 0] if flat else objectness}

    found = adapted(Returning(change, scores_hold_objectness=False))
    _, scores, objectness = Cells().parts(images(2))
    chances = (scores.sigmoid() * objectness.sigmoid()).detach()
    torch.testing.assert_close(found.candidates(images(2)).scores[:, :3].sigmoid(), chances.transpose(1, 2))
    assert any("multiplied here by its objectness" in note for note in found.notes)
    (one,) = found.detect(images(1), 0.0)
    assert float(one.scores[0]) == pytest.approx(float(chances[:1].max()))


def test_an_objectness_that_is_not_multiplied_in_is_noted() -> None:
    found = adapted(Returning(lambda boxes, scores, objectness: WithObjectness(scores, boxes, objectness)))
    assert any("objectness is not multiplied in" in note for note in found.notes)


def test_an_objectness_that_is_missing_or_of_another_shape_is_an_error() -> None:
    with pytest.raises(ModelError, match="expected a field or key objectness"):
        adapted(Returning(lambda boxes, scores, _: (boxes, scores), scores_hold_objectness=False))
    with pytest.raises(ModelError, match=r"expected objectness \(1, N\) or \(1, N, 1\) .* 60, got \(1, 59, 1\)"):
        adapted(Returning(lambda b, s, o: WithObjectness(s, b, o[:, 1:])))


@needs_real
def test_the_scores_of_fastestdet_are_those_it_ranks_by(monkeypatch: pytest.MonkeyPatch) -> None:
    # It returns log-odds of objectness too, but scores of objectness ** 0.6 * class ** 0.4: nothing to multiply.
    monkeypatch.syspath_prepend(str(REAL / "models"))
    module: Any = __import__("fastestdet").fastestdet_coco()
    found = adapted(module, (96, 128))
    assert len(found.classes) == 80
    given = images(1, 96, 128)
    with torch.no_grad():
        scores = module(given).scores
        mine = found.candidates(given).scores[:, :80].sigmoid()
    torch.testing.assert_close(mine, scores.transpose(1, 2), rtol=1e-4, atol=1e-6)
    assert any("objectness is not multiplied in" in note for note in found.notes)
    (own,), (ours,) = module.detect(given, 0.05), found.detect(given, 0.05)
    torch.testing.assert_close(own.scores, ours.scores)
    torch.testing.assert_close(own.boxes, ours.boxes)


def test_the_bundled_detector_is_adapted_like_any_other() -> None:
    found = adapted(bundled("scenes-detector"), (64, 96))
    assert "the network returns probabilities" in found.notes
    assert any("divisible by 8" in note for note in found.notes)
    assert check_gradient(Scorer(found), images(1, 64, 96), seed=0).ok


@pytest.mark.parametrize("probabilities", [True, False])
@pytest.mark.parametrize("objectness", [True, False])
def test_the_gradient_at_the_pixels_is_right(probabilities: bool, objectness: bool) -> None:
    def change(boxes: Tensor, scores: Tensor, more: Tensor) -> object:
        return WithObjectness(scores.sigmoid() if probabilities else scores, boxes, more)

    verdict = check_gradient(
        Scorer(adapted(Returning(change, scores_hold_objectness=not objectness))), images(2), seed=0
    )
    assert verdict.ok, verdict.message


def test_the_gradient_outlives_tiny_probabilities() -> None:
    found = adapted(Returning(lambda boxes, scores, _: (boxes, (scores - 40).sigmoid())))
    given = images(1).requires_grad_()
    (gradient,) = torch.autograd.grad(found.candidates(given).scores.sum(), given)
    assert bool(gradient.isfinite().all())
    assert bool(gradient.any())


def test_detections_are_those_of_nms_within_each_class() -> None:
    from torchvision.ops import nms  # here: it takes three seconds

    found = adapted(Cells())
    (one,) = found.detect(images(1), 0.55)
    with torch.no_grad():
        boxes, scores, _ = Cells().parts(images(1))
    best, labels = scores[0].sigmoid().max(1)
    expected = []
    for label in range(3):
        own = torch.nonzero((labels == label) & (best >= 0.55))[:, 0]
        expected += own[nms(boxes[0, own], best[own], 0.5)].tolist()
    expected.sort(key=lambda i: -float(best[i]))
    torch.testing.assert_close(one.scores, best[expected])
    torch.testing.assert_close(one.boxes, boxes[0, expected])
    assert torch.equal(one.labels, labels[expected])
    assert not one.boxes.requires_grad
    assert found.detect(images(1), 1.0)[0].boxes.shape == (0, 4)


@pytest.mark.parametrize("huge", [[0.0, 0, 1e9, 1e9], [-1e9, -1e9, 4, 4]])
def test_one_huge_box_does_not_disable_nms(huge: list[float]) -> None:
    boxes = torch.tensor(
        [[10.0, 10, 20, 20], [10, 10, 20, 21], [30, 30, 40, 40], [10, 10, 20, 20], [10, 10, 20, 21], huge]
    )
    scores = torch.tensor([[0.9, 0.0], [0.8, 0.0], [0.7, 0.0], [0.0, 0.6], [0.0, 0.55], [0.0, 0.95]])
    found = best_class(boxes, scores, 0.5, 0.5, 100)
    assert found.scores.tolist() == pytest.approx([0.95, 0.9, 0.7, 0.6])
    assert found.labels.tolist() == [1, 0, 0, 1]
    assert best_class(boxes, scores, 0.5, 0.5, 2).scores.tolist() == pytest.approx([0.95, 0.9])


def test_a_network_that_writes_into_its_input_is_refused() -> None:
    class Writing(Cells):
        def forward(self, images: Tensor) -> Output:
            return super().forward(images.sub_(0.5))

    with pytest.raises(ModelError, match="leaves its input as it is"):
        adapted(Writing())


def test_scores_that_are_nan_later_are_an_error_where_no_gradient_is_recorded() -> None:
    found = adapted(Returning(lambda b, s, o: (b, s if s.shape[1] == 60 else s / 0)))
    with torch.no_grad(), pytest.raises(ModelError, match="expected finite scores"):
        found.candidates(images(1, 32, 40) * 0)


def test_the_networks_own_detect_is_used_sorted_and_thresholded() -> None:
    module = Detecting()
    found = adapted(module)
    one, two = found.detect(images(2), 0.5)
    assert module.asked == ((2, 3, 24, 40), 0.5, 0.5)
    assert one.scores.tolist() == pytest.approx([0.9, 0.6])
    assert one.labels.tolist() == two.labels.tolist() == [2, 0]
    assert one.boxes.tolist() == [[5, 6, 7, 8], [1, 2, 3, 4]]
    assert "detections are those of the network's own detect" in found.notes


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "a list of one thing per image"),
        ([], "a list of one thing per image"),
        ([(1, 2)], "to return boxes, scores and labels for each image"),
        ([Detections(torch.zeros(2, 4), torch.zeros(3), torch.zeros(3))], r"boxes \(K, 4\), scores \(K,\)"),
        ([Detections(torch.zeros(1, 4), torch.ones(1) * 2, torch.zeros(1))], r"scores in \[0, 1\]"),
        ([Detections(torch.zeros(1, 4), torch.ones(1), torch.ones(1) * 3)], "labels from 0 to 2"),
        ([Detections(torch.zeros(1, 4) / 0, torch.ones(1), torch.ones(1))], "expected finite boxes"),
    ],
)
def test_an_own_detect_that_breaks_the_contract_is_an_error(answer: object, message: str) -> None:
    module: Any = Cells()
    module.detect = lambda images, score_threshold: answer
    with pytest.raises(ModelError, match=message):
        adapted(module).detect(images(1), 0.1)


def test_sides_are_padded_where_the_network_wants_it_and_boxes_stay() -> None:
    found = adapted(Sized(8), (21, 37))
    assert found.multiple == 8
    assert any("divisible by 8" in note for note in found.notes)
    candidates = found.candidates(images(1, 21, 37))
    assert candidates.boxes.shape == (1, 60, 4)
    assert found.detect(images(1, 21, 37), 0.5)[0].boxes.shape[1] == 4
    centres = (candidates.boxes[..., :2] + candidates.boxes[..., 2:]) / 2
    assert float((centres[0, 0] - 2).abs().max()) < 6


def test_a_network_of_one_size_takes_no_other() -> None:
    found = adapted(Sized(only=SIZE))
    assert found.candidates(images(1)).boxes.shape == (1, 60, 4)
    for call in (found.candidates, lambda given: found.detect(given, 0.5)):
        with pytest.raises(ModelError, match=r"expected images of 24 x 40 .* got 32 x 40; give --size 24x40"):
            call(images(1, 32, 40))
    with pytest.raises(ModelError, match="expected a network that takes images of 16 x 16"):
        adapted(Sized(only=SIZE), (16, 16))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b, s, o: s, r"got one tensor of shape \(1, 60, 3\)"),
        (lambda b, s, o: {"boxes": b}, "got dict with the keys 'boxes'"),
        (lambda b, s, o: {"boxes": b, "scores": None}, "expected the network to return boxes"),
        (lambda b, s, o: (b,), r"got tuple of 1 \(Tensor\)"),
        (lambda b, s, o: None, "got NoneType"),
        (lambda b, s, o: (b, s.transpose(1, 2)), r"with one N for 1 images, got boxes \(1, 60, 4\) and scores \(1, 3"),
        (lambda b, s, o: (b[..., :3], s), "expected boxes"),
        (lambda b, s, o: (b, s[:, 1:]), "with one N"),
        (lambda b, s, o: (b, s.argmax(-1, keepdim=True)), "a class index has no gradient"),
        (lambda b, s, o: (b[:, :0], s[:, :0]), "at least one candidate box per image"),
        (lambda b, s, o: (b / 0 * 0, s), "expected finite boxes, got 60 of 60"),
        (lambda b, s, o: (b, s.log()), "expected finite scores"),
    ],
)
def test_an_output_that_breaks_the_contract_is_an_error(change: Callable[..., object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adapted(Returning(change))


def test_what_changes_later_is_an_error_too() -> None:
    fewer = adapted(Returning(lambda b, s, o: (b, s if s.shape[1] == 60 else s[..., :2])))
    with pytest.raises(ModelError, match=r"scores \(1, N, 3\)"):
        fewer.candidates(images(1, 32, 40))
    wild = adapted(Returning(lambda b, s, o: (b, s.sigmoid() * (1 if s.shape[1] == 60 else 2))))
    with pytest.raises(ModelError, match=r"expected scores in \[0, 1\], as they were when the network was first tried"):
        wild.detect(images(1, 32, 40), 0.5)
    with torch.no_grad(), pytest.raises(ModelError, match="return log-odds, or probabilities, always"):
        wild.candidates(images(1, 32, 40))
    lost = adapted(Returning(lambda b, s, o: (b, s if s.shape[1] == 60 else s / 0)))
    with pytest.raises(ModelError, match="expected finite"):
        lost.detect(images(1, 32, 40) * 0, 0.5)


def test_probabilities_may_round_to_a_little_more_than_one() -> None:
    found = adapted(Returning(lambda b, s, o: (b, (s * 99).sigmoid() * (1 + 1e-6))))
    assert "the network returns probabilities" in found.notes
    assert float(found.detect(images(1), 0.5)[0].scores.max()) <= 1
    assert bool(found.candidates(images(1)).scores.isfinite().all())


def test_names_come_from_the_network_or_who_knows_them_and_must_be_enough() -> None:
    assert adapt_detector(Cells(), ClassNames(option=("a", "b", "c")), image_size=SIZE).classes == ("a", "b", "c")
    nameless = Returning(lambda b, s, o: (b, s), classes=None)
    assert adapted(nameless).classes == ("class 0", "class 1", "class 2")
    assert adapt_detector(nameless, ClassNames(data=("a", "b", "c")), image_size=SIZE).classes == ("a", "b", "c")
    for count in (2, 4):
        with pytest.raises(ModelError, match=rf"that the detector scores \(3\), got {count} names"):
            adapt_detector(Cells(), ClassNames(option=tuple("abcd"[:count])), image_size=SIZE)
    with pytest.raises(ModelError, match="the name of a class for every channel"):
        adapt_detector(Cells(), ClassNames(option=("a", "N/A", "c")), image_size=SIZE)


class Counting(Detecting):
    """`Detecting` that asks the network itself first, and counts how often it is asked; `broken` scores are NaN."""

    def __init__(self, *, asks: bool, broken: bool = False) -> None:
        super().__init__()
        self.asks, self.broken, self.calls = asks, False, 0
        self.later = broken

    def forward(self, images: Tensor) -> Output:
        self.calls += 1
        output = super().forward(images)
        return output._replace(scores=output.scores / 0) if self.broken else output

    def detect(self, images: Tensor, score_threshold: float, iou_threshold: float) -> list[dict[str, Tensor]]:
        self.broken = self.later
        if self.asks:
            self(images).scores.zero_()  # what a network does with its own is its business
        return super().detect(images, score_threshold, iou_threshold)


@pytest.mark.parametrize("asks", [True, False])
def test_an_own_detect_costs_one_call_of_the_network_and_hides_no_nan(asks: bool) -> None:
    module = Counting(asks=asks)
    found = adapted(module)
    module.calls = 0
    found.detect(images(1), 0.5)
    assert module.calls == 1
    with pytest.raises(ModelError, match="expected finite scores"):
        adapted(Counting(asks=asks, broken=True)).detect(images(1), 0.5)
