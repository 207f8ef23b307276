import dataclasses
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from foolscape.errors import GradientError
from foolscape.models.bundled.load import NAMES, bundled
from foolscape.models.checks.gradient import GradientVerdict, check_gradient, raise_unless_ok
from foolscape.models.segmenters import torchvision
from foolscape.models.segmenters.adapter import adapt_segmenter, checked
from foolscape.models.sources.torchvision import SEGMENTERS

from .networks import Around, Tiny, Tokens, images, straight_through


def _verdict(network: nn.Module, x: Tensor | None = None, seed: int = 0) -> GradientVerdict:
    x = images() if x is None else x
    return check_gradient(adapt_segmenter(network, image_size=(x.shape[2], x.shape[3])), x, seed=seed)


def _kinks(network: nn.Module, x: Tensor) -> Tensor:
    y = F.max_pool2d(F.hardswish(network(x)), 3, 1, 1)
    return y.clamp(-2, 2) + F.relu6(y) + x[:, :1].clamp(0, 1)


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(
    "network",
    [
        Tiny(),
        Tiny(stride=4),
        Around(_kinks),
        Around(lambda net, x: net(x) * 30),
        Around(lambda net, x: net(x) * 1e-9),
        Around(lambda net, x: net(x).softmax(1)),
        Around(lambda net, x: net(x).float().to(x.dtype)),
        Around(lambda net, x: net((x * 255 - 120) / 60)),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sound_networks_are_not_accused(network: nn.Module, batch: int, seed: int) -> None:
    verdict = _verdict(network, images(batch), seed)
    assert verdict.ok, verdict.message
    assert (verdict.kind, verdict.batch, verdict.remedies) == ("right", batch, ())
    assert verdict.precision == "float64"
    raise_unless_ok(verdict)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_drawn_and_saturated_images_are_no_reason_to_accuse(level: float) -> None:
    # Equal pixels make ties in max-pool, and values of exactly 0 and 1 sit on the kinks of clamp.
    flat = torch.full((1, 3, 24, 40), level)
    verdict = _verdict(Around(_kinks), flat)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("name", [*NAMES, "lraspp_mobilenet_v3_large"])
def test_real_architectures_are_not_accused(name: str) -> None:
    network = bundled(name) if name in NAMES else torchvision.build(name, "none").module
    verdict = _verdict(network, images(1, 64, 96))
    assert verdict.ok, verdict.message


class _Calm(nn.Module):
    """Scores about as far apart as trained ones are: those of random weights can be 900 apart, which is saturated."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval()
        with torch.no_grad():
            self.size = float(network(images(1, 64, 96)).std())

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.network(x)
        return scores * (5 / self.size)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in SEGMENTERS if n != "lraspp_mobilenet_v3_large"])
@pytest.mark.parametrize("batch", [1, 2])
def test_torchvision_networks_are_not_accused(name: str, batch: int) -> None:
    verdict = _verdict(_Calm(torchvision.build(name, "none").module), images(batch, 64, 96))
    assert verdict.ok, verdict.message


@pytest.mark.slow
def test_random_weights_whose_softmax_is_exactly_one_are_saturated() -> None:
    network = torchvision.build("fcn_resnet101", "none").module.eval()
    x = images(1, 64, 96).requires_grad_(True)
    scores = network(x)
    loss = F.cross_entropy(scores, scores.detach().argmax(1), reduction="none")
    assert float((loss == 0).float().mean()) > 0.5  # nothing to climb in single precision
    assert _verdict(network, x.detach()).kind == "saturated"


def test_the_fault_of_batch_norm_is_found_with_its_remedies() -> None:
    verdict = _verdict(Tokens(), images(1))
    assert not verdict.ok
    assert verdict.kind == "wrong"
    assert verdict.relative_error is not None
    assert verdict.relative_error > 0.5
    assert verdict.remedies == ("--batch 2", "--memory-format channels_last")
    with pytest.raises(GradientError) as caught:
        raise_unless_ok(verdict)
    assert str(caught.value).startswith(
        "input gradient wrong at batch 1: expected agreement with central differences within 5%, got a disagreement of"
    )
    assert str(caught.value).endswith(
        "An attack on it would look weak and the model robust. Right with --batch 2 or with --memory-format "
        "channels_last"
    )
    assert _verdict(Tokens(), images(2)).ok
    segmenter = dataclasses.replace(adapt_segmenter(Tokens(), image_size=(24, 40)), channels_last=True)
    assert check_gradient(segmenter, images(1), seed=0).ok


@torch.no_grad()
def _blind(network: nn.Module, x: Tensor) -> Tensor:
    return network(x)


@torch.inference_mode()
def _inferring(network: nn.Module, x: Tensor) -> Tensor:
    return network(x)


class _NoBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        return values.clone()


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (lambda net, x: net(x.detach()), "missing", "require no gradient; look for torch.no_grad"),
        (_blind, "missing", "require no gradient"),
        (_inferring, "missing", "require no gradient"),
        (lambda net, x: torch.from_numpy(net(x).detach().numpy()), "missing", "require no gradient"),
        (lambda net, x: _NoBackward.apply(net(x)), "missing", "expected a backward pass, got NotImplementedError"),
        (lambda net, x: net(x) * 0 + torch.arange(5.0).view(1, 5, 1, 1), "zero", "got exact zeros for 1 of 1 images"),
        (lambda net, x: (net(x) * 4).round(), "rounded", "look for rounded activations"),
        (lambda net, x: net((x * 255).round() / 255), "rounded", "though they follow a large one"),
        (lambda net, x: net(x) * 1e5, "saturated", "softmax is exactly 0 or 1"),
        (lambda net, x: (net(x) * 1e4).softmax(1), "saturated", "at their least or largest value"),
        (lambda net, x: (net(x) * 100).softmax(1).clamp(1e-3, 1 - 1e-3).log(), "saturated", "clamp or argmax"),
        # The gradient of a branch that is not taken: 0 * exp(100) is 0 in float64 and NaN in float32.
        (
            lambda net, x: torch.where(x[:, :1] < 2, net(x), (net(x) + 100).exp()),
            "not finite",
            "in float32; right in float64",
        ),
        (lambda net, x: net(x) + (x - x).sum(1, keepdim=True).sqrt(), "not finite", "got 2880 NaN or infinite of 2880"),
        (lambda net, x: net(x) + net(x.flip(3).detach()), "wrong", "part of the network is detached"),
        (lambda net, x: net(x) + 0.3 * net(x).detach() * net(x), "wrong", "part of the network is detached"),
        (straight_through, "rounded", "look for rounded activations"),
        (lambda net, x: F.dropout(net(x), 0.05, training=True), "random output", "look for dropout"),
        (lambda net, x: net(x + 1e-3 * torch.randn_like(x)), "random output", "noise drawn in forward"),
    ],
)
def test_unsound_networks_are_found_out(change: Callable[..., Tensor], kind: str, text: str) -> None:
    verdict = _verdict(Around(change))
    assert (verdict.ok, verdict.kind) == (False, kind), verdict.message
    assert text in verdict.message
    assert verdict.message.startswith(f"input gradient {kind} at batch 1: expected ")
    assert verdict.remedies == ()
    advice = "Neither a larger batch" if kind == "wrong" else "Repair the network"
    with pytest.raises(GradientError, match=advice):
        raise_unless_ok(verdict)


@pytest.mark.usefixtures("remedies_untried")
@pytest.mark.parametrize("seed", range(6))
def test_a_detached_branch_is_found_with_every_seed(seed: int) -> None:
    verdict = _verdict(Around(lambda net, x: net(x) + net(x.flip(3).detach())), seed=seed)
    assert verdict.kind == "wrong", verdict.message


def test_scores_that_are_not_finite_have_no_gradient() -> None:
    network = Around(lambda net, x: net(x) / (x.amax() < 2))
    segmenter = adapt_segmenter(network, image_size=(24, 40))
    network.change = lambda net, x: net(x) / 0
    assert check_gradient(segmenter, images(), seed=0).kind == "not finite"


def test_a_network_that_writes_into_its_input() -> None:
    class Writer:
        classes, notes = ("a", "b", "c", "d", "e"), ()
        network = Tiny()

        def logits(self, x: Tensor) -> Tensor:
            return self.network(x.mul_(2))

    verdict = check_gradient(checked(Writer(), image_size=(24, 40)), images(), seed=0)
    assert verdict.kind in ("missing", "random output")


def test_a_network_of_float32_is_checked_in_float32() -> None:
    verdict = _verdict(Around(lambda net, x: net(x.float())))
    assert verdict.ok, verdict.message
    assert verdict.precision == "float32"
    assert "checked in float32 only, for the network does not run in float64: RuntimeError" in verdict.message
    wrong = _verdict(Around(lambda net, x: net(x.float()) + net(x.float().flip(3).detach())))
    assert (wrong.kind, wrong.precision) == ("wrong", "float32")


def test_the_network_is_left_as_it_was_and_cheap() -> None:
    network = Tiny()
    segmenter = adapt_segmenter(network, image_size=(24, 40))
    state = {name: value.clone() for name, value in network.state_dict().items()}
    x = images(2)
    given, random = x.clone(), torch.random.get_rng_state()
    calls: list[int] = []

    class Counting:
        classes, notes = tuple("abcde"), ()

        def __init__(self) -> None:
            self.inner = segmenter

        def __deepcopy__(self, memo: object) -> "Counting":
            twin = Counting()
            twin.inner = dataclasses.replace(segmenter, module=Tiny().double().eval())
            return twin

        def logits(self, x: Tensor) -> Tensor:
            calls.append(1)
            return self.inner.logits(x)

    assert check_gradient(Counting(), x, seed=0).ok
    assert len(calls) <= 20
    assert torch.equal(x, given)
    assert torch.equal(random, torch.random.get_rng_state())
    assert network.head.weight.dtype == torch.float32
    assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())


def test_the_verdict_is_the_same_for_the_same_seed() -> None:
    assert _verdict(Tiny(), seed=4) == _verdict(Tiny(), seed=4)
