"""Continuous batching: the answer for an image does not depend on who shares its batch, or on when it came."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import Outcome, ascend
from foolscape.attacks.parts.targets import permuted
from foolscape.attacks.registry import Settings
from foolscape.problem import IGNORE, Problem
from foolscape.seeds import generator_for

from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")
# More steps say no more here: with these, bounds are bisected to the end, and alma-prox fools some images and some not.
SETTINGS: dict[str, Settings] = {
    "square": {"steps": 60},
    "alma-prox": {"steps": 200},
    "dag-min": {"steps": 60},
    "pgd-min": {"steps": 60},
}
NAMES = [attack.name for attack in CATALOG if "segmentation" in attack.tasks]
# alma-prox takes every step that it is given, and has come through each of its states by the sixtieth.
SHORT: dict[str, Settings] = SETTINGS | {"alma-prox": {"steps": 60}}


def dag_problem(count: int, dtype: torch.dtype = torch.float32) -> Problem:
    problem = problem_of(conv_net(dtype=dtype), pictures(count, dtype=dtype))
    target = permuted(4)(problem.labels, [generator_for(1, str(i)) for i in range(count)])
    return Problem(problem.images, problem.labels, problem.scores, target)


def by_key(outcomes: Iterator[Outcome]) -> dict[str, Outcome]:
    return {outcome.key: outcome for outcome in outcomes}


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_equals_batches_of_one(name: str) -> None:
    # Of what takes longest, three images: alma-prox fools the last of them alone.
    count, widths = (3, (2, 7)) if name in ("alma-prox", "apgd", "dag-min", "pgd-min") else (5, (2, 3, 7))
    problem = dag_problem(count, torch.float64)
    attack = plan(name, SETTINGS.get(name, {}), CLASSES).ascent
    alone = by_key(ascend(entrants(problem), attack, batch_size=1))
    for width in widths:
        together = by_key(ascend(entrants(problem), attack, batch_size=width))
        assert alone.keys() == together.keys() == set(map(str, range(count)))
        for key, outcome in alone.items():
            assert outcome.iterations == together[key].iterations, width
            assert outcome.remaining == together[key].remaining, width
            assert outcome.claimed == together[key].claimed, width
            assert torch.allclose(outcome.adversarial, together[key].adversarial, atol=1e-12), width


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_do_not_change_a_single_bit(name: str) -> None:
    problem = dag_problem(6)
    attack = plan(name, SHORT.get(name, {}), CLASSES).ascent
    full = by_key(ascend(entrants(problem), attack, batch_size=3))
    resumed = by_key(ascend((e for e in entrants(problem) if e.key in {"1", "4"}), attack, batch_size=3))
    for key, outcome in resumed.items():
        assert torch.equal(outcome.adversarial, full[key].adversarial)


def test_dag_problems_differ_in_difficulty_or_the_tests_above_show_little() -> None:
    attack = plan("dag", {}, CLASSES).ascent
    steps = {o.iterations for o in ascend(entrants(dag_problem(6)), attack, batch_size=3)}
    assert len(steps) > 2
    assert all(0 < s < 200 for s in steps)


def test_the_batch_never_waits_for_its_slowest_image_and_never_changes_its_width() -> None:
    problem = dag_problem(9)
    widths: list[int] = []

    def spy(images: Tensor) -> Tensor:
        widths.append(len(images))
        scores: Tensor = problem.scores(images)
        return scores

    attack = plan("dag", {}, CLASSES).ascent
    spied = Problem(problem.images, problem.labels, spy, problem.target)
    outcomes = list(ascend(entrants(spied), attack, batch_size=3))
    assert set(widths) == {3}
    looks = [o.iterations + 1 for o in sorted(outcomes, key=lambda o: o.key)]
    in_fixed_batches = sum(max(looks[i : i + 3]) for i in (0, 3, 6))
    assert sum(looks) / 3 <= len(widths) < in_fixed_batches


def test_images_of_different_sizes_share_the_stream() -> None:
    net = conv_net()
    small, large = problem_of(net, pictures(3, 8, 8)), problem_of(net, pictures(3, 16, 12))
    mixed: list[AttackItem] = []
    for i, (one, other) in enumerate(zip(entrants(small), entrants(large), strict=True)):
        mixed += [
            AttackItem(f"small{i}", one.problem, one.generator),
            AttackItem(f"large{i}", other.problem, other.generator),
        ]
    attack = plan("fgsm", {}, CLASSES).ascent
    outcomes = by_key(ascend(mixed, attack, batch_size=2))
    assert {key: tuple(o.adversarial.shape[2:]) for key, o in outcomes.items()} == {
        **{f"small{i}": (8, 8) for i in range(3)},
        **{f"large{i}": (16, 12) for i in range(3)},
    }


def test_entrants_are_read_lazily() -> None:
    problem, read = dag_problem(6), []

    def source() -> Iterator[AttackItem]:
        for entrant in entrants(problem):
            read.append(entrant.key)
            yield entrant

    attack = plan("dag", {}, CLASSES).ascent
    next(ascend(source(), attack, batch_size=1))
    assert len(read) < 6


def test_nothing_is_written_into_the_problem() -> None:
    problem = dag_problem(3)
    before = [t.clone() for t in (problem.images, problem.labels)]
    for name in NAMES:
        list(ascend(entrants(problem), plan(name, SHORT.get(name, {}), CLASSES).ascent, batch_size=2))
    assert torch.equal(problem.images, before[0])
    assert torch.equal(problem.labels, before[1])


def test_an_image_whose_gradient_is_not_finite_fails_alone() -> None:
    problem = dag_problem(3)
    problem.images[1, :, 0, 0] = 1.0

    def poisoned(images: Tensor) -> Tensor:
        scores: Tensor = problem.scores(images)
        poison = torch.where(images[:, 0, 0, 0] > 0.9, float("nan"), 0.0)
        return scores + poison[:, None, None, None].detach()

    spied = Problem(problem.images, problem.labels, poisoned)
    outcomes = by_key(ascend(entrants(spied), plan("pgd", {}, CLASSES).ascent, batch_size=3))
    sound = by_key(ascend(entrants(problem), plan("pgd", {}, CLASSES).ascent, batch_size=3))
    assert "not finite" in (outcomes["1"].failure or "")
    assert not outcomes["1"].claimed
    for key in ("0", "2"):
        assert outcomes[key].failure is None
        assert torch.equal(outcomes[key].adversarial, sound[key].adversarial)


def test_nan_scores_are_no_success() -> None:
    problem = dag_problem(1)
    spied = Problem(problem.images, problem.labels, lambda x: problem.scores(x) * float("nan"), problem.target)
    (outcome,) = ascend(entrants(spied), plan("dag", {}, CLASSES).ascent)
    assert outcome.failure == "the model's scores are not finite"
    assert not outcome.claimed


def test_void_pixels_are_neither_targets_nor_attacked() -> None:
    net = conv_net()
    images = pictures(1)
    labels = net(images).argmax(1)
    labels[:, :, 8:] = IGNORE
    (outcome,) = ascend(entrants(Problem(images, labels, net)), plan("fgsm", {}, CLASSES).ascent)
    assert outcome.targets == 12 * 8
    # The network sees 2 pixels far, so beyond that the gradient of a void pixel is exactly zero.
    assert torch.equal(outcome.adversarial[..., 11:], images[..., 11:])
    assert not torch.equal(outcome.adversarial[..., :8], images[..., :8])


def test_a_width_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="batch_size: expected at least 1"):
        next(ascend([], plan("pgd", {}, CLASSES).ascent, batch_size=0))
