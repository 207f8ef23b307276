import sys
from pathlib import Path

import pytest
from torch import nn

from foolscape.errors import ModelError, SettingError, UnknownNameError
from foolscape.models.common.file import from_file, from_module

NETWORK = """
from __future__ import annotations
from dataclasses import dataclass
from torch import nn
import blocks

@dataclass
class Settings:
    width: int = {width}

def build():
    import late_blocks
    network = late_blocks.finish(nn.Conv2d(3, Settings().width, blocks.KERNEL))
    network.neighbour = blocks.NAME
    return network

def broken():
    raise KeyError("weights")

def wrong():
    return [1, 2]

class Almost:
    classes = ("a", "b")
    def logits(self, images): ...

number = 3
"""


def _folder(path: Path, name: str, width: int) -> Path:
    path.mkdir()
    (path / "blocks.py").write_text(f"KERNEL = 1\nNAME = {name!r}\n")
    (path / "late_blocks.py").write_text("def finish(network):\n    return network\n")
    (path / "net.py").write_text(NETWORK.format(width=width))
    return path / "net.py"


def test_a_file_may_import_its_neighbours_and_leaves_no_trace(tmp_path: Path) -> None:
    first, second = _folder(tmp_path / "a", "first", 4), _folder(tmp_path / "b", "second", 7)
    path = list(sys.path)
    one, two = from_file(first, "build"), from_file(second, "build")
    # Both folders have a blocks.py; each network must get its own.
    assert (one.out_channels, one.neighbour) == (4, "first")
    assert (two.out_channels, two.neighbour) == (7, "second")
    assert sys.path == path
    assert "blocks" not in sys.modules
    assert "late_blocks" not in sys.modules


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    _folder(tmp_path / "a", "first", 4)
    with pytest.raises(SettingError, match=r"nets.py, got nothing there \(.* has blocks.py, late_blocks.py, net.py\)"):
        from_file(tmp_path / "a" / "nets.py", "build")
    with pytest.raises(SettingError, match="has no folder"):
        from_file(tmp_path / "c" / "nets.py", "build")


def test_a_missing_factory_names_near_misses(tmp_path: Path) -> None:
    path = _folder(tmp_path / "a", "first", 4)
    with pytest.raises(UnknownNameError, match=r"unknown factory in .*net.py 'biuld'; did you mean build"):
        from_file(path, "biuld")
    with pytest.raises(SettingError, match=r"net.py:number to be callable without arguments, got int"):
        from_file(path, "number")


def test_what_goes_wrong_in_a_factory_is_chained(tmp_path: Path) -> None:
    path = _folder(tmp_path / "a", "first", 4)
    with pytest.raises(ModelError, match=r"expected .*net.py:broken\(\) to succeed, got KeyError: 'weights'") as caught:
        from_file(path, "broken")
    assert isinstance(caught.value.__cause__, KeyError)
    with pytest.raises(ModelError, match=r"to return a torch.nn.Module, or a Segmenter .* got list"):
        from_file(path, "wrong")
    with pytest.raises(ModelError, match="got Almost without notes"):
        from_file(path, "Almost")


def test_a_file_that_does_not_import_is_chained(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("import not_installed_anywhere\n")
    with pytest.raises(ModelError, match=r"importing .*net.py to succeed, got ModuleNotFoundError") as caught:
        from_file(path, "build")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    before = set(sys.modules)
    path.write_text("def build(:\n")
    with pytest.raises(ModelError, match="SyntaxError"):
        from_file(path, "build")
    assert not any(name.startswith("foolscape_user_") for name in set(sys.modules) - before)
    path.write_text("raise SystemExit('usage: net.py IMAGE')\n")
    with pytest.raises(ModelError, match="got SystemExit: usage"):
        from_file(path, "build")


def test_a_module_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text("from torch import nn\ndef build():\n    return nn.Conv2d(3, 2, 1)\n")
    (package / "bad.py").write_text("import not_installed_anywhere\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert isinstance(from_module("some_package.nets", "build"), nn.Conv2d)
    with pytest.raises(UnknownNameError, match="did you mean build"):
        from_module("some_package.nets", "buld")
    with pytest.raises(SettingError, match=r"got no module some_package.nests; install it, or name a file"):
        from_module("some_package.nests", "build")
    with pytest.raises(ModelError, match=r"importing some_package.bad to succeed, got ModuleNotFoundError"):
        from_module("some_package.bad", "build")
