"""J and F of one mask: on paper, against the definition in slow loops, and at every edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal

from foolscape.errors import SampleError
from foolscape.metrics.masks import boundary, contour_f, contour_radius, dilate, region_j


def drawn(*rows: str) -> np.ndarray:
    return np.array([[pixel == "#" for pixel in row] for row in rows])


EMPTY, FULL = np.zeros((5, 7), bool), np.ones((5, 7), bool)
BOX = drawn("....", ".##.", ".##.", "....")


def slow_boundary(mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    edge = np.zeros_like(mask)
    for y in range(height):
        for x in range(width):
            if y == height - 1 and x == width - 1:
                continue
            if y == height - 1:
                edge[y, x] = mask[y, x] != mask[y, x + 1]
            elif x == width - 1:
                edge[y, x] = mask[y, x] != mask[y + 1, x]
            else:
                edge[y, x] = not (mask[y, x] == mask[y, x + 1] == mask[y + 1, x] == mask[y + 1, x + 1])
    return edge


def slow_f(prediction: np.ndarray, truth: np.ndarray, radius: int) -> float:
    guess, real = np.argwhere(slow_boundary(prediction)), np.argwhere(slow_boundary(truth))
    if len(guess) == 0 or len(real) == 0:
        return 1.0 if len(guess) == len(real) else 0.0
    near = ((guess[:, None] - real[None]) ** 2).sum(axis=2) <= radius**2
    precision, recall = near.any(axis=1).mean(), near.any(axis=0).mean()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


masks = hnp.array_shapes(min_dims=2, max_dims=2, max_side=14).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.bool_, shape)] * 3)
)


def test_j_on_paper() -> None:
    # Truth 4 pixels, prediction 4, two in common: 2 / 6.
    assert region_j(drawn("..##", "..##"), drawn(".##.", ".##.")) == pytest.approx(1 / 3)


def test_j_leaves_out_void() -> None:
    # Void takes one common pixel, one pixel of the truth alone and one of the prediction alone: 1 / 3.
    prediction, truth = drawn("..##", "..##"), drawn(".##.", ".##.")
    assert region_j(prediction, truth, drawn("....", ".###")) == pytest.approx(1 / 3)
    assert region_j(prediction, truth, drawn("..#.", "....")) == pytest.approx(1 / 5)
    assert region_j(prediction, truth, drawn("....", "#...")) == pytest.approx(2 / 6)
    assert region_j(prediction, truth, drawn("####", "####")) == 1.0


@pytest.mark.parametrize(
    ("prediction", "truth", "j", "f"),
    [
        (EMPTY, EMPTY, 1, 1),
        (FULL, FULL, 1, 1),
        (FULL, EMPTY, 0, 1),  # neither has a boundary
        (EMPTY, FULL, 0, 1),
        (EMPTY, np.eye(5, 7, dtype=bool), 0, 0),
        (np.eye(5, 7, dtype=bool), EMPTY, 0, 0),
        (FULL, np.eye(5, 7, dtype=bool), 5 / 35, 0),
        (np.eye(5, 7, dtype=bool), FULL, 5 / 35, 0),
    ],
)
def test_empty_and_full(prediction: np.ndarray, truth: np.ndarray, j: float, f: float) -> None:
    assert (region_j(prediction, truth), contour_f(prediction, truth)) == pytest.approx((j, f))


@pytest.mark.parametrize(
    ("mask", "edge"),
    [
        # Shifted half a pixel up and to the left; inside the block only its first pixel has three equal neighbours.
        (BOX, drawn("###.", "#.#.", "###.", "....")),
        (drawn("....", "....", "....", ".#.."), drawn("....", "....", "##..", "##..")),  # last row: to the right alone
        (drawn("....", "...#", "....", "...."), drawn("..##", "..##", "....", "....")),  # last column: down alone
        (drawn("....", "....", "....", "...#"), drawn("....", "....", "..##", "..#.")),  # last pixel: never
        (drawn("#...", "....", "....", "...."), drawn("#...", "....", "....", "....")),  # first pixel: itself alone
        (drawn("####", "####", "####", "####"), drawn("....", "....", "....", "....")),
        (drawn(".##."), drawn("#.#.")),
        (drawn(".", "#", "#", "."), drawn("#", ".", "#", ".")),
        (drawn("#"), drawn(".")),
    ],
)
def test_boundary_on_paper(mask: np.ndarray, edge: np.ndarray) -> None:
    assert_array_equal(boundary(mask), edge)


@pytest.mark.parametrize(
    ("prediction", "precision", "recall"),
    [
        # Truth ..##.... has boundary pixels 1 and 3; the radius is 1.
        ("..####..", 1 / 2, 1 / 2),  # 1 and 5
        ("..##..#.", 2 / 4, 2 / 2),  # 1, 3, 5 and 6
        ("..###...", 2 / 2, 2 / 2),  # 1 and 4, which is one pixel off
        ("..######", 1 / 1, 1 / 2),  # 1: the frame's border is no boundary
        (".......#", 0, 0),  # 6
        ("......##", 0, 0),  # 5, two pixels off
    ],
)
def test_f_on_paper(prediction: str, precision: float, recall: float) -> None:
    expected = 2 * precision * recall / (precision + recall) if precision else 0
    assert contour_f(drawn(prediction), drawn("..##....")) == pytest.approx(expected)
    assert contour_f(drawn("..##...."), drawn(prediction)) == pytest.approx(expected)


def test_a_diagonal_step_is_further_than_one_pixel() -> None:
    one, other = drawn("#....", "....."), drawn(".....", "..#..")
    assert_array_equal(boundary(one), drawn("#....", "....."))
    assert_array_equal(boundary(other), drawn(".##..", ".##.."))
    # Of four pixels (0, 1) is within 1 of (0, 0), and (1, 1) is not: precision 1/4, recall 1.
    assert contour_f(other, one) == pytest.approx(2 * (1 / 4) / (5 / 4))
    # At 2 pixels all but (1, 2) are: the distance is the square root of 5.
    assert contour_f(other, one, tolerance=2) == pytest.approx(2 * (3 / 4) / (7 / 4))


def test_f_takes_void_for_background() -> None:
    # With pixels 4 and 5 void, ..####.. is ..##....: boundaries 1 and 3. Dropping void boundary pixels would keep 1.
    void = drawn("....##..")
    assert contour_f(drawn("..####.."), drawn("..##...."), void) == 1.0
    assert contour_f(drawn("..##...."), drawn("..####.."), void) == 1.0
    assert contour_f(drawn("....##.."), drawn("......##"), void) == 0.0  # nothing is left of the prediction


@settings(deadline=None, max_examples=300)
@given(masks, st.sampled_from([0.008, 0.2, 1, 2, 3, 5, 40]))
def test_f_by_its_definition(triple: tuple[np.ndarray, ...], tolerance: float) -> None:
    prediction, truth, void = triple
    radius = tolerance if tolerance >= 1 else math.ceil(tolerance * math.dist((0, 0), truth.shape))
    assert contour_f(prediction, truth, tolerance=tolerance) == pytest.approx(slow_f(prediction, truth, radius))
    kept = contour_f(prediction, truth, void, tolerance)
    assert kept == pytest.approx(slow_f(prediction & ~void, truth & ~void, radius))


@pytest.mark.parametrize("seed", range(6))
def test_f_of_blobs_by_its_definition(seed: int) -> None:
    # Single objects far from the frame's edges, as in a clip; here the crop matters.
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:60, :90]
    one, other = (
        np.hypot(y - rng.uniform(20, 40), x - rng.uniform(30, 60)) < rng.uniform(3, 15) + rng.normal(0, 0.6, (60, 90))
        for _ in range(2)
    )
    for radius in (1, 4, 8):
        value = contour_f(one, other, tolerance=radius)
        assert value == pytest.approx(slow_f(one, other, radius))
    assert 0 < value < 1


@settings(deadline=None)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=14)), st.integers(1, 20))
def test_dilation_by_a_disk(mask: np.ndarray, radius: int) -> None:
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        expected |= (y - row) ** 2 + (x - column) ** 2 <= radius**2
    before = mask.copy()
    assert_array_equal(dilate(mask, radius), expected)
    assert_array_equal(mask, before)


@pytest.mark.parametrize(
    ("size", "radius"),
    [((60, 90), 1), ((120, 213), 2), ((480, 854), 8), ((1080, 1920), 18), ((600, 800), 8), ((601, 800), 9)],
)
def test_the_radius_grows_with_the_diagonal(size: tuple[int, int], radius: int) -> None:
    # 600 x 800 has a diagonal of 1000 and a radius of exactly 8; anything above is rounded up.
    assert contour_radius(*size) == radius


def test_a_tolerance_from_one_on_is_in_pixels() -> None:
    assert [contour_radius(480, 854, tolerance) for tolerance in (1, 3, 0.1)] == [1, 3, 98]


@pytest.mark.parametrize("measure", [region_j, contour_f])
@pytest.mark.parametrize(
    ("prediction", "void", "got"),
    [
        (np.zeros((4, 5), bool), None, r"bool \(4, 5\)"),
        (np.zeros((4, 4), np.uint8), None, r"uint8 \(4, 4\)"),
        (BOX, np.zeros((4, 4), np.uint8), r"uint8 \(4, 4\)"),
        (BOX, np.zeros((1, 4), bool), r"bool \(1, 4\)"),
    ],
)
def test_what_is_no_mask_is_refused(measure, prediction: np.ndarray, void: np.ndarray | None, got: str) -> None:
    with pytest.raises(SampleError, match=rf"expected bool \(4, 4\), got {got}. Compare the label map"):
        measure(prediction, BOX, void)


def test_a_stack_of_masks_is_refused() -> None:
    with pytest.raises(SampleError, match="boolean maps of one size"):
        region_j(BOX[None], BOX[None])


def test_nothing_is_written_to() -> None:
    frozen = [mask.copy() for mask in (BOX, BOX.T, drawn("#...", "....", "....", "...."))]
    for mask in frozen:
        mask.setflags(write=False)
    region_j(*frozen)
    contour_f(*frozen)
