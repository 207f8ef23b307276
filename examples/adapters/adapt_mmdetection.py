"""A one-stage detector of mmdetection (3.x) for foolscape. Copy this file beside your own, `mine.py`:

    from adapt_mmdetection import adapt
    def build(): return adapt(init_detector(CONFIG, CHECKPOINT, device="cpu"))  # of mmdet.apis

    foolscape run --model mine.py:build --data coco:coco --attack pgd --goal vanish --out runs/mmdet

For heads that predict by `BaseDenseHead`: RetinaNet, SSD, FCOS, ATSS, RTMDet, ..; others are refused, and for Faster
and Mask R-CNN there is `adapt_mmdetection_two_stage.py`. `Resize` and `Pad` of the test pipeline, order of channels,
normalisation and padding are those of the library, on float images: it rounds resized ones to 8 bits. Its
`predict_by_feat` detaches scores and boxes and takes the best `nms_pre` before NMS: detections are its own, as its
evaluation counts them, but candidates are all priors, decoded here with the head's own prior generator and box coder.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from foolscape.tasks.detection import Candidates, Detections

NEEDED = {"Resize": "scale", "Pad": "size"}


def name_of(step: Any) -> str:
    """The name of a transform: `type` is one, perhaps with a scope, or a class."""
    return str(getattr(step["type"], "__name__", step["type"])).rpartition(".")[2]


def check_pipeline(model: Any) -> None:
    """Refuse what `prepared` would leave out."""
    for step in model.cfg.test_dataloader.dataset.pipeline:
        name = name_of(step)
        if not (step.get(NEEDED[name]) if name in NEEDED else name.startswith(("Load", "Pack"))):
            raise TypeError(
                f"expected a test pipeline of Load.., Resize to a scale, Pad to a size and Pack.., got {step}"
            )


def prepared(model: Any, images: Tensor) -> tuple[Tensor, list[dict[str, Any]], Tensor]:
    """What the network is called with, the library's records of the images, and the factors of boxes, (4,)."""
    x, prepare = images * 255, model.data_preprocessor
    own = size = (images.shape[2], images.shape[3])
    for step in model.cfg.test_dataloader.dataset.pipeline:
        if name_of(step) == "Resize":
            wide, high = step["scale"]
            ratio = min(max(wide, high) / max(own), min(wide, high) / min(own))
            scaled = (int(own[0] * ratio + 0.5), int(own[1] * ratio + 0.5))
            size = scaled if step.get("keep_ratio") else (high, wide)
            x = functional.interpolate(x, size, mode="bilinear", align_corners=False)
        elif name_of(step) == "Pad":
            wide, high = step["size"]
            grey = step.get("pad_val", 0)
            grey = grey.get("img", 0) if isinstance(grey, Mapping) else grey
            grey = grey[0] if isinstance(grey, Sequence) else grey
            x = functional.pad(x, (0, max(wide - x.shape[3], 0), 0, max(high - x.shape[2], 0)), value=grey)
    x, shape = x if prepare._channel_conversion else x.flip(1), tuple(x.shape[2:])  # the library loads BGR
    x = (x - prepare.mean) / prepare.std if prepare._enable_normalize else x
    below, right = (-side % prepare.pad_size_divisor for side in shape)
    x = functional.pad(x, (0, right, 0, below), value=prepare.pad_value)
    scale = (size[1] / own[1], size[0] / own[0])
    whole = tuple(x.shape[2:])
    meta = {"ori_shape": own, "img_shape": shape, "pad_shape": whole, "batch_input_shape": whole, "scale_factor": scale}
    return x, [dict(meta) for _ in images], images.new_tensor(scale * 2)


def kept(results: Any, least: float) -> list[Detections]:
    """The library's detections with a score of at least `least`."""
    chosen = [(one, one.scores >= least) for one in results]
    return [Detections(one.bboxes[k], one.scores[k], one.labels[k]) for one, k in chosen]


class OneStage:
    """A `foolscape.tasks.detection.Detector` of a dense head."""

    two_stage = False
    notes = ("scores: log-odds of class times centerness; background: log-odds 0, a probability of one half",)

    def __init__(self, model: Any) -> None:
        self.model, self.classes = model, tuple(model.dataset_meta["classes"])

    def candidates(self, images: Tensor, boxes: Tensor | None = None) -> Candidates:  # noqa: ARG002
        """All priors, decoded."""
        x, metas, factors = prepared(self.model, images)
        head = self.model.bbox_head
        levels = head(self.model.extract_feat(x))
        priors = head.prior_generator.grid_priors([one.shape[2:] for one in levels[0]], x.dtype, x.device)
        widths = (head.cls_out_channels, head.bbox_coder.encode_size, 1)
        logits, deltas, *factor = (
            torch.cat([one.permute(0, 2, 3, 1).reshape(len(x), -1, width) for one in level], dim=1)
            for level, width in zip(levels, widths, strict=False)
        )
        decode, shape = head.bbox_coder.decode, metas[0]["img_shape"]
        decoded = torch.stack([decode(torch.cat(priors), one, max_shape=shape) for one in deltas]) / factors
        logs = functional.logsigmoid(logits) if head.use_sigmoid_cls else logits.log_softmax(dim=2)[..., :-1]
        for one in factor:
            logs = logs + functional.logsigmoid(one)
        logs = logs.clamp(max=-torch.finfo(logs.dtype).eps)
        odds = logs - torch.log(-torch.expm1(logs))
        return Candidates(decoded, functional.pad(odds, (0, 1)).transpose(1, 2))

    @torch.no_grad()
    def detect(self, images: Tensor, score_threshold: float) -> list[Detections]:
        """The library's detections, by its `test_cfg`, those below `score_threshold` left out."""
        x, metas, _ = prepared(self.model, images)
        head = self.model.bbox_head
        return kept(
            head.predict_by_feat(*head(self.model.extract_feat(x)), batch_img_metas=metas, rescale=True),
            score_threshold,
        )


def adapt(model: Any) -> OneStage:
    """What foolscape attacks, of what `init_detector` returned."""
    head = type(getattr(model, "bbox_head", None))
    base = next((one for one in head.__mro__ if one.__name__ == "BaseDenseHead"), None)
    for name in ("predict_by_feat", "_predict_by_feat_single"):
        if base is None or getattr(head, name) is not getattr(base, name):
            raise TypeError(f"expected a head that predicts by BaseDenseHead.{name}, got {head.__name__}")
    check_pipeline(model)
    return OneStage(model.eval())
