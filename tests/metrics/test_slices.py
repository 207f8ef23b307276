"""Slices: how attributes divide images, what of a difference is chance, what is right of a part of the objects."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.intervals import LEAST_CLEAN
from foolscape.metrics.segmentation import count
from foolscape.metrics.slices.boxes import BoxedImage, cut
from foolscape.metrics.slices.chance import holm, permutation_p, sign_flip_p
from foolscape.metrics.slices.contrast import corrected, image_contrasts, object_contrast
from foolscape.metrics.slices.groups import Group, by_number, groups_of, size_class, third
from foolscape.metrics.slices.objects import cuts_of, segments, shares
from foolscape.metrics.slices.scored import ATTACKED, CLEAN, scored
from foolscape.metrics.tasks.detection import DETECTION
from foolscape.metrics.tasks.segmentation import SEGMENTATION, sample_of


def test_holm_adjusts_for_all_that_was_looked_at() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def _welch(inside: np.ndarray, outside: np.ndarray) -> float:
    error = np.sqrt(inside.var(ddof=1) / len(inside) + outside.var(ddof=1) / len(outside))
    return float(abs(inside.mean() - outside.mean()) / error)


def test_shuffles_give_what_all_divisions_give() -> None:
    values = np.array([1.0, 3.5, 2.0, 7.0, 9.0, 4.0, 8.5, 6.0, 5.2])
    members = np.array([1, 1, 1, 0, 0, 1, 0, 0, 0], bool)
    seen = _welch(values[members], values[~members])
    every = [np.isin(np.arange(9), chosen) for chosen in combinations(range(9), 4)]
    exact = np.mean([_welch(values[one], values[~one]) >= seen - 1e-9 for one in every])
    assert permutation_p(values, members[None], seed=1) == pytest.approx([exact], abs=0.01)
    # The other half of the images has the same difference, the other way round.
    assert permutation_p(values, np.stack([members, ~members]), seed=2).tolist() == pytest.approx([exact] * 2, abs=0.01)


def test_flips_give_what_all_flips_give() -> None:
    differences = np.array([3.0, -1.0, 2.5, 4.0, 0.5, -0.5, 1.0, 2.0])
    every = np.array(list(product((-1, 1), repeat=8))) @ differences
    exact = (np.abs(every) >= abs(differences.sum()) - 1e-9).mean()
    assert sign_flip_p(differences, seed=3) == pytest.approx(exact, abs=0.01)


def test_where_nothing_differs_the_stated_share_of_runs_marks_anything() -> None:
    """Skewed values, unequal groups, an attribute of two values and one of three, objects in company."""
    marked = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        values = 100 * rng.beta(5, 1, 40)
        words = [
            {"camera": str(rng.choice(["a", "b"], p=[0.3, 0.7])), "road": str(rng.choice(["x", "y", "z"]))}
            for _ in values
        ]
        groups, _ = groups_of(words)
        groups += by_number("brightness", rng.random(40))
        contrasts = {
            (group.attribute, group.value): one
            for group, one in zip(groups, image_contrasts(values, groups, seed), strict=True)
        }
        small, large = 100 * rng.beta(5, 1, (40, 2)).mean(axis=1), 100 * rng.beta(5, 1, (40, 5)).mean(axis=1)
        contrasts["size", "small"] = object_contrast(small, large, seed)
        known = {key: one for key, one in contrasts.items() if one is not None}
        marked += any(one.marked for one in corrected(known, {("camera", v): "camera" for v in "ab"}).values())
    # 5 % at most; of 100 runs more than 10 would mark something by bad luck in 1 of 90 such tests.
    assert marked <= 10


def test_a_slice_of_too_few_images_or_without_a_difference_is_not_compared() -> None:
    values = np.array([0.0] * 7 + [100.0] * 20)
    few = Group("rain", "yes", np.arange(27) < 7, np.ones(27, bool))
    enough = Group("night", "yes", np.arange(27) < 8, np.ones(27, bool))
    first, second = image_contrasts(values, [few, enough], seed=0)
    assert first is not None
    assert (first.here, first.elsewhere, first.p) == (0.0, 100.0, None)
    assert second is not None
    assert second.p is not None
    assert second.p < 0.001
    (same,) = image_contrasts(np.full(27, 50.0), [enough], seed=0)
    assert same is not None
    assert same.p is None
    # Images of which it is not known whether it rained are neither.
    unknown = Group("rain", "yes", np.arange(27) < 8, np.arange(27) < 16)
    (part,) = image_contrasts(values, [unknown], seed=0)
    assert part is not None
    assert (part.images, part.elsewhere) == (8, 100.0)
    assert object_contrast(np.array([np.nan, 1.0]), np.array([3.0, np.nan]), seed=0) is None


def test_numbers_are_divided_at_the_thirds_of_these_images() -> None:
    found = by_number("speed", np.arange(30.0), "m/s")
    assert [group.value for group in found] == ["below 10 m/s", "10 to below 20 m/s", "from 20 m/s"]
    assert [int(group.members.sum()) for group in found] == [10, 10, 10]
    assert [group.value for group in by_number("speed", np.arange(16.0))] == ["below 8", "from 8"]
    assert by_number("speed", np.arange(15.0)) == []
    assert by_number("speed", np.full(40, 3.0)) == []
    tied = by_number("speed", np.array([1.0] * 25 + [2.0] * 5))
    assert sum(int(group.members.sum()) for group in tied) in (0, 30)
    (first, *_), _ = groups_of([{"speed": str(n)} if n else {} for n in range(31)])
    assert int(first.known.sum()) == 30
    assert not first.members[0]


def test_words_stand_for_themselves_and_too_many_are_left_out() -> None:
    groups, notes = groups_of([{"rain": "yes", "id": f"x{n}", "all": "same", "lanes": str(n % 3)} for n in range(24)])
    assert {(group.attribute, group.value) for group in groups} == {("lanes", "0"), ("lanes", "1"), ("lanes", "2")}
    assert notes == ["id: 24 different values, of which no slices are made"]


def test_sizes_and_places() -> None:
    assert size_class(np.array([1.0, 1023.0, 1024.0, 9215.0, 9216.0])).tolist() == [0, 0, 1, 1, 2]
    assert third(np.array([0.0, 0.33, 0.34, 0.66, 0.67, 1.0])).tolist() == [0, 0, 1, 1, 2, 2]


def test_segments_are_connected_regions_with_their_corners() -> None:
    labels = np.array(
        [[0, 0, 1, 1], [0, 0, 1, 255], [1, 1, 0, 255], [2, 2, 2, 2]], np.uint8
    )  # the ones touch at a corner, and so do the zeros
    predicted = np.array([[0, 1, 1, 1], [0, 0, 1, 1], [0, 0, 0, 0], [2, 2, 1, 1]], np.uint8)
    found = segments(labels, {"clean": predicted})
    assert found.places.labels.tolist() == [0, 1, 2]
    assert found.weights.tolist() == [5, 5, 4]
    assert found.right["clean"].tolist() == [4, 3, 2]
    assert found.places.centres[2].tolist() == [0.5, 0.875]
    assert segments(np.full((2, 2), 255, np.uint8), {"clean": np.zeros((2, 2), np.uint8)}).weights.tolist() == []


def _boxes(rng: np.random.Generator, count: int) -> np.ndarray:
    corner, side = rng.uniform(0, 200, (count, 2)), rng.uniform(8, 130, (count, 2))
    return np.concatenate([corner, corner + side], axis=1)


def _image(rng: np.random.Generator) -> BoxedImage:
    boxes, labels = _boxes(rng, 8), rng.integers(0, 2, 8)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * 0.9
    none = np.zeros(8, bool)
    noise = rng.normal(0, 4, boxes.shape)
    detections = np.concatenate([boxes + noise, _boxes(rng, 6)])
    detected = Detected(detections, rng.random(14), np.concatenate([labels, rng.integers(0, 2, 6)]))
    return BoxedImage(Truth(boxes, labels, none, none.copy(), area), detected, (330, 330))


@pytest.mark.parametrize(
    ("name", "ends"), [("small", (0, 32**2)), ("medium", (32**2, 96**2)), ("large", (96**2, 1e10))]
)
def test_the_ap_of_a_size_is_that_of_cocos_area_range(name: str, ends: tuple[float, float]) -> None:
    coco = pytest.importorskip("faster_coco_eval")
    rng = np.random.default_rng(5)
    images = [_image(rng) for _ in range(12)]
    notes = [
        {"id": 1 + 8 * i + k, "image_id": i, "category_id": int(one.truth.labels[k]), "iscrowd": 0,
         "bbox": [*b[:2], *(b[2:] - b[:2])], "area": float(one.truth.area[k])}
        for i, one in enumerate(images) for k, b in enumerate(one.truth.boxes)
    ]  # fmt: skip
    results = [
        {"image_id": i, "category_id": int(c), "score": float(s), "bbox": [*b[:2], *(b[2:] - b[:2])]}
        for i, one in enumerate(images)
        for b, s, c in zip(one.detected.boxes, one.detected.scores, one.detected.labels, strict=True)
    ]
    truth = coco.COCO(
        {"info": {}, "images": [{"id": i} for i in range(12)], "annotations": notes,
         "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}]}
    )  # fmt: skip
    judge = coco.COCOeval_faster(truth, truth.loadRes(results), "bbox")
    judge.params.areaRng, judge.params.areaRngLbl, judge.params.maxDets = [list(ends)], [name], [100]
    judge.evaluate()
    judge.accumulate()
    wanted = 100 * np.asarray(judge.eval["precision"])[:, :, :, 0, 0].mean(axis=1)
    part = next(one for one in cuts_of(["a", "b"]) if one.attribute == "size" and one.value.startswith(name))
    pool = cut(images, part, 2)
    found = np.stack([pool.once().coco(threshold)[0] for threshold in range(10)])
    assert found == pytest.approx(wanted, abs=1e-6)


def test_the_ap_of_a_class_is_that_of_the_class_among_all() -> None:
    rng = np.random.default_rng(6)
    images = [_image(rng) for _ in range(10)]
    whole = DETECTION.pool(
        [sample_like(str(i), one.truth, one.detected) for i, one in enumerate(images)], ["a", "b"]
    ).once()
    part = next(one for one in cuts_of(["a", "b"]) if (one.attribute, one.value) == ("class", "b"))
    ap50 = next(score for score in DETECTION.scores if score.key == "AP50")
    assert ap50.of(cut(images, part, 2).once())[0] == pytest.approx(whole.coco(0)[0, 1])


def sample_like(name: str, truth: Truth, detected: Detected) -> object:
    from foolscape.metrics.sample import Sample

    return Sample(name, truth, detected)


def test_the_scores_of_a_slice_are_those_of_its_images_alone() -> None:
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 3, (12, 8, 8))
    clean = np.where(rng.random(truth.shape) < 0.8, truth, 0)
    attacked = np.where(rng.random(truth.shape) < 0.4, truth, 0)
    samples = {
        name: [sample_of(str(i), count(p, t, 3)) for i, (p, t) in enumerate(zip(of, truth, strict=True))]
        for name, of in ((CLEAN, clean), (ATTACKED, attacked))
    }
    names = ["a", "b", "c"]
    pools = {name: SEGMENTATION.pool(of, names) for name, of in samples.items()}
    found = scored(SEGMENTATION.scores, pools, 12, seed=4, least_clean=LEAST_CLEAN)
    for name, of in samples.items():
        alone = SEGMENTATION.score(of, names, 4, clean=name == CLEAN)
        assert found.scores[name]["mIoU"] == alone["mIoU"]
        assert found.scores[name]["ci95"]["mIoU"] == alone["ci95"]["mIoU"]
    paired = SEGMENTATION.difference(samples[CLEAN], samples[ATTACKED], names, 4)
    assert found.loss["mIoU"] == paired


def test_shares_are_pooled_over_images() -> None:
    labels = np.array([[0, 0, 0, 1]], np.uint8)
    images = [segments(labels, {CLEAN: np.array([guess], np.uint8)}) for guess in ([0, 0, 0, 1], [0, 1, 1, 0])]
    pool = shares(images, [one.places.labels == 0 for one in images], CLEAN)
    assert pool.percent.tolist() == pytest.approx([100.0, 100 / 3])
    assert pool.once().tolist() == [[4.0, 6.0]]
