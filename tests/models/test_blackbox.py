from __future__ import annotations

import logging
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

import foolscape
from foolscape.errors import ModelError, SettingError
from foolscape.models.blackbox.asking import Asker, Pace
from foolscape.models.common.black_boxes import asked_anew
from foolscape.models.load import load_model
from foolscape.models.sources import source_of
from foolscape.spec import parse
from foolscape.testing import check_segmenter
from tests.models.onnx_graphs import CLASSES, Small, graph, node

SIZE = (20, 26)

API = """
import numpy as np

def labels(image):
    assert image.dtype == np.uint8
    return image.argmax(2)

def scores(image):
    return image / 255

def turned(image):
    return np.moveaxis(image / 255, 2, 0)

def batched(images):
    assert images.ndim == 4
    return images.argmax(3)

def smaller(image):
    return image[::2, ::2].argmax(2)

def beyond(image):
    return image.argmax(2) + 7

def moods(image, asked=[]):
    asked.append(1)
    return image.argmax(2) if len(asked) < 2 else image / 255

def dead(image):
    raise ConnectionError("gone")

def boxes(image):
    return {"boxes": [[2, 3, 12, 13], [10, 5, 20, 17]], "labels": [1, 0]}

def scored(image):
    return np.array([[2.0, 3.0, 12.0, 13.0]]), np.array([0.75]), np.array([1])

def none(image):
    return [], [], []

def odd(image):
    return {"boxes": [[1, 2, 3]], "labels": [0]}

labels.classes = batched.classes = smaller.classes = beyond.classes = moods.classes = ("red", "green", "blue")
"""


@pytest.fixture
def api(tmp_path: Path) -> str:
    (tmp_path / "api.py").write_text(dedent(API))
    (tmp_path / "two.txt").write_text("sign\ncar\n")
    return f"blackbox:{tmp_path / 'api.py'}"


def loaded(spec: str, task: str | None = "segmentation") -> Any:
    return load_model(spec, task, image_size=SIZE).model


def images(count: int = 1) -> torch.Tensor:
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize("name", ["labels", "batched?batch=1"])
def test_label_maps_are_scores_of_0_and_1(api: str, name: str) -> None:
    model = loaded(f"{api}:{name}")
    scores = model.logits(images(2))
    assert model.classes == ("red", "green", "blue")
    assert torch.equal(scores.unique(), torch.tensor([0.0, 1.0]))
    assert torch.equal(scores.argmax(1), (255 * images(2)).round().argmax(1))
    assert "label maps alone" in " ".join(model.notes)


@pytest.mark.parametrize("name", ["scores", "turned"])
def test_scores_may_have_their_classes_first_or_last(api: str, name: str) -> None:
    model = loaded(f"{api}:{name}")
    torch.testing.assert_close(model.logits(images(2)), (255 * images(2)).round() / 255)
    assert model.classes == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("smaller", r"expected a label map \(20, 26\) .*, got \(10, 13\) of int64; resize the answer"),
        ("beyond", "expected labels from 0 to 2, the index of the class, got 7 to 9"),
        ("moods", "expected a label map, as at first, got class scores"),
        ("dead?retries=0", r"expected .*api.py:dead to answer, got ConnectionError: gone in 1 calls .*api.py:\d+"),
        ("labels?retries=-1", "retries: expected a whole number from 0 to 20, got '-1'"),
        ("labels?per-second=0", "per-second: expected a number above 0, got '0'"),
        ("labels?mean=0,0,0", "unknown option"),
        ("nothing", "unknown name in"),
    ],
)
def test_what_does_not_fit_is_said(api: str, name: str, message: str) -> None:
    with pytest.raises((ModelError, SettingError), match=message):
        loaded(f"{api}:{name}").logits(images())


def test_the_task_is_told_by_the_answer(api: str) -> None:
    found = {
        name: source_of(parse(f"{api}:{name}")).open(parse(f"{api}:{name}"), None).task for name in ("labels", "boxes")
    }
    assert found == {"labels": "segmentation", "boxes": "detection"}
    with pytest.raises(ModelError, match=r"say what it is for with \?task="):
        source_of(parse(f"{api}:dead")).open(parse(f"{api}:dead?retries=0"), None)


def test_a_box_scores_by_how_well_it_is_found(api: str, tmp_path: Path) -> None:
    model = loaded(f"{api}:scored?classes={tmp_path / 'two.txt'}", "detection")
    (found,) = model.detect(images(), 0.1)
    assert found.boxes.tolist() == [[2, 3, 12, 13]]
    assert found.labels.tolist() == [1]
    own = model.candidates(images())
    assert own.boxes[0].tolist() == [[2, 3, 12, 13], [0, 0, 26, 20]]  # and the whole image
    half = torch.tensor([[[2.0, 3.0, 12.0, 8.0], [20.0, 15.0, 25.0, 19.0]]])  # an IoU of 1/2, and none
    chances = model.candidates(images(), half).scores[0].sigmoid()
    torch.testing.assert_close(chances[:2], torch.tensor([[0.001, 0.001], [0.375, 0.001]]), atol=1e-5, rtol=1e-4)


def test_boxes_without_scores_and_no_boxes_at_all(api: str, tmp_path: Path) -> None:
    options = f"?classes={tmp_path / 'two.txt'}"
    model = loaded(f"{api}:boxes{options}", "detection")
    assert "boxes and labels alone" in " ".join(model.notes)
    assert model.detect(images(), 0.5)[0].scores.tolist() == [1, 1]
    empty = loaded(f"{api}:none{options}", "detection")
    assert empty.candidates(images(2)).boxes.shape == (2, 1, 4)
    assert len(empty.detect(images(), 0.0)[0].scores) == 0
    with pytest.raises(ModelError, match=r"expected boxes \(K, 4\), labels \(K,\) and, if there are any, scores"):
        loaded(f"{api}:odd{options}", "detection")
    with pytest.raises(ModelError, match=r"name them with \?classes=FILE"):
        loaded(f"{api}:boxes", "detection")


def test_a_contract_check_asks_for_no_gradient(api: str) -> None:
    report = check_segmenter(loaded(f"{api}:scores"), sizes=[SIZE, (24, 30)])
    found = {check.name: check for check in report.checks}
    assert all(check.passed is not False for check in report.checks), report
    assert found["input gradient at batch 1"].seen == "not asked for: a black box"


def test_what_fails_is_asked_again_and_what_was_asked_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    calls: list[int] = []

    def flaky(image: Any) -> Any:
        calls.append(1)
        if len(calls) % 10 == 1:
            raise ConnectionError("busy")
        return image

    asker: Asker[Any] = Asker(flaky, "flaky", lambda answer, _: answer, Pace(retries=1))
    for value in (0, 1, 0, 1):
        asker.ask(np.full((4, 4, 3), value, np.uint8))
    assert (asker.tally.calls, asker.tally.repeated, asker.tally.remembered) == (3, 1, 2)
    assert slept == [0.2]
    with asked_anew():
        asker.ask(np.zeros((4, 4, 3), np.uint8))
    assert asker.tally.calls == 4


def test_it_is_asked_at_its_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: sum(slept))
    asker: Asker[Any] = Asker(lambda image: image, "slow", lambda answer, _: answer, Pace(per_second=4))
    for value in range(3):
        asker.ask(np.full((4, 4, 3), value, np.uint8))
    assert slept == [0.25, 0.25]


def test_answers_that_are_kept_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foolscape.models.blackbox.asking._MEMORY", 100)
    asker: Asker[Any] = Asker(lambda image: image, "large", lambda answer, _: answer, Pace())
    for value in range(9):
        asker.ask(np.full((4, 4, 3), value, np.uint8))  # 48 bytes
    assert len(asker.kept) == 2
    assert asker.tally.held == sum(answer.nbytes for answer in asker.kept.values()) <= 100


def test_an_onnx_file_as_a_black_box(tmp_path: Path) -> None:
    path = graph(tmp_path / "net.onnx")
    model = loaded(f"onnxruntime:{path}?range=255")
    with torch.no_grad():
        scores = Small()((255 * images()).round())
    expected = torch.nn.functional.interpolate(scores, size=SIZE, mode="bilinear", align_corners=False)
    torch.testing.assert_close(model.logits(images()), expected, atol=1e-4, rtol=1e-3)
    assert load_model(f"onnxruntime:{path}", image_size=SIZE).identity["files"].keys() == {"net.onnx"}


def test_a_quantised_one_with_label_maps(tmp_path: Path) -> None:
    import onnx

    scale = node("Constant", "", "scale", value=onnx.numpy_helper.from_array(np.float32(0.01)))
    zero = node("Constant", "", "zero", value=onnx.numpy_helper.from_array(np.int8(0)))
    tail = [
        scale,
        zero,
        node("QuantizeLinear", "scores scale zero", "rough"),
        node("DequantizeLinear", "rough scale zero", "fine"),
        node("Constant", "", "twice", value=onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32))),
        node("Resize", "fine  twice".replace("  ", " none "), "large", mode="nearest"),
        node("ArgMax", "large", "last", axis=1, keepdims=0),
    ]
    tail[5].input[1] = ""
    path = graph(tmp_path / "net.onnx", tail=tail, outputs=["last"])
    made = onnx.load(path)
    made.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    onnx.save(made, path)
    names = tmp_path / "names.txt"
    names.write_text("\n".join("abcde"[:CLASSES]))
    model = loaded(f"onnxruntime:{path}?classes={names}")
    assert not model.scored
    assert model.logits(images()).shape == (1, CLASSES, *SIZE)


class Street(CalibrationDataReader):
    """Two images by which the ranges of activations are told."""

    def __init__(self) -> None:
        self.left = [images().numpy(), 1 - images().numpy()]

    def get_next(self) -> dict[str, Any] | None:
        return {"images": self.left.pop()} if self.left else None


def quantised(folder: Path, how: str) -> Path:
    """`Small` as onnxruntime quantises it."""
    source, target = graph(folder / "float.onnx", sides=(1, 3, *SIZE)), folder / f"{how}.onnx"
    logging.disable()
    try:
        if how == "dynamic":
            quantize_dynamic(source, target)
        else:
            quantize_static(source, target, Street(), quant_format=QuantFormat[how])
    finally:
        logging.disable(logging.NOTSET)
    return target


@pytest.mark.parametrize(
    ("how", "named"), [("QDQ", "DequantizeLinear"), ("QOperator", "QLinearConv"), ("dynamic", "ConvInteger")]
)
def test_quantised_graphs_are_refused_with_the_way_on_and_attacked_on_it(how: str, named: str, tmp_path: Path) -> None:
    file = quantised(tmp_path, how)
    with pytest.raises(ModelError, match=rf"{named}.*rounding leaves no gradient.*onnxruntime:.* --attack square"):
        load_model(f"onnx:{file}", image_size=SIZE)
    model = loaded(f"onnxruntime:{file}")
    with torch.no_grad():
        given = loaded(f"onnx:{tmp_path / 'float.onnx'}").logits(images())
        assert float((model.logits(images()) - given).abs().mean() / given.abs().mean()) < 0.1
    adversarial = foolscape.attack(f"onnxruntime:{file}", images(), recipe="square?steps=4&eps=8/255").adversarial
    assert float((adversarial - images()).abs().max()) > 0.02


def test_a_graph_of_one_size_is_checked_at_that_size_alone(tmp_path: Path) -> None:
    report = check_segmenter(loaded(f"onnxruntime:{quantised(tmp_path, 'dynamic')}"), sizes=[SIZE, (19, 23)])
    assert report.ok, report
    said = {check.name: check.seen for check in report.checks}
    assert said["shape at 19 x 23"] == "not tried: the network takes 20 x 26 alone"
    assert said["range of the input"] == "not tried: a black box takes 8-bit images"
