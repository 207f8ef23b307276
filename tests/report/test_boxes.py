"""Boxes and tags drawn into a photograph."""

from __future__ import annotations

import numpy as np
import pytest

from foolscape.report.pictures.boxes import TAGS, Mark, draw_boxes

from .fake_run import HOSTILE

GREY = np.full((200, 300, 3), 90, dtype=np.uint8)
RED, GREEN = (255, 0, 0), (0, 255, 0)


def _mark(*box: float, colour: tuple[int, int, int] = RED, name: str = "car") -> Mark:
    return Mark(np.array(box, dtype=np.float64), colour, name, "0.93")


def _count(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(axis=2).sum())


def test_a_box_is_outlined_where_it_is_and_its_inside_is_left_alone() -> None:
    drawn = draw_boxes(GREY, [_mark(100, 80, 200, 160)], side=600)
    assert drawn.shape == (400, 600, 3)
    assert drawn[200, 200].tolist() == drawn[320, 300].tolist() == list(RED)
    assert (drawn[170:310, 210:390] == 90).all()
    assert (drawn[:100] == 90).all()
    assert (GREY == 90).all()


def test_the_first_mark_is_on_top() -> None:
    first, second = _mark(50, 50, 200, 150), _mark(50, 50, 200, 150, colour=GREEN)
    drawn = draw_boxes(GREY, [first, second], side=300)
    assert drawn[100, 50].tolist() == list(RED)
    assert drawn[150, 120].tolist() == list(RED)


@pytest.mark.parametrize(
    "box", [(-50, -50, 350, 250), (299, 199, 400, 400), (0, 0, 0.2, 0.2), (-1e30, -1e30, 1e30, 1e30), (10, 0, 20, 1)]
)
def test_boxes_at_the_edge_are_cut_to_the_picture(box: tuple[float, ...]) -> None:
    assert _count(draw_boxes(GREY, [_mark(*box)], side=300), RED) > 0


@pytest.mark.parametrize(
    "box", [(np.nan, 0, 9, 9), (0, 0, np.inf, 9), (400, 0, 500, 90), (-90, 0, -10, 90), (50, 50, 40, 40)]
)
def test_boxes_that_are_not_in_the_picture_are_left_out(box: tuple[float, ...]) -> None:
    assert np.array_equal(draw_boxes(GREY, [_mark(*box)], side=300), GREY)


def test_tags_do_not_cover_each_other() -> None:
    marks = [_mark(100, 80, 200, 160), _mark(101, 81, 201, 161, colour=GREEN)]
    alone = draw_boxes(GREY, marks[:1], side=300)
    both = draw_boxes(GREY, marks, side=300)
    assert (both[(alone == RED).all(axis=2)] == RED).all()
    assert _count(both, GREEN) > 400  # a pixel's width of its outline shows, and a tag of its own


def test_a_tag_moves_to_where_it_hides_no_other_box() -> None:
    low, high = _mark(100, 100, 200, 160), _mark(90, 70, 210, 99, colour=GREEN, name="")
    drawn = draw_boxes(GREY, [low, high], side=300)
    assert _count(drawn[73:97, 95:205], RED) == 0
    assert _count(drawn[162:180], RED) > 100  # below its box


def test_where_there_is_no_room_the_tag_is_left_out() -> None:
    # A box as large as the picture has four places, its corners inside; its outline hides those of its copies.
    box, green = (0, 0, 299, 199), _mark(0, 0, 299, 199, colour=GREEN)
    three, four = ([_mark(*box, name=f"class {n}") for n in range(count)] for count in (3, 4))
    assert _count(draw_boxes(GREY, [*three, green], side=300), GREEN) > 300
    full = draw_boxes(GREY, four, side=300)
    assert np.array_equal(draw_boxes(GREY, [*four, green], side=300), full)


def test_only_so_many_boxes_have_a_tag() -> None:
    photo = np.full((720, 1080, 3), 90, dtype=np.uint8)
    cells = [(90 * (n % 12), 70 * (n // 12)) for n in range(TAGS + 1)]
    marks = [_mark(x + 4, y + 40, x + 44, y + 64, name="") for x, y in cells]
    x, y = cells[-1]
    green = _mark(x + 4, y + 40, x + 44, y + 64, colour=GREEN, name="")
    alone, last, behind = (
        _count(draw_boxes(photo, [*others, green], side=1080), GREEN)
        for others in ([], marks[: TAGS - 1], marks[:TAGS])
    )
    assert last == alone
    assert 0 < behind < alone / 2


@pytest.mark.parametrize("name", ["", HOSTILE, "a" * 1000, "\u202eabc", "\u4eba"])
def test_any_name_is_drawn_inside_the_picture(name: str) -> None:
    drawn = draw_boxes(GREY, [_mark(100, 80, 200, 160, name=name)], side=300)
    assert drawn.shape == GREY.shape
    assert _count(drawn, RED) > 0


@pytest.mark.parametrize("size", [(1, 1), (4, 300), (300, 4)])
def test_a_tiny_photograph_is_no_error(size: tuple[int, int]) -> None:
    photo = np.zeros((*size, 3), dtype=np.uint8)
    drawn = draw_boxes(photo, [_mark(0, 0, size[1], size[0])], side=300)
    assert _count(drawn, RED) > 0
