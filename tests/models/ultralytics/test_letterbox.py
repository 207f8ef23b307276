"""The letterbox against the library's own validation data, and the way back."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.models.common.ultralytics.letterbox import GREY, Letterbox, Place
from foolscape.models.common.ultralytics.library import library

from .made import images

SIZES = [(48, 64), (100, 100), (37, 91), (91, 37), (33, 320)]


@pytest.mark.parametrize("imgsz", [64, 96])
@pytest.mark.parametrize("rect", [True, False])
def test_it_is_that_of_validation(rect: bool, imgsz: int, tmp_path: Path) -> None:
    library()
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_yolo_dataset

    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for i, size in enumerate(SIZES):
        levels = (images(1, *size)[0] * 255).byte().permute(1, 2, 0).numpy()
        Image.fromarray(levels).save(tmp_path / f"images/{i}.png")
        (tmp_path / f"labels/{i}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    settings = get_cfg(overrides={"task": "detect", "imgsz": imgsz, "rect": rect})
    described = {"names": {0: "a"}, "channels": 3, "nc": 1}
    theirs = build_yolo_dataset(settings, str(tmp_path / "images"), 1, described, mode="val", rect=rect, stride=32)
    letterbox = Letterbox(imgsz, 32, rect=rect)
    for i in range(len(SIZES)):
        one = theirs[i]
        image = torch.from_numpy(np.asarray(Image.open(one["im_file"])).copy()).permute(2, 0, 1)[None]
        ours, place = letterbox(image / 255), letterbox.place(tuple(image.shape[2:]))
        assert ours.shape[2:] == one["img"].shape[1:]
        apart = (ours * 255 - one["img"]).abs()
        assert float(apart.max()) < 0.8  # of a level, which fixed point and rounding are worth
        if max(image.shape[2:]) == imgsz:
            assert float(apart.max()) < 1e-3
        ratios, corner = one["ratio_pad"]
        assert corner == (place.left, place.top)
        assert ratios == (place.height / image.shape[2], place.width / image.shape[3])


def test_a_case_by_hand() -> None:
    letterbox = Letterbox(64, 32)
    # 60 x 120 becomes 32 x 64 in ceil(1 + 1/2) x ceil(2 + 1/2) strides.
    assert letterbox.place((60, 120)) == Place(32, 64, 16, 16, (64, 96))
    assert letterbox.place((64, 64)) == Place(64, 64, 16, 16, (96, 96))
    assert Letterbox(64, 32, rect=False).place((61, 128)) == Place(31, 64, 16, 0, (64, 64))  # of 33, 16 above
    assert Letterbox(64, 32, stretch=True).place((60, 120)) == Place(64, 64, 0, 0, (64, 64))
    seen = letterbox(torch.zeros(1, 3, 60, 120))
    assert seen.shape == (1, 3, 64, 96)
    assert not seen[:, :, 16:48, 16:80].any()
    assert float(seen.sum()) == pytest.approx(3 * (64 * 96 - 32 * 64) * GREY)


def test_boxes_come_back() -> None:
    letterbox = Letterbox(64, 32)
    boxes = torch.tensor([[16.0, 16.0, 80.0, 48.0], [20.0, 24.0, 24.0, 32.0]])
    expected = torch.tensor([[0.0, 0.0, 120.0, 60.0], [7.5, 15.0, 15.0, 30.0]])
    torch.testing.assert_close(letterbox.boxes(boxes, (60, 120)), expected)


def test_scores_come_back() -> None:
    letterbox = Letterbox(64, 32)
    rows = torch.linspace(0, 1, 60)[:, None].expand(60, 120)[None, None].expand(1, 2, 60, 120)
    seen = letterbox(torch.cat([rows, rows[:, :1]], dim=1))[:, :2]
    back = letterbox.scores(seen, (60, 120))
    assert back.shape == (1, 2, 60, 120)
    assert float((back - rows).abs().max()) < 0.02
