"""Live networks of ultralytics, handed over from Python or made by a factory of a user's."""

from pathlib import Path

import pytest
import torch

import foolscape as fs
from foolscape.errors import ModelError, SettingError, UnknownNameError
from foolscape.models.common.ultralytics.library import library
from foolscape.models.detectors.ultralytics import head_of
from foolscape.models.load import load_model
from foolscape.models.sources.own import task_of_made
from foolscape.run.settings.task_of import task_of

from .made import CLASSES, SIZE, checkpoint, enliven, images


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("live") / "best.pt")


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_of_the_library_is_attacked_as_it_is(whole: bool, trained: Path) -> None:
    library()
    from ultralytics import YOLO

    model = YOLO(trained)
    enliven(model.model)
    before = {name: value.clone() for name, value in model.model.state_dict().items()}
    model.model.train()
    given = images()
    adversarial = fs.attack(model if whole else model.model, given, None, "pgd?eps=8/255&steps=2").adversarial
    assert adversarial.shape == given.shape
    assert not torch.equal(adversarial, given)
    assert model.model.training
    assert all(torch.equal(value, before[name]) for name, value in model.model.state_dict().items())
    assert "postprocess" not in vars(head_of(model.model))


def test_one_that_a_factory_makes(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text(f"from ultralytics import YOLO\n\n\ndef build():\n    return YOLO({str(trained)!r})\n")
    spec = f"{path}:build"
    assert task_of(spec) == "detection"
    found = load_model(spec, image_size=SIZE).model
    assert found.classes == CLASSES
    assert any("to 96 pixels along their long side" in note for note in found.notes)
    with pytest.raises(SettingError, match="task: expected detection"):
        load_model(spec, "segmentation", image_size=SIZE)
    with pytest.raises(UnknownNameError, match="option"):
        load_model(f"{spec}?input=bgr", image_size=SIZE)


def test_one_for_another_task() -> None:
    network = library().tasks.ClassificationModel("yolo11n-cls.yaml", verbose=False)
    with pytest.raises(ModelError, match="classifies whole images"):
        task_of_made(network)
