"""What makes a model the one it is: its source files, those they import, its libraries, its configuration."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from foolscape.models.common.identity import identity_of
from foolscape.models.common.source_files import closure, is_own
from foolscape.models.common.wrappers import modules_of
from foolscape.models.load import Loaded, load_detector, load_segmenter, load_tracker
from foolscape.models.segmenters.torchvision import Normalised
from foolscape.spec import parse

from .networks import Tiny

NET = """
import importlib
import torch
from torch import nn
from blocks import mix
import parts.head
hidden = importlib.import_module("hid" + "den")

class Net(nn.Module):
    classes = ("a", "b")
    def __init__(self, gain=1.0):
        super().__init__()
        self.gain = gain
        self.mix = nn.Conv2d(3, 2, 3, padding=1)
        with torch.no_grad():
            self.mix.weight.fill_(0.1)
    def forward(self, images):
        return mix(self.mix(images)) * self.gain

def build():
    from late import shift
    return Net(2 * shift)

def louder():
    return Net(2.0)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "blocks.py").write_text("def mix(x):\n    return x\n")
    (tmp_path / "hidden.py").write_text("scale = 1\n")
    (tmp_path / "late.py").write_text("shift = 0.5\n")
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("")
    (tmp_path / "parts/head.py").write_text("from . import sizes\n")
    (tmp_path / "parts/sizes.py").write_text("count = 2\n")
    (tmp_path / "unrelated.py").write_text("")
    return tmp_path


def identity(folder: Path, factory: str = "build") -> dict[str, Any]:
    return load_segmenter(f"{folder}/net.py:{factory}", image_size=(16, 16)).identity


def test_every_file_that_is_imported_counts_and_no_other(folder: Path) -> None:
    files = {"net.py", "blocks.py", "hidden.py", "late.py", "parts/__init__.py", "parts/head.py", "parts/sizes.py"}
    before = identity(folder)
    assert set(before["files"]) == files
    assert before["class"] == "net.Net"
    for name in sorted(files):
        path = folder / name
        text = path.read_text()
        path.write_text(f"{text}# edited\n")
        after = identity(folder)
        assert [one for one in files if before["files"][one] != after["files"][one]] == [name]
        path.write_text(text)
    (folder / "unrelated.py").write_text("edited = True\n")
    assert identity(folder) == before


def test_the_configuration_counts(folder: Path) -> None:
    assert identity(folder)["configuration_sha256"] == identity(folder)["configuration_sha256"]
    assert identity(folder)["configuration_sha256"] != identity(folder, "louder")["configuration_sha256"]


def test_a_package_of_ones_own_counts_by_its_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "ownpackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    text = NET.replace("from blocks", "from .blocks").replace("from late", "from ownpackage.late")
    text = "\n".join(line for line in text.splitlines() if "parts.head" not in line and "hid" not in line)
    (package / "net.py").write_text(text)
    for name in ("blocks.py", "late.py"):
        (package / name).write_text((folder / name).read_text())
    monkeypatch.syspath_prepend(folder)
    loaded = load_segmenter("ownpackage.net:build", image_size=(16, 16))
    names = {"ownpackage/__init__.py", "ownpackage/net.py", "ownpackage/blocks.py", "ownpackage/late.py"}
    assert set(loaded.identity["files"]) == names
    for name in [name for name in sys.modules if name.startswith("ownpackage")]:
        del sys.modules[name]


def test_an_own_network_is_its_weights_and_the_name_of_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its runs go on in a version in which its class lies elsewhere, or is put together otherwise."""

    loaded: list[Loaded[Any]] = [
        load_segmenter("bundled:scenes-unet", image_size=(16, 16)),
        load_detector("bundled:scenes-detector", image_size=(64, 64)),
        load_tracker("bundled:scenes-tracker"),
    ]
    assert [one.identity["class"] for one in loaded] == ["ScenesUNet", "ScenesDet", "ScenesTracker"]
    for one in loaded:
        (network,) = modules_of(one.model)
        monkeypatch.setattr(type(network), "__module__", "foolscape.models.elsewhere")
        network.stages = 3
        network.wrapped = nn.Sequential(nn.Conv2d(3, 3, 1, stride=2))
        assert identity_of(parse(one.spec), one.model) == one.identity


def test_a_network_of_somebody_within_ours_counts() -> None:
    def configuration(module: nn.Module) -> str:
        found = identity_of(parse("torchvision:x"), Normalised(module, (0.0,) * 3, (1.0,) * 3))
        assert found["class"] == "Normalised"
        return str(found["configuration_sha256"])

    plain = configuration(Tiny())
    assert configuration(Tiny()) == plain
    strided = Tiny()
    strided.head.stride = (2, 2)
    assert configuration(strided) != plain


def test_libraries_count_by_their_version() -> None:
    found = load_segmenter("torchvision:lraspp_mobilenet_v3_large?weights=none", image_size=(64, 64)).identity
    assert set(found["libraries"]) == {"torchvision"}
    assert found["files"] == {}
    for loaded in (load_segmenter("bundled:scenes-unet", image_size=(16, 16)), load_tracker("bundled:scenes-tracker")):
        assert (loaded.identity["libraries"], loaded.identity["files"]) == ({}, {})


def test_a_detector_that_somebody_wrote_counts_too(folder: Path) -> None:
    (folder / "det.py").write_text(
        "import torch\nfrom blocks import mix\n\nclass Boxes(torch.nn.Module):\n    classes = ('a', 'b')\n"
        "    def forward(self, x):\n        y = torch.nn.functional.avg_pool2d(x, 8).flatten(2).transpose(1, 2)\n"
        "        return {'boxes': torch.tensor([0.0, 0, 8, 8]).expand(len(x), y.shape[1], 4), 'scores': y[..., :2]}\n"
        "def build():\n    return Boxes()\n"
    )
    found = load_detector(f"{folder}/det.py:build?task=detection", image_size=(16, 16)).identity
    assert (found["class"], set(found["files"])) == ("det.Boxes", {"det.py", "blocks.py"})


def test_files_of_python_and_of_packages_are_nobodys_own() -> None:
    assert not is_own(Path(torch.__file__))
    assert not is_own(Path(nn.__file__))
    assert not is_own(Path("<string>"))
    assert not is_own(Path(sys.modules["json"].__file__ or ""))
    assert is_own(Path(__file__))


def test_files_that_cannot_be_read_as_python_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "torn.py").write_text("def (\n")
    (tmp_path / "loop.py").write_text("import loop, torn, gone\nfrom . import loop\nfrom ... import nothing\n")
    assert set(closure([tmp_path / "loop.py", tmp_path / "gone.py"], tmp_path)) == {"loop.py", "torn.py"}
