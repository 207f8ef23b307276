"""XMem's adapter, on a stand-in written from the interface of `InferenceCore` and the steps of its evaluation."""

from collections.abc import Callable
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
    """Frame by frame; takes normalised frames."""

    manager: Any

    def __init__(self, network: Network, config: dict[str, Any]) -> None:
        assert config["hidden_dim"] == 4
        assert config["enable_long_term_count_usage"] is False
        self.network, self.mem_every = network, config["mem_every"]
        self.memory = Memory(lambda: self.manager.do_softmax, config["top_k"])
        self.time, self.labels = -1, []  # type: ignore[var-annotated]

    def set_all_labels(self, all_labels: list[int]) -> None:
        """The objects there will be."""
        self.labels = all_labels

    def step(self, image: Tensor, mask: Tensor | None = None, valid_labels: Any = None, end: bool = False) -> Tensor:
        """(K + 1, H, W) for an image (3, H, W), and perhaps its masks (K, H, W)."""
        self.time += 1
        image, pad = padded(image)
        key = self.network.key(image)
        if mask is None:
            answer = aggregate(self.memory.read(key, image.shape[1:]))  # type: ignore[arg-type]
        else:
            assert len(mask) == len(valid_labels) == len(self.labels)
            answer = aggregate(padded(mask)[0])
        if (mask is not None or self.time % self.mem_every == 0) and not end:
            self.memory.add(key, answer[1:])
        return unpadded(answer, pad)


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module whose softmax the memory calls."""
    own = module(monkeypatch, "inference.memory_manager", {"do_softmax": do_softmax})
    monkeypatch.setattr(InferenceCore, "manager", own, raising=False)
    module(monkeypatch, "inference.inference_core", {"InferenceCore": InferenceCore})
    monkeypatch.setitem(__import__("sys").modules, "inference.memory_manager", own)
    return own


@torch.no_grad()
def evaluated(network: Network, frames: Tensor, first_mask: Tensor, size: int) -> Tensor:
    """As the library's evaluation does it."""
    config = {"mem_every": 2, "top_k": 2, "hidden_dim": 4, "enable_long_term_count_usage": False}
    core = InferenceCore(network, config)
    objects = int(first_mask.max())
    core.set_all_labels(list(range(1, objects + 1)))
    normalised = (frames - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor(
        [0.229, 0.224, 0.225]
    ).view(3, 1, 1)
    masks = functional.one_hot(first_mask, objects + 1).permute(2, 0, 1)[1:].float()
    shape = frames.shape[2:]
    if size > 0:
        inner = tuple(int(side / min(shape) * size) for side in shape)
        normalised = functional.interpolate(normalised, inner, mode="bilinear", antialias=True)
        masks = functional.interpolate(masks[None], inner, mode="nearest")[0]
    answers = [core.step(normalised[0], masks, core.labels)]
    answers += [core.step(one, end=t == len(frames) - 2) for t, one in enumerate(normalised[1:])]
    return functional.interpolate(torch.stack(answers), shape, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("size", [-1, 80])
@pytest.mark.usefixtures("manager")
def test_answers_are_the_librarys(size: int, adapter: Callable[[str], Any]) -> None:
    network = Network(normalises=False)
    frames, first_mask = clip((75, 101), torch.device("cpu")), mask((75, 101), 2, torch.device("cpu"))
    wanted = evaluated(network, frames, first_mask, size)  # with the library's softmax
    found = adapter("xmem").adapt(network, {"mem_every": 2, "top_k": 2}, size).propagate(frames, first_mask)
    assert len(wanted[-1].argmax(0).unique()) > 1
    torch.testing.assert_close(found.detach(), wanted, rtol=1e-4, atol=1e-5)


def test_the_librarys_softmax_would_break_the_gradient(manager: Any, adapter: Callable[[str], Any]) -> None:
    adapted = adapter("xmem").adapt(Network(normalises=False), {"top_k": 2}, -1)
    frames = clip((64, 64), torch.device("cpu"))[:2].requires_grad_()
    first_mask = mask((64, 64), 1, torch.device("cpu"))
    assert manager.do_softmax is not do_softmax
    (gradient,) = torch.autograd.grad(adapted.propagate(frames, first_mask)[1, 1].sum(), frames)
    assert gradient[0].abs().max() > 0
    manager.do_softmax = do_softmax
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(adapted.propagate(frames, first_mask)[1, 1].sum(), frames)


@pytest.mark.usefixtures("manager")
def test_it_keeps_the_contract(adapter: Callable[[str], Any]) -> None:
    report = check_tracker(adapter("xmem").adapt(Network(normalises=False), {"mem_every": 2, "top_k": 2}, -1))
    assert report.ok, report.lines()
    assert "in float32 only" not in "".join(report.lines())
