"""Trackers that users bring."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import ModelError, SampleError, UnknownNameError
from foolscape.models.load import load_tracker
from foolscape.models.sources import source_of
from foolscape.models.sources.own import task_of_made
from foolscape.models.trackers.user import adapt_tracker
from foolscape.spec import parse
from foolscape.tasks.video import Tracker
from foolscape.testing import check_tracker

from .toys import Net, Thing, Way, clip, mask, scores

SIZE = (24, 40)
FILE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from tests.models.trackers.toys import Net, Thing, scores

def net():
    return Net()

def thing():
    return Thing(lambda frames, mask: scores(frames, mask).softmax(1))

def neither():
    return scores
"""


def test_a_network_that_returns_log_odds() -> None:
    tracker = adapt_tracker(Net(), image_size=SIZE)
    assert isinstance(tracker, Tracker)
    assert tracker.notes == ("labels stay where they are", "the answer is taken for log-odds of a softmax")
    assert not any(p.requires_grad for p in tracker.inner.parameters())
    torch.testing.assert_close(tracker.propagate(clip(), mask(2)), scores(clip(), mask(2)).softmax(1))
    report = check_tracker(Net(), sizes=(SIZE, (21, 37)))
    assert report.ok, report.lines()


def test_an_object_that_returns_probabilities_frame_by_frame() -> None:
    tracker = adapt_tracker(Thing(lambda x, m: list(scores(x, m).softmax(1))), image_size=SIZE)
    assert tracker.notes == ("the answer holds probabilities",)
    torch.testing.assert_close(tracker.propagate(clip(), mask(2)), scores(clip(), mask(2)).softmax(1))
    assert check_tracker(tracker, sizes=(SIZE,)).ok


def strict(frames: Tensor, first_mask: Tensor) -> Tensor:
    if frames.shape[2] % 8 or frames.shape[3] % 8:
        raise ValueError("sides must be multiples of 8")
    return scores(frames, first_mask)


def fixed(frames: Tensor, first_mask: Tensor) -> Tensor:
    if tuple(frames.shape[2:]) != SIZE:
        raise ValueError("no such size")
    return scores(frames, first_mask)


def test_sides_are_padded_as_needed() -> None:
    tracker = adapt_tracker(Net(strict), image_size=(21, 37))
    assert tracker.multiple == 8
    assert "image sides are padded to be divisible by 8" in tracker.notes
    assert tracker.propagate(clip(3, (21, 37)), mask(2, (21, 37))).shape == (3, 3, 21, 37)


def test_one_size_alone() -> None:
    tracker = adapt_tracker(Net(fixed), image_size=SIZE)
    assert tracker.only_size == SIZE
    with pytest.raises(ModelError, match=r"expected frames of 24 x 40 .* got 32 x 40; give --size 24x40"):
        tracker.propagate(clip(3, (32, 40)), mask(1, (32, 40)))
    report = check_tracker(Net(fixed), sizes=(SIZE, (32, 40)))
    assert report.ok, report.lines()
    assert any("takes 24 x 40 alone" in line for line in report.lines())


@pytest.mark.parametrize(
    ("way", "message"),
    [
        (lambda x, m: scores(x, m)[1:], r"here \(3, 2, 24, 40\), got \(2, 2, .*The first frame belongs to the answer"),
        (lambda x, m: scores(x, m)[:, 1:], r"got \(3, 1, 24, 40\)\. Channel 0 is the background"),
        (lambda x, m: scores(x, m)[:, [0, 1, 1]], "One channel for each of the labels 1 to 1 of the mask"),
        (lambda x, m: scores(x, m)[0], "for every frame"),
        (
            lambda x, m: scores(x, m).argmax(1) * 255,
            r"of torch.int64 with the values 0, 255\. Return them before argmax",
        ),
        (lambda x, m: scores(x, m) / 0, "expected a finite answer, got .* the first in frame 0; look for"),
        (lambda x, m: {"out": 1}, "or a list of T tensors .* got dict"),
        (lambda x, m: [scores(x, m)[0], 3], r"got list of 2 \(Tensor, int\)"),
        (lambda x, m: [x[0], x[1, :2]], r"frames of one shape .* got \(2, 24, 40\) and \(3, 24, 40\)"),
        (lambda x, m: x.mul_(2)[:, :2], "got one that writes into them"),
        (lambda x, m: 1 / 0, "got ZeroDivisionError"),
    ],
)
def test_what_is_wrong_is_said(way: Way, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        adapt_tracker(Thing(way), image_size=SIZE)


def test_another_answer_later() -> None:
    def moody(frames: Tensor, first_mask: Tensor) -> Tensor:
        found = scores(frames, first_mask)
        return found.softmax(1) if first_mask.max() == 1 else found

    with pytest.raises(ModelError, match="sum to 1 over the channels, as on a first try, got others between"):
        adapt_tracker(Thing(moody), image_size=SIZE).propagate(clip(), mask(2))
    with pytest.raises(SampleError):
        adapt_tracker(Thing(moody), image_size=SIZE).propagate(clip(), 2 * mask(1))


def test_specs(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    for factory, logits in (("net", True), ("thing", False)):
        spec = f"{tmp_path / 'mine.py'}:{factory}"
        assert source_of(parse(spec)).task(parse(spec)) is None
        loaded = load_tracker(spec, image_size=SIZE)
        assert loaded.model.logits is logits  # type: ignore[attr-defined]
        assert loaded.slug.startswith(f"{factory}-")
        assert (loaded.sha256 is None) is not logits
    with pytest.raises(ModelError, match=r"or tracker \(propagate\), got function"):
        load_tracker(f"{tmp_path / 'mine.py'}:neither")
    with pytest.raises(UnknownNameError, match="did you mean thing"):
        load_tracker(f"{tmp_path / 'mine.py'}:thin")
    assert task_of_made(Thing(scores)) == "video"
    assert task_of_made(nn.Identity()) == "segmentation"
