"""A network of mmsegmentation (1.x) for foolscape. Copy this file beside your own, `mine.py`:

    from adapt_mmsegmentation import adapt
    def build(): return adapt(init_model(CONFIG, CHECKPOINT, device="cpu"))  # of mmseg.apis

    foolscape run --model mine.py:build --data cityscapes:Cityscapes --attack pgd --out runs/mmseg

Resizing (`Resize` of the test pipeline), order of channels, normalisation and padding are those of the library's own
inference, on float images: it rounds resized ones to 8 bits. Its test transforms are numpy, its `inference_model` runs
under no_grad and its data preprocessor takes one image at a time, so none of them is called. `test_cfg.mode` (whole or
slide) is honoured. A network with SyncBN needs `revert_sync_batchnorm` of mmengine.model on a CPU.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adapted(nn.Module):
    """From RGB (B, 3, H, W) in [0, 1] to logits (B, C, H, W); one channel, a sigmoid, becomes background and object."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.classes = tuple(model.dataset_meta["classes"])
        self.resizes = [step for step in model.cfg.test_pipeline if name_of(step) == "Resize"]
        for step in model.cfg.test_pipeline:
            known = "scale" in step if name_of(step) == "Resize" else name_of(step).startswith(("Load", "Pack"))
            if not known:
                raise TypeError(f"expected a test pipeline of Load.., Resize to a scale and Pack.., got {step}")

    def forward(self, images: Tensor) -> Tensor:
        model, prepare = self.model, self.model.data_preprocessor
        size = images.shape[2:]
        resized = images * 255
        for step in self.resizes:
            wanted = shape_of(step, *resized.shape[2:])
            resized = functional.interpolate(resized, wanted, mode="bilinear", align_corners=False)
        if not prepare.channel_conversion:  # the library loads BGR
            resized = resized.flip(1)
        if prepare._enable_normalize:
            resized = (resized - prepare.mean) / prepare.std
        height, width = resized.shape[2:]
        padding = prepare.test_cfg or {}
        divisor = padding.get("size_divisor") or 1
        high, wide = padding.get("size") or (height + -height % divisor, width + -width % divisor)
        padded = functional.pad(resized, (0, max(wide - width, 0), 0, max(high - height, 0)), value=prepare.pad_val)
        metas = [{"ori_shape": size, "img_shape": padded.shape[2:], "pad_shape": padded.shape[2:]} for _ in images]
        infer = model.slide_inference if model.test_cfg.mode == "slide" else model.whole_inference
        logits = infer(padded, metas)[..., :height, :width]
        logits = functional.interpolate(logits, size, mode="bilinear", align_corners=model.align_corners or None)
        if logits.shape[1] > 1:
            return logits
        threshold = torch.as_tensor(model.decode_head.threshold).logit()
        return torch.cat([torch.full_like(logits, float(threshold)), logits], dim=1)


def name_of(step: Any) -> str:
    """The name of a transform: `type` is one, perhaps with a scope, or a class."""
    return str(getattr(step["type"], "__name__", step["type"])).rpartition(".")[2]


def shape_of(step: Any, height: int, width: int) -> tuple[int, int]:
    """What the library's `Resize` makes of an image; its `scale` is (width, height), or the sides in any order."""
    scale = step["scale"]
    if not step.get("keep_ratio", False):
        return scale[1], scale[0]
    ratio = min(max(scale) / max(height, width), min(scale) / min(height, width))
    return int(height * ratio + 0.5), int(width * ratio + 0.5)


def adapt(model: nn.Module) -> nn.Module:
    """What foolscape attacks, of what `init_model` returned."""
    return Adapted(model.eval())
