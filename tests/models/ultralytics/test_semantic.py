"""Semantic segmentation of ultralytics against the library's own prediction; random weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from foolscape.models.checks.gradient import check_gradient
from foolscape.models.checks.small_copy import small_copy
from foolscape.models.common.ultralytics.config import from_config
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.library import library
from foolscape.models.common.wrappers import ModuleSegmenter
from foolscape.models.load import load_segmenter
from foolscape.models.segmenters.ultralytics import Semantic
from foolscape.tasks.segmentation import predict

from .made import CLASSES, SIZE, images, names

SPEC = "ultralytics:yolo26n-sem.yaml?imgsz=64"


def test_scores_names_and_gradient(tmp_path: Path) -> None:
    found = load_segmenter(f"{SPEC}&classes={names(tmp_path)}", image_size=SIZE).model
    assert found.classes == CLASSES
    assert any("letterboxed inside to 64 pixels" in note for note in found.notes)
    scores = found.logits(images(2))
    assert scores.shape == (2, 3, *SIZE)
    smaller = small_copy(found, images(1, 192, 256))
    assert smaller is not None
    assert isinstance(smaller[0], ModuleSegmenter)
    assert smaller[0].module is not found.module
    assert smaller[0].module.letterbox == found.module.letterbox
    verdict = check_gradient(found, images(1), seed=0)
    assert verdict.ok, verdict.message


def test_labels_are_those_of_its_prediction() -> None:
    """Where its predictor sees the same tensor, see `test_detectors`."""
    library()
    from ultralytics import YOLO

    found = load_segmenter(f"{SPEC}&rect=false", image_size=(64, 64)).model
    given = images(1, 64, 64)
    with torch.no_grad():  # of an untrained network one class is above all others everywhere
        found.module.network.model[-1].classifier[-1].bias -= found.logits(given).mean(dim=(0, 2, 3))
    model = YOLO("yolo26n-sem.yaml", task="semantic", verbose=False)
    model.model = found.module.network
    levels = (given[0] * 255).byte().permute(1, 2, 0).flip(2).contiguous().numpy()  # BGR
    (theirs,) = model.predict(levels, imgsz=64, verbose=False, save=False, device="cpu")
    labels = predict(found, given)[0].numpy()
    same = np.asarray(theirs.semantic_mask.data).reshape(64, 64) == labels
    assert len(np.unique(labels)) > 5
    assert same.mean() > 0.999  # it folds its batch norms, which rounds otherwise


@pytest.mark.parametrize("named", [True, False])
def test_one_class_has_a_background(named: bool) -> None:
    network = replace(from_config("yolo26n-sem.yaml", classes=1), names=("road",) if named else None)
    module = Semantic(network, Letterbox(64, 32)).eval()
    scores = module(images(1))
    assert scores.shape == (1, 2, *SIZE)
    assert not scores[:, 0].any()
    assert module.names == (("background", "road") if named else None)
    assert not torch.equal(scores[:, 1], torch.zeros_like(scores[:, 1]))
