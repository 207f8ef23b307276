"""scenes: for detection: boxes around what is visible."""

import numpy as np
import pytest

from foolscape.data.load import open_data, open_detection
from foolscape.data.scene_boxes import CLASSES, LEAST_PIXELS, scene_boxes
from foolscape.errors import SettingError
from foolscape.scenes import CLASSES as LABELS
from foolscape.scenes import describe, render

ROAD, TREE, SIGN, CAR, BICYCLE, PERSON = map(LABELS.index, ("road", "tree", "sign", "car", "bicycle", "person"))


def blank() -> tuple[np.ndarray, np.ndarray]:
    return np.full((20, 30), ROAD, np.uint8), np.zeros((20, 30), np.int32)


def test_classes():
    assert CLASSES == ("sign", "car", "bicycle", "person")


def test_boxes_around_visible_pixels():
    labels, instances = blank()
    # A car whose middle is hidden by a person; a tree, which is no object; a rider over a bicycle at the corner.
    for top, bottom, left, right, label, number in (
        (4, 10, 2, 20, CAR, 900),
        (0, 20, 8, 12, PERSON, 7),
        (0, 9, 20, 24, TREE, 12),
        (15, 20, 24, 30, BICYCLE, 3),
        (12, 17, 25, 29, PERSON, 4),
    ):
        labels[top:bottom, left:right], instances[top:bottom, left:right] = label, number
    truth = scene_boxes(labels, instances)
    assert truth.boxes.tolist() == [[24, 15, 30, 20], [25, 12, 29, 17], [8, 0, 12, 20], [2, 4, 20, 10]]
    assert [CLASSES[i] for i in truth.labels] == ["bicycle", "person", "person", "car"]
    assert truth.area.tolist() == [22, 20, 80, 84]
    assert truth.difficult.tolist() == [True, True, False, False]
    assert not truth.crowd.any()
    types = [truth.boxes.dtype, truth.labels.dtype, truth.difficult.dtype, truth.crowd.dtype, truth.area.dtype]
    assert types == [np.float64, np.int64, np.bool_, np.bool_, np.float64]


@pytest.mark.parametrize(("pixels", "difficult"), [(1, True), (LEAST_PIXELS - 1, True), (LEAST_PIXELS, False)])
def test_small_ones_are_difficult(pixels, difficult):
    labels, instances = blank()
    labels[5, :pixels], instances[5, :pixels] = SIGN, 1
    truth = scene_boxes(labels, instances)
    assert truth.boxes.tolist() == [[0, 5, pixels, 6]]
    assert truth.difficult.tolist() == [difficult]


def test_an_empty_street():
    truth = scene_boxes(*blank())
    assert truth.boxes.shape == (0, 4)
    assert truth.labels.shape == truth.difficult.shape == truth.crowd.shape == truth.area.shape == (0,)


def test_against_a_slow_search():
    for index in range(3):
        frame = render(describe(5, index), 96, 128)
        truth = scene_boxes(frame.labels, frame.instances)
        want = []
        for number in np.unique(frame.instances):
            mask = frame.instances == number
            name = LABELS[frame.labels[mask][0]]
            if number and name in CLASSES:
                rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
                box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
                want.append((*box, CLASSES.index(name), mask.sum()))
        assert len(want) > 3
        got = np.concatenate([truth.boxes, truth.labels[:, None], truth.area[:, None]], axis=1)
        np.testing.assert_array_equal(got, want)


def test_data_set():
    data, other = open_detection("scenes:", split="val"), open_data("scenes:", split="val")
    assert (data.spec, data.split, data.ids, data.classes) == ("scenes:", "val", other.ids, CLASSES)
    assert data.notes[0] == other.notes[0]
    assert "fewer than 24 are difficult" in data.notes[1]
    name = data.ids[3]
    assert data.fingerprint(name) == other.fingerprint(name)
    sample, frame = data.load(name), render(describe(1, 3), 160, 256)
    assert (sample.id, sample.notes) == (name, ())
    np.testing.assert_array_equal(sample.image, frame.image)
    np.testing.assert_array_equal(sample.truth.boxes, scene_boxes(frame.labels, frame.instances).boxes)
    assert len(sample.truth.boxes) > 2


def test_refusals():
    with pytest.raises(SettingError, match="expected count to be a whole number"):
        open_detection("scenes:?count=0")
