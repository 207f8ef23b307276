"""`foolscape reproduce`: what it lists, looks for and runs, and how it sets figures side by side."""

import json
from pathlib import Path

import pytest

from foolscape.attacks.listed import listed_attacks
from foolscape.cli import main
from foolscape.cli.console import DONE, ERROR, USAGE, out_console
from foolscape.errors import UnknownNameError
from foolscape.metrics.score import scores_of
from foolscape.published.base import Figure, Places, Row, arguments, data_spec, missing, model_spec
from foolscape.published.comparison import compared
from foolscape.published.made import made_data, made_model, made_settings
from foolscape.published.tables import ROWS, rows_of
from foolscape.records.reader import read_summary
from foolscape.run.settings.config import make_config
from foolscape.run.universal.config import make_universal_config
from foolscape.spec import parse

DAG = {
    "dag/fcn-alexnet": (48.04, 3.98, 48.04), "dag/fcn-alexnet-star": (48.92, 3.98, 48.91),
    "dag/fcn-vgg": (65.49, 4.09, 65.47), "dag/fcn-vgg-star": (67.09, 4.18, 67.08),
    "dag/fr-zf-07": (58.70, 3.61, 58.33), "dag/fr-zf-0712": (61.07, 1.95, 60.94),
    "dag/fr-vgg-07": (69.14, 5.92, 68.68), "dag/fr-vgg-0712": (72.07, 3.36, 71.97),
}  # fmt: skip
"""Table 1 of the paper."""


def foolscape(*words: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def settings_of(row: Row) -> dict[str, object]:
    """The row's settings as a config takes them."""
    values: dict[str, object] = {n: {"yes": True, "no": False}.get(v, v) for n, v in row.settings.items()}
    return {k: str(v).split(",") if k == "eps" and row.command == "run" else v for k, v in values.items()}


def test_the_table_of_dag() -> None:
    rows = {row.name: row for row in rows_of("dag")}
    assert {name: tuple(one.value for one in row.figures) for name, row in rows.items()} == DAG
    assert [one.condition for one in rows["dag/fcn-vgg"].figures] == ["clean", "adversarial", "permuted"]


def test_names_and_papers() -> None:
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert {row.name.partition("/")[0] for row in ROWS} == {"dag", "universal", "ara", "sea"}
    assert len(rows_of("sea/voc-convnext")) == 6
    assert [row.name for row in rows_of("ara/stcn")] == ["ara/stcn"]
    with pytest.raises(UnknownNameError, match="did you mean dag/fcn-vgg"):
        rows_of("dag/fcn-vg")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_has_settings_and_scores_that_there_are(row: Row) -> None:
    settings = settings_of(row)
    if row.command == "universal":
        make_universal_config(settings | {"model": "bundled:scenes-unet", "data": "scenes:"})
    else:
        config = make_config(settings | {"models": ["bundled:scenes-unet"], "data": "scenes:", "task": row.task})
        assert config.attack in {attack.name for attack in listed_attacks()}
    keys = scores_of(row.task).keys_of()
    assert all(figure.score in keys and 0 <= figure.value <= 100 for figure in row.figures)
    assert row.remark
    assert row.source
    parse(row.model)


def once() -> list[Row]:
    """Rows with every network and every kind of command among them; others differ in bounds, weights or pairing."""
    found, models, commands = [], set(), set()
    for row in ROWS:
        varied = (part for part in sorted(made_settings(row).items()) if part[0] not in ("eps", "split"))
        command = (row.command, *varied)
        if made_model(row) not in models or command not in commands:
            found.append(row)
        models.add(made_model(row))
        commands.add(command)
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    for row in (ROWS[0], rows_of("ara/stcn")[0]):
        made_data(row, folder)
    return folder


@pytest.mark.parametrize("row", once(), ids=lambda row: row.name)
def test_the_command_of_every_row_would_run(row: Row, made: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = arguments(row, made_model(row), made_data(row, made), made_settings(row))
    assert foolscape(*words, "--dry-run") == DONE
    assert "nothing was written" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["dag/fr-zf-07", "ara/stcn"])
def test_made_runs(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert foolscape("reproduce", name, "--made", "--out", tmp_path) == DONE
    said = capfd.readouterr()
    words = " ".join(said.out.split())
    table = words[words.rindex("published measured difference") :]
    (model,) = read_summary(tmp_path / name).models
    for line in compared(rows_of(name)[0], model):
        assert f"{line.figure.value:.2f}" in table
        assert f"{line.measured:.2f}" in table
        assert f"{line.difference:+.2f}" in table
    assert "the figures mean nothing" in table
    assert f"{name}: foolscape run --model" in said.err


def test_what_is_at_hand_is_found_and_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    row = rows_of("sea/voc-pspnet-ddcat/mce")[0]
    made_data(row, tmp_path / "data")
    places = Places(tmp_path / "weights", tmp_path / "data")
    file = tmp_path / "weights" / "pspnet_ddcat_voc.pth"
    assert missing(row, places) == [f"{file} (a checkpoint of dvlab-research/Robust-Semantic-Segmentation)"]
    hmmn = f"{tmp_path / 'weights' / 'HMMN_weights.pth'} (HMMN_weights.pth of Hongje/HMMN)"
    assert missing(rows_of("ara/hmmn")[0], places)[0] == hmmn
    with_model = Places(tmp_path / "weights", tmp_path / "data", "caffe:fcn-8s?weights=none&thin=16")
    assert missing(row, with_model) == []
    options = ("--weights", tmp_path / "weights", "--data", tmp_path / "data", "--out", tmp_path / "out")
    assert foolscape("reproduce", row.name, *options) == USAGE
    assert "not at hand: " in capfd.readouterr().err
    assert foolscape("reproduce", row.name, *options, "--model", with_model.model, "--limit", 1, "--dry-run") == DONE
    said = capfd.readouterr()
    assert "--split val --attack apgd --loss masked-ce --steps 300 --eps 2/255,8/255 --limit 1" in said.err
    assert "nothing was written" in said.out
    assert not (tmp_path / "out").exists()


def test_a_row_that_fails_is_told_and_the_others_are_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    weights, data = tmp_path / "weights", tmp_path / "data"
    weights.mkdir()
    for name in ("upernet_convnext_t_voc.pth", "upernet_convnext_t_voc_pirat.pth"):
        (weights / name).write_bytes(b"no weights")
    made_data(rows_of("sea")[0], data)
    options = ("--weights", weights, "--data", data, "--out", tmp_path / "out", "--dry-run")
    assert foolscape("reproduce", "sea/voc-convnext", *options) == ERROR
    said = " ".join(capfd.readouterr().err.split())
    for column in ("cospgd", "segpgd", "js", "mce", "mce-bal", "sea"):
        assert f"sea/voc-convnext/{column}: error: expected a weights file of torch.save or safetensors" in said
    assert "sea/voc-convnext-pirat" not in said


def test_weights_are_looked_for_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "weights a&b").mkdir()
    (tmp_path / "weights a&b" / "fcn-alexnet-pascal.caffemodel").write_bytes(b"")
    (tmp_path / "weights a&b" / "stcn.pth").write_bytes(b"")
    places = Places(tmp_path / "weights a&b", tmp_path / "data")
    alexnet, stcn = rows_of("dag/fcn-alexnet")[0], rows_of("ara/stcn")[0]
    assert [one.partition(" (")[0] for one in missing(alexnet, places)] == [
        str(tmp_path / "data" / alexnet.data.marker)
    ]
    assert parse(model_spec(alexnet, places)).options["weights"] == str(places.weights / alexnet.weights)
    assert parse(model_spec(stcn, places)).rest == str(places.weights / "stcn.pth")
    matlab = rows_of("dag/fr-zf-0712")[0]
    folder = places.weights / "faster_rcnn_VOC0712_ZF"
    assert [one.partition(" (")[0] for one in missing(matlab, places)][:2] == [
        str(folder / "detection_final"), str(folder / "proposal_final")
    ]  # fmt: skip
    assert parse(model_spec(matlab, places)).options == {
        "weights": str(folder / "detection_final"), "rpn": str(folder / "proposal_final")
    }  # fmt: skip
    assert parse(data_spec(alexnet, places), ["voc"]).options == {"year": "2012"}


def test_the_list(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_console, "_width", 4000)
    assert foolscape("reproduce", "--list", "--data", tmp_path) == DONE
    said = capfd.readouterr().out
    for row in ROWS:
        assert row.name in said
    assert "mIoU ORIG 65.49, ADVR 4.09, PERM 65.47" in said
    assert "mAP_voc07 ORIG 72.07, ADVR 3.36, PERM 71.97" in said
    assert "foolscape run --model stcn:weights/stcn.pth" in said
    assert "pixel_accuracy clean 92.7, MCE 4/255 89.2, MCE 8/255 74, MCE 12/255 31.5" in said


def test_figures_side_by_side(tmp_path: Path) -> None:
    """Attacks are compared before rounding, within the bound that is meant, and none where there is no such bound."""
    row = rows_of("sea/voc-convnext/mce")[0]
    directory = tmp_path / "out"
    words = arguments(row, "caffe:fcn-8s?weights=none&thin=16", made_data(row, tmp_path), made_settings(row))
    assert foolscape(*words, "--eps", "1/255,8/255", "--out", directory) == DONE
    (model,) = read_summary(directory).models
    document = json.loads((directory / "summary.json").read_text())["models"][0]["conditions"]
    lines = {(line.figure.bound, line.figure.score): line for line in compared(row, model)}
    assert lines["0.5/255", "mIoU"].measured is None
    assert lines["0.5/255", "mIoU"].why == "below a level of 8 bits"
    line = lines["1/255", "mIoU"]
    assert line.measured == document["adversarial_float@1/255"]["mIoU"]
    assert line.at_8_bits == document["adversarial@1/255"]["mIoU"]
    assert line.difference == pytest.approx(line.measured - 1.6)
    assert lines[None, "mIoU"].measured == document["clean"]["mIoU"]


def test_bounds_below_a_level_are_not_measurable() -> None:
    assert not Figure("MCE", "mIoU", 13.0, "adversarial", "0.5/255").measurable
    assert Figure("MCE", "mIoU", 1.6, "adversarial", "1/255").measurable
    assert Figure("clean", "mIoU", 77.2, "clean").measurable
