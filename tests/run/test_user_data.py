"""A run on a data set of a user's file, and on one that a package brings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from foolscape.data import load
from foolscape.data.load import open_data
from foolscape.errors import ModelError, SettingError, UnknownNameError
from foolscape.run.settings.user_data import enter_data

from .made import do_run, write_net

FILE = """
    import numpy as np

    class Blocks:
        classes = ("red", "green", "blue")

        def __len__(self):
            return 3

        def __getitem__(self, index):
            labels = np.random.default_rng(index).integers(0, 3, (4, 6)).repeat(4, 0).repeat(4, 1)
            return (60 + 120 * np.eye(3)[labels]).astype(np.uint8), labels

    def made():
        return Blocks()

    def raising():
        raise RuntimeError("no such disk")

    number = 3
"""


def test_a_class_of_a_file_goes_straight_in(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(dedent(FILE))
    settings = {"models": [f"{write_net(tmp_path)}:net"], "attack": "fgsm", "eps": "8/255", "probes": 0}
    summaries = [
        do_run(tmp_path / name, data=f"{tmp_path / 'mine.py'}:{name}", **settings) for name in ("Blocks", "made")
    ]
    conditions = [summary["models"][0]["conditions"] for summary in summaries]
    assert conditions[0] == conditions[1]
    assert conditions[0]["clean"]["mIoU"] is not None
    assert summaries[0]["reference"] == "truth"
    again = do_run(tmp_path / "limited", data=f"{tmp_path / 'mine.py'}:Blocks", limit=1, **settings)
    assert again["models"][0]["samples"] == 1


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(dedent(FILE))
    for name, error, message in (
        ("number", SettingError, "with __len__ and __getitem__, got int"),
        ("raising", ModelError, "no such disk"),
        ("Block", UnknownNameError, "did you mean Blocks"),
    ):
        with pytest.raises(error, match=message):
            enter_data(f"{tmp_path / 'mine.py'}:{name}")
    enter_data("camvit:somewhere")  # is no module, and refused as ever
    with pytest.raises(UnknownNameError, match="unknown data set 'camvit'"):
        open_data("camvit:somewhere")


PACKAGE = """
    from dataclasses import replace
    from foolscape.data.sets.folder import RECORD

    PHOTOS = replace(RECORD, name="photos", form="photos:DIR")
    TWICE = replace(RECORD, name="scenes")
"""


@pytest.fixture
def fresh() -> Iterator[None]:
    load._added.cache_clear()
    yield
    load._added.cache_clear()


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("photos = foolscape_more_data:PHOTOS", ""),
        ("scenes = foolscape_more_data:TWICE", "scenes is there already"),
        ("others = foolscape_more_data:PHOTOS", "to be a DataSet called others, got a DataSet called photos"),
        ("gone = foolscape_more_data:GONE", "expected the data set gone .* got AttributeError"),
    ],
)
def test_a_package_brings_a_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh: None, point: str, message: str
) -> None:
    (tmp_path / "foolscape_more_data.py").write_text(dedent(PACKAGE))
    info = tmp_path / "foolscape_more_data-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foolscape-more-data\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text(f"[foolscape.data]\n{point}\n")
    monkeypatch.syspath_prepend(tmp_path)
    if message:
        with pytest.raises(SettingError, match=message):
            load.catalog()
        return
    assert load.catalog()[-1].form == "photos:DIR"
    with pytest.raises(Exception, match="photos:nowhere: expected a folder at nowhere"):
        open_data("photos:nowhere")
