"""What a file's source says now is what is run, whatever Python has kept of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foolscape.models.blackbox import worker
from foolscape.models.common.file import from_file

FILE = """
from torch import nn

def build():
    net = nn.Conv2d(3, 2, 1)
    net.number = 1
    return net
"""


def by_a_network(path: Path) -> Any:
    made: Any = from_file(path, "build")
    return made.number


def by_a_black_box(path: Path) -> Any:
    return worker.imported(str(path)).build().number


@pytest.mark.parametrize("number_of", [by_a_network, by_a_black_box])
def test_a_source_that_is_changed_within_a_second_is_run_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number_of: Callable[[Path], Any]
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "net.py"
    path.write_text(FILE)
    when = path.stat()
    assert number_of(path) == 1
    path.write_text(FILE.replace("number = 1", "number = 2"))
    os.utime(path, ns=(when.st_atime_ns, when.st_mtime_ns))
    assert number_of(path) == 2
