"""Cutie's adapter, on a stand-in written from the interface of `InferenceCore` and the steps of its demo."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from foolscape.testing import check_tracker
from foolscape.testing.tracker import clip, mask
from tests.adapters.conftest import module
from tests.adapters.vos import Memory, Network, aggregate, do_softmax, padded, unpadded


class InferenceCore:
    """Frame by frame; normalises and resizes inside."""

    manager: Any

    def __init__(self, network: Network, cfg: Any) -> None:
        self.network, self.mem_every, self.max_internal_size = network, cfg.mem_every, -1
        self.memory = Memory(lambda: self.manager.do_softmax, cfg.top_k)
        self.time = -1

    def step(self, image: Tensor, mask: Tensor | None = None, objects: Any = None, *, end: bool = False) -> Tensor:
        """(K + 1, H, W) for an image (3, H, W), and perhaps its labels (H, W)."""
        self.time += 1
        size = image.shape[1:]
        if 0 < self.max_internal_size < min(size):
            inner = tuple(int(side / min(size) * self.max_internal_size) for side in size)
            image = functional.interpolate(image[None], inner, mode="bilinear", align_corners=False)[0]
            if mask is not None:
                mask = functional.interpolate(mask[None, None].float(), inner, mode="nearest-exact")[0, 0].long()
        image, pad = padded(image)
        key = self.network.key(image)
        if mask is None:
            answer = aggregate(self.memory.read(key, image.shape[1:]))  # type: ignore[arg-type]
        else:
            answer = aggregate(torch.stack([padded(mask)[0] == one for one in objects]).to(image))
        if (mask is not None or self.time % self.mem_every == 0) and not end:
            self.memory.add(key, answer[1:])
        return functional.interpolate(unpadded(answer, pad)[None], size, mode="bilinear", align_corners=False)[0]


@pytest.fixture
def cutie(monkeypatch: pytest.MonkeyPatch) -> Network:
    """The network, its library's modules in place."""
    own = module(monkeypatch, "cutie.inference.memory_manager", {"do_softmax": do_softmax})
    module(monkeypatch, "cutie.inference.inference_core", {"InferenceCore": InferenceCore})
    monkeypatch.setitem(__import__("sys").modules, "cutie.inference.memory_manager", own)
    monkeypatch.setattr(InferenceCore, "manager", own, raising=False)
    network = Network(normalises=True)
    network.cfg = SimpleNamespace(mem_every=2, top_k=2)  # type: ignore[assignment]
    return network


@torch.no_grad()
def demonstrated(network: Any, frames: Tensor, first_mask: Tensor, size: int) -> Tensor:
    """As the library's demo does it."""
    core = InferenceCore(network, cfg=network.cfg)
    core.max_internal_size = size
    answers = [core.step(frames[0], first_mask, objects=[one for one in first_mask.unique().tolist() if one])]
    return torch.stack(answers + [core.step(frame) for frame in frames[1:]])


@pytest.mark.parametrize("size", [-1, 64])
def test_answers_are_the_librarys(size: int, cutie: Network, adapter: Callable[[str], Any]) -> None:
    frames, first_mask = clip((75, 101), torch.device("cpu")), mask((75, 101), 2, torch.device("cpu"))
    wanted = demonstrated(cutie, frames, first_mask, size)  # with the library's softmax
    found = adapter("cutie").adapt(cutie, size).propagate(frames.requires_grad_(), first_mask)
    assert len(wanted[-1].argmax(0).unique()) > 1
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-4, atol=1e-5)
    assert torch.autograd.grad(found[-1, 1].sum(), frames)[0][0].abs().max() > 0


def test_it_keeps_the_contract(cutie: Network, adapter: Callable[[str], Any]) -> None:
    report = check_tracker(adapter("cutie").adapt(cutie))
    assert report.ok, report.lines()
    assert "in float32 only" not in "".join(report.lines())
