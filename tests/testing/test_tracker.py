"""`foolscape.testing.check_tracker`: what it says of sound and of unsound trackers, and the command around it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

from foolscape.cli import app
from foolscape.testing import ContractReport, check_tracker
from tests.models.trackers.toys import Net, Thing, Way, scores

SIZES = ((24, 40), (21, 37))


def failed(report: ContractReport) -> set[str]:
    return {check.name for check in report.checks if check.passed is False}


def test_a_sound_tracker_passes() -> None:
    report = check_tracker(Net(), sizes=SIZES)
    assert report.ok, report.lines()
    assert [check.name for check in report.checks] == [
        "adapter at 24 x 40",
        "one object at 24 x 40",
        "two objects at 24 x 40",
        "one object at 21 x 37",
        "two objects at 21 x 37",
        "first frame",
        "same output twice",
        "frames left unchanged",
        "gradient to the first frame",
        "frames that come later",
        "labels exchanged",
    ]
    lines = report.lines()
    assert lines[1] == "ok    one object at 24 x 40: (2, 2, 24, 40) float32, finite, in [0, 1], sums to 1"
    assert lines[-2:] == [
        "hint  frames that come later: a frame's answer does not depend on them",
        "hint  labels exchanged: it does not matter which object has which label",
    ]


class Cut(torch.autograd.Function):
    """The identity, whose gradient is twice what it should be."""

    @staticmethod
    def forward(ctx: object, given: Tensor) -> Tensor:
        return given.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return 2 * gradient


def count() -> Way:
    """A tracker that does not forget how often it was called."""
    calls = []

    def way(frames: Tensor, first_mask: Tensor) -> Tensor:
        calls.append(1)
        return scores(frames, first_mask) / (1 + 0.1 * len(calls))

    return way


@pytest.mark.parametrize(
    ("way", "name"),
    [
        (lambda x, m: scores(x.detach(), m), "gradient to the first frame"),
        (lambda x, m: scores(Cut.apply(x), m), "gradient to the first frame"),
        (lambda x, m: scores((x * 255).round() / 255, m), "gradient to the first frame"),
        (lambda x, m: scores(x, m).roll(9, dims=3), "first frame"),
        (lambda x, m: scores(x, m) if m.max() == 1 else scores(x, m)[:, :2], "two objects at 24 x 40"),
        (lambda x, m: scores(x, m) if x.shape[2] != 21 else scores(x, m) / 0, "one object at 21 x 37"),
        (lambda x, m: scores(x, m)[..., None], "adapter at 24 x 40"),
    ],
)
def test_an_unsound_tracker_fails_by_name(way: Callable[..., Tensor], name: str) -> None:
    report = check_tracker(Thing(way), sizes=SIZES)
    assert name in failed(report), report.lines()
    assert not report.ok


def test_memory_that_is_kept_is_found() -> None:
    assert "same output twice" in failed(check_tracker(Thing(count()), sizes=SIZES[:1]))


def test_writing_into_a_mask_is_found() -> None:
    def way(frames: Tensor, first_mask: Tensor) -> Tensor:
        found = scores(frames, first_mask)
        first_mask.zero_()
        return found

    assert "frames left unchanged" in failed(check_tracker(Thing(way), sizes=SIZES[:1]))


def test_looking_ahead_and_preferring_a_label_are_hints() -> None:
    def way(frames: Tensor, first_mask: Tensor) -> Tensor:
        found = 0.1 * scores(frames, first_mask) * (1 + 5 * frames[-1].mean())
        weight = 1 + 0.1 * torch.arange(found.shape[1]).to(found)
        return found * weight[:, None, None]

    report = check_tracker(Thing(way), sizes=SIZES[:1])
    assert report.ok, report.lines()
    hints = {check.name: check.detail for check in report.checks if check.passed is None}
    assert hints["frames that come later"].startswith("a frame's answer depends on those that follow")
    assert hints["labels exchanged"].startswith("it matters which object has which label")


FILE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.models.trackers.toys import Net, Pixels, Thing, scores

def net():
    return Net()

def broken():
    return Thing(lambda frames, mask: scores(frames.detach(), mask))

def backbone():
    return Pixels()
"""


@pytest.mark.parametrize(
    ("spec", "task", "code", "said"),
    [
        ("{}:net", ["--task", "video"], 0, "ok    gradient to the first frame: right"),
        ("{}:broken", ["--task", "video"], 1, "FAIL  gradient to the first frame: missing"),
        ("{}:broken", [], 1, "FAIL  gradient to the first frame: missing"),  # its `propagate` tells what it is for
        ("propagation:{}:backbone?recent=2", [], 0, "ok    features handed in again"),
    ],
)
def test_the_command(tmp_path: Path, spec: str, task: list[str], code: int, said: str) -> None:
    (tmp_path / "mine.py").write_text(FILE)
    arguments = ["check", "--model", spec.format(tmp_path / "mine.py"), "--size", "24x40", "--device", "cpu", *task]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    assert said in result.output
