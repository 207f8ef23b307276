"""The report of a tracker: scores, film strips, the player with its script, the score of every frame."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from foolscape.metrics.video import ClipScores, ObjectScores
from foolscape.records.reader import read_run
from foolscape.records.row import Row, rows_of
from foolscape.report import latex, markdown, print_tables, write_panel, write_report
from foolscape.report.pictures import clips
from foolscape.report.pictures.clip_scores import clip_score, frame_scores
from foolscape.report.pictures.plots import Curve, Plot, plot
from foolscape.report.tables.headline import headline, largest_changes
from foolscape.report.tables.objects import listed, object_scores
from foolscape.report.tables.run import tables
from foolscape.report.tables.table import DASH

from ..written import typed
from . import fake_video
from .fake_run import HOSTILE
from .fake_video import COLOURS
from .page import Page, page_of

Make = Callable[..., Path]
NINE = tuple(f"clip-{n}" for n in range(9))


def _summary(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "summary.json").read_text(encoding="utf-8"))
    return found


def _said(directory: Path) -> str:
    summary = _summary(directory)
    return headline(typed(summary), typed(summary).models[0], largest_changes(read_run(directory).rows))


def _data(page: Page, name: str) -> list[str]:
    """The frames of the players: what they hold under this name."""
    return [value for tag, key, value in page.attributes if (tag, key) == ("div", f"data-{name}")]


def _pixels(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1]))) as image:
        return np.asarray(image.convert("RGBA"))


@pytest.fixture(scope="module", autouse=True)
def curves_of_a_form_drawn_once() -> Iterator[None]:
    """A page shows a curve's picture and where its ends lie; what is drawn of its values is looked at elsewhere."""
    drawn: dict[str, Plot] = {}

    def once(caption: str, curves: Sequence[Curve], x: str, y: str, **options: Any) -> Plot:
        forms = [replace(curve, name="", ys=[0.0 if y is not None else None for y in curve.ys]) for curve in curves]
        asked = repr((caption, forms, x, y, options))
        if asked not in drawn:
            drawn[asked] = plot(caption, curves, x, y, **options)
        return drawn[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clips, "plot", once)
        yield


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """A run of three clips and its page, to be read alone."""
    directory = fake_video.write(tmp_path_factory.mktemp("usual") / "run", fake_video.Plan())
    return directory, page_of(directory)


def test_it_says_what_the_run_found(film: Make) -> None:
    page = page_of(film(failures=[{"id": "z", "model": None, "reason": "truncated file"}]))
    for text in ("ARA cut J&F from", "grey levels to the first frame; the same changes shuffled", "Recall and decay"):
        assert text in page.text
    for text in ("3 clips of davis:folder val", "J decay", "J&F by object", "a b/1, object 2", "truncated file"):
        assert text in page.text
    for text in ("window", "labels from", "s/clip", "first frame attacked", "Objects are told apart by clip and label"):
        assert text in page.text
    assert "image" not in page.text.replace("8-bit images", "")


def test_every_clip_has_its_pictures(usual: tuple[Path, Page]) -> None:
    _, page = usual
    alts = [value for tag, key, value in page.attributes if (tag, key) == ("img", "alt")]
    for text in ("clean first frame", "attacked first frame", "J&F of every frame", "frame 00007, attacked"):
        assert alts.count(text) == 3
    assert len(alts) == 3 * (3 + 3 * 6 + 1)  # the first frame, the strip, the curve
    assert page.tags.count("canvas") == 3
    assert [len(_data(page, name)) for name in ("photo", "attacked-photo", "truth", "adversarial")] == [24, 3, 24, 24]
    assert page.text.count("Over the frames") == 3


def test_the_player_shows_objects_in_their_colours(usual: tuple[Path, Page]) -> None:
    _, page = usual
    clean, attacked, truth = (_pixels(_data(page, name)[7]) for name in ("clean", "adversarial", "truth"))
    assert clean.shape == truth.shape == (48, 64, 4)  # no larger than the frames are
    assert (clean[..., :3] == COLOURS[1]).all(axis=2).any()
    seen = [int((pixels[..., 3] > 0).sum()) for pixels in (clean, attacked, truth)]
    assert seen[1] != seen[0] > seen[2] > 0
    assert _pixels(_data(page, "photo")[0])[..., 3].all()
    assert not np.array_equal(_pixels(_data(page, "attacked-photo")[0]), _pixels(_data(page, "photo")[0]))
    assert re.fullmatch(r"frame 00003, 4 of 8: J&F \d+ clean, \d+ attacked", _data(page, "said")[3])
    places = [float(value) for value in _data(page, "cursor")[:8]]
    assert places == sorted(places)
    assert 5 < places[0] < places[-1] < 100


def test_its_own_script_is_the_only_one(usual: tuple[Path, Page]) -> None:
    directory, page = usual
    source = (directory / "report.html").read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", source, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in source
    assert "default-src 'none'" in source
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in {"src", "href", "data-photo", "data-clean", "data-adversarial", "data-truth"}:
            assert value.startswith("data:"), (tag, value)
    assert "url(" not in source
    assert not re.search(r"https?://", source)


def test_what_users_name_is_text_and_not_markup(film: Make) -> None:
    directory = film(
        ids=(f"<b>{HOSTILE}", "x"), models=(HOSTILE,), categories={1: HOSTILE, 2: "<i>"}, measure="youtube",
        seen=("<i>",), failures=[{"id": HOSTILE, "model": None, "reason": HOSTILE}],
    )  # fmt: skip
    rows = (directory / "rows.jsonl").read_text(encoding="utf-8").replace('"00002"', json.dumps('"><script>'))
    (directory / "rows.jsonl").write_text(rows, encoding="utf-8")
    page = page_of(directory)
    source = (directory / "report.html").read_text(encoding="utf-8")
    assert source.count("<script") == 1
    assert not {"b", "i"} & set(page.tags)
    assert "\x1b" not in source
    assert page.text.count('<script>alert("1")</script>') >= 8
    assert 'frame "><script>, 3 of 8' in _data(page, "said")[2]
    console = Console(file=io.StringIO(), width=80)
    print_tables(directory, console)
    assert "\x1b" not in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_long_clip_is_sampled_and_the_page_says_so(film: Make) -> None:
    page = page_of(film(ids=("long",), frames=71, size=(24, 32)))
    assert len(_data(page, "photo")) == 60
    assert "60 of the 71 frames, evenly spread" in page.text
    assert _data(page, "said")[0].startswith("frame 00000, 1 of 71")
    assert _data(page, "said")[-1].startswith("frame 00070, 71 of 71")


def test_the_page_stays_small(film: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = film(ids=NINE[:2], size=(24, 32))
    page = page_of(directory)
    pictures = sum(len(value) for _, _, value in page.attributes if value.startswith("data:image"))
    players = sum(len(value) for _, name, value in page.attributes if name.startswith("data-"))
    monkeypatch.setattr(clips, "PAGE", pictures - players // 2)
    page = page_of(directory)
    assert 4 < len(_data(page, "photo")) < 16
    assert "of the 8 frames, evenly spread" in page.text
    assert sum(len(value) for _, _, value in page.attributes if value.startswith("data:image")) <= clips.PAGE
    monkeypatch.setattr(clips, "PAGE", 0)
    assert len(_data(page_of(directory), "photo")) == 4  # two of each clip


def test_only_the_worst_and_the_best_are_shown(film: Make) -> None:
    directory = film(ids=NINE, size=(24, 32), frames=4)
    page = page_of(directory)
    assert page.tags.count("article") == 6
    assert "6 of 9 clips are shown" in page.text
    shown = re.findall(r"clip-\d", "".join(re.findall(r"\n(clip-\d)\n", page.text.partition("Broke most")[2])))
    run = read_run(directory)
    scores = {row.id: clip_score(row) for row in rows_of(run.rows, condition="adversarial")}
    ranked = sorted(scores, key=lambda name: scores[name])
    assert shown[:4] == ranked[:4]
    assert shown[4:] == ranked[:-3:-1]
    assert page.text.index("Broke most") < page.text.index("Held best")


def test_the_more_models_the_fewer_clips_of_each() -> None:
    assert [clips.most_shown(models) for models in (1, 2, 3, 4, 6, 30)] == [
        (4, 2), (4, 2), (3, 1), (2, 1), (2, 0), (1, 0)
    ]  # fmt: skip


def test_without_an_attack(film: Make) -> None:
    page = page_of(film(attack="none"))
    assert "nothing was attacked" in page.text
    assert "same change" not in page.text
    assert page.tags.count("img") == 3 * (1 + 2 * 6 + 1)
    assert not _data(page, "adversarial")
    assert ("input", "value", "clean") in page.attributes
    assert "3 clips" in page.text


def test_without_labels(film: Make) -> None:
    page = page_of(film(reference="clean prediction"))
    assert "the clean score is 100 by construction" in page.text
    assert not _data(page, "truth")
    assert page.tags.count("img") == 3 * (3 + 2 * 6 + 1)


def test_pictures_that_are_missing_do_not_break_it(film: Make) -> None:
    directory = film()
    shutil.rmtree(directory / "frames")
    page = page_of(directory)
    assert len(_data(page, "photo")) == 24  # grey, for the masks to lie on
    assert (_pixels(_data(page, "photo")[1])[..., :3] == 127).all()
    shutil.rmtree(directory / "predictions" / "bundled-disc-tracker" / "adversarial")
    (directory / "truth" / "video" / "0003" / "00003.png").write_bytes(b"not a picture")
    page = page_of(directory)
    assert not _data(page, "adversarial")
    assert len(_data(page, "truth")) == 23
    for folder in ("predictions", "truth", "clean"):
        shutil.rmtree(directory / folder)
    page = page_of(directory)
    assert page.text.count("not kept") == 3 * 2  # the clean first frame and the change
    assert len(_data(page, "photo")) == 24  # the attacked first frame, and nothing to show after it
    shutil.rmtree(directory / "images")
    page = page_of(directory)
    assert "canvas" not in page.tags
    assert page.text.count("J&F of every frame") == 3


def test_rows_without_the_names_of_frames(film: Make) -> None:
    directory = film()
    path = directory / "rows.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    bare = ({key: row[key] for key in row if key != "frames"} for row in rows)
    path.write_text("".join(json.dumps(row) + "\n" for row in bare), encoding="utf-8")
    page = page_of(directory)
    assert "canvas" not in page.tags
    assert page.text.count("J&F of every frame") == 3


def test_names_that_lead_out_of_the_run_are_not_followed(film: Make) -> None:
    directory = film(ids=("a",))
    shutil.copytree(directory / "frames" / "a", directory.parent / "outside")
    path = directory / "rows.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"0000', '"../../../outside/0000'), encoding="utf-8")
    page = page_of(directory)
    assert "canvas" in page.tags  # for the attacked first frame
    assert not any(_data(page, "clean"))
    assert not any(_data(page, "photo"))


def test_the_measure_of_youtube_vos(film: Make) -> None:
    directory = film(measure="youtube", frames=31, every=5, size=(24, 32))
    summary, page = _summary(directory), page_of(directory)
    assert "ARA cut G from" in page.text
    assert "J unseen %" in page.text
    assert "Recall and decay" not in page.text
    assert "object 2, zebra" in page.text
    found = summary["models"][0]["conditions"]["clean"]["per_object"]["é"]["1"]
    assert f"{(found['J'] + found['F']) / 2:.1f}" in page.text
    assert "frame 00030, truth" in [value for _, key, value in page.attributes if key == "alt"]
    assert len(_data(page, "truth")) == 3 * 7
    assert _data(page, "said")[5].count("attacked") == 1
    assert _data(page, "said")[6].count("attacked") == 0


def test_scores_that_are_not_defined(film: Make) -> None:
    directory = film(measure="youtube", seen=("zebra", "dog"))
    summary = _summary(directory)
    assert summary["models"][0]["conditions"]["clean"]["G"] is None
    assert _said(directory) == ("G is not defined on 3 clips: seen or unseen categories have no object in them.")
    (scores, *_) = tables(typed(summary))
    assert [row[2].value for row in scores.rows][:1] == [DASH]
    assert "J seen" in page_of(directory).text


def test_a_run_in_which_nothing_could_be_measured(film: Make) -> None:
    directory = film(attack="none")
    summary = _summary(directory)
    summary["models"][0] |= {"samples": 0, "conditions": {}}
    (directory / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (directory / "rows.jsonl").write_text("", encoding="utf-8")
    page = page_of(directory)
    assert "No clip could be measured." in page.text


def test_of_many_objects_those_that_lost_most_are_listed(film: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = film()
    every = object_scores(typed(_summary(directory)).models[0])
    lost = sorted(one.clean - one.attacked for one in every if one.clean is not None and one.attacked is not None)
    assert "are listed" not in page_of(directory).text
    monkeypatch.setattr("foolscape.report.tables.objects.MOST", 2)
    found = listed(every)
    assert sorted(one.clean - one.attacked for one in found if one.clean and one.attacked is not None) == lost[-2:]
    text = page_of(directory).text
    assert f"2 of {len(every)} objects are listed, those that lost most; summary.json has all." in text
    assert all((one.name in text) == (one in found) for one in every)
    (table,) = (one for one in tables(typed(_summary(directory))) if one.name.startswith("classes-"))
    assert len(table.rows) == 2
    assert "are listed" in table.remarks[0]


def test_same_run_same_bytes(film: Make) -> None:
    directory = film(ids=("a",))
    before = write_report(directory).read_bytes()
    assert write_report(directory).read_bytes() == before


def test_tables_as_text(film: Make) -> None:
    directory = film()
    summary = _summary(directory)
    assert [table.name for table in tables(typed(summary))][:3] == ["scores", "further", "costs"]
    assert r"J\&F \% & " in latex(summary)
    assert "J\\&F %" in markdown(summary)
    console = Console(file=io.StringIO(), width=80)
    print_tables(directory, console)
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(name in printed for name in ("clean", "attacked", "shuffled", "random noise", "J recall %"))
    assert max(map(len, printed.splitlines())) <= 80


def test_a_panel_shows_the_frame_that_lost_most(film: Make) -> None:
    for reference in ("truth", "clean prediction"):
        path, factor = write_panel(film(reference=reference), "é", side=64)
        assert factor == pytest.approx(127.5 / 8)
        with Image.open(path) as image:
            assert image.size == (3 * 64 + 2 * 8, 2 * 48 + 8)


def test_values_stand_for_the_frames_that_are_judged() -> None:
    objects = ObjectScores(1, 1, (1.0, 0.5), (1.0, 0.0)), ObjectScores(2, 2, (0.5,), (0.5,))
    row = Row(model="m", id="a", condition="clean", size=(1, 1), measured=ClipScores(objects))
    assert frame_scores(row, None) == {1: 100.0, 2: 37.5}
    assert frame_scores(row, (0, 5, 10)) == {5: 100.0, 10: 37.5}
    assert frame_scores(row, (0, 5)) == {5: 100.0}
    assert clip_score(row) == pytest.approx((62.5 + 50) / 2)
