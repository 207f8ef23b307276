import shlex
import shutil
from pathlib import Path

import pytest
import torch

from foolscape.errors import CheckpointError, ModelError, SettingError, UnknownNameError
from foolscape.models.bundled import load as bundled
from foolscape.models.common.checkpoint import weights_sha256
from foolscape.models.load import load_segmenter, slug_of
from foolscape.models.segmenters.adapter import CheckedSegmenter, ModuleSegmenter, as_double
from foolscape.models.sources import list_models, list_sources
from foolscape.spec import LIBRARIES, parse
from foolscape.tasks.segmentation import predict

from .networks import Tiny

SIZE = (24, 40)
HERE = "tests.models.networks"
PLUGIN = Path(__file__).parents[1] / "plugin_package"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-in package as pip would have installed it: its code, and metadata with the entry points."""
    import tomllib

    shutil.copytree(PLUGIN / "src" / "foolscape_plugin_example", tmp_path / "foolscape_plugin_example")
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    info = tmp_path / "foolscape_plugin_example-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["foolscape.models"]
    lines = ["[foolscape.models]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", bundled.NAMES)
def test_bundled_networks(name: str) -> None:
    loaded = load_segmenter(f"bundled:{name}", image_size=(160, 256), data_classes=("another",))
    assert isinstance(loaded.model, ModuleSegmenter)
    assert (loaded.spec, loaded.slug) == (f"bundled:{name}", name)
    assert len(loaded.model.classes) == 9
    assert loaded.model.multiple == 8
    assert predict(loaded.model, torch.rand(2, 3, 30, 50)).shape == (2, 30, 50)


def test_a_factory_in_a_module_takes_weights_and_classes(tmp_path: Path) -> None:
    trained = Tiny()
    with torch.no_grad():
        trained.head.bias.add_(1)
    torch.save(trained.state_dict(), tmp_path / "w.pth")
    (tmp_path / "own.txt").write_text("v\nw\nx\ny\nz\n")
    (tmp_path / "all.txt").write_text("1\n2\n3\n4\n5\n")
    plain = load_segmenter(f"{HERE}:Tiny", image_size=SIZE)
    assert plain.model.classes == ("class 0", "class 1", "class 2", "class 3", "class 4")
    loaded = load_segmenter(f"{HERE}:Tiny?weights={tmp_path / 'w.pth'}", image_size=SIZE, data_classes=tuple("abcde"))
    assert loaded.sha256 != plain.sha256
    assert loaded.model.classes == tuple("abcde")
    named = load_segmenter(
        f"{HERE}:Tiny", image_size=SIZE, classes_file=tmp_path / "all.txt", data_classes=tuple("abcde")
    )
    assert named.model.classes == tuple("12345")
    both = load_segmenter(
        f"{HERE}:Tiny?classes={tmp_path / 'own.txt'}", image_size=SIZE, classes_file=tmp_path / "all.txt"
    )
    assert both.model.classes == tuple("vwxyz")
    with pytest.raises(ModelError, match=r"\(2: a, b\), got 5 channels without names"):
        load_segmenter(f"{HERE}:Tiny", image_size=SIZE, data_classes=("a", "b"))
    with pytest.raises(CheckpointError, match="got nothing"):
        load_segmenter(f"{HERE}:Tiny?weights={tmp_path / 'none.pth'}", image_size=SIZE)


SEGMENTER = """
from torch import nn
class Own:
    classes, notes = {classes}, ("mine",)
    def __init__(self):
        self.network = nn.Conv2d(3, 2, 1)
    def logits(self, images):
        return self.network(images)
class Bare(Own):
    def __init__(self):
        pass
    def logits(self, images):
        return images[:, :2]
class Both(nn.Module):
    classes, notes = ("a", "b"), ()
    def __init__(self):
        super().__init__()
        self.network = nn.Conv2d(3, 2, 1)
    def logits(self, images):
        return self.network(images)
"""


def test_a_factory_may_return_a_segmenter(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(SEGMENTER.format(classes=("a", "b")))
    loaded = load_segmenter(f"{path}:Own", image_size=SIZE, data_classes=("x", "y"))
    assert isinstance(loaded.model, CheckedSegmenter)
    assert (loaded.model.classes, loaded.model.notes) == (("a", "b"), ("mine",))
    assert loaded.sha256 is not None
    assert load_segmenter(f"{path}:Bare", image_size=SIZE).sha256 is None
    assert isinstance(load_segmenter(f"{path}:Both", image_size=SIZE).model, CheckedSegmenter)
    assert as_double(loaded.model).logits(torch.rand(1, 3, *SIZE).double()).dtype == torch.float64
    with pytest.raises(ModelError, match=r"expected a torch.nn.Module to load \?weights= into, got Own"):
        load_segmenter(f"{path}:Own?weights=w.pth", image_size=SIZE)


def test_a_segmenter_without_names_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text(SEGMENTER.format(classes=()))
    assert load_segmenter(f"{path}:Own", image_size=SIZE, data_classes=("x", "y")).model.classes == ("x", "y")
    (tmp_path / "names.txt").write_text("p\nq\n")
    named = load_segmenter(f"{path}:Own", image_size=SIZE, classes_file=tmp_path / "names.txt")
    assert named.model.classes == ("p", "q")


@pytest.mark.usefixtures("plugin")
def test_a_plugin_is_found_by_its_name() -> None:
    assert load_segmenter("stripes", image_size=SIZE).model.classes == ("stripe 0", "stripe 1")
    assert len(load_segmenter("stripes:5", image_size=SIZE).model.classes) == 5
    assert any(listed.name == "stripes" and "foolscape_plugin_example" in listed.about for listed in list_models())


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("broken-plugin:x", r"the plug-in 'broken-plugin' \(.*:broken\) to succeed, got OSError: no licence for x"),
        ("missing-plugin", r"the plug-in 'missing-plugin' .* to be importable, got AttributeError"),
        ("wrong-plugin", r"the plug-in 'wrong-plugin' .* to return a torch.nn.Module, .* got str"),
        ("stripes:many", r"got ValueError: invalid literal"),
    ],
)
def test_a_plugin_that_fails_is_an_error(spec: str, text: str) -> None:
    with pytest.raises(ModelError, match=text) as caught:
        load_segmenter(spec, image_size=SIZE)
    assert spec == "wrong-plugin" or caught.value.__cause__ is not None


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("stripe", "unknown model 'stripe'; did you mean stripes"),
        ("bundeld:scenes-unet", "did you mean bundled:scenes-unet"),
        ("scenes-unet", "did you mean bundled:scenes-unet"),
        ("bundled:scenes-net", "unknown bundled model 'scenes-net'; did you mean scenes-unet"),
        ("torchvison:fcn_resnet50", "did you mean torchvision:fcn_resnet50"),
        ("zzzz", "unknown model 'zzzz'; expected one of bundled:, .* path/to/file.py:factory"),
        ("bundled:scenes-unet?weight=x", "unknown option in 'bundled:scenes-unet.weight=x' 'weight'"),
        ("bundled:scenes-unet?weigths=x", "unknown option .* 'weigths'; did you mean weights"),
        (f"{HERE}:tiny", "did you mean Tiny"),
    ],
)
def test_unknown_names(spec: str, text: str) -> None:
    with pytest.raises(UnknownNameError, match=text):
        load_segmenter(spec, image_size=SIZE)


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ("", "expected a spec"),
        (f"{HERE}:", "expected a factory behind the colon"),
        ("nowhere/net.py:build", "expected a Python file at nowhere/net.py"),
        (f"{HERE}:Tiny?classes=nowhere.txt", "expected a class file"),
    ],
)
def test_specs_that_do_not_do(spec: str, text: str) -> None:
    with pytest.raises(SettingError, match=text):
        load_segmenter(spec, image_size=SIZE)


def test_the_list_names_what_can_be_loaded() -> None:
    names = [listed.name for listed in list_models()]
    assert [f"bundled:{name}" for name in bundled.NAMES] == names[: len(bundled.NAMES)]
    assert "torchvision:lraspp_mobilenet_v3_large" in names


def test_every_source_says_what_it_needs_and_has_a_line_to_copy() -> None:
    """A line that names the source, whose options are known there."""
    listed = {source.name: source for source in list_sources()}
    assert [*listed] == [*(f"{scheme}:" for scheme in LIBRARIES), "your own"]
    for name, source in listed.items():
        spec = shlex.split(source.example)[-1]
        assert name == "your own" or spec.startswith(name)
        assert source.example.startswith("foolscape check --model ")
        assert source.lines
    assert listed["bundled:"].needs == "nothing more"
    assert listed["smp:"].needs == "pip install 'foolscape[smp]': installed"


@pytest.mark.parametrize(
    ("spec", "pattern"),
    [
        ("bundled:scenes-unet", "scenes-unet"),
        ("torchvision:fcn_resnet50", "fcn_resnet50"),
        ("torchvision:fcn_resnet50?weights=a/b.pth", r"fcn_resnet50-[0-9a-f]{6}"),
        ("a/b c/net.py:build", r"build-[0-9a-f]{6}"),
        ("stripes", r"stripes-[0-9a-f]{6}"),
        ("stripes:a/../b:" + "c" * 80, r"c{48}-[0-9a-f]{6}"),
        ("stripes:..", r"model-[0-9a-f]{6}"),
    ],
)
def test_slugs_are_safe_in_paths(spec: str, pattern: str) -> None:
    import re

    assert re.fullmatch(pattern, slug_of(parse(spec)))


def test_a_bundled_network_takes_other_weights_of_its_own_kind(tmp_path: Path) -> None:
    network = bundled.bundled("scenes-unet")
    with torch.no_grad():
        network.head.bias.add_(1)  # type: ignore[union-attr, operator]
    torch.save(network.state_dict(), tmp_path / "w.pt")
    loaded = load_segmenter(f"bundled:scenes-unet?weights={tmp_path / 'w.pt'}", image_size=SIZE)
    assert loaded.sha256 == weights_sha256(network)
    assert loaded.sha256 != load_segmenter("bundled:scenes-unet", image_size=SIZE).sha256
    with pytest.raises(CheckpointError, match="another network's"):
        load_segmenter(f"bundled:scenes-dilated?weights={tmp_path / 'w.pt'}", image_size=SIZE)
