"""An image that is changed while a run measures others is not measured in the place of the one that it began with."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from foolscape.errors import RunError

from .made import do_run, write_net, write_photos

MEDDLING = """
class Meddling(Net):
    def forward(self, images):
        if MARK.exists():
            MARK.unlink()
            LAST.write_bytes(OTHER.read_bytes())
        return super().forward(images)

def meddling():
    return Meddling()
"""

PGD = {"attack": "pgd", "steps": 2, "eps": "4/255", "probes": 0}


@pytest.mark.parametrize("eps", ["4/255", ["2/255", "4/255"]])
def test_an_image_changed_meanwhile_ends_the_run(tmp_path: Path, eps: object) -> None:
    photos = Path(write_photos(tmp_path / "photos", 6))
    *_, other, last = sorted(photos.iterdir())
    before = tmp_path / "before"
    shutil.copy(last, before)
    net, mark = Path(write_net(tmp_path)), tmp_path / "mark"
    paths = (
        f"from pathlib import Path\nMARK, LAST, OTHER = Path({str(mark)!r}), Path({str(last)!r}), Path({str(other)!r})"
    )
    net.write_text(f"{net.read_text()}\n{paths}\n{MEDDLING}")
    settings = {"models": [f"{net}:meddling"], "data": f"folder:{photos}", **PGD, "eps": eps}
    plain = do_run(tmp_path / "plain", **settings)

    class Said(list[str]):
        def append(self, text: str) -> None:
            if "input gradient" in text:  # the last that is said before images are measured
                mark.touch()

    with pytest.raises(RunError, match=f"image and annotation of {last.stem} that the run began with, got others"):
        do_run(tmp_path / "out", Said(), **settings)
    assert last.read_bytes() == other.read_bytes()
    assert f'"id": "{last.stem}"' not in (tmp_path / "out" / "rows.jsonl").read_text()
    shutil.copy(before, last)
    assert do_run(tmp_path / "out", **settings)["models"] == plain["models"]
