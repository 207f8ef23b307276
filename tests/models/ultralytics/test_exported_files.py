"""A network of ultralytics that was exported finds what it finds as a checkpoint; other forms of such outputs."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from foolscape.errors import ModelError, SettingError
from foolscape.models.common.ultralytics.library import library, quietly
from foolscape.models.exported.yolo_head import YoloHead, yolo_head
from foolscape.models.load import load_model
from foolscape.testing import check_detector

from ..yolo_graphs import SIDE, written
from .made import CLASSES, SIZE, TINY, enliven, images


def loaded(spec: str) -> Any:
    return load_model(spec, image_size=SIZE).model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tiny.pt and what it was exported to: tiny.onnx, dynamic.onnx, chosen.onnx, tiny.torchscript."""
    library()
    from ultralytics import YOLO

    folder = tmp_path_factory.mktemp("exported")
    with pytest.MonkeyPatch.context() as patch, quietly(), warnings.catch_warnings():
        patch.chdir(folder)
        warnings.simplefilter("ignore")  # of the exporter of PyTorch that ultralytics uses
        (folder / "first.yaml").write_text(TINY)
        first = YOLO("first.yaml", task="detect")
        enliven(first.model)
        first.model.names = dict(enumerate(CLASSES))
        first.save("tiny.pt")  # in half precision: what is exported is read from it
        for name, more in (("dynamic", {"dynamic": True}), ("chosen", {"nms": True}), ("tiny", {})):
            made = YOLO("tiny.pt").export(format="onnx", imgsz=SIDE, opset=17, simplify=False, **more)
            Path(made).rename(f"{name}.onnx")
        YOLO("tiny.pt").export(format="torchscript", imgsz=SIDE)
    return folder


def test_its_candidates_and_detections_are_those_of_the_checkpoint(exported: Path) -> None:
    for spec, options in (
        ("onnx:{}/tiny.onnx", "&rect=false"),
        ("onnx:{}/dynamic.onnx", ""),
        ("torchscript:{}/tiny.torchscript", "&rect=false"),
    ):
        ours = loaded(spec.format(exported))
        theirs = loaded(f"ultralytics:{exported}/tiny.pt?imgsz={SIDE}{options}")
        assert ours.classes == CLASSES
        with torch.no_grad():
            one, other = ours.candidates(images()), theirs.candidates(images())
        torch.testing.assert_close(one.boxes, other.boxes, atol=1e-3, rtol=0)
        torch.testing.assert_close(one.scores, other.scores, atol=1e-3, rtol=1e-3)
        (found,), (wanted,) = ours.detect(images(), 0.001), theirs.detect(images(), 0.001)
        assert len(wanted.scores) > 10
        same(found, wanted)


def same(found: Any, wanted: Any) -> None:
    assert len(wanted.scores)
    torch.testing.assert_close(found.scores, wanted.scores, atol=1e-3, rtol=0)
    torch.testing.assert_close(found.boxes, wanted.boxes, atol=1e-3, rtol=0)
    assert torch.equal(found.labels, wanted.labels)


def test_it_is_a_detector_with_the_log_odds_of_its_graph_and_a_right_gradient(exported: Path) -> None:
    model = loaded(f"onnx:{exported}/tiny.onnx?conf=0.1&max_det=20")
    assert "the network returns log-odds" in model.notes
    assert "images are letterboxed inside to 64 x 64, for which it was exported" in model.notes
    assert "detections by NMS within classes: conf 0.1, max_det 20, iou 0.7" in model.notes
    report = check_detector(model, sizes=[SIZE])
    assert report.ok, report


def test_as_a_black_box_it_finds_the_same(exported: Path) -> None:
    levels = images()
    (wanted,) = loaded(f"onnx:{exported}/tiny.onnx").detect(levels, 0.001)
    (found,) = loaded(f"onnxruntime:{exported}/tiny.onnx").detect(levels, 0.001)
    same(found, wanted)


def test_boxes_that_the_graph_chose_have_no_candidates_but_a_way_on(exported: Path) -> None:
    with pytest.raises(ModelError, match=r"chosen already .* onnxruntime:.*chosen.onnx --attack square"):
        loaded(f"onnx:{exported}/chosen.onnx")
    (found,) = loaded(f"onnxruntime:{exported}/chosen.onnx").detect(images(), 0.3)
    (wanted,) = loaded(f"ultralytics:{exported}/tiny.pt?imgsz={SIDE}&rect=false").detect(images(), 0.3)
    assert len(found.scores)
    for box, score in zip(found.boxes, found.scores, strict=True):  # its NMS is another one, of the same candidates
        assert ((wanted.boxes - box).abs().amax(dim=1) + (wanted.scores - score).abs() < 1e-2).any()


def test_what_does_not_fit_is_said(exported: Path) -> None:
    for options, message in (
        ("?task=segmentation", "task: expected detection"),
        ("?imgsz=96", "imgsz: expected 64, for which it was exported"),
        ("?conf=2", "conf: expected a number from 0 to 1"),
    ):
        with pytest.raises(SettingError, match=message):
            loaded(f"onnx:{exported}/tiny.onnx{options}")


def told(path: Path) -> Path:
    """A file of three names beside `path`."""
    path.with_suffix(".txt").write_text("\n".join(CLASSES))
    return path.with_suffix(".txt")


def output_of(path: Path, batch: Tensor) -> Tensor:
    from foolscape.models.exported.onnx_file import session_of

    return torch.from_numpy(session_of(path).run(None, {"images": batch.numpy()})[0])


@pytest.mark.parametrize(("parts", "form"), [(8, "yolo5"), (7, "yolo")])
def test_rows_with_and_without_an_objectness(parts: int, form: str, tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", parts, rows=True)
    model = loaded(f"onnx:{path}?boxes={form}&classes={told(path)}&normalise=imagenet")
    batch = images(height=SIDE, width=SIDE)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    raw = output_of(path, (batch - mean) / std)
    chances = raw[..., 4:] if form == "yolo" else raw[..., 4:5] * raw[..., 5:]
    with torch.no_grad():
        found = model.candidates(batch)
    torch.testing.assert_close(found.scores[:, :-1].sigmoid().transpose(1, 2), chances, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found.boxes[..., :2], raw[..., :2] - raw[..., 2:4] / 2, atol=1e-4, rtol=1e-4)


ULTRALYTICS = {"stride": "32", "task": "detect", "names": "{0: 'a', 1: 'b'}"}


@pytest.mark.parametrize(
    ("shape", "metadata", "operators", "asked", "count", "head"),
    [
        ((1, 84, 8400), {}, (), None, None, YoloHead(None)),
        ((1, 8400, 85), {}, (), None, None, YoloHead(None, rows=True, objectness=True)),
        ((1, 8400, 84), {}, (), "yolo", None, YoloHead(None, rows=True)),
        ((1, 8400, 84), {}, (), None, 80, YoloHead(80, rows=True)),
        ((1, 8400, 85), {}, (), None, 80, YoloHead(80, rows=True, objectness=True)),
        ((1, 84, 84), ULTRALYTICS, (), None, None, YoloHead(2)),
        ((None, None, None), ULTRALYTICS, (), None, None, YoloHead(2)),
        ((1, 6, 6), ULTRALYTICS, (), None, None, YoloHead(2)),
        ((1, 300, 6), ULTRALYTICS | {"end2end": "True"}, (), None, None, YoloHead(2, rows=True, chosen=True)),
        ((1, 300, 6), {}, ("TopK",), None, None, YoloHead(None, rows=True, chosen=True)),
        ((1, 300, 6), {}, ("Conv",), None, None, YoloHead(None, rows=True, objectness=True)),
        ((1, 300, 6), ULTRALYTICS | {"head": "RTDETRDecoder"}, (), None, None, YoloHead(2, rows=True, queries=True)),
        ((1, 640, 640), {}, (), None, None, None),
        ((1, 160, 160), {}, (), None, None, None),
        ((None, None, None), {}, (), None, None, None),
        (None, {}, (), None, None, None),
        ((1, 640, 640), ULTRALYTICS | {"task": "semantic"}, (), None, None, None),
    ],
)
def test_heads_by_their_shapes_and_what_is_said(
    shape: Any, metadata: dict[str, str], operators: tuple[str, ...], asked: str | None, count: int | None, head: Any
) -> None:
    found = yolo_head(shape, (640, 640), metadata, frozenset(operators), asked=asked, count=count)
    assert found == head


def test_oriented_boxes_and_too_few_parts_are_refused() -> None:
    with pytest.raises(ModelError, match="got oriented ones"):
        yolo_head((1, 7, 84), (64, 64), ULTRALYTICS | {"task": "obb"}, frozenset(), asked=None, count=None)
    with pytest.raises(ModelError, match="expected 84 parts of each candidate, a box and 80 classes, got 7"):
        yolo_head((1, 7, 8400), (640, 640), {}, frozenset(), asked="yolo", count=80)
    with pytest.raises(SettingError, match="got none of 3 sides"):
        yolo_head(None, (640, 640), {}, frozenset(), asked="yolo", count=None)


def test_the_metadata_of_a_program_is_read_without_code(exported: Path, tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(exported / "tiny.torchscript") as archive:
        inner = next(name for name in archive.namelist() if name.endswith("extra/config.txt"))
        assert json.loads(archive.read(inner))["task"] == "detect"
        with zipfile.ZipFile(tmp_path / "net.torchscript", "w", zipfile.ZIP_STORED) as other:
            for name in archive.namelist():
                other.writestr(name, b"{" if name == inner else archive.read(name))
    with pytest.raises(ModelError, match=r"Segmenter.logits must return"):
        loaded(f"torchscript:{tmp_path / 'net.torchscript'}")
