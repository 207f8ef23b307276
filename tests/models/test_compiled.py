"""`torch.compile`, and the way back."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.compiled import compile_networks
from foolscape.models.segmenters.adapter import adapt_segmenter

from .networks import Tiny, images


def compiler(monkeypatch: pytest.MonkeyPatch, done: Callable[[Any], Any]) -> list[dict[str, object]]:
    """Puts `done` in the place of torch.compile; the options it is given are added to the list."""
    options: list[dict[str, object]] = []

    def compile_(model: Any, **given: object) -> Any:
        options.append(given)
        return done(model)

    monkeypatch.setattr(torch, "compile", compile_)
    return options


def test_every_network_is_compiled_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counting(call: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *given, **named: (calls.append(1), call(*given, **named))[1]

    options = compiler(monkeypatch, counting)
    segmenter = adapt_segmenter(Tiny(), image_size=(24, 40))
    note = compile_networks(segmenter, lambda: segmenter.logits(images()))
    assert note == "its forward pass is made by torch.compile"
    assert options == [{"dynamic": False}]
    assert len(calls) == 1
    verdict = check_gradient(segmenter, images(), seed=0)
    assert verdict.ok
    # The twin in float64 is not compiled; the gradient in float32, which attacks use, is the compiled network's.
    assert len(calls) == 2


def test_where_it_fails_the_network_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: Any) -> Any:
        def call(*_given: Any, **_named: Any) -> None:
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nand a long trace")

        return call

    compiler(monkeypatch, failing)
    segmenter = adapt_segmenter(Tiny(), image_size=(24, 40))
    before = segmenter.logits(images())
    note = compile_networks(segmenter, lambda: segmenter.logits(images()))
    assert note == (
        "runs as it is, for torch.compile failed with RuntimeError: InvalidCxxCompiler: No working C++ compiler found"
    )
    assert torch.equal(segmenter.logits(images()), before)


def test_want_of_memory_is_no_failure_of_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    compiler(monkeypatch, lambda call: call)
    with pytest.raises(torch.OutOfMemoryError):
        compile_networks(adapt_segmenter(Tiny(), image_size=(24, 40)), full)


def test_a_model_without_a_network_is_left_alone() -> None:
    assert compile_networks(object(), lambda: None) == "no network was found in it for torch.compile"


@pytest.mark.slow
def test_the_real_compiler_gives_the_same_scores_and_gradient() -> None:
    segmenter, x = adapt_segmenter(Tiny(), image_size=(24, 40)), images(2).requires_grad_()
    before = segmenter.logits(x)
    (gradient,) = torch.autograd.grad(before.square().sum(), x)
    note = compile_networks(segmenter, lambda: segmenter.logits(images(2)))
    if note != "its forward pass is made by torch.compile":
        pytest.skip(note)
    after = segmenter.logits(x)
    (compiled,) = torch.autograd.grad(after.square().sum(), x)
    torch.testing.assert_close(after, before, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(compiled, gradient, atol=1e-4, rtol=1e-4)
