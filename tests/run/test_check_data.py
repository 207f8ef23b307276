"""`foolscape check --data`: what it prints and draws."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foolscape.cli.console import DONE, ERROR, USAGE

from .test_manners import foolscape


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three photographs with label maps of two classes, one of them damaged; the working directory is beside them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "<c>"):
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir(exist_ok=True)
        picture = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
        labels = np.where(np.arange(60) < 20, 255, np.arange(60) >= 40).astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / f"images/{name}.png")
        Image.fromarray(np.tile(labels, (40, 1))).save(tmp_path / f"masks/{name}_mask.png")
    (tmp_path / "masks/b_mask.png").write_bytes(b"no image")
    (tmp_path / "classes.txt").write_text("road\n<b>car</b>\nbus\n")
    return tmp_path


SPEC = "masks:images?labels=masks&classes=classes.txt"


def test_the_tables_and_the_sheet(images: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert foolscape("check", "--data", SPEC) == DONE
    told = capfd.readouterr()
    rows = [line.split() for line in told.out.splitlines()]
    assert ["images", "3"] in rows
    assert ["cannot", "be", "used", "1"] in rows
    assert ["road", "2", "1,600", "50.00"] in rows
    assert ["<b>car</b>", "2", "1,600", "50.00"] in rows
    assert ["void", "pixels", "33.33", "%"] in rows
    assert "never seen: bus" in told.out
    assert "expected a label map, got a file that is none of PNG" in " ".join(told.out.split())
    assert "runs/data-masks-images/data.html" in told.err
    with Image.open(images / "runs/data-masks-images/data.png") as sheet:
        assert min(sheet.size) > 300
    page = (images / "runs/data-masks-images/data.html").read_text()
    assert "&lt;b&gt;car&lt;/b&gt;" in page
    assert "<h1>3 images with labels of 3 classes</h1>" in page
    assert "<b>" not in page


def test_a_sheet_goes_where_it_is_wanted(images: Path) -> None:
    assert foolscape("check", "--data", SPEC, "--limit", "1", "--out", "here") == DONE
    assert {path.name for path in (images / "here").iterdir()} == {"data.html", "data.png"}


def test_no_sample_at_all(images: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for path in (images / "masks").iterdir():
        path.write_bytes(b"no image")
    assert foolscape("check", "--data", SPEC) == ERROR
    assert "3" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected --model SPEC, --data SPEC or both, got neither"),
        (("--data", "scenes:"), "add --task segmentation or --task detection or --task video"),
        (("--data", SPEC, "--size", "40x60"), "size: expected none for data alone"),
    ],
)
def test_what_cannot_be_looked_at(images: Path, capfd: pytest.CaptureFixture[str], arguments, words: str) -> None:
    assert foolscape("check", *arguments) == USAGE
    assert words in " ".join(capfd.readouterr().err.split())
