"""The bundled networks: what they take and return, and how well they know streets they never saw."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from foolscape.attacks.catalog import plan
from foolscape.attacks.engine.batch import AttackItem
from foolscape.attacks.engine.driver import ascend
from foolscape.models.bundled.load import NAMES, bundled
from foolscape.problem import Problem
from foolscape.scenes import CLASSES
from foolscape.seeds import generator_for

from .streets import street

ROBUST = 75  # percent of mIoU on clean streets; CLEAN and ATTACKED on the first two of them
CLEAN, ATTACKED = 70, 35


def _pixels(image: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255


def _confusion(found: NDArray[np.int64], labels: NDArray[np.uint8]) -> NDArray[np.int64]:
    count = len(CLASSES)
    pairs = count * labels.ravel().astype(np.int64) + found.ravel()
    return np.bincount(pairs, minlength=count**2).reshape(count, count)


def _miou(confusion: NDArray[np.float64]) -> float:
    hits = np.diag(confusion)
    return float(100 * np.nanmean(hits / (confusion.sum(0) + confusion.sum(1) - hits)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(160, 256), (72, 104)])
def test_logits_have_the_size_of_the_image(name: str, size: tuple[int, int]) -> None:
    network = bundled(name)
    logits = network(torch.rand(2, 3, *size))
    assert not network.training
    assert network.classes == CLASSES
    assert logits.shape == (2, len(CLASSES), *size)
    assert bool(logits.isfinite().all())


@pytest.mark.parametrize("name", NAMES)
def test_the_input_gradient_is_finite_and_nowhere_dead(name: str) -> None:
    images = _pixels(street(0).image).requires_grad_(True)
    logits = bundled(name)(images)
    (gradient,) = torch.autograd.grad(torch.nn.functional.cross_entropy(logits, logits.argmin(1)), images)
    assert bool(gradient.isfinite().all())
    assert float((gradient != 0).float().mean()) > 0.99


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 3, 100, 256), (1, 3, 160, 250), (1, 1, 160, 256), (3, 160, 256)])
def test_another_shape_is_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        bundled(name)(torch.rand(shape))


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        bundled("scenes-nothing")


@pytest.mark.parametrize("name", NAMES)
def test_the_images_of_a_batch_do_not_touch_each_other(name: str) -> None:
    network, images = bundled(name), torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        together, alone = network(images)[:1], network(images[:1])
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize(("name", "bound"), [("scenes-unet", 85), ("scenes-dilated", 85), ("scenes-robust", ROBUST)])
def test_miou_on_unseen_streets(name: str, bound: float) -> None:
    network = bundled(name)
    confusion = np.zeros((len(CLASSES),) * 2)
    for index in range(24):
        frame = street(index)
        with torch.no_grad():
            confusion += _confusion(network(_pixels(frame.image)).argmax(1)[0].numpy(), frame.labels)
    assert _miou(confusion) > bound


def test_the_robust_network_withstands_what_fools_the_one_it_was_made_from() -> None:
    attack = plan("pgd", {"steps": 10}, CLASSES).ascent
    scores: dict[str, list[float]] = {}
    for name in ("scenes-unet", "scenes-robust"):
        network = bundled(name).requires_grad_(False)
        found = {"clean": np.zeros((len(CLASSES),) * 2), "attacked": np.zeros((len(CLASSES),) * 2)}
        for index in range(2):
            frame = street(index)
            labels = torch.from_numpy(frame.labels.astype(np.int64))[None]
            problem = Problem(images=_pixels(frame.image), labels=labels, scores=network)
            (outcome,) = ascend([AttackItem(str(index), problem, generator_for(0, str(index)))], attack)
            for kind, images in (("clean", problem.images), ("attacked", outcome.adversarial)):
                with torch.no_grad():
                    found[kind] += _confusion(network(images).argmax(1)[0].numpy(), frame.labels)
        scores[name] = [_miou(found[kind]) for kind in ("clean", "attacked")]
    assert scores["scenes-robust"][0] > CLEAN
    assert scores["scenes-robust"][1] > ATTACKED > 2 * scores["scenes-unet"][1]
