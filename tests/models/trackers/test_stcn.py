from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from foolscape.errors import SampleError, SettingError
from foolscape.models.trackers.stcn.network import StcnNetwork
from foolscape.models.trackers.stcn.resizing import Resizing
from foolscape.models.trackers.stcn.tracker import Features, Stcn
from foolscape.tasks.video import ReusingTracker, Start, Tracker, follow


def clip(
    frames: int, height: int, width: int, objects: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    """Noise, smooth enough for the network to see something in it, and a mask of stripes."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.rand(frames, 3, height // 4, width // 4, generator=generator, dtype=torch.float64)
    images = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    mask = torch.zeros(height, width, dtype=torch.int64)
    for i in range(objects):
        mask[height // 4 : -height // 4, (2 * i + 1) * width // (2 * objects + 1) :][
            :, : width // (2 * objects + 1)
        ] = i + 1
    return images.to(dtype), mask


@pytest.mark.parametrize(("objects", "size"), [(1, (32, 48)), (3, (33, 50)), (2, (47, 31)), (1, (5, 17))])
@torch.no_grad()
def test_probabilities_are_of_the_frames_size_and_sum_to_one(
    network: StcnNetwork, objects: int, size: tuple[int, int]
) -> None:
    frames, mask = clip(3, *size, objects)
    before = frames.clone()
    found = Stcn(network, mem_every=1).propagate(frames, mask)
    assert found.shape == (3, objects + 1, *size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.sum(dim=1), torch.ones(3, *size))
    assert torch.equal(found[0].argmax(dim=0), mask)
    assert torch.equal(frames, before)
    assert float(found[1:, 1:].std()) > 0.01  # the network says something


@torch.no_grad()
def test_objects_may_be_named_in_another_order(network: StcnNetwork) -> None:
    frames, mask = clip(4, 32, 48, 3)
    stcn = Stcn(network, mem_every=2)
    turned = torch.tensor([0, 2, 3, 1])
    torch.testing.assert_close(
        stcn.propagate(frames, turned[mask])[:, turned], stcn.propagate(frames, mask), rtol=0, atol=1e-5
    )


@torch.no_grad()
def test_a_clip_of_one_frame_is_its_mask(network: StcnNetwork) -> None:
    frames, mask = clip(1, 32, 48, 2)
    found = Stcn(network).propagate(frames, mask)
    assert found.shape == (1, 3, 32, 48)
    assert torch.equal(follow(Stcn(network), frames, [Start(0, mask)])[0], mask)
    assert float(found.amin()) > 0
    assert float(found.amax(dim=1).min()) > 1 - 1e-6


@torch.no_grad()
def test_the_future_does_not_matter(network: StcnNetwork) -> None:
    frames, mask = clip(5, 32, 48, 2)
    stcn = Stcn(network, mem_every=2, include_last=True)
    torch.testing.assert_close(stcn.propagate(frames[:3], mask), stcn.propagate(frames, mask)[:3], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "remembered"),
    [
        ({"mem_every": 5}, [[0], [0], [0], [0], [0], [0, 5]]),
        ({"mem_every": 2}, [[0], [0], [0, 2], [0, 2], [0, 2, 4], [0, 2, 4]]),
        ({"mem_every": 3, "include_last": True}, [[0], [0, 1], [0, 2], [0, 3], [0, 3, 4], [0, 3, 5]]),
    ],
)
@torch.no_grad()
def test_which_frames_are_remembered(
    network: StcnNetwork, monkeypatch: pytest.MonkeyPatch, settings: dict[str, int], remembered: list[list[int]]
) -> None:
    frames, mask = clip(7, 16, 16, 1)
    stcn = Stcn(network, **settings)
    keys = [network.key(network.encode(normal).f16) for normal in normalised(frames).split(1)]
    seen: list[list[int]] = []

    def segment(self: Stcn, memory: object, features: Features) -> Tensor:
        seen.append([next(i for i, own in enumerate(keys) if torch.allclose(own, key)) for key in memory.keys])
        return torch.full((2, 16, 16), 0.5)

    monkeypatch.setattr(Stcn, "_segment", segment)
    stcn.propagate(frames, mask)
    assert seen == remembered


def normalised(frames: Tensor) -> Tensor:
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return (frames - mean[:, None, None]) / deviation[:, None, None]


def loss_of(probabilities: Tensor) -> Tensor:
    """A linear function of the last frame's probabilities, with weights drawn by lot."""
    weights = torch.randn(probabilities[-1].shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return (probabilities[-1] * weights).sum()


def gradient_of(run: Callable[[Tensor], Tensor], frame: Tensor) -> Tensor:
    frame = frame.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss_of(run(frame)), frame)
    return gradient


def check_gradient(run: Callable[[Tensor], Tensor], frames: Tensor) -> Tensor:
    """The gradient agrees with central differences along itself and along a random direction; it is returned."""
    gradient = gradient_of(run, frames)
    assert bool(gradient.isfinite().all())
    generator = torch.Generator().manual_seed(2)
    signs = torch.randint(0, 2, frames.shape, generator=generator).double() * 2 - 1
    step = 1e-8  # larger ones meet the kinks of ReLU and max-pool
    for direction in (gradient / gradient.abs().max(), signs):
        with torch.no_grad():
            slope = (loss_of(run(frames + step * direction)) - loss_of(run(frames - step * direction))) / (2 * step)
        torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-5, atol=1e-5)
    return gradient


@pytest.mark.parametrize(("objects", "count"), [(1, 3), (3, 2)])
def test_the_gradient_from_a_later_frame_to_the_first_is_right(
    network64: StcnNetwork, objects: int, count: int
) -> None:
    frames, mask = clip(count, 32, 32, objects, torch.float64)
    stcn = Stcn(network64, top_k=4)
    gradient = check_gradient(lambda first: stcn.propagate(torch.cat([first, frames[1:]]), mask), frames[:1])
    assert bool(gradient.any())


def test_the_gradient_through_predicted_masks_in_memory_is_right(network64: StcnNetwork) -> None:
    frames, mask = clip(3, 30, 31, 2, torch.float64)
    stcn = Stcn(network64, include_last=True, top_k=6)
    gradient = check_gradient(lambda all_frames: stcn.propagate(all_frames, mask), frames)
    assert bool(gradient.flatten(1).any(dim=1).all())


def test_the_gradient_through_resizing_is_right(network64: StcnNetwork) -> None:
    frames, mask = clip(2, 20, 31, 2, torch.float64)
    stcn = Stcn(network64, shorter_side=32)
    gradient = check_gradient(lambda first: stcn.propagate(torch.cat([first, frames[1:]]), mask), frames[:1])
    assert bool(gradient.any())


def test_the_gradient_in_single_precision_is_that_in_double(network: StcnNetwork, network64: StcnNetwork) -> None:
    frames, mask = clip(3, 32, 48, 1, torch.float64)
    double = gradient_of(lambda x: Stcn(network64).propagate(torch.cat([x, frames[1:]]), mask), frames[:1])
    later = frames[1:].float()
    single = gradient_of(lambda x: Stcn(network).propagate(torch.cat([x, later]), mask), frames[:1].float())
    assert float((single.double() - double).norm() / double.norm()) < 1e-2


@pytest.mark.parametrize("handed", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_checkpointing_changes_neither_values_nor_gradient(network64: StcnNetwork, handed: bool) -> None:
    frames, mask = clip(3, 32, 32, 2, torch.float64)
    stcn = Stcn(network64, mem_every=1)
    with torch.no_grad():
        features = stcn.features(frames[1:]) if handed else None
    found = []
    for variant in (stcn, replace(stcn, checkpointed=True)):
        first = frames[:1].clone().requires_grad_()
        probabilities = variant.propagate(torch.cat([first, frames[1:]]), mask, features)
        found.append((probabilities, torch.autograd.grad(loss_of(probabilities), first)[0]))
    assert torch.equal(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1], rtol=1e-9, atol=0)


def test_checkpointing_keeps_fewer_numbers(network: StcnNetwork) -> None:
    frames, mask = clip(3, 32, 48, 1)
    kept = {}
    for checkpointed in (False, True):
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor, sizes: dict[int, int] = sizes) -> Tensor:
            if not isinstance(tensor, torch.nn.Parameter):
                sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            Stcn(network, checkpointed=checkpointed).propagate(frames.clone().requires_grad_(), mask)
        kept[checkpointed] = sum(sizes.values())
    assert kept[True] < kept[False] / 4


@pytest.mark.parametrize("checkpointed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_features_handed_in_give_the_same_values_and_gradient(network64: StcnNetwork, checkpointed: bool) -> None:
    frames, mask = clip(3, 30, 31, 2, torch.float64)
    stcn = Stcn(network64, mem_every=1, checkpointed=checkpointed)
    with torch.no_grad():
        features = stcn.features(frames[1:])
    assert not any(part.requires_grad for feature in features for part in (feature.key, feature.coarse, *feature.query))

    def run(first: Tensor, given: tuple[Features, ...] | None) -> Tensor:
        return stcn.propagate(torch.cat([first, frames[1:]]), mask, given)

    with torch.no_grad():
        assert torch.equal(run(frames[:1], features), run(frames[:1], None))
    torch.testing.assert_close(
        gradient_of(lambda x: run(x, features), frames[:1]), gradient_of(lambda x: run(x, None), frames[:1])
    )


def test_features_handed_in_are_used(network: StcnNetwork) -> None:
    frames, mask = clip(2, 32, 48, 1)
    stcn = Stcn(network)
    with torch.no_grad():
        other = stcn.features(frames[1:].flip(3))
        assert not torch.allclose(stcn.propagate(frames, mask, other)[1], stcn.propagate(frames, mask)[1], atol=1e-2)
    with pytest.raises(ValueError, match="expected features of all frames but the first, 1, got 2"):
        stcn.propagate(frames, mask, other * 2)


def test_parameters_are_frozen_and_training_mode_changes_nothing(network: StcnNetwork) -> None:
    assert not any(parameter.requires_grad for parameter in StcnNetwork().parameters())
    assert not network.training
    images, _ = clip(1, 32, 48, 1)
    before = network.encode(images).f16
    assert torch.equal(network.train().encode(images).f16, before)
    network.eval()


def test_it_is_a_tracker(network: StcnNetwork) -> None:
    assert isinstance(Stcn(network), Tracker)
    assert isinstance(Stcn(network), ReusingTracker)


def test_masks_that_do_not_fit_are_refused(network: StcnNetwork) -> None:
    frames, mask = clip(2, 32, 48, 3)
    stcn = Stcn(network)
    with pytest.raises(SampleError, match=r"expected a first mask of the frames' size \(32, 48\), got \(48, 32\)"):
        stcn.propagate(frames, mask.T)
    for wrong, got in ((mask * 2, "[0, 2, 4, 6]"), (mask * 0, "[0]"), (mask - 1, "[-1, 0, 1, 2]")):
        with pytest.raises(SampleError) as caught:
            stcn.propagate(frames, wrong)
        assert f"expected a first mask with the labels 1 to K and 0 for the background, got {got}; " in str(
            caught.value
        )


def test_other_frames_are_refused(network: StcnNetwork) -> None:
    frames, mask = clip(2, 32, 48, 1)
    stcn = Stcn(network)
    for wrong in (frames[0], frames[:, :1], (frames * 255).to(torch.uint8)):
        with pytest.raises(ValueError, match=r"expected float RGB frames \(T, 3, H, W\), got "):
            stcn.propagate(wrong, mask)
    with pytest.raises(ValueError, match="expected at least one frame, got none"):
        stcn.propagate(frames[:0], mask)
    assert stcn.features(frames[:0]) == ()


@pytest.mark.parametrize("name", ["mem_every", "top_k", "shorter_side"])
def test_settings_below_one_are_refused(network: StcnNetwork, name: str) -> None:
    with pytest.raises(SettingError, match=f"{name}: expected a whole number of at least 1, got 0"):
        Stcn(network, **{name: 0})


@torch.no_grad()
def test_frames_may_be_resized_to_a_shorter_side(network: StcnNetwork) -> None:
    frames, mask = clip(2, 20, 31, 2)
    found = Stcn(network, shorter_side=32).propagate(frames, mask)
    assert found.shape == (2, 3, 20, 31)
    same, same_mask = clip(2, 32, 48, 2)
    unchanged = Stcn(network, shorter_side=32).propagate(same, same_mask)
    assert torch.equal(unchanged, Stcn(network).propagate(same, same_mask))


def test_frames_are_resized_padded_and_restored() -> None:
    resizing = Resizing.of((30, 47), 60, 16)
    assert resizing == Resizing((30, 47), (60, 94), (1, 1, 2, 2))
    assert Resizing.of((47, 30), 60, 16).inner == (94, 60)
    assert Resizing.of((1080, 1920), 480, 16) == Resizing((1080, 1920), (480, 853), (5, 6, 0, 0))
    images = resizing.images(torch.ones(1, 3, 30, 47))
    assert images.shape == (1, 3, 64, 96)
    assert float(images[0, 0, :2].abs().max()) == 0
    torch.testing.assert_close(images[0, :, 2:62, 1:95], torch.ones(3, 60, 94))
    column = torch.arange(47.0).expand(2, 30, 47)
    masks = resizing.masks(column)
    assert torch.equal(masks[0, 2, 1:95], torch.arange(47.0).repeat_interleave(2))
    assert torch.equal(resizing.restored(masks), column)
