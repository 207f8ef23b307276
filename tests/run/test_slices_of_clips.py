"""Slices of clips: objects by size, place and motion against values worked out by hand, and on a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from foolscape.cli.console import DONE
from foolscape.metrics.slices.clips import clip_cuts, clip_objects
from foolscape.metrics.video import ClipScores, ObjectScores
from tests.metrics.test_slices import table_of

from .made_clips import write_clips, write_tracker
from .test_cli import foolscape
from .test_slices import found_in

CUTS = {f"{cut.attribute}: {cut.value.partition(',')[0]}": cut for cut in clip_cuts(())}


def street(frame: int) -> np.ndarray:
    """(60, 80), diagonal 100: 1 drives 5 pixels a frame, 2 stands, 3 comes in frame 1, 4 is large and leaves."""
    labels = np.zeros((60, 80), np.uint8)
    labels[50:60, 5 * frame : 5 * frame + 10] = 1
    labels[20:30, 70:80] = 2
    if frame == 1:
        labels[0:4, 0:4] = 3
    if frame < 2:
        labels[4:44, 20:56] = 4
    labels[0, 79] = 255
    return labels


def scores(*means: float) -> ClipScores:
    return ClipScores(tuple(ObjectScores(k + 1, 1, (mean, mean), (0.0, 0.0)) for k, mean in enumerate(means)))


def test_objects_of_a_clip_are_where_they_are_first_seen() -> None:
    asked: list[int] = []

    def labels_of(frame: int) -> np.ndarray:
        asked.append(frame)
        return street(frame)

    of = {"clean": scores(0.8, 0.6, 1.0, 0.4), "attacked": scores(0.2, 0.6, 0.5, 0.0)}
    found = clip_objects(labels_of, range(5), of)
    assert found is not None
    # The first, the middle and the last frame, and then as far as it takes to see the third.
    assert asked == [0, 2, 4, 1]
    assert found.places.areas.tolist() == [100, 100, 16, 40 * 36]
    np.testing.assert_allclose(found.places.centres, [[5 / 80, 55 / 60], [75 / 80, 25 / 60], [2 / 80, 2 / 60],
                                                      [38 / 80, 24 / 60]])  # fmt: skip
    assert found.places.moved is not None
    np.testing.assert_allclose(found.places.moved, [0.2, 0.0, np.nan, np.nan])
    inside = {name: cut.of(found.places).tolist() for name, cut in CUTS.items()}
    assert inside["size: small"] == [True, True, True, False]
    assert inside["size: medium"] == [False, False, False, True]
    assert inside["across: left third"] == [True, False, True, False]
    assert inside["up and down: lower third"] == [True, False, False, False]
    assert inside["motion: moves"] == [True, False, False, False]
    assert inside["motion: at rest"] == [False, True, False, False]
    table, small = table_of([found]), np.array(inside["size: small"])
    assert table.shares(small, "clean").percent == pytest.approx(80)
    assert table.shares(small, "attacked").percent == pytest.approx(130 / 3)


def test_a_clip_without_maps_or_with_an_object_in_none_has_no_objects() -> None:
    assert clip_objects(lambda frame: None, range(5), {"clean": scores(0.5)}) is None
    assert clip_objects(street, range(5), {"clean": scores(0.5, 0.5, 0.5, 0.5, 0.5)}) is None
    assert clip_objects(street, (), {"clean": scores(0.5)}) is None


def test_a_run_on_clips_has_slices_of_its_objects(tmp_path: Path) -> None:
    """Each clip has two squares of 14 pixels, 2 pixels further in every frame, on 24 x 48 with a diagonal of 54."""
    clips, tracker = write_clips(tmp_path / "clips", count=2), write_tracker(tmp_path)
    (tmp_path / "known.csv").write_text("id,rain\nclip0,yes\nclip1,no\n")
    out = tmp_path / "out"
    what = (
        "--model",
        f"{tracker}:blunt",
        "--data",
        f"davis2017:{clips}",
        "--task",
        "video",
        "--attack",
        "fgsm",
        "--probes",
        0,
    )
    assert foolscape("run", *what, "--slices", tmp_path / "known.csv", "--out", out) == DONE
    (model,) = found_in(out).models
    by_name = {f"{one.of} {one.name}": one for one in model.slices}
    assert by_name["images rain: yes"].objects == by_name["images rain: no"].objects == 2
    # All four are small and move: only their places tell them apart.
    assert not any(one.attribute in ("size", "motion") for one in model.slices)
    upper, lower = by_name["objects up and down: upper third"], by_name["objects up and down: lower third"]
    assert (upper.images, upper.objects, lower.objects) == (2, 2, 2)
    for one in (upper, lower):
        assert one.scores["clean"]["J"] == pytest.approx(one.scores["clean"]["right"])
        assert one.loss["J&F"].value == pytest.approx(one.scores["clean"]["J&F"] - one.scores["adversarial"]["J&F"])
    rows = [upper.scores["clean"]["J"], lower.scores["clean"]["J"]]
    whole = [by_name[f"images rain: {word}"].scores["clean"]["J"] for word in ("yes", "no")]
    assert np.mean(rows) == pytest.approx(np.mean(whole))
    page = (out / "report.html").read_text()
    assert "Slices of objects" in page
    assert "mean J" in page


@pytest.mark.slow
def test_the_bundled_clips_are_sliced_by_motion(tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("id,first\n" + "".join(f"test-{i:06d},{i == 0}\n" for i in range(3)))
    what = ("--model", "bundled:scenes-tracker", "--data", "scenes:?frames=5", "--split", "test", "--limit", 3)
    out = tmp_path / "out"
    options = ("--attack", "none", "--slices", tmp_path / "known.csv", "--out", out)
    assert foolscape("run", *what, *options) == DONE
    (model,) = found_in(out).models
    named = {one.name.partition(",")[0]: one for one in model.slices if one.of == "objects"}
    objects = sum(one.objects or 0 for one in model.slices if one.attribute == "first")
    assert named["motion: at rest"].objects is not None
    assert named["motion: moves"].objects is not None
    assert named["motion: at rest"].objects + named["motion: moves"].objects == objects
    assert named["motion: moves"].objects >= 1
