"""Parts of splits."""

from collections.abc import Callable
from typing import Any

import pytest

from foolscape.data.load import open_clips, open_data, open_detection
from foolscape.errors import DataError, SettingError

BEYOND = "the part train[7:99] goes beyond the 10 that there are, and has 3"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [("train[:80%]", 0, 8), ("train[80%:]", 8, 10), ("train[2:5]", 2, 5), ("train[:]", 0, 10), ("train[7:99]", 7, 10),
     ("train[33%:66%]", 3, 6), ("[:3]", 0, 3)],
)  # fmt: skip
def test_a_part_is_a_slice_of_the_ids(text: str, first: int, last: int) -> None:
    spec = "scenes:?count=10"
    whole = open_data(spec, split="train" if text.startswith("train") else None)
    part = open_data(spec, split=text)
    assert tuple(part.ids) == tuple(whole.ids[first:last])
    said = (BEYOND,) if text == "train[7:99]" else ()
    assert (part.split, part.spec, part.classes, part.notes) == (text, whole.spec, whole.classes, (*whole.notes, *said))
    assert tuple(open_detection(spec, split=text).ids) == tuple(part.ids)
    one = part.ids[0]
    assert part.fingerprint(one) == whole.fingerprint(one)
    assert (part.load(one).image == whole.load(one).image).all()


@pytest.mark.parametrize(
    ("text", "said"),
    [("train[:10]", ()), ("train[:100%]", ()), ("train[7:]", ()), ("train[7:99]", (BEYOND,)),
     ("train[:150%]", ("the part train[:150%] goes beyond the 10 that there are, and has 10",))],
)  # fmt: skip
@pytest.mark.parametrize("opened", [open_data, open_detection, open_clips])
def test_a_part_that_goes_beyond_what_there_is_says_so(
    opened: Callable[..., Any], text: str, said: tuple[str, ...]
) -> None:
    spec = "scenes:?count=10"
    assert opened(spec, split=text).notes == (*opened(spec, split="train").notes, *said)


def test_two_parts_make_the_whole() -> None:
    for count in (1, 3, 7, 10):
        spec = f"scenes:?count={count}"
        ids = open_data(spec, split="val").ids
        parts = []
        for text in ("val[:70%]", "val[70%:]"):
            try:
                parts += open_data(spec, split=text).ids
            except DataError:
                assert count == 1
        assert parts == list(ids)


@pytest.mark.parametrize("text", ["train[", "train[3]", "train[:x]", "train[-2:]", "train]2:[", "[1:2]train"])
def test_other_brackets_are_refused(text: str) -> None:
    with pytest.raises(SettingError, match=r"val\[:80%\]"):
        open_data("scenes:", split=text)
