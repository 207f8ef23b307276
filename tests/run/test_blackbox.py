from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foolscape.errors import SettingError
from tests.run.made import do_run, write_photos

API = """
def labels(image):
    return image.argmax(2)

def tenth(image, asked=[]):
    asked.append(1)
    if len(asked) % 10 == 0:
        raise ConnectionError("busy")
    return image.argmax(2)

def first_alone(image, seen=[]):
    seen.append(image.mean())
    if abs(image.mean() - seen[0]) > 6:
        raise ConnectionError("gone")
    return image.argmax(2)

def boxes(image):
    middle = image[4:12, 6:14].mean(axis=(0, 1)).argmax()
    return {"boxes": [[6, 4, 14, 12]], "labels": [middle]}

labels.classes = tenth.classes = first_alone.classes = boxes.classes = ("red", "green", "blue")
"""


def settings(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    (folder / "api.py").write_text(API)
    photos = write_photos(folder / "photos", 3)
    return {"models": [f"blackbox:{folder / 'api.py'}:{name}"], "data": f"folder:{photos}", "seed": 1, **more}


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def test_label_maps_are_attacked_by_queries_alone(tmp_path: Path) -> None:
    said: list[str] = []
    summary = do_run(
        tmp_path / "out", said, **settings(tmp_path, "labels", attack="square-labels", steps=25, eps="30/255")
    )
    (model,) = summary["models"]
    right = {name: scores["pixel_accuracy"] for name, scores in model["conditions"].items()}
    assert right["adversarial"] < right["permuted"] < right["clean"]
    queries = [row["attack"]["queries"] for row in rows(tmp_path / "out") if "attack" in row]
    assert queries == [26, 26, 26]
    assert "queries of the attack per image: 26.0 on average, 26 at most" in model["notes"]
    reasons = {reason["id"]: reason for reason in summary["trust"]["reasons"]}
    assert reasons["gradient"]["seen"] == "not asked for: a black box"
    assert any("was asked: " in line for line in said)


def test_square_is_the_attack_where_none_is_named_and_gradients_are_refused(tmp_path: Path) -> None:
    said: list[str] = []
    do_run(tmp_path / "out", said, **settings(tmp_path, "labels", steps=3, probes=0, limit=1))
    assert any("is a black box, of which no gradient can be asked" in line for line in said)
    with pytest.raises(SettingError, match="is a black box, got pgd; use --attack square"):
        do_run(tmp_path / "no", **settings(tmp_path, "labels", attack="pgd"))
    assert not (tmp_path / "no").exists()


def test_calls_that_fail_are_failures_of_their_images(tmp_path: Path) -> None:
    one = {"attack": "square", "steps": 12, "probes": 0}
    summary = do_run(tmp_path / "again", **settings(tmp_path, "tenth?retries=1", **one))
    assert not summary["failures"]
    summary = do_run(tmp_path / "out", **settings(tmp_path, "first_alone?retries=0", **one))
    assert {failure["id"] for failure in summary["failures"]} == {"photo2"}
    assert all("got ConnectionError: gone in 1 calls" in failure["reason"] for failure in summary["failures"])
    assert summary["models"][0]["samples"] == 2


def test_boxes_are_attacked_by_queries_alone(tmp_path: Path) -> None:
    one = settings(tmp_path, "boxes", attack="square-labels", steps=25, eps="60/255", probes=0, task="detection")
    summary = do_run(tmp_path / "out", **one)
    (model,) = summary["models"]
    assert model["success_rate"] > 30
