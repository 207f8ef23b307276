"""Other attacks for the verdict take images one by one, where the gradient is right so: copies would fill a batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from foolscape.run import probing
from foolscape.run.trust.probes import results_of

from .made import do_run, write_net, write_photos

NETS = """
def wrong_alone():
    class Wrong(Net):
        def forward(self, images):
            other = images.detach() if len(images) == 1 else images
            return super().forward(images) + super().forward(other.flip(3))
    return Wrong()
"""

PGD = {"attack": "pgd", "steps": 3, "eps": "4/255", "probes": 4}


@pytest.fixture
def nets(tmp_path: Path) -> str:
    path = Path(write_net(tmp_path))
    path.write_text(path.read_text() + NETS)
    return str(path)


@pytest.fixture
def photos(tmp_path: Path) -> str:
    return f"folder:{write_photos(tmp_path / 'photos', 4)}"


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of each time that other attacks were tried."""
    found: list[int] = []

    def noted(subject: Any, probes: Any, store: Any, ids: Sequence[str], batch: int) -> Any:
        found.append(batch)
        return results_of(subject, probes, store, ids, batch)

    monkeypatch.setattr(probing, "results_of", noted)
    return found


def tried_in(out: Path) -> dict[str, Any]:
    """What was tried, and what it left."""
    (place,) = (out / "probes").iterdir()
    found: dict[str, Any] = json.loads(place.read_text())
    assert len(found["images"]) == 4
    return found


def test_the_batch_of_a_run_changes_nothing_in_them(tmp_path: Path, nets: str, photos: str, batches: list[int]) -> None:
    for batch in (1, 4):
        do_run(tmp_path / str(batch), models=[f"{nets}:net"], data=photos, batch=batch, **PGD)
    assert batches == [1, 1]
    assert tried_in(tmp_path / "4") == tried_in(tmp_path / "1")


def test_a_network_whose_gradient_is_wrong_alone_keeps_its_batch(
    tmp_path: Path, nets: str, photos: str, batches: list[int]
) -> None:
    do_run(tmp_path / "out", models=[f"{nets}:wrong_alone"], data=photos, batch=4, **PGD)
    assert batches == [4]
    assert tried_in(tmp_path / "out")["probes"]
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["gradient"][f"{nets}:wrong_alone"]["batch"] == 4
