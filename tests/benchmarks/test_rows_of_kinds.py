"""benchmarks/rows_of_kinds.py: rows of every kind of run are made, summed up, sliced, shown, merged and told."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("kind", "task", "steps"),
    [
        ("run", "detection", ("summary", "slices", "page", "rows")),
        ("transfer", "segmentation", ("summary", "slices", "page")),
        ("universal", "detection", ("summary", "slices", "page")),
        ("clips", "video", ("summary", "slices", "page")),
        ("shards", "segmentation", ("merge",)),
    ],
)
def test_every_kind_is_made_and_summed_up(tmp_path, kind, task, steps):
    import made_kinds
    import rows_of_kinds

    directory = tmp_path / "run"
    made_kinds.make(directory, kind, task, 17)
    for step in steps:
        assert rows_of_kinds.STEPS[step](directory).stat().st_size > 0
    assert rows_of_kinds.largest_memory() > 0
