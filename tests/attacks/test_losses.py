"""Each objective against the formula of its paper, written the naive way, and against its closed-form gradient."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.objective_table import OBJECTIVES, objective_of
from foolscape.attacks.registry import Settings
from foolscape.errors import FoolscapeError
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for
from foolscape.tasks.base import DETECTION

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")
HALF = torch.tensor([0.5], dtype=torch.float64)


def case(count: int = 1) -> tuple[Tensor, Problem]:
    """Scores (count, 4, 5, 6) in double precision that right and wrong pixels share, with a void corner."""
    generator = generator_for(7, "losses")
    scores = 3 * torch.randn(count, 4, 5, 6, generator=generator, dtype=torch.float64)
    labels = scores.argmax(1)
    labels[:, ::2] = torch.randint(0, 4, labels[:, ::2].shape, generator=generator)
    labels[:, 0, :2] = IGNORE
    return scores, Problem(torch.zeros(count, 3, 5, 6), labels, lambda x: x)


def value_and_slope(name: str, scores: Tensor, problem: Problem, progress: Tensor = HALF) -> tuple[Tensor, Tensor]:
    leaf = scores.clone().requires_grad_(True)
    value = OBJECTIVES[name].objective(leaf, problem, progress).value
    (slope,) = torch.autograd.grad(value.sum(), leaf)
    return value.detach(), slope


def naive_js(p: Tensor, one_hot: Tensor) -> Tensor:
    middle = (p + one_hot) / 2
    to_label = torch.where(one_hot > 0, (1 / middle).log(), 0.0)
    return (p * (p / middle).log()).sum(1) / 2 + to_label.sum(1) / 2


def naive_unions(p: Tensor, one_hot: Tensor, problem: Problem) -> Tensor:
    """(B, H, W): of each pixel's class the sum of its probability and its truth less their product."""
    claimed = p * problem.counted.unsqueeze(1)
    union = (claimed + one_hot - claimed * one_hot).sum(dim=(2, 3))
    return torch.stack([union[n][problem.labels[n].clamp(min=0)] for n in range(len(union))])


def naive(name: str, u: Tensor, problem: Problem) -> Tensor:
    """(B, H, W), with void pixels still in, as the papers write it."""
    labels = problem.labels.clamp(min=0)
    one_hot = functional.one_hot(labels, 4).permute(0, 3, 1, 2).to(u.dtype)
    p, ce = u.softmax(1), functional.cross_entropy(u, labels, reduction="none")
    right, own, ranked = u.argmax(1) == labels, (u * one_hot).sum(1), u.sort(1, descending=True).values
    other = (u - 1e9 * one_hot).amax(1)
    sizes = torch.stack([((problem.labels == c).sum() * one_hot[:, c]) for c in range(4)]).sum(0).clamp(min=1)
    formulas: dict[str, Callable[[], Tensor]] = {
        "ce": lambda: ce,
        "masked-ce": lambda: right * ce,
        "balanced-ce": lambda: right * ce / sizes,
        "soft-iou": lambda: -(p * one_hot).sum(1) / naive_unions(p, one_hot * problem.counted.unsqueeze(1), problem),
        "js": lambda: naive_js(p, one_hot),
        "spherical": lambda: right * -own / u.norm(dim=1),
        "margin": lambda: right * (other - own),
        "dlr": lambda: right * (other - own) / (ranked[:, 0] - ranked[:, 2]),
        "segpgd": lambda: torch.where(right, 0.75, 0.25) * ce,  # half of the steps gone: l = 1/4
        "cospgd": lambda: functional.cosine_similarity(p, one_hot, dim=1).detach() * ce,
        "cospgd-sigmoid": lambda: functional.cosine_similarity(u.sigmoid(), one_hot, dim=1).detach() * ce,
        "tsallis": lambda: (1 - (p * one_hot).sum(1) ** 1.5) / 1.5,  # q = -1/2
    }
    return formulas[name]()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_value_and_gradient_are_those_of_the_naive_formula(name: str) -> None:
    scores, problem = case()
    value, slope = value_and_slope(name, scores, problem)
    leaf = scores.clone().requires_grad_(True)
    expected = torch.where(problem.counted, naive(name, leaf, problem), 0)
    torch.testing.assert_close(value, expected.detach(), atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(slope, torch.autograd.grad(expected.sum(), leaf)[0], atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_active_are_the_targets_still_right_and_void_weighs_nothing(name: str) -> None:
    scores, problem = case()
    seen = OBJECTIVES[name].objective(scores, problem, HALF)
    assert torch.equal(seen.active, (scores.argmax(1) == problem.labels) & problem.counted)
    assert (seen.value[~problem.counted] == 0).all()
    assert (value_and_slope(name, scores, problem)[1].permute(0, 2, 3, 1)[~problem.counted] == 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_image_is_worth_the_same_whoever_shares_its_batch(name: str) -> None:
    scores, problem = case(3)
    progress = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    value, slope = value_and_slope(name, scores, problem, progress)
    for i in range(3):
        at = torch.tensor([i])
        alone = value_and_slope(name, scores[at], problem.take(at), progress[at])
        # Not a bit apart at one width (test_driver.py); another width may take other vector instructions.
        torch.testing.assert_close(value[at], alone[0], rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(slope[at], alone[1], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_sure_and_lost_targets_have_finite_values_and_gradients(name: str) -> None:
    scores = torch.tensor([[80.0, -80.0, 0.0, 300.0], [0, 0, 0, 0], [0, 0, 0, 0]])[None, :, None]
    problem = Problem(torch.zeros(1, 3, 1, 4), torch.zeros(1, 1, 4, dtype=torch.long), lambda x: x)
    for progress in (0.0, 0.5, 1.0):
        value, slope = value_and_slope(name, scores, problem, torch.tensor([progress]))
        assert value.isfinite().all()
        assert slope.isfinite().all()


def one_pixel(p: float) -> tuple[Tensor, Problem]:
    """Two classes, the label with probability p."""
    scores = torch.tensor([[[[math.log(p)]], [[math.log1p(-p)]]]], dtype=torch.float64)
    return scores, Problem(torch.zeros(1, 3, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long), lambda x: x)


@pytest.mark.parametrize("p", [0.044, 0.0062, 0.0003, 0.5, 0.999])
def test_the_weights_over_cross_entropy_are_those_of_the_closed_forms(p: float) -> None:
    scores, problem = one_pixel(p)
    whole = value_and_slope("ce", scores, problem)[1][0, 1, 0, 0].item()
    assert whole == pytest.approx(1 - p)
    for progress, name, weight in (
        (0.5, "js", p * math.log((1 + p) / p) / 2),
        (0.5, "cospgd", p / math.hypot(p, 1 - p)),
        (0.0, "tsallis", p**3),
        (2 / 3, "tsallis", p),
        (1.0, "tsallis", 1.0),
    ):
        at = torch.tensor([progress], dtype=torch.float64)
        slope = value_and_slope(name, scores, problem, at)[1][0, 1, 0, 0].item()
        assert slope == pytest.approx(weight * whole, rel=1e-4)


def test_the_gradient_of_jensen_shannon_vanishes_for_what_is_lost() -> None:
    sizes = [value_and_slope("js", *one_pixel(p))[1].abs().max().item() for p in (1e-2, 1e-4, 1e-8)]
    assert sizes[0] > 10 * sizes[1] > 1e4 * sizes[2] > 0


def test_jensen_shannon_lies_between_nothing_and_log_two() -> None:
    assert value_and_slope("js", *one_pixel(1 - 1e-12))[0].item() == pytest.approx(0, abs=1e-9)
    assert value_and_slope("js", *one_pixel(1e-12))[0].item() == pytest.approx(math.log(2), rel=1e-9)


def test_the_ratio_of_logits_knows_no_scale_and_no_shift() -> None:
    scores, problem = case()
    value, _ = value_and_slope("dlr", scores, problem)
    torch.testing.assert_close(value, value_and_slope("dlr", 5 * scores - 2, problem)[0])


def test_the_spherical_value_of_a_known_pixel() -> None:
    scores = torch.tensor([3.0, 4.0, 0.0])[None, :, None, None]
    problem = Problem(torch.zeros(1, 3, 1, 1), torch.ones(1, 1, 1, dtype=torch.long), lambda x: x)
    assert value_and_slope("spherical", scores, problem)[0].item() == pytest.approx(-0.8)


def test_the_soft_iou_of_scores_far_apart_is_the_iou() -> None:
    scores, problem = case()
    worth = value_and_slope("soft-iou", 1e4 * scores, problem)[0].sum()
    predicted, counted = scores.argmax(1), problem.counted
    ious = []
    for n in range(4):
        truth, claimed = problem.labels == n, (predicted == n) & counted
        ious.append((truth & claimed).sum() / (truth | claimed).sum())
    torch.testing.assert_close(worth, -torch.stack(ious).sum().double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_fools_more_than_half(name: str) -> None:
    problem = problem_of(conv_net(), pictures(2))
    settled = plan("pgd", {"loss": name}, CLASSES)
    assert settled.settings["loss"] == name
    for outcome in ascend(entrants(problem), settled.ascent):
        assert outcome.remaining < outcome.targets / 2


def test_attacks_say_what_they_make_large() -> None:
    assert plan("pgd", {}, CLASSES).settings["loss"] == "ce"
    assert plan("segpgd", {}, CLASSES).settings["loss"] == "segpgd"
    assert plan("ara", {}, task="video").settings["loss"] == "ce"
    assert "objective" not in plan("dag", {}, CLASSES).settings
    assert "objective" not in plan("pgd", {"goal": "vanish"}, CLASSES, "detection").settings


def test_all_tasks_have_what_makes_sense_for_them() -> None:
    for attack in CATALOG:
        if "loss" in attack.options:
            assert plan(attack.name, {"loss": "js"}, CLASSES, "detection").loss == "js"
        if "loss" in attack.options and "video" in attack.tasks:
            assert plan(attack.name, {"loss": "balanced-ce"}, task="video").loss == "balanced-ce"


@pytest.mark.parametrize(
    ("task", "name", "options", "message"),
    [
        ("segmentation", "pgd", {"loss": "jss"}, "unknown loss 'jss'; did you mean js?"),
        ("segmentation", "dag", {"loss": "js"}, "loss: is for annealed, apgd, fgsm"),
        ("segmentation", "segpgd", {"loss": "ce"}, "loss: is for annealed, apgd, fgsm"),
        (
            "detection",
            "pgd",
            {"loss": "spherical"},
            "objective: spherical is for segmentation, got detection; use one of ce, masked-ce, js",
        ),
        (
            "detection",
            "pgd",
            {"loss": "js", "goal": "vanish"},
            "loss: goal vanish has its own, got js; use untargeted",
        ),
        ("video", "annealed", {"loss": "dlr"}, "objective: dlr is for segmentation and detection, got video"),
    ],
)
def test_objectives_that_do_not_fit_are_refused(task: str, name: str, options: Settings, message: str) -> None:
    planners = {
        "segmentation": lambda: plan(name, options, CLASSES),
        "detection": lambda: plan(name, options, CLASSES, "detection"),
        "video": lambda: plan(name, options, task="video"),
    }
    with pytest.raises(FoolscapeError) as caught:
        planners[task]()
    assert str(caught.value).startswith(message)


def test_the_ratio_needs_three_scores() -> None:
    with pytest.raises(FoolscapeError, match="dlr needs 3 scores per target, got 2; use margin"):
        plan("pgd", {"loss": "dlr"}, ("road", "rest"))
    assert objective_of("dlr", DETECTION, 3) is OBJECTIVES["dlr"].objective
