"""The same answer twice, alone and in company: what is found of sound and of unsound models, and how it is told."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foolscape.models.checks.choices import held, recorded
from foolscape.models.checks.consistency import consistency, same_in_company, same_twice
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.user import adapt_detector
from foolscape.models.segmenters.adapter import adapt_segmenter
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.models.trackers.user import adapt_tracker
from foolscape.verdict import Reason

from .detectors.dense import Returning
from .networks import Around, Tiny, images
from .trackers.toys import Thing, scores


def found(network: nn.Module, batch: int = 1, x: Tensor | None = None) -> dict[str, Reason]:
    segmenter = adapt_segmenter(network, image_size=(24, 40))
    return {reason.id: reason for reason in consistency(segmenter, images(2) if x is None else x, batch)}


def noisy(x: Tensor) -> Tensor:
    """Other last digits in every batch, as other algorithms give."""
    return x * (1 + 1e-6 * len(x))


@pytest.mark.parametrize("batch", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "network",
    [
        Tiny(),
        Around(lambda net, x: noisy(net(x))),
        Around(lambda net, x: torch.cat([net(x), 1e6 * x[:, :1].clamp(max=1e-9)], 1)),
        Around(lambda net, x: net(x) * 0),
        Around(lambda net, x: F.dropout(net(x), 0.5, training=False)),
        Around(lambda net, x: net(x) if x.mean() > 0.1 else net(x) / 0),
        Around(lambda net, x: F.instance_norm(net(x))),
    ],
)
def test_sound_networks_pass(network: nn.Module, count: int, batch: int) -> None:
    for reason in found(network, batch, images(count)).values():
        assert reason.ok, reason
        assert reason.advice == ""


class Training(nn.Module):
    """Puts its batch norm back into training mode, whatever the factory does."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = Tiny()

    def forward(self, x: Tensor) -> Tensor:
        self.inside.norm.train()
        scores: Tensor = self.inside(x)
        return scores


@pytest.mark.parametrize("count", [1, 2])
def test_batch_norm_in_training_mode_is_named(count: int) -> None:
    for batch in (1, 4):
        reasons = found(Training(), batch, images(count))
        assert reasons["same-twice"].ok
        company = reasons["same-in-company"]
        assert company.ok is False
        assert f"a batch of {max(2, batch)} differs from its images one by one: predictions equal on" in company.seen
        assert "batch_norm in inside.norm (BatchNorm2d)" in company.advice
        assert "eval()" in company.advice


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda net, x: F.dropout(net(x), 0.01, training=True), "dropout in the network (Around)"),
        (lambda net, x: net(x + 1e-3 * torch.randn_like(x)), "randn_like in the network (Around)"),
        (lambda net, x: net(x.clone().uniform_()), "uniform_ in the network (Around)"),
        (
            lambda net, x: net(x) + F.scaled_dot_product_attention(*[net(x)] * 3, dropout_p=0.1),
            "scaled_dot_product_attention in the network (Around)",
        ),
    ],
)
def test_what_is_random_is_named(change: Callable[..., Tensor], named: str) -> None:
    reason = found(Around(change))["same-twice"]
    assert reason.ok is False
    assert reason.seen.startswith("two calls with the same images differ: predictions equal on ")
    assert "where 0.0001 is right" in reason.seen
    assert named in reason.advice


def test_a_dropout_module_is_named_by_its_path() -> None:
    network = Around(lambda net, x: net[0].train()(x), nn.Sequential(nn.Sequential(Tiny(), nn.Dropout2d(0.2))))
    assert "dropout2d in network.0.1 (Dropout2d)" in found(network)["same-twice"].advice


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize(
    "change", [lambda net, x: net(x) / x.amax(), lambda net, x: net(x) + x.mean(), lambda net, x: net(x) * len(x)]
)
def test_statistics_of_the_batch_are_found(change: Callable[..., Tensor], count: int) -> None:
    reasons = found(Around(change), 1, images(count))
    assert [reason.ok for reason in reasons.values()] == [True, False]
    assert "statistics taken over the batch" in reasons["same-in-company"].advice


def test_a_network_that_takes_images_one_by_one_is_sound_at_that_batch() -> None:
    def one(net: nn.Module, x: Tensor) -> Tensor:
        if len(x) > 1:
            raise ValueError("one by one, please")
        return torch.as_tensor(net(x))

    alone, many = found(Around(one), 1)["same-in-company"], found(Around(one), 2)["same-in-company"]
    assert alone.ok
    assert alone.seen == "a batch of 2 is refused: ValueError: one by one, please; every image goes alone"
    assert (many.ok, many.advice) == (False, "give --batch 1")


def test_what_cannot_be_tried_is_not_known_and_want_of_memory_is_raised() -> None:
    network = Around(lambda net, x: net(x))
    segmenter = adapt_segmenter(network, image_size=(24, 40))
    network.change = lambda net, x: 1 / 0
    assert [r.ok for r in (same_twice(segmenter, images()), same_in_company(segmenter, images(), 1))] == [None, None]

    def short(net: nn.Module, x: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    network.change = short
    for check in (lambda: same_twice(segmenter, images()), lambda: same_in_company(segmenter, images(), 1)):
        with pytest.raises(torch.OutOfMemoryError):
            check()


@pytest.mark.parametrize(
    ("change", "oks", "seen"),
    [
        (lambda b, s, o: (b, s), [True, True], "predictions equal on 100 %"),
        (lambda b, s, o: (b, s + torch.rand_like(s)), [False, False], "scores apart by"),
        (lambda b, s, o: (b + torch.rand_like(b), s), [False, False], "boxes apart by"),
        (lambda b, s, o: (b + len(b), s), [True, False], "boxes apart by"),
        (lambda b, s, o: (b[:, len(b) :], s[:, len(b) :]), [True, False], "another number of candidates"),
    ],
)
def test_detectors_answer_with_scores_and_boxes(change: Callable[..., object], oks: list[bool], seen: str) -> None:
    detector = adapt_detector(Returning(change), ClassNames(), image_size=(24, 40))
    reasons = consistency(Scorer(detector), images(2), 1)
    assert [reason.ok for reason in reasons] == oks
    assert seen in reasons[1].seen


class Picking(nn.Module):
    """Scores of the four most promising cells, two of which are as promising: the batch decides which is the fourth."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        cells = F.avg_pool2d(x, 8).flatten(2).transpose(1, 2)
        promise = torch.tensor([9.0, 8.0, 7.0, 1.0, 1.0] + [0.0] * (cells.shape[1] - 5)).repeat(len(x), 1)
        promise[:, 3] += 1e-6 * (len(x) - 1.5)
        _, best = promise.topk(4, dim=1)
        picked = cells.gather(1, best[..., None].expand(-1, -1, 3))
        return {"boxes": torch.ones(len(x), 4, 4).to(x) * best[..., None], "scores": 20 * picked - 9}


def test_places_that_a_query_detector_picks_by_the_last_digit_are_held() -> None:
    detector = adapt_detector(Picking(), ClassNames(), image_size=(24, 40))
    x = images(2)
    with torch.no_grad():
        alone, together = detector.candidates(x[:1]).boxes, detector.candidates(x).boxes
    assert not torch.equal(alone[0], together[0])
    assert all(reason.ok for reason in consistency(Scorer(detector), x, 1))


def test_picks_are_written_down_and_held_with_their_gradient() -> None:
    x = torch.tensor([[3.0, 1.0, 2.0], [1.0, 2.0, 3.0]], requires_grad=True)
    with recorded() as picks:
        x.topk(2, dim=1)
        torch.argsort(x)
        torch.sort(x, descending=True)
    with held(picks):
        values, places = (-x).topk(2, 1)
        assert places.tolist() == [[0, 2], [2, 1]]
        assert torch.argsort(-x).tolist() == [[1, 2, 0], [0, 1, 2]]
        assert torch.sort(-x).indices.tolist() == [[0, 2, 1], [2, 1, 0]]
    (gradient,) = torch.autograd.grad(values.sum(), x)
    assert gradient.tolist() == [[-1, 0, -1], [0, -1, -1]]
    with held(picks, rows=(1,)):
        assert (-x[1:]).topk(2, 1).indices.tolist() == [[2, 1]]
        assert torch.argsort(x[:, :2], dim=0).tolist() == [[1, 0], [0, 1]]  # another shape: its own choice


def test_trackers_are_asked_twice_and_have_no_company() -> None:
    calls: list[int] = []

    def counting(frames: Tensor, mask: Tensor) -> Tensor:
        calls.append(1)
        return scores(frames, mask) / (1 + 0.1 * len(calls))

    mask = torch.zeros(24, 40, dtype=torch.int64)
    mask[6:18, 5:15], mask[6:18, 20:30] = 1, 2
    for way, ok in ((scores, True), (counting, False)):
        tracker = adapt_tracker(Thing(way), image_size=(24, 40))
        (reason,) = consistency(ClipScorer(tracker, images(2), mask), images(1), 1)
        assert (reason.id, reason.ok) == ("same-twice", ok)
