"""ARA, as corrected and as released, against what is known of both."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.parts.objectives import ObjectiveValue
from foolscape.attacks.plan import Window
from foolscape.attacks.registry import Settings
from foolscape.attacks.zoo.ara import Discovery, HardRegions
from foolscape.attacks.zoo.ara_released import Network, ReleasedAra
from foolscape.errors import SettingError, UnknownNameError
from foolscape.problem import Problem
from foolscape.seeds import generator_for
from foolscape.tasks.video import problem

from .clips import ColourTracker, moving_squares


class Shelf:
    """Keeps networks in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, Network]] = []

    def load(self) -> Network | None:
        return self.kept[-1][1] if self.kept else None

    def save(self, key: str, network: Network) -> None:
        self.kept.append((key, network))


def posed(objects: int = 1) -> Problem:
    frames, labels = moving_squares(3, objects)
    return problem(ColourTracker(), frames, labels[0], labels[1:])


def entrant(objects: int = 1, name: str = "clip") -> AttackItem:
    return AttackItem(name, posed(objects), generator_for(0, name))


def reference(width: int, weights: Tensor) -> nn.Module:
    """The network of `Discovery` made of PyTorch's own layers."""

    class Norm(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(3, eps=1e-6)

        def forward(self, maps: Tensor) -> Tensor:
            out: Tensor = self.norm(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            return out

    net = nn.Sequential(
        Norm(), nn.Conv2d(3, width, 1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width, 1, 1),
    )  # fmt: skip
    nn.utils.vector_to_parameters(weights, net.parameters())
    return net


def test_the_network_and_its_training_are_those_of_pytorch() -> None:
    generator = torch.Generator().manual_seed(2)
    discovery = Discovery(6)
    weights, memory = discovery.born(generator)
    net = reference(6, weights)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1, weight_decay=0.01)
    for _ in range(5):
        gradient, hard = torch.randn(3, 8, 9, generator=generator), torch.rand(8, 9, generator=generator) > 0.5
        hardness, weights, memory = discovery.learn(gradient, hard, weights, memory)
        logits = net(gradient[None])[0, 0]
        assert torch.allclose(hardness, logits.sigmoid(), atol=1e-4)
        loss = functional.binary_cross_entropy_with_logits(logits, hard.float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert torch.allclose(weights, nn.utils.parameters_to_vector(net.parameters()), atol=1e-3)


def test_the_network_learns_where_a_gradient_tells_hard_from_easy() -> None:
    generator = torch.Generator().manual_seed(2)
    hard = torch.zeros(12, 12, dtype=torch.bool)
    hard[:, :6] = True
    discovery = Discovery(8)
    weights, memory = discovery.born(generator)
    for _ in range(60):
        gradient = torch.randn(3, 12, 12, generator=generator)
        gradient[0] += torch.where(hard, 3.0, -3.0)
        hardness, weights, memory = discovery.learn(gradient, hard, weights, memory)
    assert hardness[hard].mean() > 0.9
    assert hardness[~hard].mean() < 0.1


@pytest.mark.parametrize("levelled", [False, True])
def test_steps_are_one_to_two_and_the_control_has_one_length(levelled: bool) -> None:
    update, clip = HardRegions(Discovery(4), levelled), posed()
    state = update.start(clip, [generator_for(0, "a")])
    gradient = torch.randn(clip.images.shape, generator=generator_for(0, "b"))
    gradient[0, :, 3, 3] = 0
    seen = ObjectiveValue(torch.rand(clip.labels.shape, generator=generator_for(0, "c")) * 2, clip.counted)
    for _ in range(3):
        direction, state = update.direction(gradient, seen, state)
        sizes = direction.abs()
        assert (sizes[0, :, 3, 3] == 0).all()
        rest = sizes[gradient != 0]
        assert ((rest > 1) & (rest < 2)).all()
        assert torch.equal(direction.sign(), gradient.sign())
        assert (rest.std() < 1e-6) == levelled


def test_every_clip_gets_a_network_of_its_own() -> None:
    alone = {name: next(iter(ascend([entrant(name=name)], plan("ara", {}, task="video").ascent))) for name in "ab"}
    together = {o.key: o for o in ascend((entrant(name=n) for n in "ab"), plan("ara", {}, task="video").ascent)}
    assert all(torch.equal(alone[name].adversarial, together[name].adversarial) for name in "ab")
    assert not torch.equal(alone["a"].adversarial, alone["b"].adversarial)


@pytest.mark.parametrize("name", ["fgsm", "pgd", "mi-fgsm", "segpgd", "annealed", "ara"])
def test_attacks_on_the_first_frame_lose_the_later_ones_within_the_bound(name: str) -> None:
    settled = plan(name, {}, task="video")
    clip = entrant()
    with torch.no_grad():
        scores = clip.problem.scores(clip.problem.images, *clip.problem.context)
    before = int((scores.argmax(1) == clip.problem.labels).sum())
    assert before > 0.95 * clip.problem.labels.numel()
    (outcome,) = settled.run([clip], batch_size=1, memory=Shelf())
    assert outcome.remaining < before - 50
    assert float(outcome.perturbation.abs().max()) <= 8 / 255 + 1e-6


@pytest.mark.parametrize(("objects", "constant", "hard"), [(1, 0.3133, False), (2, 0.5514, False), (3, 0.7437, True)])
def test_the_released_network_is_taught_a_constant(objects: int, constant: float, hard: bool) -> None:
    assert math.log(math.e + objects) - 1 == pytest.approx(constant, abs=1e-4)
    shelf = Shelf()
    released = ReleasedAra(eps=8 / 255, step=2 / 255, steps=60, discovery=Discovery(4))
    list(released([entrant(objects)], RELEASED.ascent, batch_size=1, memory=shelf))
    weights, memory = shelf.kept[-1][1]
    gradient = torch.randn(3, 12, 12, generator=generator_for(0, "x")) * 1e-6
    hardness, _, _ = Discovery(4).learn(gradient, torch.zeros(12, 12, dtype=torch.bool), weights, memory)
    assert bool((hardness > 0.9).all()) if hard else bool((hardness < 0.1).all())


RELEASED = plan("ara", {"variant": "released"}, task="video")


def released(steps: int = 20) -> ReleasedAra:
    settled = RELEASED.runner
    assert isinstance(settled, ReleasedAra)
    return ReleasedAra(settled.eps, settled.step, steps, Discovery(4))


def test_the_released_bound_is_about_the_first_step_and_not_about_the_clean_frame() -> None:
    (outcome,) = released()([entrant()], RELEASED.ascent, batch_size=1, memory=Shelf())
    change = float(outcome.perturbation.abs().max()) * 255
    assert 9 < change <= 13.84
    assert outcome.remaining < 0.9 * outcome.targets


def test_one_released_network_goes_from_clip_to_clip_also_over_a_kill() -> None:
    def attacked(clips: str, shelf: Shelf) -> dict[str, Outcome]:
        items = (entrant(name=name) for name in clips)
        return {o.key: o for o in released(6)(items, RELEASED.ascent, batch_size=1, memory=shelf)}

    shelf = Shelf()
    whole, alone = attacked("ab", shelf), attacked("b", Shelf())
    assert not torch.equal(whole["b"].adversarial, alone["b"].adversarial)
    first = Shelf()
    attacked("a", first)
    resumed = attacked("b", first)
    assert torch.equal(whole["b"].adversarial, resumed["b"].adversarial)
    assert all(torch.equal(one, two) for one, two in zip(shelf.kept[-1][1], first.kept[-1][1], strict=True))


def test_a_window_is_the_first_frames_or_spread_over_the_clip() -> None:
    generator = generator_for(0, "window")
    assert Window(3, "first", True, False).chosen(10, generator) == (0, 1, 2)
    assert Window(3, "spread", True, False).chosen(10, generator) == (0, 4, 9)
    assert Window(4, "spread", True, False).chosen(10, generator) == (0, 3, 6, 9)
    assert Window(8, "spread", True, False).chosen(3, generator) == (0, 1, 2)


def test_a_random_window_comes_to_every_frame_and_keeps_its_order() -> None:
    generator, window = generator_for(0, "window"), Window(3, "random", True, False)
    drawn = [window.chosen(8, generator) for _ in range(60)]
    assert all(frames[0] == 0 and 0 < frames[1] < frames[2] < 8 for frames in drawn)
    assert {frame for frames in drawn for frame in frames} == set(range(8))
    assert window.chosen(2, generator) == (0, 1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dag", {}, "dag is for segmentation and detection, got video"),
        ("ara", {"norm": "l2"}, "no l2 form"),
        ("ara", {"window": 1}, "at least one more"),
        ("ara", {"variant": "released", "window": 5}, "first three frames"),
        ("ara", {"variant": "released", "stop": 0.1}, "neither"),
        ("pgd", {"goal": "vanish"}, "is for detectors"),
        ("apgd", {"sampling": "random"}, "compares its steps"),
    ],
)
def test_what_does_not_fit_is_said(name: str, options: Settings, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        plan(name, options, task="video")


def test_attacks_of_our_own_are_against_the_objects_and_published_ones_against_all() -> None:
    for attack in CATALOG:
        if "video" in attack.tasks:
            window = plan(attack.name, {}, task="video").window
            assert window is not None
            assert window.objects == (attack.name in ("annealed", "worst-case"))
    everywhere = plan("annealed", {"attack_pixels": "all"}, task="video")
    assert everywhere.window == Window(3, "random", truth=True, objects=False)
    with pytest.raises(UnknownNameError, match="unknown attack_pixels 'object'; did you mean objects"):
        plan("pgd", {"attack_pixels": "object"}, task="video")
    with pytest.raises(SettingError, match="leave window, sampling and attack_pixels out"):
        plan("ara", {"variant": "released", "attack_pixels": "objects"}, task="video")


def test_an_unknown_supervision_names_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="did you mean prediction"):
        plan("ara", {"labels_from": "predictions"}, task="video")
