"""A user's own data: an object with two methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.data.load import open_clips, open_data, open_detection, register
from foolscape.data.own import data_set_of
from foolscape.data.sample import VOID
from foolscape.errors import DataError, SampleError, SettingError, UnknownNameError

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
LABELS = np.arange(9 * 12).reshape(9, 12) % 3


class Two:
    """Two samples, the second one as it is given."""

    def __init__(self, first: Any, second: Any = None, **more: Any) -> None:
        self.samples = [first, first if second is None else second]
        vars(self).update(more)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Any:
        return self.samples[index]


def opened(made: object, opener: Any = open_data, **options: Any) -> Any:
    register("mine.py:two", data_set_of("mine.py:two", made))
    return opener("mine.py:two", **options)


@pytest.mark.parametrize(
    "image",
    [
        PIXELS,
        Image.fromarray(PIXELS),
        torch.from_numpy(PIXELS.transpose(2, 0, 1).copy()),
        torch.from_numpy(PIXELS.transpose(2, 0, 1) / np.float32(255)),
    ],
    ids=["array", "pillow", "bytes", "floats"],
)
def test_images_of_every_form_are_the_same(image: Any) -> None:
    data = opened(Two(image))
    assert (data.ids, data.classes, data.split) == (("000000", "000001"), None, None)
    assert np.array_equal(data.load("000001").image, PIXELS)
    assert data.load("000001").labels is None
    plain = opened(Two(PIXELS))
    assert data.fingerprint("000000") == plain.fingerprint("000000") != opened(Two(255 - PIXELS)).fingerprint("000000")


def test_labels_without_names_are_the_models() -> None:
    made = Two((PIXELS, torch.from_numpy(LABELS)), (PIXELS, np.where(LABELS == 2, VOID, LABELS)), ids=("a", "b"))
    data = opened(made, classes=("x", "y", "z"))
    assert (data.ids, data.classes) == (("a", "b"), ("x", "y", "z"))
    assert np.array_equal(data.load("a").labels, LABELS)
    assert set(np.unique(data.load("b").labels)) == {0, 1, VOID}
    assert opened(made, split="[:1]", classes=("x", "y", "z")).ids == ("a",)
    with pytest.raises(SettingError, match="expected `classes`, the names of the labels"):
        opened(made)
    made.classes = ["p", "q"]
    data = opened(made, classes=("x", "y", "z"))
    assert data.classes == ("p", "q")
    assert data.load("b").labels.max() == VOID
    with pytest.raises(SampleError, match="a: expected labels 0 to 1, got 0 to 2; number the classes"):
        data.load("a")


def test_boxes_as_torchvision_has_them() -> None:
    target = {"boxes": torch.tensor([[1, 2, 5, 6], [0, 0, 20, 4]]), "labels": torch.tensor([1, 0]), "iscrowd": [0, 1]}
    data = opened(Two((PIXELS, target), classes=("car", "person")), open_detection)
    truth = data.load("000000").truth
    assert truth.boxes.tolist() == [[1, 2, 5, 6], [0, 0, 12, 4]]  # clipped to the image
    assert (truth.labels.tolist(), truth.crowd.tolist(), truth.area.tolist()) == ([1, 0], [False, True], [16, 48])
    assert opened(Two(PIXELS), open_detection).classes is None
    with pytest.raises(SettingError, match="expected `classes`, the names of the labels"):
        opened(Two((PIXELS, target)), open_detection)
    with pytest.raises(SampleError, match="expected labels 0 to 0, got 0 to 1"):
        opened(Two((PIXELS, target), classes=("car",)), open_detection).load("000000")
    with pytest.raises(SampleError, match=r"expected the objects as .* got ndarray"):
        opened(Two((PIXELS, LABELS), classes=("car",)), open_detection).load("000000")


def test_clips() -> None:
    masks = np.zeros((3, 9, 12), np.int64)
    masks[:, 2:5, 3:7] = 1
    clip = opened(Two(([PIXELS] * 3, masks)), open_clips).load("000000")
    assert (clip.frames.shape, clip.judged, clip.names[2]) == ((3, 9, 12, 3), (0, 1, 2), "00002")
    assert np.array_equal(clip.truth, masks)
    given = opened(Two(([PIXELS] * 3, masks[0])), open_clips).load("000000")
    assert (given.truth, given.judged) == (None, ())
    assert np.array_equal(given.given[0].mask, masks[0])
    with pytest.raises(SampleError, match="expected an object in the first frame"):
        opened(Two(([PIXELS] * 3, 0 * masks)), open_clips).load("000000")


class Raising(Two):
    def __getitem__(self, index: int) -> Any:
        raise OSError("the disk is gone")


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (PIXELS.astype(np.float32), "expected an RGB image, .* got float32 "),
        (PIXELS[..., 0], r"got uint8 \(9, 12\)"),
        (PIXELS[:5], "of at least 8x8 pixels"),
        (torch.full((3, 9, 12), 2.0), r"expected a tensor with values in \[0, 1\], got 2 to 2; leave the normalising"),
        ((PIXELS, LABELS[1:]), "expected labels as integers from 0 on of the image's size"),
        ((PIXELS, LABELS / 2), "got float64"),
        ((PIXELS, 200 * LABELS), "expected labels up to 254, or 255 for void, got 400"),
        ("a.png", "expected an RGB image"),
    ],
)
def test_samples_that_do_not_fit(sample: Any, message: str) -> None:
    data = opened(Two((PIXELS, LABELS), sample, classes=("a", "b", "c")))
    assert data.load("000000").id == "000000"
    with pytest.raises(SampleError, match=message):
        data.load("000001")
    assert len(data.fingerprint("000001")) == 64


def test_what_is_no_data_set_is_refused() -> None:
    with pytest.raises(SettingError, match="expected mine to be an object with __len__ and __getitem__, got int"):
        data_set_of("mine", 3)
    with pytest.raises(DataError, match=r"expected a sample at data\[0\], got OSError: the disk is gone"):
        opened(Raising(PIXELS))
    with pytest.raises(DataError, match="expected an id for each of 2 samples, got 1 different ones"):
        opened(Two(PIXELS, ids=("a", "a")))
    with pytest.raises(SettingError, match="expected no split of data of your own"):
        opened(Two(PIXELS), split="val")
    with pytest.raises(UnknownNameError, match=r"unknown id in mine\.py:two"):
        opened(Two(PIXELS)).load("nowhere")
    empty = Two(PIXELS)
    empty.samples = []
    with pytest.raises(DataError, match="got a data set of length 0"):
        opened(empty)


def test_what_is_a_data_set_already_is_taken_as_it_is() -> None:
    scenes = open_data("scenes:?count=2")
    assert opened(scenes) is scenes
