"""The page: self-contained, escaped, whole when files are missing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from foolscape.errors import RunError
from foolscape.records.reader import read_record, read_run
from foolscape.report import write_report
from foolscape.report.pictures.gallery import views
from foolscape.report.tables.run import TIMES
from foolscape.report.tasks import segmentation
from foolscape.run.directory.begun import as_json

from .fake_run import COLOURS, pictures
from .page import page_of

Make = Callable[..., Path]


def test_it_says_what_the_run_found(make: Make) -> None:
    page = page_of(make(failures=[{"id": "z", "model": None, "reason": "truncated file"}]))
    for text in ("DAG cut mIoU from", "grey levels", "Scores", "Where it breaks", "truncated file", "Claimed:"):
        assert text in page.text
    for text in ("foolscape run --model", "9f2c9f2c", "2.11.0", "Xie et al. 2017, algorithm 1", "a b/1.png", "é"):
        assert text in page.text
    assert re.search(rf"change {TIMES} [\d.]+, about mid-grey", page.text)
    assert page.tags.count("img") == 3 * 6
    for sentence in ("Odd: only here.", "Claimed: before rounding.", "SSIM: structural", "IoU of a class:"):
        assert page.text.count(sentence) == 1, sentence  # beside its number, or at the end


def test_it_needs_nothing_from_elsewhere(make: Make, hostile: Path) -> None:
    for directory in (make(), hostile):
        page = page_of(directory)
        assert not {"script", "iframe", "object", "embed", "base", "form"} & set(page.tags)
        for tag, name, value in page.attributes:
            assert not name.startswith("on")
            if name in {"src", "href"}:
                assert value.startswith("data:"), (tag, value)
        source = (directory / "report.html").read_text(encoding="utf-8")
        assert "@import" not in source
        assert "url(" not in source
        assert not re.search(r"https?://", source)


def test_what_users_name_is_text_and_not_markup(hostile: Path) -> None:
    page = page_of(hostile)
    source = (hostile / "report.html").read_text(encoding="utf-8")
    assert "<script" not in source
    assert "\x1b" not in source
    assert page.text.count('<script>alert("1")</script>') >= 8  # models, ids, classes, reasons, settings
    assert not any('alert("1")' in value for _, name, value in page.attributes if name not in {"alt"})


def test_missing_and_damaged_pictures_do_not_break_it(make: Make) -> None:
    directory = make()
    for folder in ("images", "predictions"):
        shutil.rmtree(directory / folder)
    for path in (directory / "clean").iterdir():
        path.write_bytes(b"not a picture")
    page = page_of(directory)
    assert page.text.count("not kept") == 3 * 5
    assert page.tags.count("img") == 3  # the truth


def test_a_link_that_leads_out_of_the_run_is_not_followed(make: Make) -> None:
    directory = make()
    for folder in ("clean", "images", "predictions", "truth"):
        (directory / folder).rename(directory.parent / folder)
        (directory / folder).symlink_to(directory.parent / folder)
    (directory / "truth").unlink()
    shutil.copytree(directory.parent / "truth", directory / "truth", ignore=shutil.ignore_patterns("*.png"))
    assert "img" not in page_of(directory).tags


def test_the_truth_is_in_the_colours_of_the_model(make: Make) -> None:
    directory = make()
    record = read_record(directory)
    models = [replace(record.models[0], channels=(1, 0, 2, 3))]  # so that the data's sky is the model's road
    (directory / "run.json").write_text(json.dumps(as_json(replace(record, models=tuple(models)))))
    run = read_run(directory)
    (view, *_) = views(directory, run.rows, run.record.models[0], run.record.attack, run.record.layout)
    truth = segmentation.RECORD.drawing.layers(view, 40).truth
    assert truth is not None
    assert truth[0, 0].tolist() == list(COLOURS[1])
    assert view.judged.truth[1] > view.judged.truth[0]


def test_the_gallery_is_limited_to_worst_and_best(make: Make) -> None:
    page = page_of(make(pictures=pictures([f"image-{n}" for n in range(9)])))
    assert page.tags.count("article") == 6
    assert page.text.index("Broke most") < page.text.index("Held best")
    order = re.findall(r"attacked (\d+\.\d) %", re.sub(r"\s+", " ", page.text.replace("attacked", " attacked ")))
    accuracy = [float(value) for value in order]
    assert accuracy[:4] == sorted(accuracy[:4])
    assert accuracy[4] >= accuracy[5] >= accuracy[3]


def test_without_labels(make: Make) -> None:
    page = page_of(make(reference="clean prediction"))
    assert "the clean score is 100 by construction" in page.text
    assert "where the class changed" in page.text
    assert "truth" not in [value for _, name, value in page.attributes if name == "alt"]


def test_without_an_attack(make: Make) -> None:
    page = page_of(make(attack="none"))
    assert "nothing was attacked" in page.text
    assert "same change" not in page.text
    assert page.tags.count("img") == 3 * 3


def test_a_run_in_which_nothing_could_be_measured(make: Make) -> None:
    directory = make(attack="none")
    summary = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    summary["models"][0] |= {"samples": 0, "conditions": {}}
    (directory / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (directory / "rows.jsonl").write_text("", encoding="utf-8")
    assert "No image could be measured." in page_of(directory).text


def test_same_run_same_bytes_and_nothing_left_behind(make: Make) -> None:
    directory = make()
    before = write_report(directory).read_bytes()
    assert write_report(directory).read_bytes() == before
    assert not list(directory.glob(".report*"))


def test_a_failed_write_leaves_the_old_report(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = make()
    write_report(directory).write_text("old", encoding="utf-8")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(RunError, match="disk full"):
        write_report(directory)
    assert (directory / "report.html").read_text(encoding="utf-8") == "old"
    assert not list(directory.glob(".report*"))


def test_an_unfinished_run_is_refused(make: Make) -> None:
    directory = make()
    (directory / "summary.json").unlink()
    with pytest.raises(RunError, match="has not finished"):
        write_report(directory)
    assert not (directory / "report.html").exists()
