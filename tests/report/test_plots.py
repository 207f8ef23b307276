"""Curves: the same bytes for the same numbers, with every name in them, escaped."""

import base64

from foolscape.report.pictures.plots import Curve, plot


def svg(data: str) -> str:
    return base64.b64decode(data.removeprefix("data:image/svg+xml;base64,")).decode()


def test_the_same_numbers_give_the_same_bytes() -> None:
    curves = [
        Curve("hidden", [2, 5, 10], [1.0, None, 60.0]),
        Curve("<b>noise", [2, 5, 10], [0.0, 1.0, 2.0], dashed=True),
    ]
    one, other = (plot("caption", curves, "eps", "percent", percent=True) for _ in range(2))
    assert one == other
    drawn = svg(one.data)
    assert ">hidden<" in drawn
    assert "&lt;b&gt;noise" in drawn
    assert "<b>" not in drawn
    assert plot("caption", curves[:1], "eps", "percent", percent=True).data != one.data


def test_labels_stand_beside_their_points() -> None:
    drawn = svg(plot("c", [Curve("", [1, 2], [3, 4], ["omega 0.1", "omega 0.9"])], "x", "y", percent=False).data)
    assert drawn.count("omega 0.") == 2
