"""Several bounds are one run: at each it is the run of that bound alone, to the byte, and a kill changes nothing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foolscape.errors import RunError, SettingError
from foolscape.metrics.score import scores_of
from foolscape.records.conditions import ADVERSARIAL, CLEAN, CONDITIONS, Condition
from foolscape.records.places import Kind, place_of
from foolscape.records.timings import read_timings
from foolscape.run.execute import execute
from foolscape.run.harden.config import make_harden_config
from foolscape.run.listener import Listener
from foolscape.run.settings.attack_options import checked_options, options_in, spelled_out
from foolscape.run.settings.bounds import BoundsWarning
from foolscape.run.settings.config import make_config
from foolscape.run.transfer.settings import make_transfer_config
from foolscape.run.universal.config import make_universal_config

from .made import do_run, files_below, write_net, write_photos
from .made_boxes import write_detector, write_squares
from .made_clips import write_clips, write_tracker

EPS = "1/255,8/255"


DAZZLED = """
def dazzled():
    class Dazzled(Net):
        def forward(self, images):
            if 0 < 255 * float(images.detach().max()) - LEVEL < 20:
                raise RuntimeError("too bright")
            return super().forward(images)
    return Dazzled()
"""


def maps(folder: Path) -> dict[str, object]:
    photos = write_photos(folder / "photos", 3)
    return {"models": [f"{write_net(folder)}:net"], "data": f"folder:{photos}", "attack": "pgd", "steps": 3}


def boxes(folder: Path) -> dict[str, object]:
    squares = write_squares(folder / "squares")
    return {"models": [f"{write_detector(folder)}:grid"], "data": f"folder:{squares}", "attack": "dag", "steps": 4}


def clips(folder: Path) -> dict[str, object]:
    tracker, davis = f"{write_tracker(folder)}:colours?task=video", write_clips(folder / "davis")
    return {"models": [tracker], "data": f"davis2017:{davis}", "attack": "ara", "variant": "released", "steps": 2}


def rows_in(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


def measured(rows: list[dict[str, Any]], bound: str | None) -> list[dict[str, Any]]:
    """The rows of one bound as a run of it alone has them, but for the files."""
    bare = [{key: value for key, value in row.items() if key not in ("files", "learnt")} for row in rows]
    own = [row for row in bare if Condition(row["condition"]).bound == bound or row["condition"] == CLEAN]
    return [{**row, "condition": Condition(row["condition"]).name} for row in own]


@pytest.mark.parametrize("given", [maps, boxes, pytest.param(clips, marks=pytest.mark.slow)])
def test_each_bound_is_as_in_a_run_of_its_own(tmp_path: Path, given: Callable[[Path], dict[str, Any]]) -> None:
    settings = given(tmp_path) | {"limit": 3, "probes": 0}
    summary = do_run(tmp_path / "both", eps=EPS, **settings)
    rows, slug = rows_in(tmp_path / "both"), summary["models"][0]["slug"]
    for bound in EPS.split(","):
        alone = do_run(tmp_path / bound[0], eps=bound, **settings)
        assert measured(rows, bound) == measured(rows_in(tmp_path / bound[0]), None)
        before, after = (one["models"][0] for one in (alone, summary))
        for name, scores in before["conditions"].items():
            assert after["conditions"][name if name == CLEAN else f"{name}@{bound}"] == scores
        assert after["bounds"][bound] == {key: before[key] for key in after["bounds"][bound]}
        for name in {row["id"] for row in rows}:
            there, here = (
                (tmp_path / folder / place_of(Kind.IMAGE, name, slug, ADVERSARIAL.at(at))).read_bytes()
                for folder, at in ((bound[0], None), ("both", bound))
            )
            assert there == here
    largest = {key: summary["models"][0][key] for key in ("success_rate", "distortion", "iterations")}
    assert largest == {key: alone["models"][0][key] for key in largest}
    assert summary["attack"]["eps"] == "8/255"
    assert {key: value for key, value in summary["attack"].items() if key != "bounds"} == alone["attack"]


def test_conditions_and_verdicts_carry_their_bound(tmp_path: Path) -> None:
    summary = do_run(tmp_path / "out", eps=EPS, probes=3, **maps(tmp_path))
    found = [row["condition"] for row in rows_in(tmp_path / "out")[:7]]
    assert found == ["clean", *(f"{name}@{eps}" for eps in EPS.split(",") for name in CONDITIONS[1:])]
    trust = summary["trust"]
    assert list(trust["bounds"]) == EPS.split(",")
    assert trust["bounds"]["8/255"] == trust["verdict"] == trust["models"][summary["models"][0]["slug"]]
    bounds = {(reason["id"], reason.get("bound")) for reason in trust["reasons"]}
    assert {("beats-noise", "1/255"), ("beats-noise", "8/255"), ("gradient", None), ("square", "8/255")} < bounds
    assert ("square", "1/255") not in bounds
    score = scores_of("segmentation").default.headline
    left = [summary["models"][0]["conditions"][f"adversarial@{eps}"][score] for eps in EPS.split(",")]
    assert left[1] < left[0] < 100


class Killed(Exception):
    """In the place of a signal."""


@pytest.mark.parametrize(("given", "after"), [(maps, 1), pytest.param(clips, 1, marks=pytest.mark.slow)])
def test_a_killed_run_goes_on_to_the_same_bytes(
    tmp_path: Path, given: Callable[[Path], dict[str, Any]], after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(given(tmp_path) | {"eps": EPS, "limit": 3, "probes": 0})
    command = ["foolscape", "run"]

    @contextmanager
    def dies(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        seen: list[str] = []

        def tick(name: str) -> None:
            seen.append(name)
            if len(seen) == after:
                raise Killed

        yield tick

    @contextmanager
    def lives(title: str, total: int, done: int) -> Iterator[Callable[[str], None]]:
        yield lambda _: None

    execute(config, tmp_path / "whole", command, Listener(lambda _: None, lives))
    with pytest.raises(Killed):
        execute(config, tmp_path / "cut", command, Listener(lambda _: None, dies))
    cut = tmp_path / "cut"
    assert len(rows_in(cut)) == 7 * after
    # What a kill between two bounds of the next sample leaves: pictures that no row names, and half a sample's rows.
    with (cut / "rows.jsonl").open("a") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows_in(tmp_path / "whole")[7 * after : 7 * after + 4])
    times = (tmp_path / "whole" / "timings.jsonl").read_bytes()
    (cut / "timings.jsonl").write_bytes(times)  # a kill came between the time of a sample and its rows
    execute(config, cut, command, Listener(lambda _: None, lives))
    assert (cut / "timings.jsonl").read_bytes().count(b"\n") == times.count(b"\n")
    assert list(read_timings(cut)) == list(read_timings(tmp_path / "whole"))
    for name in ("rows.jsonl", "summary.json"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert files_below(cut) == files_below(tmp_path / "whole")


def test_a_lost_picture_of_one_bound_costs_its_sample(tmp_path: Path) -> None:
    settings, out = maps(tmp_path) | {"eps": EPS, "probes": 0}, tmp_path / "out"
    summary = do_run(out, **settings)
    rows = {(row["id"], row["condition"]): row["measured"] for row in rows_in(out)}
    place = out / place_of(Kind.IMAGE, "photo1", summary["models"][0]["slug"], ADVERSARIAL.at("1/255"))
    content = place.read_bytes()
    place.unlink()
    said: list[str] = []
    assert do_run(out, said, **settings) == summary
    assert [line for line in said if "photo1" in line and "is missing" in line]
    assert place.read_bytes() == content
    assert {(row["id"], row["condition"]): row["measured"] for row in rows_in(out)} == rows


def test_a_sample_that_breaks_at_one_bound_is_in_none(tmp_path: Path) -> None:
    settings = maps(tmp_path) | {"eps": EPS, "probes": 0}
    brightest = np.asarray(Image.open(tmp_path / "photos" / "photo2.png")).max()
    nets = Path(str(settings["models"][0]).removesuffix(":net"))  # type: ignore[index]
    nets.write_text(nets.read_text() + DAZZLED.replace("LEVEL", str(brightest + 4)))
    summary = do_run(tmp_path / "out", **(settings | {"models": [f"{nets}:dazzled"]}))
    (failed,) = summary["failures"]
    assert failed["id"] == "photo2"
    assert "too bright" in failed["reason"]
    rows = rows_in(tmp_path / "out")
    assert [row["condition"] for row in rows if row["id"] == "photo2"] == ["failed"]
    assert len(rows) == 2 * 7 + 1
    assert {scores["mIoU"] is not None for scores in summary["models"][0]["conditions"].values()} == {True}
    assert do_run(tmp_path / "out", **(settings | {"models": [f"{nets}:dazzled"]})) == summary


def test_batches_do_not_show(tmp_path: Path) -> None:
    settings = maps(tmp_path) | {"eps": EPS, "probes": 0, "batch": 2}
    do_run(tmp_path / "both", **settings)
    do_run(tmp_path / "one", **(settings | {"eps": "8/255"}))
    assert measured(rows_in(tmp_path / "both"), "8/255") == measured(rows_in(tmp_path / "one"), None)


def test_other_bounds_are_another_run(tmp_path: Path) -> None:
    settings = maps(tmp_path) | {"limit": 1, "probes": 0}
    do_run(tmp_path / "out", eps=EPS, **settings)
    with pytest.raises(RunError, match="got another one"):
        do_run(tmp_path / "out", eps="8/255", **settings)
    kept = tmp_path / "kept"
    shutil.copytree(tmp_path / "out", kept)
    with pytest.warns(BoundsWarning):
        do_run(kept, eps="8/255, 1/255", **settings)


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ({"eps": "4/255,1/255,4/255"}, "1/255,4/255"),
        ({"eps": ["8/255", "2/255"]}, "2/255,8/255"),
        ({"attack": "pgd?eps=8/255,0.5/255"}, "0.5/255,8/255"),
        ({"eps": "4/255,4/255"}, "4/255"),
    ],
)
def test_bounds_are_sorted_and_that_is_said(given: dict[str, object], recorded: str) -> None:
    with pytest.warns(BoundsWarning, match=f"is measured as {recorded}"):
        found = checked_options("pgd", options_in(spelled_out({"attack": "pgd", **given})))
    assert found == {"eps": recorded}


def test_the_same_bounds_twice_are_no_contradiction() -> None:
    assert spelled_out({"attack": "pgd?eps=1/255,8/255", "eps": ["8/255", "1/255"]})
    with pytest.raises(SettingError, match="expected one value, got 8/255 and 1/255,8/255"):
        spelled_out({"attack": "pgd?eps=1/255,8/255", "eps": "8/255"})


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"attack": "pgd-min", "eps": EPS}, "eps: expected one, for pgd-min looks for the smallest change, got 1/255"),
        ({"attack": "alma-prox", "eps": EPS}, "eps: alma-prox has no bound"),
        ({"attack": "pgd", "eps": "1/255,2"}, "eps: expected a fraction of 255 such as 8/255, got '2'"),
        ({"attack": "pgd", "eps": []}, "eps: expected a bound such as 8/255, or several, got none"),
        ({"attack": "pgd", "eps": "1/255,300/255"}, "eps: expected more than 0/255 and at most 255/255"),
    ],
)
def test_what_cannot_have_several_bounds_says_so(tmp_path: Path, given: dict[str, object], words: str) -> None:
    with pytest.raises(SettingError, match=words.replace("(", r"\(")):
        do_run(tmp_path / "out", models=["bundled:scenes-unet"], data="scenes:", limit=1, size="64x96", **given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("eps", [EPS, EPS.split(",")])
def test_a_perturbation_and_a_hardening_take_one_bound(eps: object) -> None:
    settings: dict[str, object] = {
        "model": "bundled:scenes-unet", "data": "scenes:", "train_split": "train", "test_split": "test", "eps": eps,
    }  # fmt: skip
    with pytest.raises(
        SettingError, match=r"expected one bound, for a universal perturbation .*, got 1/255,8/255; give"
    ):
        make_universal_config(settings | {"target": "hide:person"})
    with pytest.raises(
        SettingError, match=r"expected one bound, for a hardening .*, got 1/255,8/255; give one, such as 8"
    ):
        make_harden_config(settings)


def test_a_transfer_takes_one_bound() -> None:
    settings = {"models": ["bundled:scenes-unet", "bundled:scenes-dilated"], "data": "scenes:", "attack": "pgd"}
    with pytest.raises(SettingError, match="expected one bound, for a transfer is made within one, got 1/255,8/255"):
        make_transfer_config(settings | {"eps": EPS})
