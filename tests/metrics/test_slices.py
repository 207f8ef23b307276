"""Slices: how attributes divide images, what of a difference is chance, what is right of a part of the objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

from foolscape.metrics.boxes import Detected, Truth
from foolscape.metrics.intervals import LEAST_CLEAN, left_out
from foolscape.metrics.matching import Matched, match_coco, match_voc
from foolscape.metrics.precision import area_under, eleven_points
from foolscape.metrics.sample import Sample
from foolscape.metrics.segmentation import count
from foolscape.metrics.slices.boxes import BoxParts
from foolscape.metrics.slices.chance import holm, permutation_p, sign_flip_p
from foolscape.metrics.slices.contrast import corrected, image_contrasts, object_contrast
from foolscape.metrics.slices.groups import Group, by_number, groups_of, size_class, third
from foolscape.metrics.slices.object_table import ObjectRows, ObjectTable
from foolscape.metrics.slices.objects import (
    Cut,
    ImageObjects,
    Places,
    cuts_of,
    detected_places,
    segments,
    truth_places,
)
from foolscape.metrics.slices.pixels import PixelParts
from foolscape.metrics.slices.scored import ATTACKED, CLEAN, scored
from foolscape.metrics.tasks.detection import DETECTION, precisions
from foolscape.metrics.tasks.segmentation import SEGMENTATION, sample_of

from .test_summed import drawn


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
        pairs = [(str(rng.choice(["a", "b"], p=[0.3, 0.7])), str(rng.choice(["x", "y", "z"]))) for _ in values]
        words = {"camera": [camera for camera, _ in pairs], "road": [road for _, road in pairs]}
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
    (first, *_), _ = groups_of({"speed": [str(n) if n else "" for n in range(31)]})
    assert int(first.known.sum()) == 30
    assert not first.members[0]


def test_words_stand_for_themselves_and_too_many_are_left_out() -> None:
    ids, lanes = [f"x{n}" for n in range(24)], [str(n % 3) for n in range(24)]
    groups, notes = groups_of({"rain": ["yes"] * 24, "id": ids, "all": ["same"] * 24, "lanes": lanes})
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


Images = list[Sample[Truth, Detected]]
SIZE = (330, 330)


def _image(rng: np.random.Generator) -> Sample[Truth, Detected]:
    boxes, labels = _boxes(rng, 8), rng.integers(0, 2, 8)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) * 0.9
    none = np.zeros(8, bool)
    noise = rng.normal(0, 4, boxes.shape)
    detections = np.concatenate([boxes + noise, _boxes(rng, 6)])
    detected = Detected(detections, rng.random(14), np.concatenate([labels, rng.integers(0, 2, 6)]))
    return Sample("", Truth(boxes, labels, none, none.copy(), area), detected)


def _parts(images: Images, cuts: list[Cut], classes: int = 2) -> BoxParts:
    parts = BoxParts(classes, cuts)
    for image in images:
        parts.add(replace(image), SIZE)
    return parts


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
        for b, s, c in zip(one.measured.boxes, one.measured.scores, one.measured.labels, strict=True)
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
    pool = _parts(images, [part]).of_objects(part, seed=0)
    found = np.stack([pool.once().coco(threshold)[0] for threshold in range(10)])
    assert found == pytest.approx(wanted, abs=1e-6)


def _by_hand(images: Images, part: Cut, classes: int) -> tuple[list[Matched], list[Matched]]:
    """The matches of a part, image by image and rule by rule, each looking at all boxes anew."""
    coco, voc = [], []
    for image in images:
        truth, detected = image.truth, image.measured
        if part.label is not None:
            mine, own = truth.labels == part.label, detected.labels == part.label
            truth = Truth(*(values[mine] for values in vars(truth).values()))
            detected = Detected(*(values[own] for values in vars(detected).values()))
        truth = replace(truth, difficult=truth.difficult | ~part.of(truth_places(truth, SIZE)))
        outside = ~part.of(detected_places(detected, SIZE))
        coco.append(match_coco(truth, detected, classes, outside))
        voc.append(match_voc(truth, detected, classes, outside))
    return coco, voc


@pytest.mark.parametrize(("images", "detections"), [(1, 9), (30, 12), (4, 400), (1100, 3)])
def test_parts_of_objects_have_the_figures_of_matching_them_alone(images: int, detections: int) -> None:
    """With crowds, difficult objects, equal scores, and more detections of a class than COCO looks at."""
    samples = drawn(images, images, detections)
    cuts = cuts_of(["a", "b", "c", "never"])
    parts, weights = _parts(samples, cuts, 4), left_out(images, 3)
    for part in cuts:
        found, (coco, voc) = parts.of_objects(part, seed=3), _by_hand(samples, part, 4)
        for got, under in ((found.once(), np.ones((1, images))), (found.without(), weights)):
            expected = precisions(coco, voc, under)
            for threshold in (0, 5):
                np.testing.assert_array_equal(got.coco(threshold), expected.coco(threshold))
            for summary in (eleven_points, area_under):
                np.testing.assert_array_equal(got.voc(summary), expected.voc(summary))


def test_some_of_the_images_have_the_figures_of_a_run_of_these_alone() -> None:
    samples, rng = drawn(8, 60, 12), np.random.default_rng(0)
    parts = _parts(samples, [], 4)
    for members in (rng.random(60) < 0.4, np.arange(60) == 7, np.ones(60, bool)):
        chosen = [one for one, member in zip(samples, members, strict=True) if member]
        sums = DETECTION.sums_of(["a", "b", "c", "never"], len(chosen), 5)
        for one in chosen:
            sums.add(one)
        found, alone = parts.of(members, seed=5), sums.summed()
        for score in DETECTION.scores:
            np.testing.assert_array_equal(score.of(found.once()), score.of(alone.once()))
            np.testing.assert_array_equal(score.of(found.without()), score.of(alone.without()))


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
    sums = {name: PixelParts(names) for name in samples}
    for name, of in samples.items():
        for sample in (*of, sample_of("beside", count(truth[0], truth[1], 3))):
            sums[name].add(sample)
    inside = np.arange(13) < 12
    found = scored(
        SEGMENTATION.scores, {name: of.of(inside, 4) for name, of in sums.items()}, 12, least_clean=LEAST_CLEAN
    )
    for name, of in samples.items():
        alone = SEGMENTATION.score(of, names, 4, clean=name == CLEAN)
        assert found.scores[name]["mIoU"] == alone["mIoU"]
        assert found.scores[name]["ci95"]["mIoU"] == alone["ci95"]["mIoU"]
    paired = SEGMENTATION.difference(samples[CLEAN], samples[ATTACKED], names, 4)
    assert found.loss["mIoU"] == paired


def test_shares_are_pooled_over_images() -> None:
    labels = np.array([[0, 0, 0, 1]], np.uint8)
    images = [segments(labels, {CLEAN: np.array([guess], np.uint8)}) for guess in ([0, 0, 0, 1], [0, 1, 1, 0])]
    table = table_of(images)
    pool = table.shares(table.places.labels == 0, CLEAN)
    assert pool.percent.tolist() == pytest.approx([100.0, 100 / 3])
    assert pool.once().tolist() == [[4.0, 6.0]]
    assert pool.without().tolist() == [[1.0, 3.0], [3.0, 3.0]]


def table_of(images: Sequence[ImageObjects | None]) -> ObjectTable:
    rows = ObjectRows()
    for place, one in enumerate(images):
        rows.add(place, one)
    table = rows.table(len(images))
    assert table is not None
    return table


def test_objects_side_by_side_are_those_of_each_image() -> None:
    rng = np.random.default_rng(9)
    counts = [3, None, 0, 12, 3, 1, 29]
    images = [None if n is None else _objects_of(rng, n) for n in counts]
    table, rows = table_of(images), ObjectRows()
    for place in (4, 6, 1, 0, 3, 2, 5):  # in any order, and some twice
        rows.add(place, _objects_of(rng, 2))
        rows.add(place, images[place])
    again = rows.table(len(images))
    for found in (table, again):
        assert found is not None
        assert found.known.tolist() == [n is not None for n in counts]
        assert found.counts.tolist() == [n or 0 for n in counts]
        chosen = found.places.areas > 0.5
        there = [one for one in images if one is not None]
        shares = found.shares(chosen, CLEAN, seed=1)
        own = [one.right[CLEAN][one.places.areas > 0.5].sum() for one in there]
        np.testing.assert_array_equal(shares.right, own)
        np.testing.assert_array_equal(shares.without(), left_out(6, 1) @ np.stack([own, shares.weight], axis=1))
        assert found.number(chosen).tolist() == [0 if one is None else (one.places.areas > 0.5).sum() for one in images]
    assert table.number_in(np.array([True, True, False, False, False, False, False])) == 3
    assert table.number_in(np.arange(7) == 1) is None
    assert ObjectRows().table(3) is None


def _objects_of(rng: np.random.Generator, number: int) -> ImageObjects:
    places = Places(rng.integers(0, 3, number), rng.random(number), rng.random((number, 2)))
    return ImageObjects(places, np.ones(number), {CLEAN: rng.random(number)})
