"""Extras: what is not installed is asked for by one error that names its command, and the core works without."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from foolscape.data.coco_annotations import Annotation
from foolscape.data.coco_masks import runs_of
from foolscape.data.video_file import read_video
from foolscape.errors import MissingExtraError
from foolscape.extras import EXTRAS, need
from foolscape.metrics.distortion import similarity
from foolscape.models.common.huggingface import hub
from foolscape.models.common.ultralytics.library import library
from foolscape.report.pictures.plots import Curve, plot

from .conftest import ROOT

USES: dict[str, Callable[[], object]] = {
    "skimage": lambda: similarity(np.zeros((8, 8, 3), np.uint8), np.ones((8, 8, 3), np.uint8)),
    "matplotlib": lambda: plot("a", [Curve("b", (1, 2), (3.0, 4.0))], "x", "y", percent=False),
    "pycocotools": lambda: runs_of(Annotation("1", 1, 8.0, None, False, [[0.0, 0, 4, 0, 4, 4]]), (8, 8)),
    "av": lambda: read_video(Path("nowhere.mp4"), 0, None),
    "transformers": hub,
    "ultralytics": library,
}
"""A call that needs the module; psutil's needs a clip."""


def extra_of(module: str) -> str:
    return next(name for name, extra in EXTRAS.items() if module in extra.modules)


@pytest.mark.parametrize("module", USES)
def test_what_is_missing_is_named_with_its_command(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    message = rf"expected what foolscape needs for .* got .*{module}.*pip install 'foolscape\[{extra_of(module)}\]'"
    with pytest.raises(MissingExtraError, match=message):
        USES[module]()
    with pytest.raises(MissingExtraError, match=message):
        need(extra_of(module))


def test_extras_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = project["optional-dependencies"]
    assert set(groups) == {*EXTRAS, "all", "dev"}
    permissive = [name for name, extra in EXTRAS.items() if not extra.copyleft]
    assert groups["all"] == [f"foolscape[{','.join(permissive)}]"]
    assert f"foolscape[{','.join(['all', *(name for name in EXTRAS if name not in permissive)])}]" in groups["dev"]
    packages = {"skimage": "scikit-image"}
    for name, extra in EXTRAS.items():
        named = [line.partition(">=")[0] for line in groups[name]]
        assert named == [packages.get(module, module) for module in extra.modules]
        assert not any(line.startswith(tuple(named)) for line in project["dependencies"])


CORE = """
import sys
from foolscape.extras import EXTRAS
for extra in EXTRAS.values():
    for module in extra.modules:
        sys.modules[module] = None
import torch
import foolscape as fs
from foolscape.cli import main
from foolscape.models.load import load_model
model = load_model("bundled:scenes-unet", image_size=(32, 32)).model
images, labels = torch.rand(1, 3, 32, 32), torch.zeros(1, 32, 32, dtype=torch.int64)
assert fs.attack(model, images, labels, "fgsm?eps=8/255").adversarial.shape == images.shape
main(sys.argv[1:])
"""


def test_the_core_attacks_without_them_and_a_run_says_at_once_what_it_lacks(tmp_path: Path) -> None:
    words = ["run", "--model", "bundled:scenes-unet", "--data", "scenes:", "--limit", "1", "--out", "out"]
    done = subprocess.run([sys.executable, "-c", CORE, *words], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "error: expected what foolscape needs for runs and their pages" in done.stderr
    assert "pip install 'foolscape[report]'" in done.stderr
    assert "Traceback" not in done.stderr
