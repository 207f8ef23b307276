"""Each test has stores and a cache of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..data.conftest import coco, picture, save  # noqa: F401
from .made import fresh_stores


@pytest.fixture(autouse=True)
def stores(tmp_path: Path) -> Iterator[None]:
    with fresh_stores(tmp_path / "cache"):
        yield
