"""The names that a mistyped detector may have meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from foolscape.errors import ModelError, UnknownNameError
from foolscape.models import sources
from foolscape.models.bundled import load as bundled
from foolscape.models.detectors import torchvision_zoo, transformers
from foolscape.models.detectors.torchvision_dense import DenseDetector
from foolscape.models.detectors.torchvision_two_stage import TwoStageDetector
from foolscape.models.load import load_detector
from foolscape.models.segmenters import torchvision
from foolscape.models.sources import bundled as bundled_source
from foolscape.models.sources import torchvision as torchvision_source
from foolscape.models.sources import transformers as transformers_source
from foolscape.models.trackers import sam2_families
from foolscape.run.settings.task_of import task_of


def test_the_names_that_are_written_down_are_those_there_are() -> None:
    ours = {"segmentation": bundled.NAMES, "detection": bundled.DETECTOR_NAMES, "video": bundled.TRACKER_NAMES}
    assert {task: tuple(n for n, of in bundled_source.NAMES.items() if of == task) for task in ours} == ours
    assert torchvision.names() == torchvision_source.SEGMENTERS
    assert torchvision_zoo.names() == torchvision_source.DETECTORS
    assert set(transformers_source.DETECTORS) == set(transformers.FAMILIES)
    assert set(transformers_source.TRACKERS) == set(sam2_families.FAMILIES)
    assert [f"bundled:{name}" for names in ours.values() for name in names] == list(sources.named_models())[:5]


def test_a_broken_torchvision_does_not_hide_that_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ModelError("expected a torchvision that fits")

    monkeypatch.setattr(torchvision, "library", broken)
    monkeypatch.setattr(torchvision_zoo, "library", broken)
    with pytest.raises(UnknownNameError, match="bundled:"):
        load_detector("bundled-scenes", image_size=(32, 32))


OWN = """
from torchvision.models import detection

def two_stage():
    model = detection.fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None, weights_backbone=None, num_classes=3, min_size=64, max_size=96
    )
    model.classes = ("cat", "dog")
    return model

def dense():
    return detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=3)

def own():
    model = dense()
    model.detect = lambda images, score_threshold: []
    return model
"""


@pytest.mark.parametrize(
    ("factory", "kind", "names"),
    [("two_stage", TwoStageDetector, ("cat", "dog")), ("dense", DenseDetector, ("class 0", "class 1"))],
)
def test_a_network_of_torchvision_that_a_file_makes_is_taken_as_one_that_comes_by_name(
    tmp_path: Path, factory: str, kind: type, names: tuple[str, ...]
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    text = f"{tmp_path / 'own.py'}:{factory}"
    assert task_of(text) == "detection"
    torch.manual_seed(0)
    detector = load_detector(text, image_size=(64, 96)).model
    assert isinstance(detector, kind)
    assert detector.classes == names
    images = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    torch.autograd.backward(detector.candidates(images).scores.std())
    assert images.grad is not None
    assert float(images.grad.abs().max()) > 0


def test_a_network_of_torchvision_with_a_detect_of_its_own_keeps_to_what_that_says(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(ModelError, match="boxes"):  # it owes candidates as a user's network does
        load_detector(f"{tmp_path / 'own.py'}:own", image_size=(64, 96))
