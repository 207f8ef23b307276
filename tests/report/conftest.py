"""Fake runs; everything that a user names is hostile in one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from . import fake_detection, fake_video
from .fake_run import HOSTILE, Plan, pictures, write


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of three images; keyword arguments change its `Plan`."""

    def build(**changes: object) -> Path:
        plan = replace(Plan(pictures(["a b/1.png", "é", "0003"])), **changes)
        return write(tmp_path / "run", plan)

    return build


@pytest.fixture
def detect(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of a detector on three images; keyword arguments change its `fake_detection.Plan`."""

    def build(**changes: object) -> Path:
        return fake_detection.write(tmp_path / "run", replace(fake_detection.Plan(), **changes))

    return build


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Write a run of a tracker on three clips; keyword arguments change its `fake_video.Plan`."""

    def build(**changes: object) -> Path:
        return fake_video.write(tmp_path / "run", replace(fake_video.Plan(), **changes))

    return build


@pytest.fixture
def hostile(make: Callable[..., Path]) -> Path:
    """Ids, model specs, class names, colours' names and reasons that attack the page."""
    return make(
        pictures=pictures([f"{HOSTILE} {n}" for n in range(3)]),
        models=(HOSTILE, "second:model"),
        classes=(f"sky{HOSTILE}", "road", "building", "car"),
        attack="dag",
        failures=[{"id": HOSTILE, "model": None, "reason": HOSTILE}, {"id": "x", "model": HOSTILE, "reason": "late"}],
    )
