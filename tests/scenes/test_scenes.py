"""The drawn street: the same for the same numbers, labelled as drawn, and moving with time."""

import numpy as np
import pytest

from foolscape.scenes import CLASSES, COLOURS, SceneFrame, describe, render


@pytest.fixture(scope="module")
def frames() -> list[SceneFrame]:
    return [render(describe(5, index)) for index in range(20)]


def test_a_colour_for_each_class() -> None:
    assert len(COLOURS) == len(CLASSES) == len(set(COLOURS)) == len(set(CLASSES))


def test_a_frame_has_the_size_and_types_it_promises(frames: list[SceneFrame]) -> None:
    for frame in frames:
        assert frame.image.shape == (160, 256, 3)
        assert frame.labels.shape == frame.instances.shape == (160, 256)
        assert (frame.image.dtype, frame.labels.dtype) == (np.uint8, np.uint8)
        assert frame.instances.dtype == np.int32
        assert frame.labels.max() < len(CLASSES)


def test_the_same_numbers_give_the_same_bytes(frames: list[SceneFrame]) -> None:
    assert describe(5, 3) == describe(5, 3)
    again = render(describe(5, 3))
    for part, other in zip(again, frames[3], strict=True):
        assert np.array_equal(part, other)


def test_other_numbers_give_another_street(frames: list[SceneFrame]) -> None:
    assert not np.array_equal(frames[3].image, frames[4].image)
    assert not np.array_equal(frames[3].image, render(describe(6, 3)).image)


def test_all_classes_occur(frames: list[SceneFrame]) -> None:
    counts = sum(np.bincount(frame.labels.ravel(), minlength=len(CLASSES)) for frame in frames)
    assert np.all(counts / sum(frame.labels.size for frame in frames) > 0.004)


def test_most_classes_occur_in_every_scene(frames: list[SceneFrame]) -> None:
    assert all(len(np.unique(frame.labels)) >= 6 for frame in frames)


def test_an_instance_has_the_class_of_its_object(frames: list[SceneFrame]) -> None:
    for index, frame in enumerate(frames):
        label_of = {thing.id: thing.label for thing in describe(5, index).things}
        for number in np.unique(frame.instances):
            found = set(np.unique(frame.labels[frame.instances == number]).tolist())
            if number:
                assert found == {label_of[int(number)]}
            else:
                assert found <= {CLASSES.index(name) for name in ("sky", "building", "road", "pavement")}


def test_a_ridden_bicycle_stands_where_its_rider_is() -> None:
    for index in range(20):
        things = {thing.id: thing for thing in describe(5, index).things}
        for thing in things.values():
            bicycle = things.get(getattr(thing.look, "bicycle", 0))
            if bicycle is not None:
                assert thing.at(0.7) == bicycle.at(0.7)


def _centre(frame: SceneFrame, number: int) -> tuple[float, float]:
    rows, columns = np.nonzero(frame.instances == number)
    return float(rows.mean()), float(columns.mean())


def test_time_moves_what_has_a_speed_and_keeps_the_numbers() -> None:
    moved = stood = 0
    for index in range(6):
        street = describe(5, index)
        start, later = render(street), render(street, time=0.25)
        shared = set(np.unique(start.instances)) & set(np.unique(later.instances)) - {0}
        assert len(shared) >= 0.6 * (len(np.unique(start.instances)) - 1)
        speed_of = {thing.id: thing.speed for thing in street.things}
        for number in shared:
            # An object half hidden by another may seem to move: count the clear cases.
            shift = np.hypot(*np.subtract(_centre(start, number), _centre(later, number)))
            moved += bool(speed_of[number] > 0.5 and shift > 0.5)
            stood += bool(speed_of[number] == 0 and shift < 0.05)
    assert moved >= 10
    assert stood >= 10


def test_the_sensor_noise_depends_on_the_time() -> None:
    street = describe(5, 0)
    still, next_frame = render(street), render(street, time=1e-3)
    assert not np.array_equal(still.image, next_frame.image)
    assert np.array_equal(next_frame.image, render(street, time=1e-3).image)


@pytest.mark.parametrize("size", [(80, 128), (97, 210), (320, 512)])
def test_other_sizes_show_the_same_scene(size: tuple[int, int]) -> None:
    street = describe(5, 1)
    frame, usual = render(street, *size), render(street)
    assert frame.image.shape == (*size, 3)
    share, expected = (np.bincount(f.labels.ravel(), minlength=len(CLASSES)) / f.labels.size for f in (frame, usual))
    if size[0] / size[1] == 160 / 256:
        # A smaller picture leaves out what would be too few of its pixels; a larger one shows everything.
        assert np.abs(share - expected).max() < (0.03 if size[0] >= 160 else 0.05)
