"""Large images are checked in two steps, a small copy in float64, full size in float32, and nothing is lost by it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import GradientError
from foolscape.models.checks import small_copy as small_copies
from foolscape.models.checks.gradient import GradientVerdict, check_gradient, raise_unless_ok
from foolscape.models.checks.small_copy import small_copy
from foolscape.models.common.class_map import ClassNames
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.user import adapt_detector
from foolscape.models.segmenters.adapter import adapt_segmenter
from foolscape.models.trackers.scorer import ClipScorer
from foolscape.models.trackers.user import adapt_tracker

from .detectors.dense import Cells
from .networks import Around, Fixed, Tokens, images
from .trackers.toys import Net

SIZE, SMALL = (48, 48), (32, 32)


@pytest.fixture(autouse=True)
def _cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_copies, "_PIXELS", SMALL[0] * SMALL[1])
    monkeypatch.setattr(small_copies, "_SIDE", 16)


def verdict_on(network: nn.Module, batch: int = 1) -> GradientVerdict:
    return check_gradient(adapt_segmenter(network, image_size=SIZE), images(batch, *SIZE), seed=0)


def large(x: Tensor) -> bool:
    return x.shape[3] > 40


def test_a_sound_network_is_never_run_at_full_size_in_float64() -> None:
    seen: list[tuple[torch.dtype, bool]] = []

    def watched(net: nn.Module, x: Tensor) -> object:
        seen.append((x.dtype, large(x)))
        return net(x)

    segmenter = adapt_segmenter(Around(watched), image_size=SIZE)
    seen.clear()
    verdict = check_gradient(segmenter, images(2, *SIZE), seed=0)
    assert verdict.ok
    assert verdict.precision == "float64"
    assert verdict.message.startswith("input gradient right at batch 2: agrees with central differences within ")
    assert ", at 32 x 32; in float32 at full size within " in verdict.message
    assert (torch.float64, True) not in seen
    assert seen.count((torch.float32, True)) <= 12


@pytest.mark.usefixtures("remedies_untried")
@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda net, x: net(x) + net(x.flip(3).detach()) if large(x) else net(x), "wrong"),
        (lambda net, x: net(x) + 0.3 * net(x.flip(3).detach()) if large(x) else net(x), "wrong"),
        (lambda net, x: net(x.detach()) if large(x) else net(x), "missing"),
        (lambda net, x: (net(x) * 4).round() if large(x) else net(x), "rounded"),
        (lambda net, x: net(x) * 1e5 if large(x) else net(x), "saturated"),
        (lambda net, x: net(x + 1e-3 * torch.randn_like(x)) if large(x) else net(x), "random output"),
        (lambda net, x: torch.where(x[:, :1] < 2, net(x), (net(x) + 100).exp()) if large(x) else net(x), "not finite"),
        (lambda net, x: net(x) + net(x.flip(3).detach()) if large(x) and len(x) > 1 else net(x), "wrong"),
    ],
)
def test_faults_of_full_size_alone_are_found(change: Callable[..., Tensor], kind: str) -> None:
    verdict = verdict_on(Around(change), 2)
    assert (verdict.ok, verdict.kind) == (False, kind), verdict.message
    assert "at full size" not in verdict.message


@pytest.mark.parametrize(
    "change",
    [
        lambda net, x: net(x) if large(x) else net(x.detach()),
        lambda net, x: net(x) if large(x) else net(x) * 0,
        lambda net, x: net(x) if large(x) else net(x) / 0,
    ],
)
def test_faults_of_the_small_copy_alone_accuse_nobody(change: Callable[..., Tensor]) -> None:
    network = Around(change)
    segmenter = adapt_segmenter(network, image_size=SIZE)
    assert check_gradient(segmenter, images(1, *SIZE), seed=0).ok


@pytest.mark.usefixtures("remedies_untried")
def test_a_network_of_one_size_is_looked_at_there() -> None:
    assert verdict_on(Fixed(*SIZE)).ok
    wrong = verdict_on(Around(lambda net, x: net(x) + net(x.flip(3).detach()), Fixed(*SIZE)))
    assert wrong.kind == "wrong"


def test_the_fault_of_batch_norm_is_found_at_its_batch_and_size() -> None:
    assert verdict_on(Tokens()).remedies == ("--batch 2", "--memory-format channels_last")
    only_large = Around(lambda net, x: Tokens.forward(net, x) if large(x) else net.network(x), Tokens())
    assert verdict_on(only_large).kind == "wrong"
    assert verdict_on(Tokens(), 2).ok


def test_a_larger_batch_that_fails_too_is_no_remedy() -> None:
    def change(net: nn.Module, x: Tensor) -> Tensor:
        return net(x.flip(3)) if x.dtype == torch.float32 else net(x)

    x = images(1)
    verdict = check_gradient(adapt_segmenter(Around(change), image_size=(24, 40)), x, seed=0)
    assert (verdict.kind, verdict.remedies) == ("wrong", ())
    assert "right in float64, but in float32 off by" in verdict.message


class _Fused(torch.autograd.Function):
    """The identity; its gradient is wrong, unless the fused kernels of attention are switched off."""

    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        ctx.wrong = torch.backends.cuda.flash_sdp_enabled()  # type: ignore[attr-defined]
        return values.clone()

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.flip(3) if ctx.wrong else gradient  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(24, 40), SIZE])
def test_a_wrong_kernel_of_attention_is_named_as_such(size: tuple[int, int]) -> None:
    network = Around(lambda net, x: net(_Fused.apply(x)))
    verdict = check_gradient(adapt_segmenter(network, image_size=size), images(1, *size), seed=0)
    assert (verdict.kind, verdict.remedies) == ("wrong", ("--attention math",))
    with pytest.raises(GradientError, match="Right with --attention math"):
        raise_unless_ok(verdict)


class Tied(nn.Module):
    """Picks the most promising cells, which are so much alike that float32 and float64 pick others."""

    classes = ("car", "dog", "cat")

    def __init__(self) -> None:
        super().__init__()
        self.inside = Cells()

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        boxes, scores, _ = self.inside.parts(x)
        _, best = (1 + 1e-9 * scores.mean(2)).topk(9, dim=1)
        take = best[..., None]
        return {"boxes": boxes.expand(len(x), -1, 4).gather(1, take.expand(-1, -1, 4)),
                "scores": scores.gather(1, take.expand(-1, -1, 3))}  # fmt: skip


def test_queries_are_held_between_precisions() -> None:
    detector = adapt_detector(Tied(), ClassNames(), image_size=(24, 40))
    x = images(1)
    double = Tied().double()
    assert not torch.equal(double(x.double())["boxes"].float(), Tied()(x)["boxes"])
    verdict = check_gradient(Scorer(detector), x, seed=0)
    assert verdict.ok, verdict.message
    assert verdict.precision == "float64"


def test_boxes_and_clips_shrink_with_the_images() -> None:
    detector = adapt_detector(Cells(), ClassNames(), image_size=SIZE)
    x = images(2, *SIZE)
    made = small_copy(Scorer(detector, torch.tensor([[[0.0, 0, *SIZE]]])), x)
    assert made is not None
    scorer, small = made
    assert small.shape == (2, 3, *SMALL)
    assert isinstance(scorer, Scorer)
    assert scorer.boxes is not None
    assert scorer.boxes.tolist() == [[[0, 0, *SMALL]]]
    tracker = adapt_tracker(Net(), image_size=SIZE)
    mask = torch.zeros(SIZE, dtype=torch.int64)
    mask[10:40, 10:40] = 1
    made = small_copy(ClipScorer(tracker, x, mask), x[:1])
    assert made is not None
    assert isinstance(made[0], ClipScorer)
    assert made[0].later.shape == (2, 3, *SMALL)
    assert made[0].mask.unique().tolist() == [0, 1]
    mask[45, 46] = 2
    assert small_copy(ClipScorer(tracker, x, mask), x[:1]) is None
    assert small_copy(Scorer(detector), images(1, 32, 48)) is None
