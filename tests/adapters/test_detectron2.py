"""detectron2's adapter, on a stand-in written from the interface of `GeneralizedRCNN` and `DefaultPredictor`."""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import batched_nms, nms, roi_align

from foolscape.testing import check_detector
from tests.adapters.conftest import images_of, module, photograph


@dataclass(frozen=True)
class Boxes:
    """Rows of x1, y1, x2, y2."""

    tensor: Tensor


class Proposer(nn.Module):
    """Boxes around cells that look like something: not as many in one image as in another; without gradient."""

    def forward(self, images: Any, features: dict[str, Tensor], gt_instances: None) -> tuple[list[Any], dict[str, Any]]:
        """Instances with `proposal_boxes` for each image, and no losses."""
        with torch.no_grad():
            found = []
            for energy, (height, width) in zip(features["p3"].square().sum(1), images.image_sizes, strict=True):
                y, x = ((energy > energy.mean()).nonzero().T * 8 + 4.0).to(energy)
                boxes = torch.stack([x - 12, y - 9, x + 12, y + 9], dim=1)
                boxes = torch.minimum(boxes.clamp(min=0), boxes.new_tensor([width, height] * 2))
                kept = boxes[nms(boxes, energy[energy > energy.mean()], 0.6)]
                found.append(SimpleNamespace(proposal_boxes=Boxes(kept)))
        return found, {}


class Predictor(nn.Module):
    """Class logits, the background last, and one shift of the box."""

    def __init__(self) -> None:
        super().__init__()
        self.cls_score, self.bbox_pred = nn.Linear(32, 3), nn.Linear(32, 4)
        self.test_score_thresh, self.use_sigmoid_ce = 0.05, False

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(R, K + 1) and (R, 4)."""
        return self.cls_score(x), self.bbox_pred(x)


class Heads(nn.Module):
    """As StandardROIHeads."""

    box_in_features = ("p3",)

    def __init__(self) -> None:
        super().__init__()
        self.box_head, self.box_predictor = nn.Sequential(nn.Flatten(), nn.Linear(8 * 9, 32), nn.Tanh()), Predictor()

    def box_pooler(self, features: list[Tensor], boxes: list[Boxes]) -> Tensor:
        """(R, 8, 3, 3)."""
        rows = [torch.cat([torch.full_like(b.tensor[:, :1], i), b.tensor], dim=1) for i, b in enumerate(boxes)]
        return roi_align(features[0], torch.cat(rows).to(features[0]), 3, spatial_scale=1 / 8, sampling_ratio=2)

    def detected(self, features: dict[str, Tensor], proposals: list[Any]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Boxes, scores and classes of each image, after the threshold and NMS."""
        boxes = [one.proposal_boxes for one in proposals]
        logits, shifts = self.box_predictor(self.box_head(self.box_pooler([features["p3"]], boxes)))
        counts = [len(one.tensor) for one in boxes]
        found = []
        for own, chances, shift in zip(boxes, logits.softmax(1).split(counts), shifts.split(counts), strict=True):
            rows, classes = (chances[:, :-1] > self.box_predictor.test_score_thresh).nonzero().T
            moved, scores = (own.tensor + shift)[rows], chances[rows, classes]
            keep = batched_nms(moved, scores, classes, 0.5)[:100]
            found.append((moved[keep], scores[keep], classes[keep]))
        return found


class Rcnn(nn.Module):
    """As GeneralizedRCNN."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.body = nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.Tanh())
        self.proposal_generator, self.roi_heads = Proposer(), Heads()
        self.register_buffer("pixel_mean", torch.tensor([103.5, 116.3, 123.7]).view(3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor([57.0, 57.0, 58.0]).view(3, 1, 1), persistent=False)

    def backbone(self, images: Tensor) -> dict[str, Tensor]:
        """Features by name."""
        return {"p3": self.body(images)}

    def preprocess_image(self, batched_inputs: list[dict[str, Any]]) -> Any:
        """Normalised and padded to sides divisible by 32."""
        images = [(one["image"] - self.pixel_mean) / self.pixel_std for one in batched_inputs]
        padded = [functional.pad(x, (0, -x.shape[2] % 32, 0, -x.shape[1] % 32)) for x in images]
        return SimpleNamespace(tensor=torch.stack(padded), image_sizes=[x.shape[1:] for x in images])

    def forward(self, batched_inputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Instances in the size asked for."""
        images = self.preprocess_image(batched_inputs)
        features = self.backbone(images.tensor)
        proposals, _ = self.proposal_generator(images, features, None)
        answers = []
        found = self.roi_heads.detected(features, proposals)
        for one, (boxes, scores, classes), inner in zip(batched_inputs, found, images.image_sizes, strict=True):
            by = boxes.new_tensor([one["width"] / inner[1], one["height"] / inner[0]] * 2)
            answers.append(
                {"instances": SimpleNamespace(pred_boxes=Boxes(boxes * by), scores=scores, pred_classes=classes)}
            )
        return answers


@dataclass
class DefaultPredictor:
    """One BGR image in, instances out."""

    model: Rcnn
    shortest: int
    order: str

    @property
    def cfg(self) -> Any:
        """What the adapter reads of the configuration."""
        return SimpleNamespace(INPUT=SimpleNamespace(MIN_SIZE_TEST=self.shortest, MAX_SIZE_TEST=200, FORMAT=self.order))

    @property
    def metadata(self) -> Any:
        """Of the data set."""
        return SimpleNamespace(thing_classes=["cat", "dog"])

    @torch.no_grad()
    def __call__(self, photo: NDArray[np.uint8]) -> Any:
        """The instances, by PIL's resizing."""
        height, width = photo.shape[:2]
        by = min(self.shortest / min(height, width), 200 / max(height, width))
        ordered = photo[..., ::-1] if self.order == "RGB" else photo
        size = (int(width * by + 0.5), int(height * by + 0.5))
        image = np.asarray(Image.fromarray(np.ascontiguousarray(ordered)).resize(size, Image.Resampling.BILINEAR))
        tensor = torch.from_numpy(image.copy()).permute(2, 0, 1).float()
        return self.model([{"image": tensor, "height": height, "width": width}])[0]["instances"]


@pytest.fixture
def adapt(adapter: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """The adapter's function, where `detectron2.structures` is the stand-in's."""
    module(monkeypatch, "detectron2.structures", {"Boxes": Boxes})
    return adapter("detectron2").adapt  # type: ignore[no-any-return]


@pytest.mark.parametrize(("shortest", "order", "apart"), [(75, "BGR", 1e-3), (75, "RGB", 1e-3), (50, "BGR", 0.3)])
def test_detections_are_the_librarys(shortest: int, order: str, apart: float, adapt: Callable[[Any], Any]) -> None:
    predictor, photo = DefaultPredictor(Rcnn().eval(), shortest, order), photograph(75, 101)
    wanted = predictor(photo)
    (found,) = adapt(predictor).detect(images_of(photo), 0.0)
    assert len(wanted.scores) > 10
    torch.testing.assert_close(found.boxes, wanted.pred_boxes.tensor, rtol=0, atol=apart)  # PIL rounds to 8 bits
    torch.testing.assert_close(found.scores, wanted.scores, rtol=0, atol=apart / 100)
    assert found.labels.tolist() == wanted.pred_classes.tolist()


def test_it_keeps_the_contract(adapt: Callable[[Any], Any]) -> None:
    report = check_detector(adapt(DefaultPredictor(Rcnn(), 80, "BGR")))
    assert report.ok, report.lines()
    assert "in float32 only" not in "".join(report.lines())


def test_given_boxes_are_scored_with_a_gradient_that_proposals_do_not_have(adapt: Callable[[Any], Any]) -> None:
    detector = adapt(DefaultPredictor(Rcnn(), 80, "BGR"))
    images = torch.cat([images_of(photograph(75, 101, seed)) for seed in (1, 2)]).requires_grad_()
    own = detector.candidates(images)
    assert not own.boxes.requires_grad
    again = detector.candidates(images, own.boxes)
    torch.testing.assert_close(again.scores, own.scores)
    assert again.scores.shape == (2, 3, own.boxes.shape[1])
    (gradient,) = torch.autograd.grad(again.scores[:, 0].sum(), images)
    assert gradient.abs().amax(dim=(1, 2, 3)).min() > 0


def test_other_networks_are_refused(adapt: Callable[[Any], Any]) -> None:
    predictor = DefaultPredictor(Rcnn(), 80, "BGR")
    predictor.model.roi_heads.box_predictor = nn.ModuleList([Predictor()])  # type: ignore[assignment]
    with pytest.raises(TypeError, match="expected a GeneralizedRCNN with StandardROIHeads, got Heads"):
        adapt(predictor)
