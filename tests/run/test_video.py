"""A run on clips end to end: what is written, that the figures are those of the files, and what is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from foolscape.cli import main
from foolscape.cli.console import DONE
from foolscape.errors import GradientError, ModelError, SettingError
from foolscape.metrics.video import ClipScores, measure_davis
from foolscape.records.conditions import ADVERSARIAL
from foolscape.records.places import Kind, place_of
from foolscape.records.types import form_of
from foolscape.run.batch_size import batch_size_of
from foolscape.run.directory.store import RunStore
from foolscape.run.settings.config import make_config
from foolscape.run.setup import open_setup

from .made import do_run, files_below, run_unprobed
from .made_clips import write_clips, write_tracker, write_youtube_vos


def picture(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as opened:
        return np.array(opened)


def rows_of(out: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


@pytest.fixture
def tracker(tmp_path: Path) -> str:
    return f"{write_tracker(tmp_path)}:colours?task=video"


@pytest.fixture
def davis(tmp_path: Path) -> str:
    return f"davis2017:{write_clips(tmp_path / 'davis')}"


def test_a_run_measures_the_first_frame_it_wrote(tmp_path: Path, tracker: str, davis: str) -> None:
    out = tmp_path / "out"
    summary = do_run(out, models=[tracker], data=davis, attack="ara", probes=1)
    assert (summary["task"], summary["reference"], summary["failures"]) == ("video", "truth", [])
    rows = rows_of(out)
    assert len(rows) == 2 * 4
    for row in rows:
        masks = sorted(
            (out / "predictions" / summary["models"][0]["slug"] / row["condition"] / row["id"]).glob("*.png")
        )
        truth = sorted((tmp_path / "davis/Annotations/480p" / row["id"]).glob("*.png"))
        assert [m.name for m in masks] == [t.name for t in truth]
        labels, real = (np.stack([picture(path) for path in paths]) for paths in (masks, truth))
        assert masks[0].read_bytes()[25] == 3  # a palette, by the colour type in the PNG's header
        measured = form_of(ClipScores).dump_python(measure_davis(labels, real), exclude_defaults=True)
        assert json.loads(json.dumps(measured)) == row["measured"]
        assert np.array_equal(labels[0], real[0])
    attacked = [row for row in rows if row["condition"] == "adversarial"]
    for row in attacked:
        clean, changed = (
            picture(out / place).astype(int)
            for place in (
                place_of(Kind.IMAGE, row["id"]),
                place_of(Kind.IMAGE, row["id"], summary["models"][0]["slug"], ADVERSARIAL),
            )
        )
        assert row["distortion"]["linf_levels"] == np.abs(changed - clean).max() <= 8
        assert row["attack"]["iterations"] == 20
    (model,) = summary["models"]
    scores = model["conditions"]
    assert scores["clean"]["J&F"] > 90
    assert scores["adversarial"]["J&F"] < scores["clean"]["J&F"] - 20
    assert scores["adversarial"]["J&F"] < scores["permuted"]["J&F"] - 10
    assert scores["adversarial"]["J&F"] < scores["noise"]["J&F"] - 10
    assert (out / "report.html").stat().st_size > 10_000
    assert sorted(p.name for p in (out / "frames" / rows[0]["id"]).iterdir()) == [f"{t:05d}.jpg" for t in range(5)]


def test_a_killed_run_ends_in_the_same_bytes(tmp_path: Path, tracker: str, davis: str, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    settings = {"models": [tracker], "data": davis, "attack": "ara", "variant": "released", "steps": 3}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    expected = run_unprobed(whole, **settings)
    append, calls = RunStore.append, []

    def dies_before_the_second_clip(store: RunStore, rows, seconds=None) -> None:  # type: ignore[no-untyped-def]
        calls.append(rows)
        if len(calls) == 2:
            raise KeyboardInterrupt
        append(store, rows, seconds)

    monkeypatch.setattr(RunStore, "append", dies_before_the_second_clip)
    with pytest.raises(KeyboardInterrupt):
        run_unprobed(killed, **settings)
    monkeypatch.setattr(RunStore, "append", append)
    assert run_unprobed(killed, **settings) == expected
    assert files_below(killed) == files_below(whole)
    assert expected["models"][0]["distortion"]["linf_levels"] > 8


def test_supervision_and_window_are_recorded_and_matter(tmp_path: Path, tracker: str, davis: str) -> None:
    first = run_unprobed(tmp_path / "a", models=[tracker], data=davis, attack="pgd", limit=1)
    other = run_unprobed(
        tmp_path / "b", models=[tracker], data=davis, attack="pgd", limit=1, window=2, labels_from="prediction"
    )
    assert (first["attack"]["window"], first["attack"]["sampling"], first["attack"]["labels_from"]) == (
        3,
        "first",
        "truth",
    )
    assert (other["attack"]["window"], other["attack"]["labels_from"]) == (2, "clean prediction")
    assert files_below(tmp_path / "a" / "images") != files_below(tmp_path / "b" / "images")


def test_an_attack_against_the_objects_counts_their_pixels_alone(tmp_path: Path, tracker: str, davis: str) -> None:
    counted = {}
    for attack_pixels in ("all", "objects"):
        out = tmp_path / attack_pixels
        summary = run_unprobed(out, models=[tracker], data=davis, attack="pgd", limit=1, attack_pixels=attack_pixels)
        assert summary["attack"]["attack_pixels"] == attack_pixels
        (row,) = (row for row in rows_of(out) if row["condition"] == "adversarial")
        counted[attack_pixels] = row["attack"]
    maps = [np.asarray(Image.open(path)) for path in sorted((tmp_path / "all" / "truth/video").glob("*/*.png"))]
    assert counted["all"]["targets"] == maps[1].size + maps[2].size
    assert counted["objects"]["targets"] == sum(int((labels > 0).sum()) for labels in maps[1:3])
    assert counted["objects"]["remaining"] < counted["objects"]["targets"]


def test_frames_without_the_objects_do_not_end_an_attack_on_them(tmp_path: Path, tracker: str, davis: str) -> None:
    for path in (tmp_path / "davis/Annotations/480p/clip0").glob("0000[2-9].png"):
        with Image.open(path) as opened:
            gone = opened.point(lambda _: 0)
        gone.putpalette(opened.getpalette() or [])
        gone.save(path)
    out = tmp_path / "out"
    run_unprobed(out, models=[tracker], data=davis, attack="annealed", limit=1, probes=0)
    (row,) = (row for row in rows_of(out) if row["condition"] == "adversarial")
    assert row["attack"]["iterations"] == 20
    assert 0 < row["attack"]["remaining"] < row["attack"]["targets"]


def test_without_truth_the_clean_prediction_stands_for_it(tmp_path: Path, tracker: str, davis: str) -> None:
    for mask in (tmp_path / "davis/Annotations").rglob("*.png"):
        if mask.stem != "00000":
            mask.unlink()
    shutil.move(tmp_path / "davis/ImageSets/2017/val.txt", tmp_path / "davis/ImageSets/2017/test-dev.txt")
    summary = run_unprobed(tmp_path / "out", models=[tracker], data=davis, split="test-dev", attack="fgsm")
    assert summary["reference"] == "clean prediction"
    assert summary["models"][0]["conditions"]["clean"]["J&F"] == 100


def test_the_bundled_tracker_loses_cars_and_people_on_the_street(tmp_path: Path) -> None:
    summary = run_unprobed(
        tmp_path / "out",
        models=["bundled:scenes-tracker"],
        data="scenes:?frames=5",
        attack="annealed",
        steps=6,
        limit=1,
        probes=0,
    )
    assert (summary["task"], summary["data"]["samples"], summary["failures"]) == ("video", 1, [])
    (model,) = summary["models"]
    scores = {name: found["J&F"] for name, found in model["conditions"].items()}
    assert scores["clean"] > 75
    assert scores["adversarial"] < scores["clean"] - 40
    assert scores["permuted"] > scores["clean"] - 5
    assert scores["noise"] > scores["clean"] - 5
    assert model["distortion"]["linf_levels"] == 8


def test_clips_are_followed_one_by_one_on_every_device(tmp_path: Path) -> None:
    settings = {"models": ["bundled:scenes-tracker"], "data": "scenes:", "split": "val", "limit": 1, "attack": "fgsm"}
    config = make_config(settings | {"task": "video"})
    bench = open_setup(config, torch.device("cpu"))
    assert batch_size_of(config, bench, torch.device("cuda"), tmp_path, print) == 1


def test_an_object_that_appears_later_is_out_of_the_attack_s_reach(tmp_path: Path, tracker: str) -> None:
    out, data = tmp_path / "out", f"youtube-vos:{write_youtube_vos(tmp_path / 'yt')}"
    # This tracker goes by colour alone: the background is more easily made an object than an object background.
    summary = run_unprobed(out, models=[tracker], data=data, attack="annealed", attack_pixels="all")
    assert (summary["reference"], summary["failures"]) == ("clean prediction", [])
    assert "seen and J and F of unseen" in summary["conventions"]["G"]
    clean, attacked = (summary["models"][0]["conditions"][name] for name in ("clean", "adversarial"))
    assert clean["G"] == 100
    assert attacked["J_seen"] < 80
    assert attacked["J_unseen"] > 90
    assert attacked["G"] < 95
    assert "unseen" in (out / "report.html").read_text()
    squid = [picture(path) == 2 for path in sorted((out / "predictions").rglob("adversarial/pond/*.png"))]
    assert [bool(mask.any()) for mask in squid] == [False, False, True, True, True, True]


def test_clips_that_cannot_be_used_are_counted(tmp_path: Path, tracker: str, davis: str) -> None:
    (tmp_path / "davis/JPEGImages/480p/clip0/00002.jpg").unlink()
    summary = do_run(tmp_path / "out", models=[tracker], data=davis, attack="none")
    (failure,) = summary["failures"]
    assert failure["id"] == "clip0"
    assert "00002" in failure["reason"]
    assert summary["models"][0]["samples"] == 1


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"batch": 2}, SettingError, "followed one by one"),
        ({"attack": "dag"}, SettingError, "dag is for segmentation and detection"),
        ({"memory_format": "channels_last"}, SettingError, "expected contiguous"),
        ({"precision": "bf16"}, SettingError, "precision: expected float32 for clips"),
        ({"data": "folder:."}, SettingError, "data set"),
    ],
)
def test_what_does_not_fit_clips_is_said(
    tmp_path: Path, tracker: str, davis: str, settings: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        do_run(tmp_path / "out", **({"models": [tracker], "data": davis, "attack": "pgd"} | settings))


def test_a_tracker_without_a_right_gradient_is_refused(tmp_path: Path, davis: str) -> None:
    file = write_tracker(tmp_path)
    with pytest.raises(GradientError):
        run_unprobed(tmp_path / "a", models=[f"{file}:detached?task=video"], data=davis, attack="pgd")
    with pytest.raises((GradientError, ModelError)):
        run_unprobed(tmp_path / "b", models=[f"{file}:not_a_number?task=video"], data=davis, attack="pgd")


def test_a_clip_too_long_for_the_memory_is_said_before_it_starts(
    tmp_path: Path, tracker: str, davis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Little:
        available = 100

    monkeypatch.setattr("psutil.virtual_memory", Little)
    from foolscape.errors import DataError

    with pytest.raises(DataError, match="fits into memory"):
        run_unprobed(tmp_path / "out", models=[tracker], data=davis, attack="pgd")


def test_transfer_goes_from_tracker_to_tracker(tmp_path: Path, davis: str, capfd: pytest.CaptureFixture[str]) -> None:
    file, out = write_tracker(tmp_path), tmp_path / "out"
    models = [arg for name in ("colours", "blunt") for arg in ("--model", f"{file}:{name}?task=video")]
    with pytest.raises(SystemExit) as caught:
        main(["transfer", *models, "--data", davis, "--attack", "ara", "--probes", "0", "--out", str(out)])
    assert caught.value.code == DONE
    matrix = json.loads((out / "transfer.json").read_text())
    assert [column["score"] for column in matrix["columns"]] == ["J&F", "J&F"]
    clean, own = matrix["lines"][0]["scores"], matrix["lines"][1]["scores"]
    assert all(own[slug] < clean[slug] - 10 for slug in clean)
    assert "J&F" in capfd.readouterr().out
