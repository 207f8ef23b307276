"""J, F, statistics and means against values of the released DAVIS evaluation, where they are present."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foolscape.metrics.masks import contour_f, contour_radius, dilate, region_j
from foolscape.metrics.video import measure_davis, statistics
from tests.metrics.scored import score_davis

CLOSE = 1e-9
CLIPS = ("syn_a", "syn_b", "syn_c", "syn_d", "syn_e", "syn_f", "blackswan", "breakdance")
SCORES = ("J_recall", "J_decay", "F_recall", "F_decay")

Vectors = Mapping[str, np.ndarray]


@pytest.fixture(scope="module")
def expected(conformance: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((conformance / "davis_vectors.json").read_text())
    return found


@pytest.fixture(scope="module")
def vectors(conformance: Path) -> Vectors:
    with np.load(conformance / "davis_vectors.npz") as file:
        return dict(file)


def test_all_clips_are_compared(expected: dict[str, Any]) -> None:
    assert set(expected["sequences"]) == set(CLIPS)


@pytest.mark.parametrize("name", CLIPS)
def test_every_object_in_every_frame(name: str, vectors: Vectors) -> None:
    record = measure_davis(vectors[f"{name}.prediction"], vectors[f"{name}.truth"])
    for measure in "JF":
        values = np.array([getattr(one, measure) for one in record.objects])
        np.testing.assert_allclose(values, vectors[f"{name}.{measure}"], rtol=0, atol=CLOSE)


def test_means_of_objects_and_of_all(expected: dict[str, Any], vectors: Vectors) -> None:
    clips = {name: measure_davis(vectors[f"{name}.prediction"], vectors[f"{name}.truth"]) for name in CLIPS}
    scores = score_davis(clips, seed=0)
    for name in CLIPS:
        assert scores["per_object"][name].keys() == expected["sequences"][name]["per_object"].keys()
        for label, wanted in expected["sequences"][name]["per_object"].items():
            _compare(scores["per_object"][name][label], wanted)
    _compare(scores, expected["summary_all_objects"])
    assert scores["J&F"] / 100 == pytest.approx(expected["summary_all_objects"]["J&F_mean"], rel=0, abs=CLOSE)


def _compare(scores: Mapping[str, float], wanted: Mapping[str, float]) -> None:
    pairs = [("J", "J_mean"), ("F", "F_mean"), *((name, name) for name in SCORES)]
    for ours, theirs in pairs:
        assert scores[ours] / 100 == pytest.approx(wanted[theirs], rel=0, abs=CLOSE)


def test_with_void_left_out(vectors: Vectors) -> None:
    names = [name.removesuffix(".J_void_excluded") for name in vectors if name.endswith(".J_void_excluded")]
    assert names == ["syn_c"]
    truth, prediction = vectors["syn_c.truth"], vectors["syn_c.prediction"]
    for label in (1, 2, 3):
        for frame in range(1, len(truth) - 1):
            masks = prediction[frame] == label, truth[frame] == label, truth[frame] == 255
            for measure, values in ((region_j, "syn_c.J_void_excluded"), (contour_f, "syn_c.F_void_excluded")):
                assert measure(*masks) == pytest.approx(vectors[values][label - 1, frame - 1], rel=0, abs=CLOSE)


def test_corner_cases(expected: dict[str, Any], vectors: Vectors) -> None:
    assert len(expected["corner_cases"]) == 49
    for case in expected["corner_cases"]:
        masks = (vectors[f"corner.{case[which]}"] == 1 for which in ("prediction", "truth"))
        prediction, truth = masks
        wanted = (case["J"], case["F"])
        assert (region_j(prediction, truth), contour_f(prediction, truth)) == pytest.approx(wanted, rel=0, abs=CLOSE)


def test_statistics(expected: dict[str, Any]) -> None:
    for example in expected["statistics_examples"]:
        found = statistics(example["values"])
        assert (found.mean, found.recall) == pytest.approx((example["mean"], example["recall"]), rel=0, abs=CLOSE)
        if example["decay"] is not None:  # from 256 frames on the released evaluation's is wrong
            assert found.decay == pytest.approx(example["decay"], rel=0, abs=CLOSE)


def test_radii_and_disks(expected: dict[str, Any]) -> None:
    for example in expected["boundary_radius_examples"]:
        assert contour_radius(*example["size"]) == example["radius"]
    for key, disk in expected["disk_examples"].items():
        radius = int(key)
        point = np.zeros((2 * radius + 1, 2 * radius + 1), bool)
        point[radius, radius] = True
        np.testing.assert_array_equal(dilate(point, radius), np.array(disk, bool))
