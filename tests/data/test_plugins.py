"""Data sets that other packages bring, by entry points of the group foolscape.data."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from foolscape.data import load
from foolscape.data.folder import open_folder
from foolscape.data.load import catalog, open_data
from foolscape.data.sets.folder import RECORD
from foolscape.errors import SettingError

PHOTOS = replace(RECORD, name="photos", form="photos:DIR", description="another package's")


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a package be installed whose entry points are so called, each for an attribute of its module."""

    def installed(**objects: object) -> None:
        module = ModuleType("brought")
        vars(module).update(objects)
        monkeypatch.setitem(sys.modules, "brought", module)
        points = [EntryPoint(name, f"brought:{name}", load.GROUP) for name in [*objects, "absent"][: len(objects) or 1]]
        monkeypatch.setattr(load, "entry_points", lambda group: points)
        load._added.cache_clear()

    monkeypatch.setattr(load, "_added", load._added)
    yield installed
    load._added.cache_clear()


def test_a_data_set_of_another_package_is_listed_and_opened(bring: Callable[..., None], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    bring(photos=PHOTOS)
    assert "photos:DIR" in [data_set.form for data_set in catalog()]
    assert open_data(f"photos:{tmp_path}").ids == open_folder(load.parse(f"folder:{tmp_path}"), None).ids == ("a",)


@pytest.mark.parametrize(
    ("brought", "message"),
    [
        ({"photos": "a text"}, "expected brought:photos to be a DataSet called photos, got str"),
        ({"other": PHOTOS}, "expected brought:other to be a DataSet called other, got a DataSet called photos"),
        ({"folder": RECORD}, "expected a name that no data set has, and folder is there already"),
        ({}, r"expected the data set absent at brought:absent, got AttributeError"),
    ],
)
def test_what_is_none_is_an_error_and_never_left_out(bring: Callable[..., None], brought: dict, message: str) -> None:
    bring(**brought)
    with pytest.raises(SettingError, match=message):
        catalog()
