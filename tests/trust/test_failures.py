"""A run that lost images says so in its verdict, and by how many."""

from __future__ import annotations

from pathlib import Path

import pytest

from foolscape.records.row import failure
from foolscape.records.training import LeftOut
from foolscape.run.trust.failures import failed, failure_reasons
from foolscape.verdict import judged

from ..run.made import do_run, write_net, write_photos
from .made import row


def lost(count: int) -> list[LeftOut]:
    return [LeftOut(id=str(i), reason=f"{i} is torn") for i in range(count)]


@pytest.mark.parametrize(
    ("count", "of", "word"),
    [
        (1, 20, "trusted"),
        (1, 19, "not decided"),
        (1, 4, "not decided"),
        (2, 7, "not trusted"),
        (10, 20, "not trusted"),
        (5, 5, "not trusted"),
    ],
)
def test_how_many_may_be_lost(count: int, of: int, word: str) -> None:
    (reason,) = failure_reasons(lost(count), of)
    found = judged([reason.to_json()])
    assert found["verdict"] == word
    assert reason.id == "failures"
    assert reason.seen == f"{count} of {of} image(s) could not be used, the first of them: 0 is torn"
    assert "mend" in reason.advice
    assert found["if"] == (["the images that could not be used are like the others"] if word == "trusted" else [])


def test_nothing_is_said_where_none_was_lost_and_an_image_counts_once() -> None:
    assert list(failure_reasons([], 5)) == []
    assert list(failure_reasons([], 0)) == []
    (reason,) = failure_reasons([*lost(1), *lost(1)], 20)
    assert reason.seen.startswith("1 of 20 ")


def test_only_the_images_that_the_model_lost_count() -> None:
    rows = [
        failure(None, "a", "torn"),
        failure("one", "b", "NaN"),
        failure("two", "c", "NaN"),
        row("clean", "d", 50.0, "one"),
    ]
    assert [one.id for one in failed(rows, ("one", None))] == ["a", "b"]


@pytest.mark.parametrize("attack", ["fgsm", "none"])
def test_a_run_that_lost_half_of_its_images_is_not_trusted(tmp_path: Path, attack: str) -> None:
    photos = write_photos(tmp_path / "photos")
    names = sorted(photos.glob("*"))
    for path in names[1::2]:
        path.write_bytes(b"torn")
    summary = do_run(
        tmp_path / "out", models=[f"{write_net(tmp_path)}:net"], data=f"folder:{photos}", attack=attack,
        **({} if attack == "none" else {"probes": 0}),
    )  # fmt: skip
    (reason,) = (one for one in summary["trust"]["reasons"] if one["id"] == "failures")
    assert reason["ok"] is False
    assert reason["seen"].startswith(f"{len(names) // 2} of {len(names)} image(s) could not be used")
    assert summary["trust"]["verdict"] == "not trusted"
    assert "all images could be used" in (tmp_path / "out/report.html").read_text()
