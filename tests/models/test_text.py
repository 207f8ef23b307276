"""PP-OCR's detectors of text, tiny and with random weights: the mask that the library draws boxes around, attacked."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import foolscape as fs
from foolscape.errors import SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.huggingface import hub
from foolscape.models.common.size_rule import SizeRule
from foolscape.models.load import load_model
from foolscape.models.segmenters.text import CLASSES, THRESHOLD
from foolscape.models.sources.transformers import TEXT
from foolscape.run.settings.task_of import task_of

from .networks import images
from .texts import CONFIGS, folder, processor

SIZE = (64, 96)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return cache(lambda kind: folder(kind, tmp_path_factory.mktemp(kind)))


def levels(size: tuple[int, int] = SIZE) -> Tensor:
    return (images(1, *size) * 255).round().to(torch.uint8)


def test_every_family_is_listed() -> None:
    assert set(CONFIGS) == set(TEXT)


@pytest.mark.parametrize("kind", CONFIGS)
def test_text_is_where_the_library_has_it_and_the_gradient_is_right(kind: str, place: Any) -> None:
    spec = f"transformers:{place(kind)}"
    assert task_of(spec) == "segmentation"
    loaded = load_model(spec, image_size=SIZE)
    assert loaded.model.classes == CLASSES
    assert any("no boxes are drawn" in note for note in loaded.model.notes)
    given = levels()
    encoded = processor()(images=list(given), return_tensors="pt")
    module = hub().AutoModelForObjectDetection.from_pretrained(place(kind))
    with torch.no_grad():
        chances = module(pixel_values=encoded["pixel_values"]).last_hidden_state
        scores = loaded.model.logits(given / 255)
    assert float(chances.std()) > 0.01
    torch.testing.assert_close(
        (scores[:, 1] + torch.logit(torch.tensor(THRESHOLD))).sigmoid(), chances[:, 0], atol=1e-4, rtol=0
    )
    clear = (chances[:, 0] - THRESHOLD).abs() > 1e-4
    assert torch.equal(scores.argmax(dim=1)[clear] == 1, (chances[:, 0] > THRESHOLD)[clear])
    verdict = check_gradient(loaded.model, given / 255, seed=0)
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("kind", ["max", "min", "resize_long"])
@pytest.mark.parametrize("size", [(49, 71), (200, 90), (33, 400), (64, 96), (16, 17)])
def test_sizes_are_those_of_the_image_processor(kind: str, size: tuple[int, int]) -> None:
    limit = {"max": "at_most", "min": "at_least", "resize_long": "longest"}[kind]
    found = SizeRule({limit: 96, "cut_to": 300}, nearest=32).of(size)
    wanted, _ = processor().get_image_size(torch.zeros(3, *size), 96, kind, 300)
    assert found == (wanted.height, wanted.width)


def test_attacked(place: Any) -> None:
    given = levels((50, 70)) / 255
    result = fs.attack(fs.load_model(f"transformers:{place('pp_ocrv5_mobile_det')}"), given, None, "pgd?steps=2")
    assert not torch.equal(result.adversarial, given)


@pytest.mark.parametrize(
    ("kind", "saved", "said"),
    [
        ("videomt", "VideomtForUniversalSegmentation", "segments whole clips without a mask of the first frame"),
        ("rf_detr", "RfDetrForInstanceSegmentation", "RfDetrForObjectDetection is attacked"),
    ],
)
def test_what_is_no_task_is_refused_by_name(kind: str, saved: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "architectures": [saved]}))
    with pytest.raises(SettingError, match=f"got {saved}: .*{said}"):
        load_model(f"transformers:{tmp_path}", image_size=SIZE)


def test_readers_of_text_are_refused(tmp_path: Path) -> None:
    config = hub().PPOCRV5MobileRecConfig()
    config.architectures = ["PPOCRV5MobileRecForTextRecognition"]
    config.save_pretrained(tmp_path)
    with pytest.raises(SettingError, match="got PPOCRV5MobileRecForTextRecognition; foolscape attacks semantic"):
        load_model(f"transformers:{tmp_path}", image_size=SIZE)
