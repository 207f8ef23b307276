"""The attacks on detectors beside PGD on the training loss, tried on little."""

import json
from pathlib import Path

import pytest
import torch

from foolscape.data.scene_boxes import open_scene_boxes
from foolscape.models.bundled.load import bundled
from foolscape.pixels import to_unit
from foolscape.spec import parse
from foolscape.tasks.detection import Detections


def test_a_line_for_every_attack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import detectors

    place = tmp_path / "found.json"
    asked = ["--limit", "1", "--gradients", "25", "--eps", "8/255", "--json", str(place)]
    detectors.main([*asked, "--only", "tog,worst-case"])
    assert "bundled:scenes-detector, 1 images, 25 gradients each" in capsys.readouterr().out
    found = {line["attack"]: line for line in json.loads(place.read_text())}
    assert list(found) == ["clean", "tog", "worst-case"]
    assert found["clean"]["ap50"] > 20 + found["tog"]["ap50"]
    assert found["worst-case"]["ap50"] <= found["tog"]["ap50"]


def objects(*boxes: tuple[float, ...]) -> Detections:
    count = len(boxes)
    return Detections(torch.tensor(boxes).view(count, 4), torch.ones(count), torch.ones(count, dtype=torch.int64))


@pytest.mark.parametrize("kind", ["street", "objectness", "two stages"])
def test_every_kind_of_loss_has_a_gradient_and_is_the_same_twice(kind: str) -> None:
    from detection.losses import training_loss

    network = networks(kind)
    images = to_unit(torch.randint(0, 256, (64, 96, 3), generator=torch.Generator().manual_seed(0)).byte().numpy())
    images.requires_grad_(True)
    loss = training_loss(network, objects((10.0, 10.0, 40.0, 40.0)))
    first, again = loss(images), loss(images)
    assert torch.equal(first, again)
    (gradient,) = torch.autograd.grad(first, images)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().max() > 0
    assert not any(module.training for module in network.modules())
    assert torch.isfinite(training_loss(network, objects())(images))


def test_the_loss_is_least_for_what_the_street_shows() -> None:
    from detection.losses import training_loss

    frame = open_scene_boxes(parse("scenes:"), "test").load("test-000000")
    assert frame.truth is not None
    boxes, labels = torch.from_numpy(frame.truth.boxes).float(), torch.from_numpy(frame.truth.labels)
    network, images = networks("street").requires_grad_(False), to_unit(frame.image)
    right, moved = (
        float(training_loss(network, Detections(boxes + by, torch.ones(len(boxes)), labels))(images)) for by in (0, 20)
    )
    assert right < moved / 2


def networks(kind: str) -> torch.nn.Module:
    if kind == "street":
        return bundled("scenes-detector").eval()
    if kind == "two stages":
        from faster import faster

        return faster().eval()
    return Cells().eval()


class Cells(torch.nn.Module):
    """A head of boxes, objectness and classes on a map of stride 16."""

    def __init__(self) -> None:
        super().__init__()
        self.to_objectness, self.to_class = torch.nn.Conv2d(3, 1, 16, 16), torch.nn.Conv2d(3, 5, 16, 16)

    def forward(self, images: torch.Tensor) -> object:
        from types import SimpleNamespace

        objectness, classes = self.to_objectness(images), self.to_class(images)
        rows, columns = objectness.shape[2:]
        y, x = torch.meshgrid(torch.arange(rows) * 16.0, torch.arange(columns) * 16.0, indexing="ij")
        boxes = torch.stack([x, y, x + 20, y + 20], dim=-1).flatten(0, 1)[None] + objectness.flatten(1)[..., None]
        logits = classes.permute(0, 2, 3, 1).flatten(1, 2)
        return SimpleNamespace(objectness=objectness.flatten(1), class_logits=logits, boxes=boxes)
