"""The protocol of DAVIS 2017 on clips of one row of pixels, its statistics, records and scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.intervals import LEAST, around
from foolscape.metrics.tasks.video import DAVIS
from foolscape.metrics.video import ClipScores, ObjectScores, measure_davis, statistics
from tests.metrics.scored import score_davis

SCORES = ("J", "F", "J&F", "J_recall", "J_decay", "F_recall", "F_decay")


def clip(*frames: str) -> np.ndarray:
    """(T, 1, W) uint8 label maps; a dot is background and v void."""
    return np.array(
        [[[{".": 0, "v": 255}.get(p) or int(p.replace(".", "0")) for p in frame]] for frame in frames], "u1"
    )


def one_object(*values: float, f: tuple[float, ...] | None = None, label: int = 1) -> ObjectScores:
    return ObjectScores(label, 1, values, values if f is None else f)


def test_recall_is_strictly_above_one_half() -> None:
    assert statistics([0.5, 0.5, 0.51, 0.49]).recall == 0.25
    assert statistics([0.5]).recall == 0
    assert statistics([np.nextafter(0.5, 1)]).recall == 1


@pytest.mark.parametrize(
    ("values", "decay"),
    [
        ([7], 0),  # the first quarter and the last are the same frame
        ([7, 4], 3),  # cuts 0 0.25 0.5 0.75 1 become 0 0 1 1 1: frame 0 less frame 1
        ([7, 4, 1], 4.5),  # 0 0.5 1 1.5 2 become 0 1 1 2 2: frames 0 and 1 less frame 2
        ([9, 7, 4, 1], 5.5),  # 0 0.75 1.5 2.25 3 become 0 1 2 2 3: frames 0 and 1 less frames 2 and 3
        ([9, 7, 5, 4, 1], 5.5),  # 0 1 2 3 4: frames 0 and 1 less frames 3 and 4
        ([1, 4, 5, 7, 9], -5.5),
        ([8, 4, 3, 5, 5, 2, 6, 0], 7 / 3),  # 0 1.75 3.5 5.25 7 become 0 2 4 5 7: 15/3 less 8/3
    ],
)
def test_decay_on_paper(values: list[float], decay: float) -> None:
    assert statistics(values).decay == pytest.approx(decay)


@pytest.mark.parametrize("frames", [255, 256, 300, 1001])
def test_decay_of_long_clips(frames: int) -> None:
    # A ramp that falls by 1 per frame: the middles of the quarters 0 .. a and b .. n - 1 are (b + n - 1 - a) / 2 apart.
    a, b = (int(np.floor((frames - 1) * k / 4 + 0.5)) for k in (1, 3))
    assert statistics(np.arange(frames)[::-1].tolist()).decay == pytest.approx((b + frames - 1 - a) / 2)


def test_the_first_and_the_last_frame_do_not_count() -> None:
    truth = clip("11......", "..11....", "..11....", "....11..", ".....11.")
    prediction = clip("99999999", "..1111..", "..11....", "....11..", "77777777")
    (one,) = measure_davis(prediction, truth).objects
    # ..1111.. has boundary pixels 1 and 5, ..11.... 1 and 3; 1 matches 1 alone: precision and recall are 1/2.
    assert one == ObjectScores(label=1, start=1, J=(0.5, 1.0, 1.0), F=(0.5, 1.0, 1.0))


def test_void_in_the_truth_is_background() -> None:
    truth = clip("11v.....", "..11vv..", "........")
    (one,) = measure_davis(clip("........", "..1111..", "........"), truth).objects
    assert (one.J, one.F) == ((0.5,), (0.5,))  # left out, both would be 1


def test_void_is_no_object_and_an_object_is_not_void() -> None:
    truth = clip("v2.1....", "v2.1....", "........")
    assert [one.label for one in measure_davis(truth % 255, truth).objects] == [1, 2]


def test_what_appears_later_is_no_object() -> None:
    truth = clip("1.......", "1.222...", "1.222...")
    prediction = clip("........", "1.......", "........")
    assert measure_davis(prediction, truth).objects == (one_object(1.0),)
    with pytest.raises(SampleError, match="expected 1, got 2"):
        measure_davis(truth, truth)


def test_objects_are_matched_by_label() -> None:
    truth = clip("11..22..", "11..22..", "........")
    swapped = clip("........", "22..11..", "........")
    assert [one.J for one in measure_davis(swapped, truth).objects] == [(0.0,), (0.0,)]
    # Half of object 1 is taken for object 2, which is right otherwise: 1/2, and 2/3.
    mixed = measure_davis(clip("........", "12..22..", "........"), truth)
    assert [one.J for one in mixed.objects] == [(0.5,), pytest.approx((2 / 3,))]


def test_objects_that_are_not_predicted_are_empty() -> None:
    truth = clip("11..22..", "11..22..", "11......", "........")
    prediction = clip("........", "11......", "11......", "........")
    first, second = measure_davis(prediction, truth).objects
    assert first.J == first.F == (1.0, 1.0)
    assert second.J == second.F == (0.0, 1.0)  # in the second frame it is gone from the truth as well


def test_labels_below_the_largest_are_objects_though_the_first_frame_lacks_them() -> None:
    truth = clip("1..3....", "1..3....", "1..3....")
    assert [(one.label, one.J) for one in measure_davis(truth, truth).objects] == [(n, (1.0,)) for n in (1, 2, 3)]


@pytest.mark.parametrize(("label", "frame"), [(2, 1), (255, 1), (2, 2), (-1, 2)])
def test_a_prediction_with_foreign_labels_is_refused(label: int, frame: int) -> None:
    truth = np.repeat(clip("11......"), 4, axis=0).astype(np.int64)
    prediction = truth.copy()
    prediction[frame, 0, 7] = label
    with pytest.raises(
        SampleError, match=f"expected 1, got {label}. Propagate the given objects alone; 255 is no void"
    ):
        measure_davis(prediction, truth)


def test_masks_of_davis_2016_are_pointed_out() -> None:
    truth = clip("vv......", "vv......", "vv......")
    with pytest.raises(SampleError, match=r"got none besides 0 and 255.*DAVIS 2016 hold 255 for the object: make it 1"):
        measure_davis(truth, truth)
    assert measure_davis(truth // 255, truth // 255).objects == (one_object(1.0),)


@pytest.mark.parametrize(
    ("prediction", "truth"),
    [
        (np.ones((4, 5, 6), int), np.ones((4, 6, 5), int)),
        (np.ones((3, 5, 6), int), np.ones((4, 5, 6), int)),
        (np.ones((2, 5, 6), int), np.ones((2, 5, 6), int)),  # no frame is left
        (np.ones((5, 6), int), np.ones((5, 6), int)),
        (np.ones((4, 5, 6)), np.ones((4, 5, 6), int)),
        (np.ones((4, 5, 6), int), np.ones((4, 5, 6), bool)),
    ],
)
def test_what_is_no_pair_of_label_maps_is_refused(prediction: np.ndarray, truth: np.ndarray) -> None:
    with pytest.raises(SampleError) as error:
        measure_davis(prediction, truth)
    assert f"T >= 3, prediction and truth alike; got {prediction.dtype} {prediction.shape} and" in str(error.value)


def test_an_object_has_one_j_and_one_f_per_frame() -> None:
    for js, fs in (((1.0, 0.5), (1.0,)), ((), ())):
        with pytest.raises(ValueError, match=f"a J and an F for every frame, got {len(js)} and {len(fs)}"):
            ObjectScores(1, 1, js, fs)


def test_every_object_weighs_the_same() -> None:
    # Three objects with one frame, and one with three frames: J (0 + 0 + .6 + .8) / 4, F (1 + 1 + .2 + .6) / 4.
    clips = {
        "crowd": ClipScores((one_object(0.0, f=(1.0,)), one_object(0.0, f=(1.0,), label=2), one_object(0.6, f=(0.2,)))),
        "alone": ClipScores((one_object(1.0, 0.9, 0.5, f=(0.8, 0.6, 0.4)),)),
    }
    scores = score_davis(clips, seed=0)
    assert (scores["J"], scores["F"], scores["J&F"]) == pytest.approx((35, 70, 52.5))
    # Above one half: J of the third object, and of the last in 2 of 3 frames; F 1, 1, 0 and 2 of 3.
    assert (scores["J_recall"], scores["F_recall"]) == pytest.approx((100 * (5 / 3) / 4, 100 * (8 / 3) / 4))
    # Only the last object has a decay: .95 - .5 and .7 - .4.
    assert (scores["J_decay"], scores["F_decay"]) == pytest.approx((45 / 4, 30 / 4))
    assert scores["per_object"]["alone"]["1"] == pytest.approx(
        {"J": 80, "F": 60, "J&F": 70, "J_recall": 200 / 3, "J_decay": 45, "F_recall": 200 / 3, "F_decay": 30}
    )


def _clips(count: int, seed: int) -> dict[str, ClipScores]:
    rng = np.random.default_rng(seed)
    return {
        f"clip {i}": ClipScores(
            tuple(
                one_object(*rng.beta(3, 2, 9), f=tuple(rng.random(9)), label=label + 1)
                for label in range(rng.integers(1, 5))
            )
        )
        for i in range(count)
    }


def test_the_shape_of_a_summary() -> None:
    clips = _clips(12, seed=1)
    scores = score_davis(clips, seed=0)
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores
    assert set(scores) == {*SCORES, "per_object", "ci95"}
    assert set(scores["ci95"]) == set(SCORES)
    for name in SCORES:
        low, high = scores["ci95"][name]
        assert low < scores[name] < high
    assert {name: sorted(objects) for name, objects in scores["per_object"].items()} == {
        name: [str(one.label) for one in record.objects] for name, record in clips.items()
    }


def test_intervals_by_leaving_out_clips() -> None:
    clips = list(_clips(8, seed=2).values())
    scores = score_davis(dict(zip("abcdefgh", clips, strict=True)), seed=4)
    slow = [np.mean([np.mean(o.J) for clip in clips[:i] + clips[i + 1 :] for o in clip.objects]) for i in range(8)]
    wanted = np.array(around(np.float64(scores["J"]), 100 * np.array(slow), 8))
    assert scores["ci95"]["J"] == pytest.approx(wanted)


def test_few_clips_have_no_interval() -> None:
    scores = score_davis(_clips(LEAST - 1, seed=3), seed=0)
    assert all(scores[name] is not None and scores["ci95"][name] == [None, None] for name in SCORES)
    assert "below 8 clips" in DAVIS.conventions["ci95"]


def test_a_decay_may_be_below_0() -> None:
    clips = {str(i): ClipScores((one_object(0.5, 0.5, 0.5, 0.5 + i / 100, f=(0.5,) * 4),)) for i in range(9)}
    scores = score_davis(clips, seed=0)
    low, high = scores["ci95"]["J_decay"]
    assert low < scores["J_decay"] < high < 0
    assert high - scores["J_decay"] == pytest.approx(scores["J_decay"] - low)
    assert scores["ci95"]["F_decay"] == [0, 0]


def test_every_score_has_a_convention() -> None:
    assert {"J", "F", "J&F", "recall", "decay", "per_object", "ci95", "linf_levels"} <= set(DAVIS.conventions)
