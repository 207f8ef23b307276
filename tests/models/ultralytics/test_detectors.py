"""The detectors against the library's own way from network to boxes, and their gradients; random weights."""

import dataclasses
import math
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from foolscape.errors import SettingError
from foolscape.models.checks.gradient import check_gradient
from foolscape.models.checks.small_copy import small_copy
from foolscape.models.common.class_map import ClassNames
from foolscape.models.common.conditions import Conditions
from foolscape.models.common.ultralytics.config import from_config
from foolscape.models.common.ultralytics.letterbox import Letterbox
from foolscape.models.common.ultralytics.library import library
from foolscape.models.detectors.common import SIGMOID_NOTE
from foolscape.models.detectors.scorer import Scorer
from foolscape.models.detectors.ultralytics import Choosing, YoloDetector, corners_of, head_of
from foolscape.models.detectors.ultralytics_ready import adapt_yolo
from foolscape.models.load import load_detector
from foolscape.tasks.detection import Detector
from foolscape.testing import check_detector

from .made import CLASSES, SIZE, as_the_library_has_it, detector, images

LIMITS = torch.tensor([SIZE[1], SIZE[0]] * 2).float()

NETWORKS = ("yolo11n", "yolo26n?nms=false", "yolo26n-obb", "yolo11n-pose")
MORE = (
    "yolo26n", "yolov10n", "yolov10n?nms=false", "yolov5nu", "yolov8n", "yolov9t", "yolo12n", "yolov8n-seg",
    "yolo26n-seg", "yolo26n-seg?nms=false", "yolo26n-obb?nms=false", "yolo11n-obb", "rtdetr-l", "yolov8-rtdetr",
)  # fmt: skip
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in MORE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("names")


@cache
def made(name: str, folder: Path) -> YoloDetector:
    config, _, options = name.partition("?")
    said = "&".join(["imgsz=64", *([options] if options else [])])
    return detector(f"{config}.yaml?{said}", folder)


def by_the_library(found: YoloDetector, given: Tensor, conf: float) -> list[Tensor]:
    """(K, 6) of each image: what its validation does behind the letterbox; oriented boxes as upright ones."""
    from ultralytics.utils import ops

    module, seen = as_the_library_has_it(found), found.letterbox(given)
    place, size = found.letterbox.place(SIZE), SIZE
    with torch.no_grad():
        output = module(seen)
    if found.kind == "RTDETRDecoder":
        rows = [torch.cat([ops.xywh2xyxy(one[:, :4]) * LIMITS, one[:, 4:]], dim=1) for one in output[0]]
        for one in rows:
            ops.clip_boxes(one, SIZE)
        return [one[one[:, 4] > conf] for one in rows]
    first = output[0][0] if isinstance(output[0], tuple) else output[0]
    oriented = found.kind == "OBB"
    suppress = library().nms.non_max_suppression
    rows = suppress(first, conf, 0.7, multi_label=True, max_det=300, nc=3, end2end=found.one_to_one, rotated=oriented)
    placed = ((place.height / size[0], place.width / size[1]), (place.left, place.top))
    answers = []
    for one in rows:
        boxes = one[:, :4]
        if oriented:
            corners = ops.xywhr2xyxyxyxy(torch.cat([boxes, one[:, -1:]], dim=1))
            boxes = torch.cat([corners.amin(dim=1), corners.amax(dim=1)], dim=1)
        scaled = ops.scale_boxes(seen.shape[2:], boxes.clone(), size, ratio_pad=placed)
        answers.append(torch.cat([scaled, one[:, 4:6]], dim=1))
    return answers


@pytest.mark.parametrize("name", [*NETWORKS, *SLOW])
def test_detections_are_those_of_the_library(name: str, folder: Path) -> None:
    found, given = made(name, folder), images(2)
    for one, wanted in zip(found.detect(given, 0.001), by_the_library(found, given, found.choosing.conf), strict=True):
        assert 3 < len(one.scores) <= 300
        assert len(set(one.labels.tolist())) > 1
        order = wanted[:, 4].argsort(descending=True, stable=True)
        torch.testing.assert_close(one.scores, wanted[order, 4], rtol=0, atol=1e-6)
        torch.testing.assert_close(one.boxes, wanted[order, :4], rtol=0, atol=1e-3)
        torch.testing.assert_close(one.labels, wanted[order, 5].long())


@pytest.mark.parametrize("name", [*NETWORKS, *SLOW])
def test_candidates_are_what_detections_are_chosen_from(name: str, folder: Path) -> None:
    found, given = made(name, folder), images(2)
    assert isinstance(found, Detector)
    assert found.classes == CLASSES
    assert SIGMOID_NOTE in found.notes
    with torch.no_grad():
        candidates = found.candidates(given)
    count = candidates.boxes.shape[1]
    assert candidates.scores.shape == (2, 4, count)
    assert not candidates.scores[:, -1].any()
    boxes, chances = candidates.boxes.clamp(min=0).minimum(LIMITS), candidates.scores[:, :-1].sigmoid()
    for i, one in enumerate(found.detect(given, 0.1)):
        for box, score, label in zip(one.boxes, one.scores, one.labels, strict=True):
            near = (boxes[i] - box).abs().amax(dim=1) < 1e-3
            assert bool(((chances[i, label] - score).abs()[near] < 1e-5).any())


@pytest.mark.parametrize("name", [*NETWORKS, *SLOW])
def test_the_gradient_is_right(name: str, folder: Path) -> None:
    verdict = check_gradient(Scorer(made(name, folder)), images(1), seed=0)
    assert verdict.ok, verdict.message
    assert verdict.precision == "float64"


def test_the_check_of_the_gradient_looks_at_a_small_copy(folder: Path) -> None:
    """Which the letterbox would enlarge again to what a large network sees."""
    found = detector("yolo11n.yaml?imgsz=640", folder)
    smaller = small_copy(Scorer(found), images(1, 192, 256))
    assert smaller is not None
    scorer, shrunk = smaller
    assert isinstance(scorer, Scorer)
    assert shrunk.shape[2:] == (96, 128)
    assert isinstance(scorer.detector, YoloDetector)
    assert scorer.detector.letterbox == dataclasses.replace(found.letterbox, imgsz=320)
    assert found.letterbox.smaller(0.001).imgsz == 128
    assert Letterbox(64, 32).smaller(0.1) == Letterbox(64, 32)


def test_the_contract(folder: Path) -> None:
    report = check_detector(made("yolo11n", folder), sizes=((45, 61),), batch=1, device=torch.device("cpu"))
    assert report.ok, report


def test_a_second_head_is_used_where_it_is_asked_for(folder: Path) -> None:
    one, two = made("yolo26n?nms=false", folder), detector("yolo26n.yaml?imgsz=64&nms=true", folder)
    assert one.one_to_one
    assert not two.one_to_one
    assert any("one-to-one head without NMS: conf 0.001, max_det 300" in note for note in one.notes)
    assert any("the library's NMS and validation: conf 0.001, max_det 300, iou 0.7" in note for note in two.notes)
    # A head that needs no NMS answers with the best cells; two boxes of a class may overlap.
    assert len(one.detect(images(1), 0.0)[0].scores) == 126


def test_the_limits_are_the_users(folder: Path) -> None:
    found = detector("yolo11n.yaml?imgsz=64&conf=0.3&iou=0.2&max_det=5", folder)
    assert any("conf 0.3, max_det 5, iou 0.2" in note for note in found.notes)
    (one,) = found.detect(images(1), 0.001)
    assert len(one.scores) == 5
    assert float(one.scores.min()) > 0.3


def test_its_own_prediction_of_a_whole_image(folder: Path) -> None:
    """Where its predictor sees the same tensor: a square image as large as the network wants it, without a rectangle.

    With one class, since prediction gives a cell one class alone and validation several.
    """
    library()
    from ultralytics import YOLO

    network = from_config("yolo11n.yaml", classes=1)
    wanted = Conditions((64, 64), torch.device("cpu"), ClassNames(own=("thing",)))
    choosing = Choosing(0.2, 0.7, 300)
    found = adapt_yolo(network, wanted, nms=None, letterbox=Letterbox(64, 32, rect=False), choosing=choosing)
    head = head_of(found.module)
    for branch in head.cv3:
        nn.init.normal_(branch[-1].weight, std=1.0, generator=torch.Generator().manual_seed(3))
        nn.init.zeros_(branch[-1].bias)
    model = YOLO("yolo11n.yaml", task="detect", verbose=False)
    model.model = as_the_library_has_it(found)
    given = images(1, 64, 64)
    levels = (given[0] * 255).byte().permute(1, 2, 0).flip(2).contiguous().numpy()  # BGR
    (theirs,) = model.predict(levels, imgsz=64, conf=0.2, iou=0.7, max_det=300, verbose=False, save=False, device="cpu")
    (ours,) = found.detect(given, 0.001)
    assert len(ours.scores) > 3
    torch.testing.assert_close(ours.scores, theirs.boxes.conf, rtol=0, atol=1e-4)
    torch.testing.assert_close(ours.boxes, theirs.boxes.xyxy, rtol=0, atol=2e-3)


def test_features_that_a_release_detaches_are_joined_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some cut the features off before the one-to-one head, also where nothing is trained."""
    head_class = library().tasks.Detect
    whole = head_class.forward_head

    def cut(self: nn.Module, x: list[Tensor], **heads: nn.Module) -> dict[str, Tensor]:
        second = heads["box_head"] is self.one2one_cv2
        answer: dict[str, Tensor] = whole(self, [one.detach() for one in x] if second else x, **heads)
        return answer

    monkeypatch.setattr(head_class, "forward_head", cut)
    found = detector("yolo26n.yaml?imgsz=64&nms=false", folder)
    assert found.detaches
    assert any("gradients that the network cuts" in note for note in found.notes)
    assert check_gradient(Scorer(found), images(1), seed=0).ok
    assert not check_gradient(Scorer(dataclasses.replace(found, detaches=False)), images(1), seed=0).ok
    assert not made("yolo26n?nms=false", folder).detaches


def test_queries() -> None:
    network, wanted = from_config("rtdetr-l.yaml"), Conditions(SIZE, torch.device("cpu"), ClassNames())
    letterbox, choosing = Letterbox(64, 32, stretch=True), Choosing(0.001, 0.7, 300)
    with pytest.raises(SettingError, match="nms: expected false for RT-DETR"):
        adapt_yolo(network, wanted, nms=True, letterbox=letterbox, choosing=choosing)
    found = adapt_yolo(network, wanted, nms=None, letterbox=letterbox, choosing=choosing)
    assert any("boxes do not move with the image" in note for note in found.notes)
    assert any("queries are the most promising places" in note for note in found.notes)
    assert any("stretched inside to 64 x 64" in note for note in found.notes)
    assert len(found.detect(images(), 0.0)[0].scores) == 300


DIAGONAL = 1.5 * math.sqrt(2)


@pytest.mark.parametrize(
    ("angle", "expected"),
    [
        (0.0, (8, 9, 12, 11)),
        (math.pi / 2, (9, 8, 11, 12)),
        (math.pi / 4, (10 - DIAGONAL, 10 - DIAGONAL, 10 + DIAGONAL, 10 + DIAGONAL)),
        (-math.pi, (8, 9, 12, 11)),
    ],
)
def test_an_oriented_box_turned_upright(angle: float, expected: tuple[float, ...]) -> None:
    box = torch.tensor([10.0, 10.0, 4.0, 2.0, angle])  # 4 wide and 2 high before it is turned
    torch.testing.assert_close(corners_of(box, "OBB", xyxy=False), torch.tensor(expected, dtype=torch.float32))


def test_a_head_that_it_has_not() -> None:
    with pytest.raises(SettingError, match="nms: expected true for this network, which has no one-to-one head"):
        load_detector("ultralytics:yolov8n.yaml?nms=false", image_size=SIZE)
