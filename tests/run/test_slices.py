"""Slices of a run: a planted weakness is found first, none is none, and figures are those of the images alone."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from foolscape.cli.console import DONE, USAGE
from foolscape.metrics.boxes import Detected, Truth
from foolscape.records.conditions import ADVERSARIAL, CLEAN
from foolscape.records.reader import read_run, read_slices
from foolscape.records.row import Line, Row
from foolscape.records.slices import SliceRecord, SlicesRecord
from foolscape.run.slices.given import Given
from foolscape.run.slices.kinds import sliced_run
from foolscape.run.slices.make import slices_of
from tests.written import model_record, run_record

from .made import do_run, write_net, write_photos
from .test_cli import foolscape

COLOURS = """
    import numpy as np
    import torch
    from torch import nn

    class Streets:
        '''32 pictures of blocks in two colours, every second one dark.'''

        classes = ("red", "green")
        ids = tuple(f"{'north' if index % 4 < 2 else 'south'}/{index:02d}" for index in range(32))

        def __len__(self):
            return 32

        def __getitem__(self, index):
            rng = np.random.default_rng(index)
            labels = rng.integers(0, 2, (3, 4)).repeat(8, 0).repeat(8, 1)
            light = (40 if index % 2 else 150) + rng.integers(0, 20)
            image = np.stack([light * (labels == 0), light * (labels == 1), 0 * labels], axis=2)
            return (image + rng.integers(0, 9, (24, 32, 3))).astype(np.uint8), labels

        def attributes(self, sample_id):
            return {"camera": "left" if int(sample_id[-2:]) < 16 else "right", "shape": (24, 32)}

    class Net(nn.Module):
        '''Right where there is light; takes two of three dark pixels for red.'''

        classes = ("red", "green")

        def forward(self, images):
            smooth = nn.functional.avg_pool2d(images, 5, 1, 2)
            scores = 8 * smooth[:, :2]
            dark = (smooth.amax(1, keepdim=True) < 0.35).to(images)
            place = torch.arange(images.shape[3]) % 3 > 0
            return scores + torch.cat([4 * dark * place, torch.zeros_like(dark)], 1)
"""


@pytest.fixture(scope="module")
def dark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of a network that fails in the dark, sliced by a table, too."""
    folder = tmp_path_factory.mktemp("dark")
    (folder / "mine.py").write_text(dedent(COLOURS))
    lines = [
        "picture;night;odd one",
        *(f"{'north' if i % 4 < 2 else 'south'}/{i:02d}.png;{'no' if i % 2 == 0 else 'yes'};{i}" for i in range(31)),
    ]
    (folder / "known.csv").write_text("\n".join([*lines, "north/00;no;7", "nowhere;no;1", ""]))
    out = folder / "out"
    do = (
        "run",
        "--model",
        f"{folder}/mine.py:Net",
        "--data",
        f"{folder}/mine.py:Streets",
        "--attack",
        "fgsm",
        "--eps",
        "2/255",
        "--probes",
        0,
    )
    assert foolscape(*do, "--slices", folder / "known.csv", "--out", out, "--quiet") == DONE
    return folder


def found_in(directory: Path) -> SlicesRecord:
    found = read_slices(directory)
    assert found is not None
    return found


def test_a_weakness_in_the_dark_is_found_first(dark: Path) -> None:
    found = found_in(dark / "out")
    (model,) = found.models
    of_images = [one for one in model.slices if one.of == "images"]
    assert of_images[0].name == "night: yes"
    # Dark images have little contrast, too.
    assert {one.name.partition(" below")[0] for one in of_images if one.weak} == {
        "night: yes",
        "brightness:",
        "contrast:",
    }
    assert {"camera", "folder", "night", "brightness", "contrast"} <= {one.attribute for one in model.slices}
    assert not any(one.weak for one in model.slices if one.attribute in ("camera", "folder"))
    night = next(one for one in model.slices if one.name == "night: yes")
    assert night.images == 15
    assert night.objects is not None
    assert night.objects > 15
    assert night.clean is not None
    assert night.clean.here < night.clean.elsewhere - 20


def test_the_figures_of_a_slice_are_those_of_a_run_on_it_alone(dark: Path, tmp_path: Path) -> None:
    mine = dark / "mine.py"
    ids = [f"{'north' if i % 4 < 2 else 'south'}/{i:02d}" for i in range(1, 31, 2)]
    alone = do_run(
        tmp_path / "alone",
        models=[f"{mine}:Net"],
        data=f"{mine}:Streets",
        ids=ids,
        attack="fgsm",
        eps="2/255",
        probes=0,
    )["models"][0]["conditions"]
    night = next(one for one in found_in(dark / "out").models[0].slices if one.name == "night: yes")
    for condition in ("clean", "adversarial"):
        for score in ("mIoU", "pixel_accuracy"):
            assert night.scores[condition][score] == pytest.approx(alone[condition][score], abs=1e-12)
            assert night.scores[condition]["ci95"][score] == pytest.approx(alone[condition]["ci95"][score], abs=1e-9)
    assert night.loss["mIoU"].value == pytest.approx(alone["clean"]["mIoU"] - alone["adversarial"]["mIoU"])


def test_what_of_the_table_does_not_fit_is_counted(dark: Path) -> None:
    notes = " | ".join(found_in(dark / "out").notes)
    assert "1 of 33 lines of" in notes
    assert "name no image of the data, such as nowhere" in notes
    assert "repeat an image with other values, which are left out, such as north/00" in notes
    assert "1 of 32 images are not in" in notes
    assert "31 of 33 ids of" in notes
    # What two lines say alike of an image stands; what they say differently is not known.
    assert found_in(dark / "out").attributes["north/00"] == {"camera": "left", "night": "no"}


def test_it_is_on_the_page_and_in_the_texts(dark: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = dark / "out"
    page = (out / "report.html").read_text()
    assert page.index("night: yes") < page.index("camera: left")
    assert "too few to compare" not in page[page.index('id="slices"') :].split("camera: left")[0]
    assert foolscape("report", out) == DONE
    short = capfd.readouterr().out
    assert "night: yes" in short
    assert "camera" not in short
    assert foolscape("report", out, "--footnotes") == DONE
    assert "camera: left" in capfd.readouterr().out
    assert "night: yes" in (out / "report.md").read_text()


def test_another_table_slices_a_finished_run_and_the_first_is_remembered(dark: Path, tmp_path: Path) -> None:
    out = dark / "out"
    before = (out / "slices.json").read_bytes()
    rows, summary = (out / "rows.jsonl").read_bytes(), (out / "summary.json").read_bytes()
    (tmp_path / "more.csv").write_text(
        "id,third\n" + "".join(f"{one.id},{'abc'[n % 3]}\n" for n, one in enumerate(read_run(out).record.samples))
    )
    assert foolscape("report", out, "--slices", tmp_path / "more.csv") == DONE
    attributes = {one.attribute for one in found_in(out).models[0].slices}
    assert {"third", "night", "camera"} <= attributes
    (tmp_path / "strangers.csv").write_text("id,third\nx,a\ny,b\n")
    assert foolscape("report", out, "--slices", tmp_path / "strangers.csv") == USAGE
    (out / "slices.json").write_text("{}")
    assert foolscape("report", out) == DONE
    assert "brightness" in {one.attribute for one in found_in(out).models[0].slices}
    assert ((out / "rows.jsonl").read_bytes(), (out / "summary.json").read_bytes()) == (rows, summary)
    (out / "slices.json").write_bytes(before)


def _objects(rng: np.random.Generator) -> Truth:
    """Three small objects and three large ones, of two classes, in an image of 400x600."""
    corner = np.stack([np.arange(6) * 95.0, rng.uniform(0, 250, 6)], axis=1)
    side = np.array([20.0] * 3 + [90.0] * 3)[rng.permutation(6), None]
    none = np.zeros(6, bool)
    return Truth(
        np.concatenate([corner, corner + side], axis=1), rng.integers(0, 2, 6), none, none.copy(), side[:, 0] ** 2
    )


def _found(truth: Truth, missed: np.ndarray, rng: np.random.Generator) -> Detected:
    kept = rng.random(len(missed)) >= missed
    return Detected(truth.boxes[kept], rng.uniform(0.4, 1, kept.sum()), truth.labels[kept])


def sliced(seed: int, missed_small: float, images: int = 12, *, attacked: bool = True) -> list[SliceRecord]:
    """The slices of a run on objects of which `missed_small` of the small ones are missed, and 0.3 of the others."""
    rng = np.random.default_rng(seed)
    model = model_record(task="detection")
    ids = [f"{n:03d}" for n in range(images)]
    record = run_record([model], ids, {"name": "pgd", "eps": "4/255"} if attacked else {"name": "none"}, seed=seed)
    lines: list[Line] = []
    for name in ids:
        truth = _objects(rng)
        missed = np.where(truth.area < 1000, missed_small, 0.3)
        for condition, more in ((CLEAN, 0.0), (ADVERSARIAL, 0.3))[: 1 + attacked]:
            detected = _found(truth, missed + more * (1 - missed), rng)
            lines.append(Row(model="m", id=name, condition=condition, size=(400, 600), measured=detected, truth=truth))
    given = Given({name: {"camera": str(rng.choice(["a", "b"]))} for name in ids})
    (found,) = slices_of(sliced_run(Path("/nowhere"), record, lines), given).models
    return list(found.slices)


def test_a_weakness_for_small_objects_is_found_first() -> None:
    found = sliced(1, missed_small=0.9)
    assert found[0].name == "size: small, below 32² px"
    assert found[0].weak
    assert found[0].objects == 36
    assert [one.name for one in found if one.weak] == ["size: small, below 32² px"]
    ap = {one.name: one.scores["clean"]["AP50"] for one in found}
    assert ap["size: small, below 32² px"] < 25 < 60 < ap["size: medium, 32² to 96² px"]


def test_without_a_weakness_hardly_any_run_marks_one() -> None:
    marked = sum(any(one.weak for one in sliced(seed, missed_small=0.3, attacked=False)) for seed in range(1, 21))
    assert marked <= 3  # 5 % at most; more than 3 of 20 by bad luck in 1 of 60 such tests


def test_images_without_labels_are_sliced_by_folder_against_the_clean_prediction(tmp_path: Path) -> None:
    for name in ("day", "dusk"):
        write_photos(tmp_path / "photos" / name, 8)
    settings: dict[str, Any] = {"attack": "fgsm", "eps": "4/255", "probes": 0}
    do_run(tmp_path / "out", models=[f"{write_net(tmp_path)}:net"], data=f"folder:{tmp_path / 'photos'}", **settings)
    (model,) = found_in(tmp_path / "out").models
    day, dusk = (next(one for one in model.slices if one.name == f"folder: {name}") for name in ("day", "dusk"))
    assert day.scores == dusk.scores
    assert day.scores["clean"]["pixel_accuracy"] == 100.0
    assert day.lost is not None
    assert day.lost.here == day.lost.elsewhere
    assert not day.lost.marked
    assert any(one.of == "objects" for one in model.slices)


def test_over_some_classes_slices_are_over_these(dark: Path, tmp_path: Path) -> None:
    mine = dark / "mine.py"
    settings: dict[str, Any] = {"models": [f"{mine}:Net"], "data": f"{mine}:Streets", "attack": "none"}
    whole = do_run(tmp_path / "green", eval_classes=["green"], **settings)["models"][0]["conditions"]["clean"]
    (model,) = found_in(tmp_path / "green").models
    cameras = [one for one in model.slices if one.attribute == "camera"]
    assert sum(one.images for one in cameras) == 32
    # Half of the pixels each, so that the mean of both is near the whole.
    assert np.mean([one.scores["clean"]["mIoU"] for one in cameras]) == pytest.approx(whole["mIoU"], abs=1)
    assert not any(one.attribute == "class" for one in model.slices)
    both = [one for one in found_in(dark / "out").models[0].slices if one.attribute == "camera"]
    assert 0 < sum(one.objects or 0 for one in cameras) < sum(one.objects or 0 for one in both)


def test_images_that_show_nothing_have_no_scores() -> None:
    """A detector's images without an object and without a detection, as one slice and as all there is."""
    none = Truth(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0, bool), np.zeros(0, bool), np.zeros(0))
    nothing = Detected(np.zeros((0, 4)), np.zeros(0), np.zeros(0, np.int64))
    rng = np.random.default_rng(0)
    ids = [f"{n:03d}" for n in range(20)]
    given = Given({name: {"empty": "yes" if n % 2 else "no"} for n, name in enumerate(ids)})
    for shown in (_objects(rng), none):
        lines: list[Line] = []
        for n, name in enumerate(ids):
            truth = none if n % 2 else shown
            found = nothing if n % 2 else _found(truth, np.zeros(len(truth.labels)), rng)
            lines.append(Row(model="m", id=name, condition=CLEAN, size=(400, 600), measured=found, truth=truth))
        record = run_record([model_record(task="detection")], ids, {"name": "none"})
        (model,) = slices_of(sliced_run(Path("/nowhere"), record, lines), given).models
        empty = next(one for one in model.slices if one.name == "empty: yes")
        assert (empty.scores["clean"]["AP50"], empty.objects, empty.clean) == (None, 0, None)


def test_few_images_without_a_table_have_no_slices(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(dedent(COLOURS))
    settings: dict[str, Any] = {
        "models": [f"{tmp_path}/mine.py:Net"],
        "data": f"{tmp_path}/mine.py:Streets",
        "attack": "none",
    }
    do_run(tmp_path / "few", limit=3, **settings)
    assert not (tmp_path / "few" / "slices.json").exists()
    assert read_run(tmp_path / "few").slices is None
