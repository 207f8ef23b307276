"""`foolscape.testing.check_detector`: what it says of sound and of unsound detectors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foolscape.models.bundled.load import DETECTOR_NAMES, bundled
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.user import adapt_detector, checked
from foolscape.testing import ContractReport, check_detector

from .dense import Cells, Detecting, Returning, Sized
from .test_checked import Handmade
from .test_torchvision import FASTER, LITE
from .test_torchvision import detector as of_torchvision

SIZES = ((24, 40), (21, 37))


def _failed(report: ContractReport) -> set[str]:
    return {check.name for check in report.checks if check.passed is False}


@pytest.mark.parametrize("network", [Cells(), Sized(8), Detecting(), Handmade(Cells())])
def test_a_sound_detector_passes(network: nn.Module) -> None:
    report = check_detector(network, sizes=SIZES)
    assert report.ok, report.lines()
    assert [check.name for check in report.checks] == [
        "adapter at 24 x 40",
        "candidates at 24 x 40",
        "boxes at 24 x 40",
        "detections at 24 x 40",
        "candidates at 21 x 37",
        "boxes at 21 x 37",
        "detections at 21 x 37",
        "class names",
        "same output twice",
        "images left unchanged",
        "batch of 2 equals one by one",
        "input gradient at batch 1",
        "input gradient at batch 2",
    ]
    assert report.lines()[1] == "ok    candidates at 24 x 40: boxes (2, 60, 4), scores (2, 4, 60) float32, finite"


@pytest.mark.parametrize("name", DETECTOR_NAMES)
def test_the_bundled_detectors_pass(name: str) -> None:
    report = check_detector(bundled(name), sizes=((64, 96), (51, 77)))
    assert report.ok, report.lines()


@pytest.mark.slow
@pytest.mark.parametrize("name", [FASTER, LITE])
def test_detectors_of_torchvision_pass(name: str) -> None:
    report = check_detector(of_torchvision(name), sizes=((40, 56),))
    assert report.ok, report.lines()


@pytest.mark.usefixtures("remedies_untried")
@pytest.mark.parametrize(
    ("change", "failed"),
    [
        (lambda b, s, o: (b, s + torch.rand_like(s)), "same output twice"),
        (lambda b, s, o: (b + torch.rand_like(b), s), "same output twice"),
        (lambda b, s, o: (b, s + s.mean()), "batch of 2 equals one by one"),
        (lambda b, s, o: (b, s.detach()), "input gradient at batch 1"),
        (lambda b, s, o: (b, s + 9 * s.flip(1).detach()), "input gradient at batch 2"),
        (lambda b, s, o: (b, s.round() + 0 * s), "input gradient at batch 1"),
        (lambda b, s, o: (b / 40, s), "boxes at 24 x 40"),
        (lambda b, s, o: (b * 4, s), "boxes at 24 x 40"),
        (lambda b, s, o: (torch.cat([b[..., :2], b[..., 2:] - b[..., :2]], -1), s), "boxes at 24 x 40"),
        (lambda b, s, o: (b, s if s.shape[1] == 60 else s / 0), "candidates at 21 x 37"),
        (lambda b, s, o: (b, s if s.shape[1] == 60 else s[..., :2]), "candidates at 21 x 37"),
        (lambda b, s, o: (b / 0, s), "adapter at 24 x 40"),
        (lambda b, s, o: s, "adapter at 24 x 40"),
    ],
)
def test_an_unsound_detector_fails_by_name(change: Callable[..., object], failed: str) -> None:
    report = check_detector(Returning(change), sizes=SIZES)
    assert not report.ok
    assert failed in _failed(report), report.lines()
    assert any(line.startswith(f"FAIL  {failed}: ") for line in report.lines())


class Raw(Handmade):
    """A detector whose `detect` is not put in order by an adapter; `change` is what it does with its scores."""

    def __init__(self, change: Callable[[Tensor, float], Tensor]) -> None:
        super().__init__(Cells())
        self.change = change

    def detect(self, images: Tensor, score_threshold: float) -> list[Any]:
        from foolscape.tasks.detection import Detections

        scores = self.change(torch.tensor([0.9, 0.5, 0.2]), score_threshold)
        return [Detections(torch.ones(len(scores), 4), scores, torch.ones(len(scores)).long()) for _ in images]


def test_the_adapter_puts_detections_in_order() -> None:
    report = check_detector(Raw(lambda scores, least: scores.flip(0)), sizes=SIZES[:1])
    assert report.ok, report.lines()


def test_a_threshold_that_leaves_out_its_own_score_fails() -> None:
    report = check_detector(Raw(lambda scores, least: scores[scores > least]), sizes=SIZES[:1])
    assert _failed(report) == {"detections at 24 x 40"}
    assert any("return those that are as high as the threshold" in line for line in report.lines())


class Ranked(Handmade):
    """A detector with 7 detections an image; `change` is what a threshold does besides dropping lower ones."""

    def __init__(self, change: Callable[[int, Any, float], Any]) -> None:
        super().__init__(Cells())
        self.change = change

    def detect(self, images: Tensor, score_threshold: float) -> list[Any]:
        from foolscape.tasks.detection import Detections

        scores = torch.linspace(0.9, 0.3, 7)
        kept = scores[scores >= score_threshold]
        whole = Detections(torch.arange(4.0 * len(kept)).view(-1, 4), kept, torch.ones(len(kept)).long())
        return [self.change(number, whole, score_threshold) for number in range(len(images))]


def _rounding(number: int, found: Any, threshold: float) -> Any:
    drop = int(number == 0 and threshold > 0.1)
    return type(found)(*(part[: len(part) - drop] for part in (found.boxes, found.scores, found.labels)))


def _without_its_best(number: int, found: Any, threshold: float) -> Any:
    drop = int(number == 0 and threshold > 0.1)
    return type(found)(found.boxes[drop:], found.scores[drop:], found.labels[drop:])


def _moved(_: int, found: Any, threshold: float) -> Any:
    return type(found)(found.boxes + 9 * (threshold > 0.1), found.scores, found.labels)


def test_one_detection_at_the_threshold_is_no_fault_but_others_are() -> None:
    assert check_detector(Ranked(_rounding), sizes=SIZES[:1]).ok
    for change in (_without_its_best, _moved):
        report = check_detector(Ranked(change), sizes=SIZES[:1])
        assert _failed(report) == {"detections at 24 x 40"}
        assert any("that are gone or changed at 0.6" in line for line in report.lines())


class Writer(Handmade):
    """A detector that spoils the images it is given."""

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Any:
        return super().candidates(images.sub_(0.5), boxes)


def test_a_detector_that_writes_into_the_images_fails() -> None:
    report = check_detector(Writer(Cells()), sizes=SIZES[:1])
    assert "images left unchanged" in _failed(report)
    assert "same output twice" not in _failed(report)


def test_a_network_of_one_size_is_not_tried_at_others() -> None:
    report = check_detector(adapt_detector(Sized(only=(24, 40)), ClassNames(), image_size=(24, 40)), sizes=SIZES)
    assert report.ok, report.lines()
    assert "hint  boxes at 21 x 37: not tried: the network takes 24 x 40 alone" in report.lines()


def test_a_batch_of_one_has_one_gradient_check() -> None:
    found = checked(Handmade(Cells()), ClassNames(), image_size=SIZES[0])
    names = [check.name for check in check_detector(found, sizes=SIZES[:1], batch=1).checks]
    assert sum(name.startswith("input gradient") for name in names) == 1
