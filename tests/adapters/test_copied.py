"""An adapter copied beside one's own file, as its docstring and the page say."""

import re
import shlex
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from foolscape.cli import app
from tests.adapters.conftest import ADAPTERS, module
from tests.adapters.test_mmsegmentation import made
from tests.adapters.test_yolox import EXP, Yolox, postprocess
from tests.conftest import ROOT

FILES = sorted(ADAPTERS.glob("*.py"))
PAGE = (ROOT / "docs" / "your-own-model.md").read_text()


def lines_of(path: Path) -> tuple[str, str]:
    """The two lines that a user writes, from the head of the adapter."""
    (found,) = re.findall(r"^    (from \w+ import adapt)\n    (def build\(\): .*)$", path.read_text(), re.MULTILINE)
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_is_short_and_the_page_says_what_it_says(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 125
    imported, build = lines_of(path)
    assert imported == f"from {path.stem} import adapt"
    call = build.partition("return ")[2].partition("  #")[0]
    (row,) = [line for line in PAGE.splitlines() if f"[{path.name}](../examples/adapters/{path.name})" in line]
    assert f"`{call}`" in row
    (command,) = re.findall(r"^    foolscape run (.*)$", path.read_text(), re.MULTILINE)
    options = shlex.split(command)
    assert options[:2] == ["--model", "mine.py:build"]
    assert set(options[::2]) <= {"--model", "--data", "--attack", "--goal", "--out"}


def test_there_is_one_for_each_library() -> None:
    names = ["cutie", "detectron2", "mmdetection", "mmdetection_two_stage", "mmsegmentation", "xmem", "yolox"]
    assert [path.stem for path in FILES] == [f"adapt_{name}" for name in names]


def checked(tmp_path: Path, name: str, before: str) -> str:
    """What `foolscape check` says of the two lines below `before`, the adapter beside them."""
    shutil.copy(ADAPTERS / f"adapt_{name}.py", tmp_path)
    (tmp_path / "mine.py").write_text("\n".join([before, *lines_of(ADAPTERS / f"adapt_{name}.py"), ""]))
    done = CliRunner().invoke(app, ["check", "--model", f"{tmp_path / 'mine.py'}:build", "--size", "64x96"])
    assert done.exit_code == 0, done.output
    return done.output


def test_a_segmentation_network_by_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def init_model(config: str, checkpoint: str, device: str) -> Any:
        assert (config, checkpoint, device) == ("a.py", "a.pth", "cpu")
        return made()

    module(monkeypatch, "mmseg.apis", {"init_model": init_model})
    before = 'from mmseg.apis import init_model\nCONFIG, CHECKPOINT = "a.py", "a.pth"'
    assert "3: road, car, sky" in checked(tmp_path, "mmsegmentation", before)


def test_a_detector_by_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module(monkeypatch, "yolox.utils", {"postprocess": postprocess})
    module(monkeypatch, "theirs", SimpleNamespace(MODEL=Yolox(), EXP=EXP, COCO_CLASSES=("cat", "dog")).__dict__)
    assert "2: cat, dog" in checked(tmp_path, "yolox", "from theirs import *")
