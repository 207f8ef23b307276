"""What is said of a name that names no model: what it is taken for, or what is supported and how."""

import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from foolscape.errors import FoolscapeError, SettingError, UnknownNameError
from foolscape.models import sources
from foolscape.models.sources.names import check_names
from foolscape.spec import LIBRARIES, parse
from foolscape.tasks.base import TASKS


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("paddle-like:yolov8n", "unknown kind of model 'paddle-like'.* any network that a function of yours"),
        ("ultralytic:yolov8n.yaml", "did you mean ultralytics:yolov8n.yaml"),
        ("https://example.org/net.pt", "weights file"),
        ("net.onnx", "an ONNX file, 'net.onnx'; write a file net.py .* onnx2torch"),
        ("nets/net.ONNX", "an ONNX file"),
        ("net.ts", r"a TorchScript file, .* return torch\.jit\.load\(FILE\)"),
        ("net.pt2", r"an exported program, .* return torch\.export\.load\(FILE\)\.module\(\)"),
        ("nowhere:net.onnx", "an ONNX file"),
        ("net.engine", "a TensorRT engine"),
        ("weights.pth", r"a weights file, .* net.py:build\?weights=weights.pth"),
        ("net.py", "expected a factory behind the file, such as net.py:build"),
        ("0", "unknown model '0'; expected one of bundled:, torchvision:.* path/to/file.py:factory"),
        ("fcn_resnet50", "did you mean torchvision:fcn_resnet50"),
        ("torchvsion:fcn_resnet50", "did you mean torchvision:fcn_resnet50"),
        ("scenes-unet", "did you mean bundled:scenes-unet"),
        ("propagation:zzzz", "unknown model 'zzzz'"),
    ],
)
def test_a_name_that_names_nothing(spec: str, message: str) -> None:
    with pytest.raises(FoolscapeError, match=message) as error:
        check_names([spec])
    assert len(str(error.value)) < 420  # no list of all there is


def test_a_folder_is_told_as_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"got the folder .*name it transformers:"):
        check_names([str(tmp_path)])


def test_what_may_be_one_is_left_to_who_makes_it() -> None:
    check_names(["bundled:zzzz", "nowhere/net.py:build", "json:nothing", "stcn:~/x.pth", "propagation:a.py:build", 0])


def test_an_unknown_name_is_told_without_asking_a_library() -> None:
    code = (
        "import sys\nfrom foolscape.cli import main\n"
        "try:\n    main(['run', '--model', '0', '--data', 'scenes:'])\nexcept SystemExit as end:\n    print(end.code)\n"
        "print('torchvision' in sys.modules, 'transformers' in sys.modules, 'foolscape.run.execute' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "False", "False"]
    assert "unknown model '0'" in done.stderr


def test_every_source_is_a_module_of_its_name() -> None:
    """A library of models is one file and one word in `spec.LIBRARIES`."""
    modules = {info.name for info in pkgutil.iter_modules(sources.__path__)}
    assert modules - {"base", "names", "options", "own"} == set(LIBRARIES)
    for scheme in LIBRARIES:
        source = sources.source_of(parse(f"{scheme}:x"))
        assert all(line.name.startswith(f"{scheme}:") for line in source.listed())
        assert all(line.about.startswith(tuple(TASKS)) for line in source.listed())


@pytest.mark.parametrize(
    ("spec", "task"),
    [("torchvision:fcn_resnet50", "video"), ("stcn:x.pth", "detection"), ("ultralytics:yolo11n.yaml", "video")],
)
def test_a_task_that_a_source_has_no_models_for(spec: str, task: str) -> None:
    with pytest.raises(SettingError, match=rf"task: expected \w+( or \w+)? for {spec}, got {task}"):
        sources.source_of(parse(spec)).open(parse(spec), task)
