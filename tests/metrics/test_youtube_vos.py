"""The measure of YouTube-VOS: when an object counts, and in which group."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foolscape.errors import SampleError
from foolscape.metrics.intervals import around
from foolscape.metrics.tasks.video import YOUTUBE_VOS
from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.metrics.youtube_vos import measure_youtube_vos
from tests.metrics.scored import score_youtube_vos
from tests.metrics.test_video import clip

SCORES = ("G", "J_seen", "F_seen", "J_unseen", "F_unseen")


def one(category: str, *values: float, f: tuple[float, ...] | None = None, label: int = 1) -> ObjectScores:
    return ObjectScores(label, 1, values, values if f is None else f, category)


def test_an_object_counts_from_the_frame_after_its_first_to_the_last() -> None:
    truth = clip("11......", "11..22..", "11..22..", "........")
    prediction = clip("99999999", "1122....", "11..2222", "........")
    ape, dog = measure_youtube_vos(prediction, truth, {1: "ape", 2: "dog"}).objects
    assert ape == ObjectScores(label=1, start=1, J=(1, 1, 1), F=(1, 1, 1), category="ape")
    # In frame 1 object 2 is given, so what is predicted there does not count. In frame 2 its boundary is 3 and 5 in the
    # truth and 3 in the prediction, which reaches the frame's border: precision 1, recall 1/2. In frame 3 it is gone.
    assert dog == ObjectScores(label=2, start=2, J=(0.5, 1), F=(pytest.approx(2 / 3), 1), category="dog")


def test_objects_of_the_last_frame_alone_are_left_out() -> None:
    truth = clip("1.......", "1.......", "1...3...")
    assert [o.label for o in measure_youtube_vos(truth, truth, {1: "ape"}).objects] == [1]


def test_labels_need_not_follow_one_another_and_void_is_background() -> None:
    truth = clip("..7.....", "4.7vvvv.", "4.77vvvv")
    prediction = clip("........", "..7.....", "4.7777..")
    four, seven = measure_youtube_vos(prediction, truth, {7: "ape", 4: "dog"}).objects
    assert (four.label, four.start, four.J) == (4, 2, (1.0,))
    assert (seven.label, seven.start, seven.J) == (7, 1, (1.0, 0.5))


@pytest.mark.parametrize(
    ("truth", "prediction", "categories", "message"),
    [
        (clip("1...", "1..."), clip("....", "1..2"), {1: "ape"}, "expected 1, got 2"),
        (clip("1.3.", "1.3."), clip("....", "1.2."), {1: "ape", 3: "ape"}, "expected 1, 3, got 2"),
        (clip("1...", "1..."), clip("....", "1..v"), {1: "ape"}, "expected 1, got 255"),
        (clip("1...", "1..."), clip("....", "1..."), {2: "ape"}, r"got labels \[1\] and categories of \[2\]"),
        (clip("1...", "1..."), clip("....", "1..."), {}, r"got labels \[1\] and categories of none"),
        (clip("....", "...."), clip("....", "...."), {1: "ape"}, "got labels of no object"),
        (clip("....", "..1."), clip("....", "...."), {1: "ape"}, r"objects before its last frame.*got labels \[1\]"),
        (clip("1..."), clip("1..."), {1: "ape"}, "T >= 2"),
        (clip("1...", "1..."), clip("1..", "1.."), {1: "ape"}, "prediction and truth alike"),
    ],
)
def test_refusals(truth: np.ndarray, prediction: np.ndarray, categories: dict[int, str], message: str) -> None:
    with pytest.raises(SampleError, match=message):
        measure_youtube_vos(prediction, truth, categories)


def test_groups_are_averaged_over_objects_and_then_over_the_four() -> None:
    # Seen: J .2, .4 and .9 (whose values are .8 and 1), F 0, 0 and .9. Unseen: J and F .6. By category, apes would
    # count once: J .6 instead of .5.
    clips = {
        "a": ClipScores((one("ape", 0.2, f=(0.0,)), one("yak", 0.6, label=2))),
        "b": ClipScores((one("ape", 0.4, f=(0.0,)), one("dog", 0.8, 1.0, label=5))),
    }
    scores = score_youtube_vos(clips, {"ape", "dog"}, seed=0)
    assert [scores[name] for name in SCORES] == pytest.approx([(50 + 30 + 60 + 60) / 4, 50, 30, 60, 60])
    assert scores["per_object"]["b"] == {"1": pytest.approx({"J": 40, "F": 0}), "5": pytest.approx({"J": 90, "F": 90})}
    assert json.loads(json.dumps(scores, allow_nan=False)) == scores


def test_without_a_group_there_is_no_overall_score() -> None:
    scores = score_youtube_vos({str(i): ClipScores((one("ape", 0.25),)) for i in range(8)}, {"ape"}, seed=0)
    assert [scores[name] for name in SCORES] == [None, 25, 25, None, None]
    assert [scores["ci95"][name] for name in SCORES] == [[None, None], [25, 25], [25, 25], [None, None], [None, None]]


def test_intervals_by_leaving_out_clips() -> None:
    rng = np.random.default_rng(0)
    clips = {
        name: ClipScores(tuple(one(c, *rng.random(4), f=tuple(rng.random(4)), label=n + 1) for n, c in enumerate(name)))
        for name in ("su", "s", "ss", "u", "sus", "sss", "ssss", "uu", "sssss")
    }
    scores = score_youtube_vos(clips, ["s"], seed=3)
    slow = []
    for name in clips:
        objects = [o for other, clip in clips.items() if other != name for o in clip.objects]
        four = [np.mean([np.mean(getattr(o, m)) for o in objects if o.category == c]) for c in "su" for m in "JF"]
        slow.append(np.mean(four))
    wanted = np.array(around(np.float64(scores["G"]), 100 * np.array(slow), 9))
    assert scores["ci95"]["G"] == pytest.approx(wanted)
    low, high = scores["ci95"]["J_seen"]
    assert low < scores["J_seen"] < high


def test_every_score_has_a_convention() -> None:
    assert {"J", "F", "G", "seen", "per_object", "ci95", "linf_levels"} <= set(YOUTUBE_VOS.conventions)
