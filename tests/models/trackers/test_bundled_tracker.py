"""The bundled tracker: a `ReusingTracker` with the right gradient, and how well it follows on streets it never saw."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor

from foolscape.data.clips import Clip
from foolscape.data.scene_clips import open_scene_clips
from foolscape.metrics.video import measure_davis
from foolscape.models.bundled.load import TRACKER_NAMES, bundled_tracker, untrained
from foolscape.models.bundled.tracker import ScenesTracker
from foolscape.models.trackers.stcn.tracker import Stcn
from foolscape.spec import parse
from foolscape.tasks.video import ReusingTracker, Start, Tracker, follow
from tests.metrics.scored import score_davis

(NAME,) = TRACKER_NAMES


@cache
def tracker() -> Stcn:
    return bundled_tracker(NAME)


@cache
def street(index: int, frames: int) -> Clip:
    data = open_scene_clips(parse(f"scenes:?frames={frames}"))
    return data.load(data.ids[index])


def pixels(clip: Clip) -> tuple[Tensor, Tensor]:
    """Frames (T, 3, H, W) in [0, 1] and the first mask (H, W)."""
    return torch.from_numpy(clip.frames).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(clip.given[0].mask).long()


def cut(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """A piece of a clip around its first object."""
    frames, mask = pixels(street(0, 3))
    middle = torch.nonzero(mask == 1).float().mean(dim=0).int().tolist()
    top, left = (
        max(0, min(place - side // 2, full - side)) for place, side, full in zip(middle, size, mask.shape, strict=True)
    )
    area = (..., slice(top, top + size[0]), slice(left, left + size[1]))
    return frames[area].contiguous(), (mask[area] == 1).long()


def test_it_is_a_frozen_tracker_that_reuses() -> None:
    found = tracker()
    assert isinstance(found, Tracker)
    assert isinstance(found, ReusingTracker)
    assert isinstance(found.network, ScenesTracker)
    assert not found.network.training
    assert not any(parameter.requires_grad for parameter in found.network.parameters())
    assert isinstance(untrained(NAME), ScenesTracker)
    with pytest.raises(KeyError):
        bundled_tracker("scenes-unet")


@pytest.mark.parametrize("size", [(64, 96), (61, 90)])
def test_probabilities_sum_to_one_and_the_first_mask_is_repeated(size: tuple[int, int]) -> None:
    frames, mask = cut(size)
    mask[:8, :8] = 2
    with torch.no_grad():
        probabilities = tracker().propagate(frames, mask)
    assert probabilities.shape == (3, 3, *size)
    assert bool((probabilities >= 0).all())
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(3, *size))
    assert torch.equal(probabilities[0].argmax(dim=0), mask)


def test_objects_may_be_named_in_another_order() -> None:
    frames, mask = cut((64, 96))
    mask[:8, :8] = 2
    with torch.no_grad():
        one, other = (tracker().propagate(frames, named) for named in (mask, torch.tensor([0, 2, 1])[mask]))
    torch.testing.assert_close(other[:, [0, 2, 1]], one, rtol=0, atol=1e-4)


def gradient(run: Callable[[Tensor], Tensor], first: Tensor) -> Tensor:
    first = first.clone().requires_grad_()
    (found,) = torch.autograd.grad(run(first), first)
    return found


def test_the_gradient_from_later_frames_to_the_first_is_right() -> None:
    frames, mask = cut((48, 64))
    frames = frames.double()
    network = ScenesTracker().eval().double()
    network.load_state_dict(tracker().network.state_dict())
    exact = Stcn(network, mem_every=1, top_k=8)

    def loss(first: Tensor) -> Tensor:
        return exact.propagate(torch.cat([first, frames[1:]]), mask)[1:, 1].clamp(min=1e-9).log().mean()

    found = gradient(loss, frames[:1])
    assert bool(found.any())
    step = 1e-7 * found / found.abs().max()
    with torch.no_grad():
        slope = (loss(frames[:1] + step) - loss(frames[:1] - step)) / 2
    torch.testing.assert_close((found * step).sum(), slope, rtol=1e-4, atol=0)


def test_features_handed_in_give_the_same_values_and_gradient() -> None:
    frames, mask = cut((64, 96))
    with torch.no_grad():
        features = tracker().features(frames[1:])

    def run(first: Tensor, *given: tuple[object, ...]) -> Tensor:
        return tracker().propagate(torch.cat([first, frames[1:]]), mask, *given)

    with torch.no_grad():
        torch.testing.assert_close(run(frames[:1], features), run(frames[:1]))
    one = gradient(lambda first: run(first, features)[1:, 1].mean(), frames[:1])
    other = gradient(lambda first: run(first)[1:, 1].mean(), frames[:1])
    assert bool(one.any())
    torch.testing.assert_close(one, other)


def test_it_follows_on_streets_it_never_saw() -> None:
    measured = {}
    for index in (0, 1):
        clip = street(index, 8)
        assert clip.truth is not None
        frames, mask = pixels(clip)
        found = follow(tracker(), frames, [Start(0, mask)]).numpy()
        measured[clip.id] = measure_davis(found, clip.truth.astype(np.int64))
    assert score_davis(measured, seed=0)["J&F"] > 50
