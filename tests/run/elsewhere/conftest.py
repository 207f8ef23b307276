"""Each test has stores and a cache of its own; what a run is of, and comes to in a folder, is made once a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foolscape.run.elsewhere import owner

from ...stores.made import fresh_stores
from ...stores.shelf import fresh_shelf
from ..made import write_net, write_photos
from .made import do, figures, folder


@pytest.fixture(autouse=True)
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(owner.LEASE, "0.6")
    monkeypatch.setattr("foolscape.stores.patience._PAUSE", 0.0)
    with fresh_stores(tmp_path / "cache"), fresh_shelf():
        yield


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("inputs")
    photos = write_photos(folder / "photos", 4)
    return {
        "models": [f"{write_net(folder)}:net"],
        "data": f"folder:{photos}",
        "attack": "pgd",
        "steps": 2,
        "probes": 0,
    }


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> dict[str, bytes]:
    """What a run in a folder of this machine has."""
    here = tmp_path_factory.mktemp("here")
    do(here, settings)
    return figures(folder(here))
