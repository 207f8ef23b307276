"""Small runs of every kind give the figures, answers and pictures that were kept."""

from pathlib import Path

import pytest

from .__main__ import differences, golden, made
from .commands import COMMANDS, QUICK
from .reading import cpu

BEFORE = golden()


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in COMMANDS])
def test_a_command_gives_what_it_gave(name: str, tmp_path: Path) -> None:
    found = made(name, tmp_path)
    if cpu() == BEFORE["cpu"]:
        assert differences(BEFORE[name], found) == []
        return
    # Elsewhere the last digits are others, and an attack goes another way; what it is measured against does not.
    clean = {figure: value for figure, value in BEFORE[name]["figures"].items() if "/clean/" in figure}
    assert {figure: found["figures"][figure] for figure in clean} == pytest.approx(clean, rel=0.01, abs=0.1)
    assert set(found["figures"]) == set(BEFORE[name]["figures"])
