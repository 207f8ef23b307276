"""The names that a mistyped detector may have meant."""

from __future__ import annotations

from typing import Any

import pytest

from foolscape.errors import ModelError, UnknownNameError
from foolscape.models import bundled, torchvision
from foolscape.models.detectors import torchvision_zoo
from foolscape.models.detectors.load import known_names, load_detector


def test_known_names_are_those_of_both_tasks() -> None:
    names = known_names()
    assert {f"bundled:{name}" for name in (*bundled.NAMES, *bundled.DETECTOR_NAMES)} <= set(names)
    assert "torchvision:fcn_resnet50" in names
    assert "torchvision:ssd300_vgg16" in names


def test_a_broken_torchvision_does_not_hide_that_a_name_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Any:
        raise ModelError("expected a torchvision that fits")

    monkeypatch.setattr(torchvision, "library", broken)
    monkeypatch.setattr(torchvision_zoo, "library", broken)
    with pytest.raises(UnknownNameError, match="bundled:"):
        load_detector("bundled-scenes", image_size=(32, 32))
