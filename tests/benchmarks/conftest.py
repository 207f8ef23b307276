"""Scripts beside the package are imported by their bare names, and forgotten: others' modules are called so, too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

FOLDERS = (ROOT / "benchmarks", ROOT / "experiments" / "refresh")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for folder in FOLDERS:
        monkeypatch.syspath_prepend(str(folder))
    yield
    for name, module in list(sys.modules.items()):
        place = getattr(module, "__file__", None)
        if place and any(Path(place).is_relative_to(folder) for folder in FOLDERS):
            del sys.modules[name]
