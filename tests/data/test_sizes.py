"""A size with height and width exchanged."""

import numpy as np
import pytest

from foolscape.data.load import open_data
from foolscape.data.sizes import exchanged, said_of_size

NOTE = (
    "the size 480x360 is higher than wide, but the 2 images looked at are wider than high (360x480); height comes "
    "first: is it 360x480?"
)


@pytest.mark.parametrize(
    ("size", "sizes", "want"),
    [
        ((480, 360), [(360, 480), (300, 400)], NOTE),
        ((480, 360), [(360, 480), (480, 360)], None),
        ((480, 360), [(360, 480), (400, 400)], None),
        ((360, 480), [(360, 480)], None),
        ((400, 400), [(360, 480)], None),
        ((480, 360), [], None),
        (
            (96, 128),
            [(640, 427)],
            "the size 96x128 is wider than high, but the image looked at is higher than wide (640x427); height comes "
            "first: is it 128x96?",
        ),
    ],
)
def test_exchanged(size, sizes, want):
    assert exchanged(size, sizes) == want


@pytest.fixture
def data(tmp_path, save):
    def write(*sizes: tuple[int, int]):
        for index, size in enumerate(sizes):
            save(tmp_path / f"{index}.png", np.zeros((*size, 3), np.uint8))
        return open_data(f"folder:{tmp_path}")

    return write


def test_a_note_of_the_data(data):
    source = data((12, 16), (12, 20))
    said = said_of_size(source, source.ids, (20, 12), lambda sample: sample.image.shape)
    assert [note.partition(",")[0] for note in said.notes] == ["the size 20x12 is higher than wide"]
    assert (said.ids, said.split, said.spec) == (source.ids, None, source.spec)
    for size in ((12, 16), (16, 16), None):
        assert said_of_size(source, source.ids, size, lambda sample: sample.image.shape) is source
    assert said_of_size(source, (), (20, 12), lambda sample: sample.image.shape) is source


def test_mixed_images_are_not_judged(data, tmp_path):
    source = data((12, 16), (16, 12), (12, 16))
    (tmp_path / "0.png").write_bytes(b"")  # one that cannot be read does not count
    assert said_of_size(source, source.ids, (20, 12), lambda sample: sample.image.shape) is source
    assert said_of_size(source, ("0", "2"), (20, 12), lambda sample: sample.image.shape).notes[0].startswith("the size")
