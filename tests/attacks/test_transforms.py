"""Gradients for changes that fool other networks too: each by hand, together, and whoever shares the batch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.objectives import cross_entropy
from foolscape.attacks.parts.transforms import (
    Placement,
    Slope,
    Transforms,
    brought_back,
    place_at_random,
    placed,
    smoothed,
    transforms_of,
)
from foolscape.attacks.registry import Settings
from foolscape.errors import SettingError, UnknownNameError
from foolscape.problem import Problem
from foolscape.seeds import generator_for

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")


def slope_of(problem: Problem) -> Slope:
    return Slope(problem, cross_entropy, torch.zeros(len(problem)))


def taken(
    transforms: Transforms, problem: Problem, remembered: tuple[Tensor, ...] = ()
) -> tuple[Tensor, tuple[Tensor, ...]]:
    slope, generators = slope_of(problem), [generator_for(0, str(i)) for i in range(len(problem))]
    own = slope.at(problem.images) if transforms.takes_own else None
    return transforms.gradient(slope, problem.images, own, generators, remembered)


def problem(count: int = 2) -> Problem:
    return problem_of(conv_net(dtype=torch.float64), pictures(count, dtype=torch.float64))


def test_the_kernel_is_the_papers_gaussian() -> None:
    point = torch.zeros(1, 2, 7, 7, dtype=torch.float64)
    point[0, 0, 3, 3] = 1
    found = smoothed(point, 3)
    # exp(-x^2 / 2) at -3, 0 and 3 standard deviations.
    edge = torch.tensor(-4.5, dtype=torch.float64).exp()
    line = torch.stack([edge, torch.ones_like(edge), edge]) / (1 + 2 * edge)
    assert torch.allclose(found[0, 0, 2:5, 2:5], line[:, None] * line)
    assert found[0, 0].sum() == pytest.approx(1)
    assert not found[0, 1].any()
    assert torch.allclose(smoothed(point, 15).sum(), smoothed(point, 15)[0, 0].sum())


def test_the_smoothed_gradient_is_the_gradient_smoothed() -> None:
    posed = problem()
    found, _ = taken(Transforms(kernel=5), posed)
    assert torch.allclose(found, smoothed(slope_of(posed).at(posed.images), 5))


def test_scales_are_the_gradient_of_the_mean_over_halved_images() -> None:
    posed = problem()
    images = posed.images.clone().requires_grad_()
    losses = [functional.cross_entropy(posed.scores(images / 2**i), posed.labels, reduction="sum") for i in range(3)]
    (wanted,) = torch.autograd.grad(sum(losses, torch.zeros(())) / 3, images)
    assert torch.allclose(taken(Transforms(copies=3), posed)[0], wanted)


def test_variance_is_added_one_step_later() -> None:
    posed = problem()
    own = slope_of(posed).at(posed.images)
    transforms = Transforms(neighbours=4, reach=0.1)
    first, (variance,) = taken(transforms, posed, transforms.start(posed))
    assert torch.equal(first, own)
    around = []
    for i in range(len(posed)):
        one, generator = posed.take(torch.tensor([i])), generator_for(0, str(i))
        drawn = [2 * torch.rand(one.images.shape[1:], generator=generator, dtype=torch.float64) - 1 for _ in range(4)]
        around.append(sum(slope_of(one).at(one.images + 0.1 * r) for r in drawn) / 4)  # type: ignore[arg-type]
    assert torch.allclose(variance, torch.cat(around) - own)
    second, _ = taken(transforms, posed, (variance,))
    assert torch.allclose(second, own + variance)


def test_a_whole_place_changes_nothing() -> None:
    images, scores = pictures(2), torch.randn(2, 4, 12, 16)
    whole = [Placement(0, 0, 12, 16), None]
    assert torch.equal(placed(images, whole), images)
    assert torch.equal(brought_back(scores, whole, (12, 16)), scores)


def test_scores_come_back_to_where_the_image_was() -> None:
    image = torch.zeros(1, 3, 20, 30)
    image[:, :, :, 20:] = 1
    place = Placement(1, 2, 18, 27)
    shown = placed(image, [place])
    assert not shown[:, :, 0].any()
    assert not shown[:, :, 19:].any()
    assert shown[0, 0, 5, 2:20].sum() == 0
    assert shown[0, 0, 5, 20:29].sum() == 9  # 20 of 30 columns become 18 of 27, two to the right
    back = brought_back(shown, [place], (20, 30))
    assert torch.allclose(back, image, atol=0.51)
    assert torch.equal(back[:, :, :, :19], image[:, :, :, :19])
    assert torch.allclose(back[:, :, :, 22:], image[:, :, :, 22:])
    # Several networks' pixels in one line, as an ensemble has them.
    line = torch.cat([shown.flatten(2), 2 * shown.flatten(2)], dim=2)
    both = brought_back(line, [place], (20, 30)).unflatten(2, (2, 20, 30))
    assert torch.equal(both[:, :, 0], back)
    assert torch.equal(both[:, :, 1], 2 * back)


def test_places_are_inside_and_of_the_chance() -> None:
    generator = generator_for(0, "places")
    drawn = [place_at_random(0.5, (40, 60), generator) for _ in range(400)]
    given = [place for place in drawn if place is not None]
    assert 150 < len(given) < 250
    assert all(36 <= p.height <= 40 and 54 <= p.width <= 60 for p in given)
    assert all(0 <= p.top <= 40 - p.height and 0 <= p.left <= 60 - p.width for p in given)
    assert len({(p.top, p.left, p.height) for p in given}) > 20


@pytest.mark.parametrize("text", ["di", "ti=5", "si=3", "vt=2", "di,ti=3,si=2,vt=2"])
def test_neighbours_do_not_change_a_single_bit(text: str) -> None:
    posed = problem_of(conv_net(), pictures(5))
    attack = plan("mi-fgsm", {"steps": 4, "transforms": text}, CLASSES).ascent
    full = {o.key: o.adversarial for o in ascend(entrants(posed), attack, batch_size=3)}
    resumed = list(ascend((e for e in entrants(posed) if e.key in {"1", "4"}), attack, batch_size=3))
    assert len(resumed) == 2
    for outcome in resumed:
        assert torch.equal(outcome.adversarial, full[outcome.key])
    plain = plan("mi-fgsm", {"steps": 4}, CLASSES).ascent
    assert any(not torch.equal(o.adversarial, full[o.key]) for o in ascend(entrants(posed), plain, batch_size=3))


@pytest.mark.parametrize(("text", "gradients"), [("di,ti", 1), ("si", 5), ("vt=4", 5), ("di,si=2,vt=3", 8)])
def test_gradients_are_counted_as_they_are_taken(text: str, gradients: int) -> None:
    posed, passes = problem(1), []

    def counted(images: Tensor) -> Tensor:
        passes.append(torch.is_grad_enabled())
        scores: Tensor = posed.scores(images)
        return scores

    settled = plan("mi-fgsm", {"steps": 3, "transforms": text}, CLASSES)
    spied = Problem(posed.images, posed.labels, counted)
    list(ascend(entrants(spied), settled.ascent))
    assert settled.settings.get("gradients_per_step", 1) == gradients
    # A last look, at the result, records a gradient that nobody asks for.
    assert sum(passes) in (3 * gradients, 3 * gradients + 1)


def test_transforms_read_numbers_and_refuses_what_does_not_fit() -> None:
    assert transforms_of("di, ti ,si=3,vt", 0.1) == Transforms(
        diverse=0.5, kernel=15, copies=3, neighbours=20, reach=0.1 * 1.5
    )
    for text, words in {"si,si": "once", "ti=4": "odd side", "di=2": "chance", "vt=x": "neighbours"}.items():
        with pytest.raises(SettingError, match=words):
            transforms_of(text, 0.1)
    with pytest.raises(UnknownNameError, match="did you mean"):
        transforms_of("sii", 0.1)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("dag", {"transforms": "ti"}, "dag"),
        ("square", {"transforms": "ti"}, "square"),
        ("worst-case", {"transforms": "ti"}, "worst-case"),
        ("fgsm", {"transforms": "vt"}, "takes one alone"),
        ("pgd", {"transforms": "vt", "norm": "l2"}, "no l2 form"),
    ],
)
def test_attacks_that_do_not_take_transforms(name: str, options: Settings, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        plan(name, options, CLASSES)


def test_images_are_not_moved_under_boxes_or_clips() -> None:
    for planned in (lambda o: plan("pgd", o, CLASSES, "detection"), lambda o: plan("pgd", o, task="video")):
        with pytest.raises(SettingError, match="di moves the image"):
            planned({"transforms": "di,si"})
        assert planned({"transforms": "ti,si"}).ascent.transforms == Transforms(
            kernel=15, copies=5, reach=1.5 * 8 / 255
        )
