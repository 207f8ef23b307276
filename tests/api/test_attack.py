"""`foolscape.attack`: tensors in, tensors out, the same as the engine gives; what does not fit is said."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import foolscape as fs
from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.driver import ascend
from foolscape.attacks.registry import REGISTRY
from foolscape.data.scene_boxes import open_scene_boxes
from foolscape.models.bundled.load import bundled
from foolscape.spec import parse
from tests.models.trackers.toys import Thing, clip, mask, scores

NOTHING = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}


def net(classes: int = 5) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, classes, 3, padding=1)).eval()


def batch(count: int = 3) -> Tensor:
    return torch.rand((count, 3, 24, 32), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def network() -> nn.Module:
    return net()


@pytest.mark.parametrize("recipe", ["pgd?eps=4/255&steps=4", "mi-fgsm?eps=8/255&loss=js&steps=3", "dag?steps=5"])
def test_a_batch_is_what_the_engine_makes_of_it(network: nn.Module, recipe: str) -> None:
    images = batch()
    labels = network(images).argmax(1)
    found = fs.attack(network, images, labels, recipe)
    name, options = recipe.split("?")
    settled = plan(name, dict(pair.split("=") for pair in options.split("&")), tuple("abcde"))
    items = []
    for i in range(len(images)):
        generator = fs.generator_for(0, "attack", str(i))
        target = None if settled.target is None else settled.target(labels[i : i + 1], [generator])
        problem = fs.Problem(images[i : i + 1], labels[i : i + 1], network, target)
        items.append(fs.AttackItem(str(i), problem, generator))
    outcomes = {outcome.key: outcome for outcome in ascend(items, settled.ascent, batch_size=3)}
    for i in range(len(images)):
        assert torch.equal(found.adversarial[i : i + 1], outcomes[str(i)].adversarial)
    assert found.recipe == recipe
    assert torch.equal(found.clean, images)
    assert found.steps.tolist() == [outcomes[str(i)].iterations for i in range(3)]


def test_an_image_does_not_depend_on_its_batch_and_text_and_function_are_the_same(network: nn.Module) -> None:
    images = batch()
    text = fs.attack(network, images, None, "pgd?eps=4/255&steps=3")
    function = fs.attack(network, images, None, fs.pgd(eps="4/255", steps=3), batch_size=2)
    assert torch.allclose(text.adversarial, function.adversarial, atol=1e-6)
    assert text.recipe == function.recipe == "pgd?eps=4/255&steps=3"
    assert float(text.perturbation.abs().max()) <= 4 / 255 + 1e-6
    assert text.to_json()["linf_levels"] == [4, 4, 4]
    assert len(text) == 3
    assert fs.attack(network, images[:1], None, fs.fgsm).recipe == "fgsm"


def test_a_result_shows_itself(network: nn.Module) -> None:
    found = fs.attack(network, batch(), None, "pgd?eps=4/255&steps=2")
    assert repr(found).startswith("<Result of pgd?eps=4/255&steps=2: goal reached on 0 of 3 images, ")
    axes = found.plot(most=2).axes
    assert [one.get_title() for one in axes[:5]] == [
        "clean", "change \N{MULTIPLICATION SIGN} 31.9", "adversarial", "model, clean", "model, fooled",
    ]  # fmt: skip
    assert len(axes) == 10
    html = found._repr_html_()
    assert html.count("<img") == 15
    assert "pgd?eps=4/255&amp;steps=2" in html
    clip_result = fs.attack(Thing(scores), clip(), mask(), fs.pgd(steps=1))
    assert len(clip_result.plot().axes) == 3
    boxes = fs.attack(bundled("scenes-detector"), torch.rand(1, 3, 64, 96), [NOTHING], "fgsm", goal="fabricate")
    assert boxes._repr_html_().count("<img") == 5


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "two", True])
def test_numbers_and_options_that_do_not_fit_are_refused(network: nn.Module, wrong: Any) -> None:
    with pytest.raises(fs.FoolscapeError, match="batch_size: expected a whole number of at least 1, got"):
        fs.attack(network, batch(), None, "fgsm", batch_size=wrong)
    if wrong != 0 or wrong is False:
        with pytest.raises(fs.FoolscapeError, match="seed: expected a whole number of at least 0, got"):
            fs.attack(network, batch(), None, "fgsm", seed=wrong)
    with pytest.raises(fs.FoolscapeError, match="options: expected them by name"):
        fs.attack(network, batch(), None, "fgsm", options=wrong)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"boxes": torch.full((1, 4), float("nan"))}, "x1 <= x2"),
        ({"boxes": torch.tensor([[40.0, 40.0, 8.0, 8.0]])}, "x1 <= x2"),
        ({"labels": torch.zeros(1)}, "labels of int64 for image 0, got torch.float32"),
        ({"boxes": np.zeros((1, 4))}, "of tensors for image 0"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(change: dict[str, Any], words: str) -> None:
    target = {"boxes": torch.tensor([[8.0, 8.0, 40.0, 40.0]]), "labels": torch.tensor([0]), **change}
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.attack(bundled("scenes-detector"), torch.rand(1, 3, 64, 96), [target], "fgsm")


def test_models_that_are_none_are_refused() -> None:
    for wrong in (5, None, nn.Conv2d):
        with pytest.raises(fs.FoolscapeError, match=r"model: expected a torch.nn.Module"):
            fs.attack(wrong, batch(), None, "fgsm")  # type: ignore[arg-type]


def test_a_detector_loses_its_objects() -> None:
    detector = bundled("scenes-detector")
    sample = open_scene_boxes(parse("scenes:"), "test").load("test-000000")
    images = fs.to_unit(sample.image)
    target = {"boxes": torch.from_numpy(sample.truth.boxes), "labels": torch.from_numpy(sample.truth.labels)}
    found = fs.attack(detector, images, [target], fs.pgd(eps="8/255", steps=3), goal="vanish")
    assert found.adversarial.shape == images.shape
    assert not torch.equal(found.adversarial, images)
    with pytest.raises(fs.FoolscapeError, match="expected the objects of each of 1 image"):
        fs.attack(detector, images, [target, target], fs.pgd())
    with pytest.raises(fs.FoolscapeError, match="class indices from 0 to"):
        fs.attack(detector, images, [{**target, "labels": target["labels"] + 99}], fs.pgd())


def test_the_first_frame_of_a_clip_is_attacked() -> None:
    frames = clip()
    found = fs.attack(Thing(scores), frames, mask(), fs.pgd(eps="8/255", steps=2))
    assert found.adversarial.shape == (1, 3, 24, 40)
    assert not torch.equal(found.adversarial, frames[:1])
    with pytest.raises(fs.FoolscapeError, match="at least two frames"):
        fs.attack(Thing(scores), frames[:1], mask(), fs.pgd())


WRONG: list[tuple[Callable[[Tensor], Any], str]] = [
    (lambda x: x.numpy(), r"expected a torch.Tensor .*torch.from_numpy"),
    (lambda x: np.zeros((1, 24, 32, 3), np.uint8), r"permute\(0, 3, 1, 2\) / 255"),
    (lambda x: (255 * x).byte(), r"uint8; write images / 255"),
    (lambda x: 255 * x, r"got .* to 2\d\d.*; write images / 255"),
    (lambda x: 4 * x - 2, "undo the normalisation"),
    (lambda x: x[0], r"write images\[None\]"),
    (lambda x: x.permute(0, 2, 3, 1), r"write images.permute\(0, 3, 1, 2\)"),
    (lambda x: x * float("nan"), r"in \[0, 1\], got nan"),
    (lambda x: x[:0], "expected"),
    (lambda x: x.double(), r"expected torch.float32, as the network's weights are, got torch.float64; write"),
    (lambda x: x.half(), r"images.float\(\)"),
    (lambda x: x.to("meta"), "the device meta, which holds none"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_images_that_do_not_fit_are_refused(network: nn.Module, change: Callable[[Tensor], Any], words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.attack(network, change(batch()), None, "pgd?steps=1")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.zeros(3, 24, 31, dtype=torch.long), r"\(3, 24, 32\) of int64, got \(3, 24, 31\)"),
        (torch.zeros(3, 24, 32), "float32"),
        (torch.full((3, 24, 32), 7), "from 0 to 4, or 255 where nothing counts, got 7"),
    ],
)
def test_labels_that_do_not_fit_are_refused(network: nn.Module, labels: Tensor, words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.attack(network, batch(), labels, "pgd?steps=1")


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("pdg", "pgd"), ("pgd?epsilon=8/255", "eps"), ("pgd?steps=0", "at least 1"), (3, "expected a text"),
     ("worst-case?steps=3", "shares out a budget")],
)  # fmt: skip
def test_recipes_that_do_not_fit_are_refused(network: nn.Module, recipe: Any, words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        fs.attack(network, batch(), None, recipe)


def test_what_is_given_twice_is_refused(network: nn.Module) -> None:
    assert fs.attack(network, batch(), None, "pgd?steps=2", options={"steps": 2}).steps.tolist() == [2, 2, 2]
    with pytest.raises(fs.FoolscapeError, match="steps: expected one value, got 2 and 3; leave one of them out"):
        fs.attack(network, batch(), None, "pgd?steps=2", options={"steps": 3})


def test_void_counts_nowhere(network: nn.Module) -> None:
    images = batch(1)
    labels = network(images).argmax(1)
    labels[:, :, 16:] = 255
    found = fs.attack(network, images, labels, "pgd?eps=8/255&steps=2")
    far = found.perturbation[..., 20:]  # the network sees two pixels far, and PGD starts anywhere in the bound
    assert found.steps.tolist() == [2]
    assert float(far.abs().max()) <= 8 / 255 + 1e-6


def test_an_attack_of_ones_own_is_registered_and_used(network: nn.Module) -> None:
    @fs.register("longer", source="the tests")
    def longer(*, eps=fs.levels("8/255"), steps=4):  # type: ignore[no-untyped-def]  # noqa: B008
        """PGD from the clean image."""
        made = fs.pgd(eps=eps, steps=steps).plan_for(scope("abcde"))
        return made.ascent

    try:
        found = fs.attack(network, batch(), None, "longer?eps=2/255&steps=2")
        assert float(found.perturbation.abs().max()) <= 2 / 255 + 1e-6
        assert fs.attack(network, batch(), None, longer(steps=1)).steps.tolist() == [1, 1, 1]
        with pytest.raises(fs.FoolscapeError, match="expected a new name, got 'pgd'"):
            fs.register("pgd", source="the tests")(longer.build)
        with pytest.raises(fs.FoolscapeError, match="unknown task 'segmentatoin'; did you mean segmentation"):
            fs.register("other", source="the tests", tasks=("segmentatoin",))(longer.build)
    finally:
        del REGISTRY["longer"]


def scope(classes: str) -> Any:
    from foolscape.attacks.plan import Scope
    from foolscape.tasks.base import SEGMENTATION

    return Scope(SEGMENTATION, tuple(classes))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda y: y.float(), r"write labels.long\(\)$"),
        (lambda y: y[:, None], r"write labels\[:, 0\]$"),
        (lambda y: y[:, None].float(), r"write labels\[:, 0\].long\(\)$"),
        (lambda y: nn.functional.one_hot(y, 4).movedim(3, 1), r"write labels.argmax\(1\)$"),
        (lambda y: y[:, 1:], "of torch.int64$"),
        (lambda y: y.numpy(), "got ndarray$"),
    ],
)
def test_label_maps_of_another_form_are_told_what_to_write(
    network: nn.Module, change: Callable[[torch.Tensor], Any], told: str
) -> None:
    images = batch()
    labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)
    with pytest.raises(fs.FoolscapeError, match=told):
        fs.attack(network, images, change(labels), "fgsm")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: fs.pgd(8 / 255, 4),
            r"expected its options by name, got 0.031\d*, 4 .*write fs.pgd\(eps=\"8/255\", steps=4\)",
        ),
        (lambda: fs.pgd("4/255", steps=2), r"write fs.pgd\(eps=\"4/255\", steps=2\)"),
        (lambda: fs.worst_case(0.5), r"write fs.worst_case\(eps=\"127.5/255\"\)"),
        (lambda: fs.pgd([1]), r"got \[1\] without; write fs.pgd\(eps=\"8/255\", steps=20\)"),
        (lambda: fs.pgd(epsilon="8/255"), "unknown option of pgd 'epsilon'; did you mean eps"),
        (lambda: fs.pgd(eps=8 / 255), "got '0.031.*write 8/255"),
        (lambda: fs.pgd(eps=8), "for 8 grey levels write 8/255"),
        (
            lambda: fs.pgd(goal="vanish"),
            r"goal: expected it beside the attack.*write options={\"goal\": 'vanish'} in the call",
        ),
    ],
)
def test_a_wrong_call_of_an_attack_is_one_message(call: Callable[[], object], words: str) -> None:
    with pytest.raises(fs.FoolscapeError, match=words):
        call()


def test_a_plan_takes_what_an_attack_takes() -> None:
    plans = [
        fs.plan("pgd?steps=3"),
        fs.plan(fs.pgd(steps=3)),
        fs.plan("pgd", {"steps": 3}),
        fs.plan("pgd", {"steps": "3"}),
    ]
    assert [plan.steps for plan in plans] == [3] * 4
    assert fs.plan(fs.fgsm).name == "fgsm"
    assert fs.plan("pgd", {"goal": "vanish"}, ("a", "b"), "detection").goal is not None
    with pytest.raises(fs.FoolscapeError, match="steps: expected one value, got 3 and 4"):
        fs.plan("pgd?steps=3", {"steps": 4})
    with pytest.raises(fs.FoolscapeError, match="did you mean steps"):
        fs.plan("pgd?stepps=3")
