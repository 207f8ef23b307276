"""What the readers of clips share: order, gaps, given objects, resizing, the palette."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from foolscape.data import clip_files
from foolscape.data.clips import Clip, GivenMask, objects_in, resize_clip
from foolscape.data.palette import davis_palette
from foolscape.errors import SampleError, SettingError
from tests.data.made import frame, mask

# Order and gaps


def test_natural_order():
    names = ["b", "a10", "a2", "a02", "2", "10", "a", "a2b10", "a2b9"]
    want = ["2", "10", "a", "a02", "a2", "a2b9", "a2b10", "a10", "b"]
    assert sorted(names, key=clip_files.natural_key) == want


@given(st.lists(st.text(max_size=6), max_size=6))
def test_natural_order_takes_any_names(names):
    assert sorted(sorted(names, key=clip_files.natural_key)) == sorted(names)


@given(
    first=st.integers(0, 1200),
    step=st.sampled_from([1, 2, 5]),
    count=st.integers(2, 30),
    width=st.sampled_from([1, 5]),
    before=st.sampled_from(["", "img_", "take2-"]),
    data=st.data(),
)
def test_gaps(first, step, count, width, before, data):
    names = [f"{before}{first + step * index:0{width}d}" for index in range(count)]
    assert clip_files.first_gap(names) is None
    if count >= 4:
        gone = data.draw(st.integers(1, count - 2))
        assert clip_files.first_gap(names[:gone] + names[gone + 1 :]) == names[gone]


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b", "c"],  # no numbers
        ["a1", "b2", "b3", "b5"],  # not one numbering
        ["100", "140", "155", "230"],  # times, not numbers
        ["1", "01", "3"],
        ["7"],
        [],
    ],
)
def test_names_that_are_no_numbering(names):
    assert clip_files.first_gap(names) is None


def test_frames_in_a_folder(tmp_path, save):
    for number in (10, 9, 8):
        save(tmp_path / f"f{number}.png", frame(number))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "._f8.png").write_text("x")
    assert list(clip_files.frames_in(tmp_path)) == ["f8", "f9", "f10"]


def test_memory_is_limited(tmp_path, save, monkeypatch):
    paths = [save(tmp_path / f"{number}.png", frame(number)) for number in range(3)]
    monkeypatch.setattr(clip_files, "MOST_BYTES", 3 * 12 * 16 * 3)
    assert clip_files.read_frames(paths)[0].shape == (3, 12, 16, 3)
    monkeypatch.setattr(clip_files, "MOST_BYTES", 3 * 12 * 16 * 3 - 1)
    with pytest.raises(SampleError, match=r"expected frames of at most .* GiB together, got 3 of 12x16, .* take fewer"):
        clip_files.read_frames(paths)


# GivenMask objects


@given(st.lists(st.lists(st.sampled_from([0, 1, 2, 7, 254, 255]), max_size=5), min_size=1, max_size=5))
def test_each_object_is_given_once_where_it_is_seen_first(lists):
    masks = [mask(*labels) for labels in lists]
    got = clip_files.given_in(masks, range(0, 5 * len(masks), 5))
    labels = [label for one in got for label in objects_in(one.mask)]
    assert len(labels) == len(set(labels))
    assert set(labels) == {label for one in masks for label in np.unique(one).tolist()} - {0, 255}
    for one in got:
        source = masks[one.frame // 5]
        for label in objects_in(one.mask):
            np.testing.assert_array_equal(one.mask == label, source == label)
            assert not any((earlier == label).any() for earlier in masks[: one.frame // 5])


# Resizing


def clip(*given_: GivenMask, truth: bool = True) -> Clip:
    frames = np.stack([frame(index) for index in range(3)])
    masks = np.stack([mask(1, 2), mask(1, 2), mask(255)])
    return Clip("c", frames, ("0", "1", "2"), given_, masks if truth else None, (0, 1, 2) if truth else ())


def test_resize():
    before = clip(GivenMask(0, mask(1)), GivenMask(1, mask(0, 2)))
    after = resize_clip(before, (24, 32))
    assert (after.frames.shape, after.truth.shape) == ((3, 24, 32, 3), (3, 24, 32))
    for index in range(3):
        want = Image.fromarray(before.frames[index]).resize((32, 24), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(after.frames[index], np.array(want))
        np.testing.assert_array_equal(after.truth[index], before.truth[index].repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(after.given[1].mask, mask(0, 2).repeat(2, 0).repeat(2, 1))
    assert dataclasses.replace(after, frames=before.frames, truth=None, given=()) == dataclasses.replace(
        before, truth=None, given=()
    )
    assert resize_clip(before, (12, 16)) is before
    assert resize_clip(clip(GivenMask(0, mask(1)), truth=False), (8, 8)).truth is None


def test_resize_refuses_to_lose_an_object():
    small = mask(1)
    small[10, 14] = 9  # a pixel that 8x8 skips
    with pytest.raises(
        SampleError, match=r"c: expected every given object to keep a pixel at 8x8, got none of object 9 in"
    ):
        resize_clip(clip(GivenMask(0, small)), (8, 8))
    with pytest.raises(SettingError, match="expected a size of at least 8x8 pixels, got 7x9"):
        resize_clip(clip(GivenMask(0, small)), (7, 9))


@settings(deadline=None)
@given(st.integers(8, 40), st.integers(8, 40))
def test_resized_masks_hold_labels_of_the_mask(height, width):
    after = resize_clip(clip(GivenMask(0, mask(5, 200))), (height, width))
    assert set(np.unique(after.given[0].mask)) == {0, 5, 200}
    assert set(np.unique(after.truth)) <= {0, 1, 2, 255}


# The palette


def test_palette():
    colours = davis_palette()
    assert len(colours) == len(set(colours)) == 256
    assert colours[:9] == (
        (0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128), (128, 128, 128),
        (64, 0, 0),
    )  # fmt: skip
    assert colours[15] == (192, 128, 128)  # person
    assert colours[20] == (0, 64, 128)  # tvmonitor
    assert colours[255] == (224, 224, 192)  # void


def test_a_folder_that_is_not_there():
    assert clip_files.images_in(Path("nowhere")) == []
