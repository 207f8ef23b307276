"""A run end to end on small networks: what is written, and that the figures are those of the files."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from foolscape.errors import DataError, GradientError, ModelError, SettingError, UnknownNameError
from foolscape.models.common.file import from_file
from foolscape.records.conditions import Condition
from foolscape.records.places import Kind, place_of
from foolscape.run.settings.config import make_config, read_settings

from .made import QUIET_STEPS, do_run, files_below, run_unprobed, write_net, write_photos


def rows_of(out: Path) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in (out / "rows.jsonl").read_text().splitlines()]


@pytest.fixture
def nets(tmp_path: Path) -> str:
    return write_net(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> str:
    return f"folder:{write_photos(tmp_path / 'photos')}"


def test_a_run_measures_the_files_it_wrote(tmp_path: Path, nets: str, photos: str) -> None:
    out = tmp_path / "out"
    summary = run_unprobed(out, models=[f"{nets}:net"], data=photos, **QUIET_STEPS)
    model = from_file(Path(nets), "net")
    rows = rows_of(out)
    assert len(rows) == 4 * 4
    accuracy = {"clean": 0, "adversarial": 0}
    for row in rows:
        if row["condition"] not in accuracy:
            continue
        slug, condition = summary["models"][0]["slug"], Condition(row["condition"])
        picture = np.array(Image.open(out / place_of(Kind.IMAGE, row["id"], slug, condition)))
        clean = np.array(Image.open(out / place_of(Kind.IMAGE, row["id"])))

        def classes(image: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return model(torch.from_numpy(image).permute(2, 0, 1)[None] / 255).argmax(1)[0].numpy()  # type: ignore[operator,no-any-return]

        hits = int((classes(picture) == classes(clean)).sum())
        assert sum(row["measured"]["hit"].values()) == hits
        assert row["measured"]["kept"] == {"right_before": 16 * 24, "right_after": hits}
        accuracy[row["condition"]] += hits
        kept = Image.open(out / place_of(Kind.PREDICTION, row["id"], slug, condition))
        assert np.array_equal(np.array(kept), classes(picture))
        if row["condition"] == "adversarial":
            change = np.abs(picture.astype(int) - clean.astype(int))
            assert row["distortion"]["linf_levels"] == change.max() > 0
            assert row["distortion"]["l2"] == pytest.approx(np.sqrt(np.square(change / 255).sum()))
    (scores,) = (m["conditions"] for m in summary["models"])
    pixels = 4 * 16 * 24
    assert scores["adversarial"]["pixel_accuracy"] == pytest.approx(100 * accuracy["adversarial"] / pixels)
    assert scores["clean"]["mIoU"] == scores["clean"]["pixel_accuracy"] == 100
    assert scores["adversarial"]["mIoU"] < 10 < 30 < scores["permuted"]["mIoU"]
    assert summary["reference"] == "clean prediction"


def test_the_summary_has_the_agreed_form(tmp_path: Path, nets: str, photos: str) -> None:
    summary = do_run(tmp_path / "out", models=[f"{nets}:net"], data=photos, **QUIET_STEPS)
    assert summary == json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["schema"] == 2
    assert summary["task"] == "segmentation"
    assert summary["data"]["samples"] == 4
    assert summary["attack"] | {"name": "dag", "steps": 40, "step": "2/255", "eps": None} == summary["attack"]
    (model,) = summary["models"]
    assert set(model["conditions"]) == {"clean", "adversarial", "adversarial_float", "permuted", "noise"}
    for scores in model["conditions"].values():
        assert set(scores) == {"mIoU", "pixel_accuracy", "per_class", "ci95"}
        assert scores["ci95"]["mIoU"] == [None, None]  # four images are too few
    assert "below 8 images (5 where they are clean)" in summary["conventions"]["ci95"]
    assert set(model["distortion"]) == {"linf_levels", "l2", "perceptibility", "ssim"}
    assert 0 < model["iterations"]["mean"] <= model["iterations"]["max"] <= 40
    assert 0 <= model["success_rate"] <= 100


def test_the_record_tells_how_to_repeat_the_run(tmp_path: Path, nets: str, photos: str) -> None:
    run_unprobed(tmp_path / "out", models=[f"{nets}:net"], data=photos, seed=5, **QUIET_STEPS)
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["seed"] == 5
    assert len(record["models"][0]["weights_sha256"]) == len(record["data"]["sha256"]) == 64
    assert record["versions"]["torch"] == version("torch")
    assert record["gradient"][f"{nets}:net"]["ok"] is True
    repeated = make_config(record["config"])
    assert repeated.model_dump(mode="json") == record["config"]


def test_without_a_name_the_attack_is_the_worst_case_and_the_record_says_why(
    tmp_path: Path, nets: str, photos: str
) -> None:
    out, said = tmp_path / "out", list[str]()
    settings = {"models": [f"{nets}:net"], "data": photos, "limit": 1, "probes": 0}
    summary = do_run(out, said, steps=25, **settings)
    record = json.loads((out / "run.json").read_text())
    options = record["config"]["options"]
    assert (record["config"]["attack"], options.get("steps"), options["budget"]) == ("worst-case", None, 25)
    assert record["attack"] == summary["attack"]
    assert {"name": "worst-case", "eps": "8/255", "budget": 25}.items() <= summary["attack"].items()
    assert summary["attack"]["chosen"] == "default; steps are its budget of gradients"
    assert said.count("attack: worst-case, the default; steps are its budget of gradients") == 1
    # The same again, and the same by name, go on with the same run; a name leaves nothing to be said.
    assert do_run(out, steps=25, **settings) == summary
    named = list[str]()
    assert do_run(out, named, attack="worst-case", budget=25, **settings) == summary
    assert not [line for line in named if line.startswith("attack: ")]
    assert make_config(record["config"]).attack == "worst-case"


def test_truth_is_mapped_to_the_models_channels(tmp_path: Path, nets: str) -> None:
    summary = run_unprobed(
        tmp_path / "out", models=[f"{nets}:street"], data="scenes:", limit=2, size="40x64", attack="fgsm"
    )
    assert summary["reference"] == "truth"
    scores = summary["models"][0]["conditions"]
    assert scores["clean"]["pixel_accuracy"] < 90
    assert scores["adversarial"]["pixel_accuracy"] < scores["clean"]["pixel_accuracy"]
    assert len(list((tmp_path / "out" / "truth").rglob("*.png"))) == 2


@pytest.mark.parametrize("name", ["fgsm", "pgd", "mi-fgsm", "dag"])
def test_bounded_attacks_stay_inside_at_eight_bits(tmp_path: Path, nets: str, photos: str, name: str) -> None:
    out = tmp_path / "out"
    run_unprobed(out, models=[f"{nets}:net"], data=photos, attack=name, eps="2.5/255")
    for row in rows_of(out):
        if row["condition"] == "adversarial":
            assert row["distortion"]["linf_levels"] == 2


def test_the_answer_does_not_depend_on_the_batch(tmp_path: Path, nets: str, photos: str) -> None:
    runs = [
        run_unprobed(tmp_path / f"out{b}", models=[f"{nets}:net"], data=photos, batch=b, **QUIET_STEPS) for b in (1, 3)
    ]
    assert files_below(tmp_path / "out1") == files_below(tmp_path / "out3")
    assert runs[0] == runs[1]


def test_the_seed_matters_and_repeats(tmp_path: Path, nets: str, photos: str) -> None:
    settings = {"models": [f"{nets}:net"], "data": photos, "attack": "pgd", "limit": 2}
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        run_unprobed(tmp_path / out, seed=seed, **settings)
    first, again, other = (files_below(tmp_path / out / "images") for out in "abc")
    assert first == again
    assert first != other


def test_no_attack_measures_the_clean_model(tmp_path: Path, nets: str, photos: str) -> None:
    summary = do_run(tmp_path / "out", models=[f"{nets}:net"], data=photos, attack="none")
    (model,) = summary["models"]
    assert set(model["conditions"]) == {"clean"}
    assert "distortion" not in model
    assert not (tmp_path / "out" / "images").exists()


def test_two_models_are_measured_each_on_its_own(tmp_path: Path, nets: str, photos: str) -> None:
    summary = run_unprobed(
        tmp_path / "out", models=[f"{nets}:net", f"{nets}:slow"], data=photos, attack="fgsm", limit=2
    )
    one, two = summary["models"]
    assert one["slug"] != two["slug"]
    assert one["conditions"] == two["conditions"]  # the same weights under two names


def test_one_bad_image_does_not_end_a_run(tmp_path: Path, nets: str, photos: str) -> None:
    folder = Path(photos.removeprefix("folder:"))
    (folder / "broken.jpg").write_bytes((folder / "photo0.png").read_bytes()[:60])
    Image.new("RGB", (1, 1)).save(folder / "tiny.png")
    summary = run_unprobed(tmp_path / "out", models=[f"{nets}:net"], data=photos, attack="fgsm")
    assert {f["id"] for f in summary["failures"]} == {"broken", "tiny"}
    assert all(f["reason"] for f in summary["failures"])
    assert summary["models"][0]["samples"] == 4
    again = run_unprobed(tmp_path / "out", models=[f"{nets}:net"], data=photos, attack="fgsm")
    assert again == summary
    assert len(rows_of(tmp_path / "out")) == 4 * 4 + 2


def test_images_of_different_sizes_and_a_common_size(tmp_path: Path, nets: str, photos: str) -> None:
    write_photos(Path(photos.removeprefix("folder:")) / "wide", 2, (12, 40))
    out = tmp_path / "out"
    run_unprobed(out, models=[f"{nets}:net"], data=photos, attack="fgsm", batch=2)
    assert {tuple(r["size"]) for r in rows_of(out)} == {(16, 24), (12, 40)}
    run_unprobed(tmp_path / "resized", models=[f"{nets}:net"], data=photos, attack="fgsm", size="20x20")
    assert {tuple(r["size"]) for r in rows_of(tmp_path / "resized")} == {(20, 20)}


@pytest.mark.parametrize(
    ("factory", "error", "text"),
    [
        ("not_a_number", ModelError, "finite"),
        ("detached", GradientError, "zero"),
        ("rounded", GradientError, "gradient"),
        ("transposed", ModelError, "expected"),
        ("ner", UnknownNameError, "did you mean net"),
    ],
)
def test_broken_models_are_refused(
    tmp_path: Path, nets: str, photos: str, factory: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        do_run(tmp_path / "out", models=[f"{nets}:{factory}"], data=photos, attack="fgsm")
    assert not (tmp_path / "out" / "rows.jsonl").exists()


def test_a_class_count_that_does_not_fit_is_refused(tmp_path: Path, nets: str) -> None:
    with pytest.raises(ModelError, match="class"):
        do_run(tmp_path / "out", models=[f"{nets}:net"], data="scenes:", limit=1, attack="fgsm")


def test_channels_without_names_are_numbered_for_photographs(tmp_path: Path, nets: str, photos: str) -> None:
    summary = do_run(tmp_path / "out", models=[f"{nets}:nameless"], data=photos, attack="none", limit=1)
    assert len(summary["models"][0]["conditions"]["clean"]["per_class"]) == 3


def test_an_empty_folder_is_refused(tmp_path: Path, nets: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        run_unprobed(tmp_path / "out", models=[f"{nets}:net"], data=f"folder:{tmp_path / 'empty'}", attack="fgsm")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"eps": "8"}, "for 8 grey levels write 8/255"),
        ({"eps": "0/255"}, "more than 0/255"),
        ({"step": "300/255"}, "step: expected more than 0/255 and at most 255/255"),
        ({"size": "384"}, "size: expected HEIGHTxWIDTH"),
        ({"size": "4x4"}, "size: expected HEIGHTxWIDTH with sides of 8 to 16384"),
        ({"batch": 0}, "batch: expected a number of images from 1 on, or auto, got 0"),
        ({"limit": -3}, "limit: expected a number from 1 on, got -3"),
        ({"attack": "dga"}, "unknown attack 'dga'; did you mean dag"),
        ({"attack": "none", "steps": 3}, "expected no settings of an attack beside --attack none"),
        ({"task": "segmentatoin"}, "unknown task 'segmentatoin'; did you mean segmentation?"),
        ({"stepz": 3}, "unknown setting 'stepz'; did you mean step or steps or stop?"),
        ({"models": ["bundled:scenes-unet"] * 2}, "models: expected each model once"),
        ({"device": "tpu9"}, "device: expected one that PyTorch can use here, got 'tpu9'"),
        ({"memory_format": "nhwc"}, "memory_format"),
    ],
)
def test_wrong_settings_are_refused_in_words(
    tmp_path: Path, nets: str, photos: str, settings: dict[str, object], text: str
) -> None:
    with pytest.raises(SettingError) as caught:
        do_run(tmp_path / "out", **{"models": [f"{nets}:net"], "data": photos, **settings})
    assert text in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_yaml_settings_equal_those_of_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("model: bundled:scenes-unet\ndata: 'scenes:'\neps: 8/255\nsize: 64x96\nids: [1, b]\n")
    expected = {"models": ["bundled:scenes-unet"], "data": "scenes:", "eps": "8/255", "size": "64x96"}
    assert make_config(read_settings(path)) == make_config({**expected, "ids": ["1", "b"]})


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(SettingError, match="expected a"):
        read_settings(path)


def test_rows_of_the_worst_case_hold_every_objective(tmp_path: Path, nets: str, photos: str) -> None:
    out = tmp_path / "out"
    run_unprobed(out, models=[f"{nets}:net"], data=photos, attack="worst-case", budget=30, eps="1/255", limit=2)
    attacked = [row for row in rows_of(out) if row["condition"] == "adversarial"]
    assert json.loads((out / "run.json").read_text())["attack"]["budget"] == 30
    for row in attacked:
        assert {candidate["name"] for candidate in row["candidates"]} <= {"js", "cospgd", "masked-ce", "soft-iou"}
        assert row["measured"] in [candidate["measured"] for candidate in row["candidates"]]
    (model,) = json.loads((out / "summary.json").read_text())["models"]
    tried = model["several"]
    assert set(tried["objectives"]) <= {"js", "cospgd", "masked-ce", "soft-iou"}
    assert sum(found["greedy"] for found in tried["objectives"].values()) == len(attacked)
    assert tried["greedy"]["mIoU"] <= model["conditions"]["adversarial"]["mIoU"] + 1e-9
    assert "greedy choice" in (out / "report.html").read_text()
