"""The detectors of transformers, tiny and with random weights, against the library's own way from image to boxes."""

import json
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from foolscape.errors import CheckpointError, MissingExtraError, ModelError, UnknownNameError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.common.class_map import ClassNames
from foolscape.models.common.preparation import preparation_of
from foolscape.models.common.pretrained import place_of
from foolscape.models.common.whole_gradient import whole_gradient
from foolscape.models.detectors import transformers as adapter
from foolscape.models.detectors.common import SIGMOID_NOTE, SOFTMAX_NOTE
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.transformers import FAMILIES, QueryDetector, adapt_queries
from foolscape.tasks.detection import Detector

from ..networks import images
from .queries import CONFIGS, NAMES, folder, network, processor

KINDS = tuple(CONFIGS)
KEPT = ("cat", "dog", "car", "bus")
SIZE = (49, 71)
SOFTMAX = ("detr", "yolos", "table-transformer")
MOVING = ("rt_detr", "d_fine", "deimv2", "lw_detr", "rf_detr", "pp_doclayout")


@cache
def detector(kind: str) -> QueryDetector:
    return adapt_queries(network(kind), processor(kind), ClassNames())


def load(name: str, weights: str | None = None) -> tuple[torch.nn.Module, object]:
    place = place_of(name, weights)
    return adapter.load(place, place.config())


def levels(batch: int = 2, size: tuple[int, int] = SIZE) -> Tensor:
    """(B, 3, H, W) uint8."""
    return (images(batch, *size) * 255).round().to(torch.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_contract(kind: str) -> None:
    found = detector(kind)
    assert isinstance(found, Detector)
    assert found.classes == KEPT  # the channel called N/A is none
    assert found.channels == (0, 1, 3, 4)
    assert not found.two_stage
    assert (SOFTMAX_NOTE in found.notes) == (kind in SOFTMAX)
    assert (SIGMOID_NOTE in found.notes) == (kind not in SOFTMAX)
    moving = kind.startswith(MOVING) or kind.endswith("two stages")
    assert any(note.startswith("queries are the most promising places") for note in found.notes) == moving
    candidates = found.candidates(images(2, *SIZE))
    assert candidates.boxes.shape == (2, 9, 4)
    assert candidates.scores.shape == (2, 5, 9)
    assert candidates.boxes.dtype == candidates.scores.dtype == torch.float32
    if kind not in SOFTMAX:
        assert not candidates.scores[:, -1].any()


@pytest.mark.parametrize("kind", KINDS)
def test_detections_are_those_of_the_library(kind: str) -> None:
    module, its_processor = detector(kind).module, processor(kind)
    given = levels()
    prepared = detector(kind).prepare(given / 255)
    own = its_processor(images=list(given), return_tensors="pt")["pixel_values"]
    assert prepared.shape == own.shape
    # Levels, in units of the standard deviation: the library rounds behind each of the two directions of resizing.
    assert float((prepared - own).abs().max()) < (0.025 if kind == "rf_detr" else 0.02)
    with torch.no_grad():
        output = module(pixel_values=prepared)
    expected = its_processor.post_process_object_detection(output, threshold=0.02, target_sizes=[SIZE] * 2)
    for one, wanted in zip(detector(kind).detect(given / 255, 0.02), expected, strict=True):
        named = wanted["labels"] != NAMES.index("N/A")
        order = wanted["scores"][named].argsort(descending=True, stable=True)
        assert len(one.scores) > 0
        torch.testing.assert_close(one.scores, wanted["scores"][named][order])
        torch.testing.assert_close(one.boxes, wanted["boxes"][named][order], rtol=1e-4, atol=1e-3)
        assert [KEPT[i] for i in one.labels.tolist()] == [NAMES[i] for i in wanted["labels"][named][order].tolist()]


@pytest.mark.parametrize("kind", KINDS)
def test_candidates_are_what_the_network_says(kind: str) -> None:
    given = images(1, *SIZE)
    with torch.no_grad():
        output = detector(kind).module(pixel_values=detector(kind).prepare(given))
        candidates = detector(kind).candidates(given)
    torch.testing.assert_close(candidates.scores[:, :4], output.logits[..., [0, 1, 3, 4]].transpose(1, 2))
    if kind in SOFTMAX:
        torch.testing.assert_close(candidates.scores[:, 4], output.logits[..., [2, 5]].logsumexp(-1))  # with N/A
    boxes = output.pred_boxes
    if kind == "pp_doclayout_v4":  # a middle and four corners, of which the box around them is taken
        middle, corners = boxes[..., :2], boxes[..., 2:].unflatten(-1, (4, 2)) - 0.5
        low, high = middle + corners.amin(dim=-2), middle + corners.amax(dim=-2)
        boxes = torch.cat([(low + high) / 2, high - low], dim=-1)
    x, _, _, height = (boxes * torch.tensor([71, 49, 71, 49])).unbind(-1)
    torch.testing.assert_close(candidates.boxes[..., 0] + candidates.boxes[..., 2], 2 * x, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(candidates.boxes[..., 3] - candidates.boxes[..., 1], height, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_at_the_pixels_is_right_for_a_single_image(kind: str) -> None:
    # RT-DETR and D-FINE move channels last behind a batch norm, whose gradient PyTorch then gets wrong at batch 1; and
    # detach reference points. Both are repaired by the adapter, neither is in `module` as it was.
    verdict = check_gradient(Scorer(detector(kind)), images(1, *SIZE), seed=0)
    assert verdict.ok, verdict.message
    assert verdict.precision == ("float32" if kind == "dab-detr" else "float64")  # its positions are always float32
    assert verdict.relative_error is not None


@pytest.mark.parametrize("kind", ["detr", "rt_detr", "yolos"])
def test_an_image_does_not_depend_on_its_neighbours(kind: str) -> None:
    given = images(2, *SIZE)
    with torch.no_grad():
        together, alone = detector(kind).candidates(given), detector(kind).candidates(given[1:])
    torch.testing.assert_close(together.scores[1:], alone.scores, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(together.boxes[1:], alone.boxes, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("size", [(49, 71), (71, 49), (64, 64), (40, 150), (130, 64), (97, 131)])
@pytest.mark.parametrize("kind", ["detr", "yolos"])
def test_sizes_inside_are_those_of_the_image_processor(kind: str, size: tuple[int, int]) -> None:
    given = levels(1, size)
    own = processor(kind)(images=list(given), return_tensors="pt")["pixel_values"]
    assert preparation_of(processor(kind), multiple=FAMILIES[kind].multiple)(given / 255).shape == own.shape


def test_an_image_too_narrow_for_a_patch_is_refused() -> None:
    with pytest.raises(ModelError, match="less narrow than 30 x 200"):
        detector("yolos").prepare(images(1, 30, 200))


def test_a_processor_may_leave_images_as_they_are_or_fit_them_into_a_frame() -> None:
    its = processor("rt_detr")
    its.size = {"max_height": 20, "max_width": 100}
    assert preparation_of(its)(images(1, 40, 60)).shape == (1, 3, 20, 30)
    its.do_resize, its.do_rescale = False, False
    assert torch.equal(preparation_of(its)(images(1)), 255 * images(1))


def test_a_processor_that_does_something_else_is_refused() -> None:
    its = processor("rt_detr")
    its.do_pad, its.pad_size = True, {"height": 100, "width": 100}
    with pytest.raises(ModelError, match="without a fixed pad_size"):
        preparation_of(its)
    its.do_pad, its.resample = False, 0
    with pytest.raises(ModelError, match="resizes bilinearly or bicubically, got 0"):
        preparation_of(its)
    its.resample, its.size = 2, {"longest_edge": 5}
    with pytest.raises(ModelError, match="whose size has height and width"):
        preparation_of(its)


def test_a_folder_is_loaded_with_its_weights(tmp_path: Path) -> None:
    module, its = load(str(folder("yolos", tmp_path)))
    given = images(1, *SIZE)
    found, wanted = (one.candidates(given) for one in (adapt_queries(module, its, ClassNames()), detector("yolos")))
    torch.testing.assert_close(found.scores, wanted.scores)
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_random_weights_need_no_file_and_are_the_same_each_time(tmp_path: Path) -> None:
    (folder("yolos", tmp_path) / "model.safetensors").unlink()
    first, second = (load(str(tmp_path), "none")[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    with pytest.raises(ModelError, match=r"expected a folder with an object detector .* at .*"):
        load(str(tmp_path))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    weights = folder("yolos", tmp_path) / "model.safetensors"
    tensors = load_file(weights)
    save_file({k: v for k, v in tensors.items() if "class_labels" not in k}, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="expected all weights of YolosForObjectDetection"):
        load(str(tmp_path))


def test_another_kind_of_network_is_refused(tmp_path: Path) -> None:
    folder("yolos", tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "vit"}))
    with pytest.raises(UnknownNameError, match="kind of detector in transformers"):
        load(str(tmp_path))
    with pytest.raises(UnknownNameError, match="weights of transformers"):
        load(str(tmp_path), "best")


def test_without_transformers_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'foolscape\[transformers\]'"):
        load("facebook/detr-resnet-50")


def test_names_may_be_given_and_must_be_as_many_as_channels() -> None:
    names = ("a", "b", "c", "d", "e")
    given = adapt_queries(network("yolos"), processor("yolos"), ClassNames(option=names))
    assert given.classes == names
    assert given.channels == (0, 1, 2, 3, 4)
    with pytest.raises(ModelError, match=r"one class name per class that the detector scores \(5\), got 2"):
        adapt_queries(network("yolos"), processor("yolos"), ClassNames(option=("a", "b")))


def test_labels_that_nobody_named_are_not_guessed_from_the_data() -> None:
    module = network("yolos")
    module.config.id2label = {i: f"LABEL_{i}" for i in range(5)}
    names = ("a", "b", "c", "d", "e")
    with pytest.raises(ModelError, match=r"config.json \(id2label\), got LABEL_0, .*the 5 names of its channels"):
        adapt_queries(module, processor("yolos"), ClassNames(data=names))
    assert adapt_queries(module, processor("yolos"), ClassNames(file=names)).classes == names


def test_nan_is_an_error_and_not_an_empty_street() -> None:
    module = network("yolos")
    with torch.no_grad():
        module.bbox_predictor.layers[-1].bias.fill_(torch.nan)
    broken = adapt_queries(module, processor("yolos"), ClassNames())
    with torch.no_grad(), pytest.raises(ModelError, match="expected finite boxes"):
        broken.candidates(images(1, *SIZE))
    with pytest.raises(ModelError, match="expected finite boxes"):
        broken.detect(images(1, *SIZE), 0.1)
    with torch.no_grad():
        module.class_labels_classifier.layers[-1].bias.fill_(torch.nan)
    with pytest.raises(ModelError, match="expected finite scores"):
        broken.detect(images(1, *SIZE), 0.1)


def test_gradients_are_kept_only_where_they_are_recorded() -> None:
    values = torch.ones(2, requires_grad=True)
    with whole_gradient(True):
        assert values.detach() is values
    assert not values.detach().requires_grad
    with torch.no_grad(), whole_gradient(True):
        assert values.detach() is not values
