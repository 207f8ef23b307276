"""Files of ultralytics: opened without running what is in them, and refused with the way on."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn

from foolscape.errors import CheckpointError, FoolscapeError, ModelError, SettingError, UnknownNameError
from foolscape.models.common.ultralytics.config import from_config
from foolscape.models.common.ultralytics.library import library
from foolscape.models.common.ultralytics.network import names_of
from foolscape.models.load import load_detector, load_segmenter, slug_of
from foolscape.models.sources import source_of
from foolscape.run.settings.task_of import task_of
from foolscape.spec import parse

from .made import CLASSES, SIZE, TINY, checkpoint, images


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint(tmp_path_factory.mktemp("trained") / "best.pt")


class Trap:
    """Makes a folder where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.place),)


def test_a_checkpoint_opens_without_running_code(trained: Path) -> None:
    allowed = torch.serialization.get_safe_globals()
    found = load_detector(f"ultralytics:{trained}", image_size=SIZE)
    assert found.model.classes == CLASSES
    assert found.slug.startswith("best.pt-")
    assert found.identity["libraries"].keys() >= {"ultralytics"}
    assert {"opened without running code in the file", "weights of float16 in the file are taken as float32"} < set(
        found.model.notes
    )
    assert any("to 96 pixels along their long side" in note for note in found.model.notes)  # as it was trained
    assert {tensor.dtype for tensor in found.model.module.parameters()} == {torch.float32}
    assert set(torch.serialization.get_safe_globals()) == set(allowed)
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ
    again = load_detector(f"ultralytics:{trained}", image_size=(64, 40))
    assert (again.sha256, again.identity) == (found.sha256, found.identity)


def test_the_task_is_told_without_opening_it(trained: Path, tmp_path: Path) -> None:
    assert task_of(f"ultralytics:{trained}") == "detection"
    semantic = tmp_path / "sem.pt"
    torch.save({"model": library().tasks.SemanticSegmentationModel("yolo26n-sem.yaml", verbose=False)}, semantic)
    assert task_of(f"ultralytics:{semantic}") == "segmentation"
    assert load_segmenter(f"ultralytics:{semantic}?imgsz=64", image_size=SIZE).task == "segmentation"
    assert task_of("ultralytics:yolo26n-sem.yaml") == "segmentation"
    assert task_of("ultralytics:yolo26n-seg.yaml") == "detection"


def test_code_in_a_checkpoint_runs_where_it_is_trusted_alone(tmp_path: Path) -> None:
    place = tmp_path / "made"
    path = checkpoint(tmp_path / "trap.pt", trap=Trap(place))
    with pytest.raises(CheckpointError, match=r"without running code in it, .*mkdir.*whatever code.*\?trust=pickle"):
        load_detector(f"ultralytics:{path}", image_size=SIZE)
    assert not place.exists()
    found = load_detector(f"ultralytics:{path}?trust=pickle", image_size=SIZE).model
    assert place.exists()
    assert "opened as a pickle, which runs the code in the file (?trust=pickle)" in found.notes


def test_a_deployed_network_is_the_same(trained: Path, tmp_path: Path) -> None:
    """Its batch norms folded into its convolutions; such a file holds methods, too."""
    content = torch.load(trained, weights_only=False)
    content["model"] = content["model"].float().eval().fuse(verbose=False)
    path = tmp_path / "fused.pt"
    torch.save(content, path)
    fused = load_detector(f"ultralytics:{path}", image_size=SIZE).model
    assert not any(isinstance(part, nn.BatchNorm2d) for part in fused.module.modules())
    whole = load_detector(f"ultralytics:{trained}", image_size=SIZE).model
    with torch.no_grad():
        one, other = fused.candidates(images()), whole.candidates(images())
    torch.testing.assert_close(one.scores, other.scores, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(one.boxes, other.boxes, rtol=1e-3, atol=1e-2)


def test_a_name_that_ultralytics_would_look_up(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """yolov5n.pt is another file to it, a damaged one of its own is fetched again, quotes are taken out of names."""
    monkeypatch.chdir(tmp_path)
    for name in ("yolov5n.pt", "it's mine.pt"):
        Path(name).write_bytes(trained.read_bytes())
        assert load_detector(f"ultralytics:{name}?imgsz=64", image_size=SIZE).model.classes == CLASSES
    Path("yolo11n.pt").write_bytes(trained.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match="damaged or cut off"):
        load_detector("ultralytics:yolo11n.pt", image_size=SIZE)
    assert Path("yolo11n.pt").stat().st_size == 5000


def test_weights_of_a_configuration(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    tensors = from_config(str(tmp_path / "tiny.yaml")).module.state_dict()
    tensors = {name: value + 0.5 if value.is_floating_point() else value for name, value in tensors.items()}
    save_file(tensors, tmp_path / "net.safetensors")
    filled = from_config(str(tmp_path / "tiny.yaml"), weights=str(tmp_path / "net.safetensors"))
    torch.testing.assert_close(filled.module.state_dict()["model.0.conv.weight"], tensors["model.0.conv.weight"])
    assert filled.notes == ()
    with pytest.raises(CheckpointError, match=r"expected the .* tensors of DetectionModel"):
        from_config("yolov8n.yaml", weights=str(tmp_path / "net.safetensors"))


def test_random_weights_are_the_same_and_leave_chance_as_it_is() -> None:
    before = torch.random.get_rng_state()
    one, other = (from_config("yolov8n.yaml").module.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert torch.equal(before, torch.random.get_rng_state())


def test_numbers_are_no_names() -> None:
    assert source_of(parse("ultralytics:yolov8n.yaml")).open(parse("ultralytics:yolov8n.yaml"), None).classes is None
    found = load_detector(
        "ultralytics:yolov8n.yaml?imgsz=64", image_size=SIZE, data_classes=[f"c{i}" for i in range(80)]
    )
    assert found.model.classes[:2] == ("c0", "c1")
    with pytest.raises(ModelError, match="one class name per class that the detector scores"):
        load_detector("ultralytics:yolov8n.yaml?imgsz=64", image_size=SIZE, data_classes=CLASSES)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({1: "b", 0: "a", 10: "k"}, ("a", "b", "k")),
        ({"0": "a", "1": "b"}, ("a", "b")),
        (["a", "b"], ("a", "b")),
        ({0: "0", 1: "1"}, None),
        ({"x": "a"}, ("a",)),
        (None, None),
        ({}, None),
    ],
)
def test_names(names: object, expected: tuple[str, ...] | None) -> None:
    module = nn.Identity()
    module.names = names  # type: ignore[assignment]
    assert names_of(module) == expected


def saved(make: Callable[[], object]) -> Callable[[Path], object]:
    return lambda path: torch.save(make(), path)


WRONG: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("no network"),
    "folder": Path.mkdir,
    "state dict": saved(lambda: {"weight": torch.zeros(3), "bias": torch.zeros(3), "more": torch.zeros(3)}),
    "program": lambda path: torch.jit.script(nn.Conv2d(3, 4, 1)).save(str(path)),
    "other network": saved(lambda: {"model": nn.Sequential(nn.Conv2d(3, 4, 1))}),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"model": Trap(path.parent / "run")})),
    "classifier": saved(lambda: {"model": library().tasks.ClassificationModel("yolo11n-cls.yaml", verbose=False)}),
    "grey": saved(lambda: {"model": library().tasks.DetectionModel(yaml.safe_load(TINY), ch=1, verbose=False)}),
    "quantised": lambda path: checkpoint(path, modelopt={"state": 1}),
}
"""Files that are no checkpoint of a detector, by their kind."""


@pytest.mark.filterwarnings("ignore:`torch.jit")
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing", r"expected a checkpoint of ultralytics at .*, got No such file.*nothing is downloaded"),
        ("empty", "an empty file"),
        ("text", "damaged or cut off"),
        ("folder", "got a folder"),
        ("state dict", r"expected a network under 'ema' or 'model'.*weight, bias, more, \.\..*yaml\?weights=FILE"),
        ("program", "got a TorchScript program; name the .pt that it was exported from"),
        ("other network", "expected a network of ultralytics in .*, got Sequential"),
        ("pickle", "trust=pickle|damaged"),
        ("classifier", "a network that classifies whole images; name a detector"),
        ("grey", "expected a network of RGB images in .*, got one of 1 channels"),
        ("quantised", "got quantised ones"),
    ],
)
def test_a_file_that_is_no_checkpoint(kind: str, message: str, tmp_path: Path) -> None:
    WRONG[kind](tmp_path / "x.pt")
    with pytest.raises(FoolscapeError, match=message):
        load_detector(f"ultralytics:{tmp_path / 'x.pt'}", image_size=SIZE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nc: 3", "none could be built .*KeyError"),
        ("- 1", "none could be built"),
        ("nc: 3\nbackbone: [[-1, 1, Conv, [16, 3, 2]]]\nhead: [[[0], 1, Classify, [nc]]]", "classifies whole images"),
        ("nc: 3\nbackbone: [[-1, 1, nn.Flatten, []]]\nhead: [[[0], 1, Depth, [nc]]]", "estimates depth"),
        ("nc: 3\nbackbone: [[-1, 1, torch_safe_load, [x.pt]]]\nhead: [[[0], 1, Detect, [nc]]]",
         "expected a layer of ultralytics or torch.nn in .*, got 'torch_safe_load'"),
        ("nc: 3\nactivation: __import__('os').mkdir('run')\nbackbone: [[-1, 1, Conv, [16, 3, 2]]]\n"
         "head: [[[0], 1, Detect, [nc]]]", "expected a layer of torch.nn as activation"),
        ("nc: 3\nbackbone: [[-1, 1, Conv, [16, 3, 2]]]\nhead: [[[7], 1, Detect, [nc]]]", "none could be built"),
    ],
)  # fmt: skip
def test_a_configuration_that_is_none(text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(ModelError, match=message):
        load_detector("ultralytics:x.yaml", image_size=SIZE)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("best.onnx", UnknownNameError, "got 'best.onnx'; of an exported network, name the .pt that it was"),
        ("best_openvino_model/", UnknownNameError, "of an exported network, name the .pt"),
        ("best.engine", UnknownNameError, "a TensorRT engine"),
        ("yolo11n", UnknownNameError, "as in ultralytics:best.pt or ultralytics:yolo11n.yaml, got 'yolo11n'"),
        ("", UnknownNameError, "got ''"),
        ("yolo99n.yaml", UnknownNameError, "got nothing at 'yolo99n.yaml'"),
        ("https://example.org/a.yaml", UnknownNameError, "got nothing at 'https://example.org/a.yaml'"),
        ("yolo11n-cls.yaml", ModelError, "classifies whole images"),
        ("yolov8s-world.yaml", ModelError, "YOLO-World"),
        ("yoloe-11s.yaml", ModelError, "YOLOE"),
        ("best.pt?trust=yes", SettingError, "trust: expected pickle"),
        ("best.pt?weights=x.pt", UnknownNameError, "option"),
        ("yolo11n.yaml?trust=pickle", UnknownNameError, "option"),
        ("yolo11n.yaml?nms=maybe", SettingError, "nms: expected true or false, got 'maybe'"),
        ("yolo11n.yaml?classes=0", SettingError, "classes: expected at least 1, got 0"),
        ("best.pt?classes=3", SettingError, "classes: expected a file of names for a checkpoint, got the number 3"),
        ("yolo11n.yaml?imgsz=100", SettingError, "imgsz: expected a multiple of 32, the network's stride, got 100"),
        ("yolo11n.yaml?imgsz=0", SettingError, "imgsz: expected at least 32"),
        ("yolo11n.yaml?conf=2", SettingError, "conf: expected a number from 0 to 1, got 2"),
        ("yolo11n.yaml?conf=nan", SettingError, "conf: expected a number from 0 to 1, got nan"),
        ("yolo11n.yaml?max_det=0", SettingError, "max_det: expected at least 1"),
        (
            "yolo26n-sem.yaml",
            SettingError,
            "task: expected segmentation for ultralytics:yolo26n-sem.yaml, got detection",
        ),
    ],
)
def test_a_name_that_is_refused(spec: str, error: type[FoolscapeError], message: str) -> None:
    with pytest.raises(error, match=message):
        load_detector(f"ultralytics:{spec}", image_size=SIZE)


def test_options_of_detectors_are_not_for_segmentation() -> None:
    with pytest.raises(SettingError, match="conf: only for detectors"):
        load_segmenter("ultralytics:yolo26n-sem.yaml?conf=0.5", image_size=SIZE)


def test_the_slug_is_short() -> None:
    assert slug_of(parse("ultralytics:/a/b/best.pt?imgsz=640")).startswith("best.pt-")


def test_nothing_else_happens_when_it_is_imported(trained: Path, tmp_path: Path) -> None:
    """No file in the home folder, no line on the terminal, no name asked for, nothing of the process replaced."""
    code = """
import os, socket, sys, warnings
import cv2, numpy, torch
from PIL import Image
def refuse(*_, **__): raise SystemExit("asked the network")
socket.getaddrinfo = refuse
socket.socket.connect = refuse
def state():
    return [torch.save, Image.open, cv2.getNumThreads(), dict(os.environ), numpy.get_printoptions(),
            vars(torch._tensor_str.PRINT_OPTS).copy(), list(warnings.filters), torch.get_num_threads(),
            torch.random.get_rng_state().tolist()]
import torchvision
from foolscape.models.load import load_detector
from foolscape.run.settings.task_of import task_of
assert task_of("ultralytics:" + sys.argv[1]) == "detection"
assert "ultralytics" not in sys.modules
before = state()
load_detector("ultralytics:" + sys.argv[1], image_size=(48, 64))
after = state()
assert all(a == b for a, b in zip(before, after)), [(a, b) for a, b in zip(before, after) if a != b]
"""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(trained)], capture_output=True, text=True, check=False, cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(tmp_path.iterdir())
