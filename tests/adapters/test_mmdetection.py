"""mmdetection's two adapters, on the stand-in of `mmdet.py`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from foolscape.testing import check_detector
from tests.adapters.conftest import bilinear, images_of, photograph
from tests.adapters.mmdet import DenseHead, Detector, OtherHead

RESIZE = {"type": "Resize", "scale": (160, 90), "keep_ratio": True}
SQUARE = [
    {"type": "Resize", "scale": (128, 128), "keep_ratio": True},
    {"type": "mmdet.Pad", "size": (128, 128), "pad_val": {"img": (114, 114, 114)}},
]


def made(
    *,
    centerness: bool = True,
    sigmoid: bool = True,
    to_rgb: bool = True,
    pipeline: list[dict[str, Any]] | None = None,
    two_stage: bool = False,
) -> Any:
    """A stand-in with random weights."""
    torch.manual_seed(2)
    head = DenseHead(centerness=centerness, sigmoid=sigmoid)
    return Detector(head, pipeline or [{"type": "Load"}, RESIZE], to_rgb=to_rgb, two_stage=two_stage).eval()


@torch.no_grad()
def inference_detector(model: Any, photo: NDArray[np.uint8]) -> Any:
    """The library's own steps: resize, pad, order of channels, normalise, pad, predict, rescale."""
    own = photo.shape[:2]
    image: NDArray[Any] = photo
    for step in model.cfg.test_dataloader.dataset.pipeline:
        if step["type"] == "Resize":
            by = min(max(step["scale"]) / max(own), min(step["scale"]) / min(own))
            image = bilinear(photo, *(int(side * by + 0.5) for side in own))
            scale = (image.shape[1] / own[1], image.shape[0] / own[0])
        elif step["type"] == "mmdet.Pad":
            grey = np.full((step["size"][1], step["size"][0], 3), 114.0)
            grey[: image.shape[0], : image.shape[1]] = image
            image = grey
    tensor = torch.from_numpy(image.copy()).permute(2, 0, 1).float()
    prepare = model.data_preprocessor
    tensor = tensor[[2, 1, 0]] if prepare._channel_conversion else tensor
    tensor = (tensor - prepare.mean) / prepare.std
    padded = functional.pad(tensor, (0, -tensor.shape[2] % 32, 0, -tensor.shape[1] % 32))[None]
    metas = [{"img_shape": image.shape[:2], "scale_factor": scale}]
    features = model.extract_feat(padded)
    if hasattr(model, "bbox_head"):
        return model.bbox_head.predict_by_feat(*model.bbox_head(features), batch_img_metas=metas, rescale=True)[0]
    proposals = model.rpn_head.predict_by_feat(*model.rpn_head(features), batch_img_metas=metas, rescale=False)
    return model.roi_head.predict_bbox(features, metas, proposals, model.roi_head.test_cfg, rescale=True)[0]


MODELS = {
    "with centerness": {},
    "without": {"centerness": False},
    "softmax": {"centerness": False, "sigmoid": False},
    "bgr": {"to_rgb": False},
    "square": {"pipeline": SQUARE},
}


@pytest.mark.parametrize("options", MODELS.values(), ids=MODELS.keys())
def test_detections_are_the_librarys_and_come_from_the_candidates(
    options: dict[str, Any], adapter: Callable[[str], Any]
) -> None:
    model, photo = made(**options), photograph(75, 101)
    wanted = inference_detector(model, photo)
    detector = adapter("mmdetection").adapt(model)
    (found,) = detector.detect(images_of(photo), 0.0)
    assert len(wanted.scores) > 10
    torch.testing.assert_close(found.boxes, wanted.bboxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found.scores, wanted.scores)
    assert found.labels.tolist() == wanted.labels.tolist()
    candidates = detector.candidates(images_of(photo))
    chances = candidates.scores[0, :-1].sigmoid()
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        apart = (candidates.boxes[0] - box).abs().amax(dim=1) + 100 * (chances[label] - score).abs()
        assert apart.min() < 0.01


@pytest.mark.parametrize("two_stage", [False, True])
def test_a_transform_that_is_not_rebuilt_is_refused(two_stage: bool, adapter: Callable[[str], Any]) -> None:
    adapt = adapter("mmdetection_two_stage" if two_stage else "mmdetection").adapt
    for step in ({"type": "mmdet.Pad", "size_divisor": 32}, {"type": "CenterCrop", "crop_size": 64}):
        with pytest.raises(TypeError, match=r"expected a test pipeline of Load.*got .*(Pad|CenterCrop)"):
            adapt(made(two_stage=two_stage, pipeline=[RESIZE, step]))


def test_one_stage_keeps_the_contract(adapter: Callable[[str], Any]) -> None:
    report = check_detector(adapter("mmdetection").adapt(made()))
    assert report.ok, report.lines()
    assert "in float32 only" not in "".join(report.lines())


def test_a_head_that_decodes_otherwise_is_refused(adapter: Callable[[str], Any]) -> None:
    model = made()
    model.bbox_head = OtherHead(centerness=True, sigmoid=True)
    with pytest.raises(TypeError, match=r"predicts by BaseDenseHead\._predict_by_feat_single, got OtherHead"):
        adapter("mmdetection").adapt(model)
    with pytest.raises(TypeError, match=r"predicts by BaseDenseHead\.predict_by_feat, got NoneType"):
        adapter("mmdetection").adapt(made(two_stage=True))


def test_two_stages_find_what_the_library_finds(adapter: Callable[[str], Any]) -> None:
    model, photo = made(two_stage=True), photograph(75, 101)
    wanted = inference_detector(model, photo)
    detector = adapter("mmdetection_two_stage").adapt(model)
    (found,) = detector.detect(images_of(photo), 0.0)
    assert len(wanted.scores) > 5
    torch.testing.assert_close(found.boxes, wanted.bboxes, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(found.scores, wanted.scores)
    images = images_of(photo).requires_grad_()
    own = detector.candidates(images)
    again = detector.candidates(images, own.boxes)
    torch.testing.assert_close(again.scores, own.scores)
    assert torch.autograd.grad(again.scores[:, 0].sum(), images)[0].abs().max() > 0
    # A proposal's probability is that of the detection that came of it.
    apart = (own.boxes[0] - found.boxes[0]).abs().amax(dim=1)
    chance = own.scores.detach()[0, :, apart.argmin()].softmax(0)[found.labels[0]]
    assert apart.min() < 0.01
    assert float(chance) == pytest.approx(float(found.scores[0]), abs=1e-4)


def test_two_stages_keep_the_contract(adapter: Callable[[str], Any]) -> None:
    report = check_detector(adapter("mmdetection_two_stage").adapt(made(two_stage=True)))
    assert report.ok, report.lines()


def test_other_box_heads_are_refused(adapter: Callable[[str], Any]) -> None:
    model = made(two_stage=True)
    model.roi_head.bbox_head = nn.ModuleList([model.roi_head.bbox_head])
    with pytest.raises(TypeError, match="expected a StandardRoIHead whose box head has a softmax, got ModuleList"):
        adapter("mmdetection_two_stage").adapt(model)
