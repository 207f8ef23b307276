"""Detectors that somebody else wrote: what they may answer, and what is said of what they may not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.user import CheckedDetector, checked
from foolscape.tasks.detection import Candidates, Detections

from ..networks import images
from .dense import Cells

SIZE = (24, 40)


@dataclass
class Handmade:
    """A detector that somebody wrote."""

    network: nn.Module
    classes: tuple[str, ...] = ("car", "dog", "cat")
    notes: tuple[str, ...] = ("by hand",)
    two_stage: bool = False
    rows: int = 4

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:
        found, scores = self.network(images)
        return Candidates(found, torch.cat([scores, scores[..., :1] * 0], -1).transpose(1, 2)[:, : self.rows])

    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        return [Detections(torch.ones(1, 4), torch.tensor([0.5]), torch.tensor([1])) for _ in images]


def test_a_detector_somebody_wrote_is_checked() -> None:
    network = Cells()
    found = checked(Handmade(network), ClassNames(), image_size=SIZE)
    assert isinstance(found, CheckedDetector)
    assert found.notes == ("by hand",)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert found.candidates(images(2)).scores.shape == (2, 4, 60)
    assert [len(one.scores) for one in found.detect(images(2), 0.6)] == [0, 0]
    assert checked(Handmade(network), ClassNames(option=("a", "b", "c")), image_size=SIZE).classes == ("a", "b", "c")
    with pytest.raises(ModelError, match=r"scores \(1, 4, N\) .* got boxes \(1, 60, 4\) and scores \(1, 3, 60\)"):
        checked(Handmade(network, rows=3), ClassNames(), image_size=SIZE)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda boxes, scores: (boxes, scores), r"got tuple of 2 \(Tensor, Tensor\)"),
        (lambda boxes, scores: None, "return Candidates .* got NoneType"),
        (lambda boxes, scores: Candidates(boxes, scores[0]), r"got boxes \(1, 60, 4\) and scores \(4, 60\)"),
        (lambda boxes, scores: Candidates(boxes[0], scores), r"got boxes \(60, 4\)"),
        (lambda boxes, scores: Candidates(boxes, scores / 0 * 0), "expected finite scores"),
    ],
)
def test_candidates_that_break_the_protocol_are_an_error(
    answer: Callable[[Tensor, Tensor], object], message: str
) -> None:
    class Answering(Handmade):
        def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Any:
            sound = super().candidates(images, boxes)
            return answer(sound.boxes, sound.scores)

    with pytest.raises(ModelError, match=message):
        checked(Answering(Cells()), ClassNames(), image_size=SIZE)
