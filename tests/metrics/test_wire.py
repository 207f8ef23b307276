"""Lists of JSON become the arrays that numpy makes of them, and what is no list of numbers is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from foolscape.metrics.wire import Box32Array, BoxArray, Float32Array, IntArray

BOXES: TypeAdapter[Any] = TypeAdapter(BoxArray)


def test_boxes_are_those_of_the_lists_in_their_precision() -> None:
    rows = np.random.default_rng(0).random((50, 4)).tolist()
    np.testing.assert_array_equal(BOXES.validate_python(rows), rows)
    short = TypeAdapter[Any](Box32Array).validate_python(rows)
    assert short.dtype == np.float64
    np.testing.assert_array_equal(short, np.array(rows, np.float32))
    assert BOXES.validate_python([]).shape == (0, 4)
    assert BOXES.validate_python([[1, 2.5, True, 4]]).tolist() == [[1, 2.5, 1, 4]]


@pytest.mark.parametrize(
    "odd",
    [
        [[1.0, 2, 3], [4, 5, 6, 7, 8]],  # eight numbers, and no two boxes
        [[1.0, 2, 3, "4"]],
        [[1.0, 2, 3, None]],
        [[True] * 4],
        [[1.0, 2, 3, 4], 5.0],
        [[1.0, 2, 3, [4]]],
        [[1.0, 2, 3, 2**70]],
        ["1234"],
        [[1.0, 2, 3]],
        {"0": 1.0},
    ],
)
def test_what_is_no_list_of_boxes_is_refused(odd: object) -> None:
    with pytest.raises(ValidationError):
        BOXES.validate_python(odd)


@pytest.mark.parametrize(("form", "odd"), [(IntArray, [1.5]), (IntArray, [True]), (Float32Array, ["1"])])
def test_numbers_of_another_kind_are_refused(form: object, odd: object) -> None:
    with pytest.raises(ValidationError, match="alone"):
        TypeAdapter[Any](form).validate_python(odd)
