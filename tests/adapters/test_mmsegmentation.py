"""mmsegmentation's adapter, on a stand-in written from the interface of `EncoderDecoder` and `SegDataPreProcessor`."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from foolscape.testing import check_segmenter
from tests.adapters.conftest import bilinear, images_of, photograph


class Preprocessor(nn.Module):
    """Order of channels, normalisation and padding of one image."""

    def __init__(self, *, to_rgb: bool, test_cfg: dict[str, Any] | None) -> None:
        super().__init__()
        self.channel_conversion, self.test_cfg, self.pad_val, self._enable_normalize = to_rgb, test_cfg, 0, True
        self.register_buffer("mean", torch.tensor([120.0, 110.0, 90.0]).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([60.0, 50.0, 40.0]).view(3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        """(1, 3, H, W) from BGR (3, H, W) of 0 to 255."""
        image = image[[2, 1, 0]] if self.channel_conversion else image
        image = (image.float() - self.mean) / self.std
        if self.test_cfg:
            divisor = self.test_cfg["size_divisor"]
            image = functional.pad(image, (0, -image.shape[2] % divisor, 0, -image.shape[1] % divisor))
        return image[None]


class Segmentor(nn.Module):
    """An encoder and a decoder; answers in the size of what it is given."""

    def __init__(self, channels: int, mode: str, pipeline: list[dict[str, Any]], preprocessor: Preprocessor) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.data_preprocessor, self.align_corners, self.out_channels = preprocessor, False, channels
        self.backbone = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.Tanh())
        self.decode_head = nn.Conv2d(6, channels, 3, padding=1)
        self.decode_head.weight.data *= 4  # so that a sigmoid falls on either side
        self.decode_head.threshold = 0.3  # type: ignore[assignment]
        self.test_cfg = SimpleNamespace(mode=mode, crop_size=(48, 64), stride=(32, 40))
        self.dataset_meta = {"classes": ["road", "car", "sky"][: max(channels, 2)]}
        self.cfg = SimpleNamespace(test_pipeline=pipeline)

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict[str, Any]]) -> Tensor:
        """The head's answer at `img_shape`."""
        logits = self.decode_head(self.backbone(inputs))
        return functional.interpolate(logits, batch_img_metas[0]["img_shape"], mode="bilinear", align_corners=False)

    def whole_inference(self, inputs: Tensor, batch_img_metas: list[dict[str, Any]]) -> Tensor:
        """The image at once."""
        return self.encode_decode(inputs, batch_img_metas)

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict[str, Any]]) -> Tensor:
        """Windows, averaged; writes the window's size into the records."""
        high, wide = (min(*pair) for pair in zip(self.test_cfg.crop_size, inputs.shape[2:], strict=True))
        total = inputs.new_zeros(len(inputs), self.out_channels, *inputs.shape[2:])
        count = torch.zeros_like(total[:, :1])
        tops, lefts = (
            [min(stride * n, side - window) for n in range(-(-max(side - window, 0) // stride) + 1)]
            for side, window, stride in zip(inputs.shape[2:], (high, wide), self.test_cfg.stride, strict=True)
        )
        for y in tops:
            for x in lefts:
                window = inputs[:, :, y : y + high, x : x + wide]
                batch_img_metas[0]["img_shape"] = window.shape[2:]
                total[:, :, y : y + high, x : x + wide] += self.encode_decode(window, batch_img_metas)
                count[:, :, y : y + high, x : x + wide] += 1
        return total / count


@torch.no_grad()
def inference_model(model: Any, photo: NDArray[np.uint8]) -> Tensor:
    """(H, W) labels, by the library's own steps."""
    size = photo.shape[:2]
    image: NDArray[Any] = photo
    for step in model.cfg.test_pipeline:
        if step["type"] == "Resize":
            long, short = max(step["scale"]), min(step["scale"])
            by = min(long / max(size), short / min(size))
            image = bilinear(photo, *(round(side * by) for side in size))
    prepared = model.data_preprocessor(torch.from_numpy(image.copy()).permute(2, 0, 1))
    logits = getattr(model, f"{model.test_cfg.mode}_inference")(prepared, [{"img_shape": prepared.shape[2:]}])
    logits = functional.interpolate(logits[..., : image.shape[0], : image.shape[1]], size, mode="bilinear")
    return logits[0].argmax(0) if len(logits[0]) > 1 else (logits[0, 0].sigmoid() > model.decode_head.threshold).long()


RESIZE = [{"type": "LoadImageFromFile"}, {"type": "Resize", "scale": (160, 60), "keep_ratio": True}]


def made(channels: int = 3, mode: str = "whole", *, to_rgb: bool = True, divisor: int | None = None) -> Segmentor:
    """A stand-in as `init_model` would return it."""
    preprocessor = Preprocessor(to_rgb=to_rgb, test_cfg=divisor and {"size_divisor": divisor})
    return Segmentor(channels, mode, RESIZE, preprocessor).eval()


@pytest.mark.parametrize(
    "model",
    [made(), made(mode="slide"), made(1), made(to_rgb=False, divisor=32)],
    ids=["whole", "slide", "one channel", "bgr, padded"],
)
def test_labels_are_the_librarys(model: Segmentor, adapter: Callable[[str], Any]) -> None:
    photo = photograph(75, 101)
    wanted = inference_model(model, photo)
    found = adapter("mmsegmentation").adapt(model)(images_of(photo))[0].argmax(0)
    assert len(wanted.unique()) > 1
    assert (found == wanted).float().mean() > 0.999  # the two resize with different roundings


def test_a_transform_may_have_a_scope_or_be_a_class_and_others_are_refused(adapter: Callable[[str], Any]) -> None:
    model, images = made(), images_of(photograph(75, 101))
    wanted = adapter("mmsegmentation").adapt(model)(images)
    for name in ("mmseg.Resize", type("Resize", (), {})):
        model.cfg.test_pipeline = [RESIZE[0], RESIZE[1] | {"type": name}]
        torch.testing.assert_close(adapter("mmsegmentation").adapt(model)(images), wanted)
    model.cfg.test_pipeline = [*RESIZE, {"type": "ResizeToMultiple", "size_divisor": 32}]
    with pytest.raises(TypeError, match=r"expected a test pipeline of Load.*got .*ResizeToMultiple"):
        adapter("mmsegmentation").adapt(model)


def test_it_keeps_the_contract(adapter: Callable[[str], Any]) -> None:
    report = check_segmenter(adapter("mmsegmentation").adapt(made(mode="slide")))
    assert report.ok, report.lines()
    assert "road, car, sky" in "".join(report.lines())
    assert "in float32 only" not in "".join(report.lines())
