"""Pictures: colours, magnification, sizes."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from foolscape.report.pictures import figures
from foolscape.report.pictures.figures import (
    changed,
    coloured,
    data_url,
    fitted,
    magnified,
    palette,
    panel,
    png,
)
from foolscape.scenes import describe, render

COLOURS = palette([(255, 0, 0), (0, 255, 0)], 3)
LABELS = np.array([[0, 1], [2, 255]], dtype=np.uint8)


def _open(data: bytes) -> np.ndarray:
    assert data.startswith(b"\x89PNG")
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_palette_keeps_given_colours_and_makes_up_the_rest() -> None:
    assert COLOURS.shape == (256, 3)
    assert COLOURS[:2].tolist() == [[255, 0, 0], [0, 255, 0]]
    assert COLOURS[2].tolist() not in ([255, 0, 0], [0, 255, 0], [128, 128, 128])
    assert COLOURS[255].tolist() == [128, 128, 128]
    assert len(np.unique(palette([], 150)[:150], axis=0)) == 150


def test_changed_shows_only_what_changed() -> None:
    shown = changed(LABELS, np.array([[1, 1], [2, 255]], dtype=np.uint8), COLOURS)
    assert shown[0, 0].tolist() == [0, 255, 0]
    assert (shown[[0, 1, 1], [1, 0, 1]] == 255).all()


def test_the_largest_change_reaches_full_range() -> None:
    clean = np.full((2, 2, 3), 50, dtype=np.uint8)
    attacked = clean.copy()
    attacked[0, 0], attacked[1, 1] = 54, 46
    pixels, factor = magnified(clean, attacked)
    assert factor == pytest.approx(127.5 / 4)
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert pixels[1, 1].tolist() == [0, 0, 0]
    assert pixels[0, 1].tolist() == [128, 128, 128]


def test_no_change_is_grey_everywhere() -> None:
    clean = np.full((2, 2, 3), 50, dtype=np.uint8)
    assert (magnified(clean, clean).pixels == 128).all()


@pytest.mark.parametrize("size", [(6, 9), (360, 480), (1000, 40), (400, 400), (1, 1)])
def test_both_ways_of_scaling_come_to_one_size(size: tuple[int, int]) -> None:
    pixels = np.zeros((*size, 3), dtype=np.uint8)
    smooth, sharp = fitted(pixels, smooth=True, side=100), fitted(pixels, smooth=False, side=100)
    assert smooth.shape == sharp.shape
    assert 50 < max(sharp.shape[:2]) <= 100


def test_small_label_maps_grow_by_a_whole_factor() -> None:
    grown = fitted(coloured(LABELS, COLOURS), smooth=False, side=7)
    assert np.array_equal(grown, np.kron(coloured(LABELS, COLOURS), np.ones((3, 3, 1), dtype=np.uint8)))


@pytest.mark.parametrize("levels", [2, 256])
def test_png_holds_exactly_the_pixels(levels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, levels, (40, 50, 3), dtype=np.uint8)
    assert np.array_equal(_open(png(pixels)), pixels)


def test_panel_has_two_rows_of_three_pictures() -> None:
    pictures = [np.full((60, 80, 3), 10 * n, dtype=np.uint8) for n in range(1, 7)]
    shown = _open(panel(pictures[:3], pictures[3:]))
    assert shown.shape == (2 * 60 + 8, 3 * 80 + 2 * 8, 3)
    assert (shown[:, 80:88] == 255).all()
    assert (shown[60:68] == 255).all()
    assert (shown[:60, 88:168] == 20).all()
    assert (shown[68:, :80] == 40).all()
    assert (shown[68:, -80:] == 60).all()


def test_pictures_of_few_colours_are_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = render(describe(seed=1, index=0)).image // 64 * 64
    quick = png(pixels)
    monkeypatch.setattr(figures, "SMALLEST", True)
    small = png(pixels)
    assert len(small) < len(quick)
    assert np.array_equal(_open(small), _open(quick))


def test_pictures_of_many_colours_are_nearly_as_small_as_they_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "SMALLEST", True)
    pixels, smallest = render(describe(seed=1, index=0)).image, io.BytesIO()
    Image.fromarray(pixels).save(smallest, format="PNG", optimize=True)
    assert len(png(pixels)) < 1.15 * len(smallest.getvalue())
    assert np.array_equal(_open(png(pixels)), pixels)


@pytest.mark.parametrize(("side", "photograph", "kind"), [(200, True, "jpeg"), (200, False, "png"), (100, True, "png")])
def test_large_photographs_alone_are_jpegs(side: int, photograph: bool, kind: str) -> None:
    pixels = fitted(render(describe(seed=1, index=0)).image, smooth=True, side=side)
    head, _, content = data_url(pixels, photograph=photograph).partition(",")
    assert head == f"data:image/{kind};base64"
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
    assert np.abs(shown.astype(int) - pixels).mean() < (4 if kind == "jpeg" else 1e-9)
