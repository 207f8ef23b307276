"""What must hold for every image, bound and seed."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from foolscape.attacks.catalog import CATALOG, plan
from foolscape.attacks.controls import noise_of_length, noise_within, shuffled
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.parts.constraints import L2, Constraint, Linf, PixelRange
from foolscape.attacks.parts.targets import absent, derangement, permuted
from foolscape.attacks.registry import Settings
from foolscape.errors import SettingError, UnknownNameError
from foolscape.pixels import Levels, round_to_levels, to_image, to_unit
from foolscape.problem import IGNORE
from foolscape.seeds import generator_for, seed_of

from .test_driver import SETTINGS
from .toys import conv_net, entrants, pictures, problem_of

CLASSES = ("a", "b", "c", "d")
seeds = st.integers(0, 2**31)
levels = st.sampled_from(["0.4/255", "1/255", "1.5/255", "2/255", "8/255", "255/255"])


def images_of(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Clean 8-bit images with many pixels at the ends of the range, and wild float ones."""
    generator = generator_for(seed)
    clean = torch.randint(-60, 316, (2, 3, 5, 7), generator=generator).clamp(0, 255).float() / 255
    return clean, torch.rand(clean.shape, generator=generator) * 1.6 - 0.3


@given(seed=seeds, eps=levels)
@settings(max_examples=60, deadline=None)
def test_linf_holds_in_float_and_at_eight_bits(seed: int, eps: str) -> None:
    clean, wild = images_of(seed)
    bound = Levels.parse(eps)
    constraint = Linf(bound.unit)
    inside = constraint.project(wild, clean)
    assert inside.min() >= 0
    assert inside.max() <= 1
    assert (inside - clean).abs().max() <= bound.unit + 1e-7
    for candidate in (inside, wild):
        change = constraint.quantise(candidate, clean).int() - (clean * 255).round().int()
        assert change.abs().max() <= math.floor(bound.levels)


@given(seed=seeds, eps=st.floats(0.01, 3))
@settings(max_examples=60, deadline=None)
def test_l2_holds_in_float_and_at_eight_bits(seed: int, eps: float) -> None:
    clean, wild = images_of(seed)
    constraint = L2(eps)
    inside = constraint.project(wild, clean)
    assert ((inside - clean).flatten(1).norm(dim=1) <= eps * (1 + 1e-5)).all()
    change = constraint.quantise(inside, clean).float() / 255 - clean
    assert (change.flatten(1).norm(dim=1) <= eps * (1 + 1e-5)).all()


@pytest.mark.parametrize("constraint", [Linf(0.1), L2(0.5), PixelRange()])
def test_projection_leaves_what_is_inside_and_starts_are_inside_and_seeded(constraint: Constraint) -> None:
    clean, _ = images_of(1)
    start = constraint.random_start(clean, [generator_for(1), generator_for(2)])
    assert torch.allclose(constraint.project(start, clean), start, atol=1e-7)
    assert torch.equal(start, constraint.random_start(clean, [generator_for(1), generator_for(2)]))
    assert not torch.equal(start[0] - clean[0], start[1] - clean[1])
    assert torch.equal(constraint.quantise(clean, clean), round_to_levels(clean))


def test_a_start_within_the_bound_uses_all_of_it() -> None:
    clean = torch.full((1, 3, 40, 40), 0.5)
    change = Linf(0.1).random_start(clean, [generator_for(0)]) - clean
    assert change.abs().max() == pytest.approx(0.1, rel=0.01)
    assert change.abs().mean() == pytest.approx(0.05, rel=0.05)


@pytest.mark.parametrize("name", [a.name for a in CATALOG if "segmentation" in a.tasks])
def test_the_same_seed_gives_the_same_bytes(name: str) -> None:
    settled = plan(name, {"steps": 30} if name in SETTINGS else {}, CLASSES)

    def once(seed: int) -> bytes:
        problem = problem_of(conv_net(), pictures(1))
        if settled.target is not None:
            target = settled.target(problem.labels, [generator_for(seed, "target")])
            problem = problem_of(conv_net(), pictures(1), target)
        (outcome,) = ascend(entrants(problem, seed), settled.ascent)
        return outcome.adversarial.numpy().tobytes()

    assert once(1) == once(1)
    random = settled.target is not None or settled.ascent.random_start or settled.ascent.blind
    assert (once(1) != once(3)) == random


@pytest.mark.parametrize("name", [a.name for a in CATALOG if "segmentation" in a.tasks])
def test_every_attack_beats_noise_of_its_size(name: str) -> None:
    net, images = conv_net(), pictures(4)
    eps = None if plan(name, {}, CLASSES).ascent.ladder else Levels.parse("8/255")
    fewer = {"steps": 200} if name == "square" else SETTINGS.get(name, {})
    settled = plan(name, {"eps": eps, **fewer}, CLASSES)
    problem = problem_of(net, images)
    if settled.target is not None:
        problem = problem_of(net, images, settled.target(problem.labels, [generator_for(i) for i in range(4)]))
    constraint = settled.ascent.constraint
    attack_left = noise_left = 0
    for outcome in ascend(entrants(problem), settled.ascent, batch_size=2):
        i = int(outcome.key)
        attacked = constraint.quantise(outcome.adversarial, outcome.clean)
        clean, generator = round_to_levels(outcome.clean)[0], generator_for(9, outcome.key)
        if eps is None:
            noise = noise_of_length(clean, attacked[0], generator)
        else:
            assert isinstance(constraint, Linf)
            noise = noise_within(clean, constraint, generator)
        for image, is_attack in ((attacked, True), (noise[None], False)):
            left = int((net(image.float() / 255).argmax(1) == problem.labels[i]).sum())
            attack_left, noise_left = attack_left + left * is_attack, noise_left + left * (not is_attack)
    assert attack_left < 0.9 * noise_left


@given(classes=st.integers(2, 40), seed=seeds)
@settings(max_examples=50, deadline=None)
def test_a_derangement_is_a_permutation_without_fixed_points(classes: int, seed: int) -> None:
    mapping = derangement(classes, generator_for(seed))
    assert sorted(mapping.tolist()) == list(range(classes))
    assert all(i != label for i, label in enumerate(mapping.tolist()))


def test_permuted_labels_are_a_map_of_classes_and_keep_void() -> None:
    labels = torch.randint(0, 5, (2, 6, 7))
    labels[0, 0, :3] = IGNORE
    wanted = permuted(5)(labels, [generator_for(1), generator_for(2)])
    assert torch.equal(wanted == IGNORE, labels == IGNORE)
    assert (wanted[labels != IGNORE] != labels[labels != IGNORE]).all()
    for image, goal in zip(labels, wanted, strict=True):
        for label in image[image >= 0].unique():
            assert len(goal[image == label].unique()) == 1


def test_absent_labels_are_not_in_the_image_and_leave_the_background() -> None:
    labels = torch.tensor([[[0, 3, 3, 5, IGNORE]]])
    wanted = absent(8, background=0)(labels, [generator_for(4)])
    assert wanted[0, 0, 0] == 0
    assert wanted[0, 0, 4] == IGNORE
    objects = set(wanted[0, 0, 1:4].tolist())
    assert objects.isdisjoint({0, 3, 5})
    assert len(objects) == 2


def test_absent_labels_with_nothing_absent_are_a_derangement() -> None:
    labels = torch.arange(6).reshape(1, 2, 3)
    wanted = absent(6, background=0)(labels, [generator_for(4)])
    assert wanted[0, 0, 0] == 0
    assert (wanted.flatten()[1:] != labels.flatten()[1:]).all()
    assert sorted(wanted.flatten().tolist()) == list(range(6))


def test_shuffled_moves_whole_pixels_and_keeps_their_values() -> None:
    generator = generator_for(3)
    clean = torch.full((3, 9, 11), 100, dtype=torch.uint8)
    attacked = (clean.int() + torch.randint(-9, 10, clean.shape, generator=generator)).to(torch.uint8)
    moved = shuffled(clean, attacked, generator_for(5))

    def pixels(image: torch.Tensor) -> list[tuple[int, ...]]:
        return sorted(map(tuple, image.flatten(1).T.tolist()))

    assert pixels(moved) == pixels(attacked)
    assert not torch.equal(moved, attacked)
    assert torch.equal(moved, shuffled(clean, attacked, generator_for(5)))


def changes_of(clean: torch.Tensor, image: torch.Tensor) -> list[list[int]]:
    """The change of every pixel, sorted."""
    return sorted((image.int() - clean.int()).flatten(1).T.tolist())


@given(seed=seeds, kind=st.sampled_from(["black and white", "eight colours", "near black", "any"]))
@settings(max_examples=12, deadline=None)
def test_shuffled_clips_nothing_and_loses_nothing(seed: int, kind: str) -> None:
    generator = generator_for(seed)

    def drawn(low: int, high: int, channels: int = 3) -> torch.Tensor:
        return torch.randint(low, high, (channels, 12, 17), generator=generator)

    clean = {
        "black and white": 255 * drawn(0, 2, 1).expand(3, -1, -1),
        "eight colours": 255 * drawn(0, 2),
        "near black": drawn(0, 9),
        "any": drawn(0, 256),
    }[kind].to(torch.uint8)
    attacked = (clean.int() + 16 * drawn(0, 2) - 8).clamp(0, 255).to(torch.uint8)
    before = clean.clone(), attacked.clone()
    moved = shuffled(clean, attacked, generator_for(seed, "order"))
    assert changes_of(clean, moved) == changes_of(clean, attacked)
    assert torch.equal(moved, shuffled(clean, attacked, generator_for(seed, "order")))
    assert torch.equal(clean, before[0])
    assert torch.equal(attacked, before[1])


def test_shuffled_changes_go_anywhere_they_fit() -> None:
    # Left black, right white, and the change all inwards: it can be shuffled within either half alone.
    clean = torch.zeros(3, 8, 16, dtype=torch.uint8)
    clean[:, :, 8:] = 255
    size = torch.arange(128).reshape(8, 16).expand(3, -1, -1)
    attacked = torch.where(clean == 0, size, 255 - size).to(torch.uint8)
    counts = torch.zeros(8, 16)
    for seed in range(40):
        moved = shuffled(clean, attacked, generator_for(seed)).int() - clean.int()
        assert (moved[:, :, :8] >= 0).all()
        assert (moved[:, :, 8:] <= 0).all()
        counts += moved[0] == 5
    assert counts.sum() == 40
    # Forty draws of 64 places: 30 different ones are expected.
    assert (counts[:, :8] > 0).sum() >= 22
    assert counts.max() <= 5


@pytest.mark.parametrize("spread", [1, 4, 60])
def test_noise_of_length_is_as_long_as_the_attack_at_eight_bits(spread: int) -> None:
    generator = generator_for(spread)
    clean = torch.randint(0, 256, (3, 32, 40), generator=generator, dtype=torch.uint8)
    attacked = (clean.int() + torch.randint(-spread, spread + 1, clean.shape, generator=generator)).clamp(0, 255)
    noise = noise_of_length(clean, attacked.to(torch.uint8), generator_for(1))
    wanted = float((attacked.float() - clean.float()).norm())
    assert float((noise.float() - clean.float()).norm()) == pytest.approx(wanted, rel=0.02)
    assert torch.equal(noise_of_length(clean, clean, generator_for(1)), clean)


@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_eight_bits_to_float_and_back_loses_nothing(seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    assert np.array_equal(to_image(round_to_levels(to_unit(image))[0]), image)


def test_seeds_are_stable_and_their_parts_do_not_run_together() -> None:
    assert seed_of(0, "attack", "a") == 3069709807492104285
    assert seed_of(0, "ab", "c") != seed_of(0, "a", "bc")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8", "eps: expected a fraction of 255 such as 8/255, got '8'; for 8 grey levels write 8/255"),
        (
            "0.03",
            "eps: expected a fraction of 255 such as 8/255, got '0.03'; for 0.03 of the pixel range write 7.65/255",
        ),
        ("0/255", "eps: expected more than 0/255 and at most 255/255, got '0/255'"),
        ("-1/255", "eps: expected more than 0/255 and at most 255/255, got '-1/255'"),
        ("256/255", "eps: expected more than 0/255 and at most 255/255, got '256/255'"),
        ("eight", "eps: expected a fraction of 255 such as 8/255, got 'eight'"),
    ],
)
def test_eps_is_a_fraction_of_255(text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        Levels.parse(text)
    assert str(caught.value) == message


def test_levels_are_exact_and_print_as_they_are_read() -> None:
    assert str(Levels.parse("0.5/255")) == "0.5/255"
    assert Levels.parse(" 8 / 255 ").unit == 8 / 255


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dgg", {}, "unknown attack 'dgg'; did you mean dag?"),
        ("dag", {"variant": "relased"}, "unknown variant of dag 'relased'; did you mean released?"),
        ("pgd", {"norm": "l1"}, "unknown norm 'l1'; did you mean l2?"),
        ("fgsm", {"steps": 3}, "steps: fgsm takes one step, got 3; use pgd for more"),
        ("pgd", {"steps": 0}, "steps: expected at least 1, got 0"),
        ("pgd", {"stop": 1.0}, "stop: expected a share of the pixels of at least 0 and below 1, got 1.0"),
        ("mi-fgsm", {"norm": "l2"}, "norm: mi-fgsm steps along a sign and has no l2 form here"),
    ],
)
def test_settings_that_do_not_fit_are_refused(name: str, options: Settings, message: str) -> None:
    with pytest.raises((SettingError, UnknownNameError)) as caught:
        plan(name, options, CLASSES)
    assert str(caught.value).startswith(message)
