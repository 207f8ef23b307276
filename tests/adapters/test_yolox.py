"""YOLOX's adapter, on a stand-in written from the interface of `YOLOX`, `Exp`, `ValTransform` and `postprocess`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.ops import batched_nms, box_convert

from foolscape.testing import check_detector
from tests.adapters.conftest import bilinear, images_of, module, photograph

EXP = SimpleNamespace(test_size=(64, 96), num_classes=2, test_conf=0.01, nmsthre=0.65)


class Yolox(nn.Module):
    """One level of stride 8: x, y, width, height, then objectness and classes behind a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.Tanh(), nn.Conv2d(8, 7, 3, padding=1))
        with torch.no_grad():
            self.body[0].weight.div_(80)  # it is fed levels up to 255

    def forward(self, images: Tensor) -> Tensor:
        """(B, N, 7)."""
        raw = self.body(images)
        rows, columns = torch.meshgrid(torch.arange(raw.shape[2]), torch.arange(raw.shape[3]), indexing="ij")
        grid = torch.stack([columns, rows]).flatten(1).T.to(raw)
        raw = raw.flatten(2).transpose(1, 2)
        middle, size = (raw[..., :2] + grid + 0.5) * 8, (raw[..., 2:4] + 1).exp() * 8
        return torch.cat([middle, size, raw[..., 4:].sigmoid()], dim=2)


def postprocess(prediction: Tensor, num_classes: int, conf_thre: float, nms_thre: float) -> list[Tensor | None]:
    """x1, y1, x2, y2, objectness, class probability, class of each kept one; writes into `prediction`, as it does."""
    prediction[..., :4] = box_convert(prediction[..., :4], "cxcywh", "xyxy")
    found: list[Tensor | None] = []
    for rows in prediction:
        best, label = rows[:, 5 : 5 + num_classes].max(dim=1, keepdim=True)
        seven = torch.cat([rows[:, :5], best, label.to(rows)], dim=1)[rows[:, 4] * best[:, 0] >= conf_thre]
        keep = batched_nms(seven[:, :4], seven[:, 4] * seven[:, 5], seven[:, 6], nms_thre)
        found.append(seven[keep] if len(keep) else None)
    return found


def transformed(photo: NDArray[np.uint8], legacy: bool) -> tuple[Tensor, float]:
    """The letterboxed image (1, 3, H, W), and its factor."""
    high, wide = EXP.test_size
    ratio = min(high / photo.shape[0], wide / photo.shape[1])
    inner = bilinear(photo, int(photo.shape[0] * ratio), int(photo.shape[1] * ratio))
    box = np.full((high, wide, 3), 114.0)
    box[: inner.shape[0], : inner.shape[1]] = inner
    if legacy:
        box = (box[..., ::-1] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return torch.from_numpy(box.copy()).permute(2, 0, 1)[None].float(), ratio


@pytest.mark.parametrize("legacy", [False, True])
def test_detections_are_the_librarys(
    legacy: bool, adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module(monkeypatch, "yolox.utils", {"postprocess": postprocess})
    photo, model = photograph(75, 101), Yolox().eval()
    image, ratio = transformed(photo, legacy)
    with torch.no_grad():
        (wanted,) = postprocess(model(image), 2, EXP.test_conf, EXP.nmsthre)
    assert wanted is not None
    assert len(wanted) > 10
    (found,) = adapter("yolox").adapt(model, EXP, ("cat", "dog"), legacy).detect(images_of(photo), 0.0)
    torch.testing.assert_close(found["boxes"], wanted[:, :4] / ratio, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found["scores"], wanted[:, 4] * wanted[:, 5])
    assert found["labels"].tolist() == wanted[:, 6].tolist()


def test_it_keeps_the_contract(adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "yolox.utils", {"postprocess": postprocess})
    report = check_detector(adapter("yolox").adapt(Yolox(), EXP, ("cat", "dog")))
    assert report.ok, report.lines()
    said = "".join(report.lines())
    assert "cat, dog" in said
    assert f"boxes {(2, 8 * 12, 4)}" in said  # every cell, before NMS
    assert "multiplied here by its objectness" in said
